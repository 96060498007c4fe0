//! The device cgroup: which device nodes a container may make, read and write, as a BPF program.
//!
//! The rules are those that `docker run` ends up with: moby's (oci/defaults.go, 28.0) and runc's own
//! (libcontainer/specconv, 1.2). Everything else is denied. A program is a list of tests, one a rule; the first rule that
//! covers the whole access allows it.

/// A kind of device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Block device.
    Block = 1,
    /// Character device.
    Character = 2,
}

/// `BPF_DEVCG_ACC_*` (linux/bpf.h).
pub(crate) const MAKE: u32 = 1;
/// Reading.
pub(crate) const READ: u32 = 2;
/// Writing.
pub(crate) const WRITE: u32 = 4;
/// All of them.
pub(crate) const ALL: u32 = MAKE | READ | WRITE;

/// Something that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Which kind.
    pub(crate) kind: Kind,
    /// Which major number, or any.
    pub(crate) major: Option<u32>,
    /// Which minor number, or any.
    pub(crate) minor: Option<u32>,
    /// What may be done with it: a sum of [`MAKE`], [`READ`], [`WRITE`].
    pub(crate) access: u32,
}

const fn character(major: u32, minor: Option<u32>) -> Rule {
    Rule { kind: Kind::Character, major: Some(major), minor, access: ALL }
}

/// What every container may use.
pub(crate) const DEFAULT: &[Rule] = &[
    Rule { kind: Kind::Character, major: None, minor: None, access: MAKE },
    Rule { kind: Kind::Block, major: None, minor: None, access: MAKE },
    character(1, Some(3)),    // null
    character(1, Some(5)),    // zero
    character(1, Some(7)),    // full
    character(1, Some(8)),    // random
    character(1, Some(9)),    // urandom
    character(5, Some(0)),    // tty
    character(5, Some(1)),    // console
    character(5, Some(2)),    // ptmx
    character(136, None),     // pts/*
    character(10, Some(200)), // net/tun
];

// Instruction encodings: linux/bpf_common.h, linux/bpf.h.
const LOAD_WORD: u8 = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const MOVE_REGISTER: u8 = 0xbf; // BPF_ALU64 | BPF_MOV | BPF_X
const MOVE: u8 = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
const AND: u8 = 0x57; // BPF_ALU64 | BPF_AND | BPF_K
const SHIFT_RIGHT: u8 = 0x77; // BPF_ALU64 | BPF_RSH | BPF_K
const JUMP_UNEQUAL: u8 = 0x55; // BPF_JMP | BPF_JNE | BPF_K
const JUMP_SET: u8 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const EXIT: u8 = 0x95; // BPF_JMP | BPF_EXIT

// Registers: r1 is the context (struct bpf_cgroup_dev_ctx: access_type, major, minor), r0 the answer.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    u64::from(code)
        | u64::from(source << 4 | destination) << 8
        | u64::from(offset as u16) << 16
        | u64::from(immediate as u32) << 32
}

/// The program for `rules`.
pub(crate) fn program(rules: &[Rule]) -> Vec<u64> {
    let mut program = vec![
        // The first word holds the kind in its lower half and the access in its upper.
        instruction(LOAD_WORD, KIND, CONTEXT, 0, 0),
        instruction(MOVE_REGISTER, ACCESS, KIND, 0, 0),
        instruction(AND, KIND, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        instruction(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        instruction(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for rule in rules {
        let mut tests = vec![(JUMP_UNEQUAL, KIND, rule.kind as u32)];
        if rule.access != ALL {
            // An access that wants anything besides what the rule grants goes on to the next rule.
            tests.push((JUMP_SET, ACCESS, ALL & !rule.access));
        }
        tests.extend(rule.major.map(|major| (JUMP_UNEQUAL, MAJOR, major)));
        tests.extend(rule.minor.map(|minor| (JUMP_UNEQUAL, MINOR, minor)));
        let count = tests.len();
        for (at, (code, register, value)) in tests.into_iter().enumerate() {
            // Over the tests left, and the two instructions that allow.
            program.push(instruction(code, register, 0, (count - at - 1 + 2) as i16, value as i32));
        }
        program.push(instruction(MOVE, ANSWER, 0, 0, 1));
        program.push(instruction(EXIT, 0, 0, 0, 0));
    }
    program.push(instruction(MOVE, ANSWER, 0, 0, 0));
    program.push(instruction(EXIT, 0, 0, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would, for the instructions that [`program`] emits.
    fn allows(program: &[u64], kind: Kind, major: u32, minor: u32, access: u32) -> bool {
        let context = [access << 16 | kind as u32, major, minor];
        let mut registers = [0u64; 11];
        let mut at = 0usize;
        loop {
            let word = program[at];
            let (code, destination, source) = (word as u8, (word >> 8 & 0xf) as usize, (word >> 12 & 0xf) as usize);
            let (offset, immediate) = ((word >> 16) as i16, (word >> 32) as i32);
            at += 1;
            match code {
                LOAD_WORD => registers[destination] = context[offset as usize / 4].into(),
                MOVE_REGISTER => registers[destination] = registers[source],
                MOVE => registers[destination] = immediate as u64,
                AND => registers[destination] &= immediate as u64,
                SHIFT_RIGHT => registers[destination] >>= immediate,
                JUMP_UNEQUAL if registers[destination] != immediate as u64 => at += offset as usize,
                JUMP_SET if registers[destination] & immediate as u64 != 0 => at += offset as usize,
                JUMP_UNEQUAL | JUMP_SET => {}
                EXIT => return registers[0] == 1,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn the_default_rules_allow_what_docker_allows() {
        let program = program(DEFAULT);
        for minor in [3, 5, 7, 8, 9] {
            assert!(allows(&program, Kind::Character, 1, minor, ALL), "1:{minor}");
        }
        assert!(allows(&program, Kind::Character, 136, 4711, READ | WRITE));
        assert!(allows(&program, Kind::Character, 5, 2, READ | WRITE));
        assert!(allows(&program, Kind::Block, 8, 0, MAKE), "any node may be made");
        assert!(!allows(&program, Kind::Block, 8, 0, READ), "but not opened");
        assert!(!allows(&program, Kind::Block, 8, 0, MAKE | READ));
        assert!(!allows(&program, Kind::Character, 1, 1, READ), "/dev/mem");
        assert!(!allows(&program, Kind::Character, 10, 229, READ), "/dev/fuse");
        assert!(!allows(&program, Kind::Block, 1, 3, READ), "same numbers, other kind");
    }

    #[test]
    fn an_added_device_gets_just_its_access() {
        let rules = [Rule { kind: Kind::Block, major: Some(7), minor: Some(0), access: READ }];
        let program = program(&rules);
        assert!(allows(&program, Kind::Block, 7, 0, READ));
        assert!(!allows(&program, Kind::Block, 7, 0, READ | WRITE));
        assert!(!allows(&program, Kind::Block, 7, 1, READ));
    }

    #[test]
    fn the_bytes_are_the_kernels() {
        let program = program(&[character(1, Some(3))]);
        assert_eq!(program[0], 0x0000_0000_0000_1261);
        assert_eq!(program[6], 0x0000_0002_0004_0255);
        assert_eq!(program[program.len() - 1], 0x95);
    }
}
