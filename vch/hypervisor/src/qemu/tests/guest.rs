//! The smallest guest: a Linux boot image whose real-mode part never leaves real mode.
//!
//! QEMU loads it like a kernel (Linux's `Documentation/x86/boot.rst`, protocol 2.2). It writes the first letter of its
//! command line to the serial port at every tick of the BIOS's clock; `p` powers it off and `r` resets it instead.

/// Where the code stands in the setup part: behind the header.
const CODE_AT: usize = 0x280;

const CODE: &[u8] = &[
    0x66, 0xa1, 0x28, 0x02, //             mov eax, [0x228]   ; cmd_line_ptr
    0x66, 0xc1, 0xe8, 0x04, //             shr eax, 4
    0x8e, 0xc0, //                         mov es, ax
    0x26, 0x8a, 0x1e, 0x00, 0x00, //       mov bl, es:[0]     ; its first letter
    0xba, 0xf8, 0x03, //             tick: mov dx, 0x3f8      ; first serial port
    0x88, 0xd8, //                         mov al, bl
    0xee, //                               out dx, al
    0x80, 0xfb, b'p', //                   cmp bl, 'p'
    0x74, 0x09, //                         je off
    0x80, 0xfb, b'r', //                   cmp bl, 'r'
    0x74, 0x0d, //                         je reset
    0xfb, //                               sti
    0xf4, //                               hlt                ; until the clock's interrupt
    0xeb, 0xec, //                         jmp tick
    0xba, 0x04, 0x06, //             off:  mov dx, 0x604      ; ACPI PM1a control of q35
    0xb8, 0x00, 0x20, //                   mov ax, 0x2000     ; sleep enable, S5
    0xef, //                               out dx, ax
    0xeb, 0x06, //                         jmp stay
    0xba, 0xf9, 0x0c, //            reset: mov dx, 0xcf9      ; reset control
    0xb0, 0x06, //                         mov al, 6
    0xee, //                               out dx, al
    0xf4, //                         stay: hlt
    0xeb, 0xfd, //                         jmp stay
];

/// The image: boot sector and one setup sector, then a protected-mode part that is never entered.
pub(super) fn kernel() -> Vec<u8> {
    let mut image = vec![0; 3 * 512];
    image[0x1f1] = 1; // setup sectors after the first
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x200..0x202].copy_from_slice(&[0xeb, (CODE_AT - 0x202) as u8]); // jump to the code
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&[0x02, 0x02]); // protocol 2.2
    image[0x211] = 1; // load the rest at 1 MiB
    image[CODE_AT..CODE_AT + CODE.len()].copy_from_slice(CODE);
    image
}
