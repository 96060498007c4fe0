//! The agent's binary: found, and checked to be one that can run where there is nothing else.

use super::{GuestError, files};
use std::{
    env,
    path::{Path, PathBuf},
};

/// Name of the binary beside our own.
const NAME: &str = "vch-agent";
/// Names it instead where our own is a test's.
const VARIABLE: &str = "VCH_AGENT";

/// The agent's bytes: of `given`, of the file that the environment names, or of the one beside the running program.
///
/// # Errors
/// It is not there, or no static program for x86-64.
pub(super) fn find(given: Option<&Path>) -> Result<Vec<u8>, GuestError> {
    let path = match given {
        Some(path) => path.to_path_buf(),
        None => env::var_os(VARIABLE).map_or_else(beside, PathBuf::from),
    };
    let wrong = |problem: &str| GuestError::Agent { path: path.clone(), problem: problem.to_owned() };
    let bytes = match files::read(&path) {
        Ok(bytes) => bytes,
        Err(GuestError::File { source, .. }) => return Err(wrong(&source.to_string())),
        Err(error) => return Err(error),
    };
    check(&bytes).map_err(wrong)?;
    Ok(bytes)
}

fn beside() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program.with_file_name(NAME)
}

/// An ELF header of x86-64, and no program header that asks for a loader (System V ABI, chapters 4 and 5).
fn check(bytes: &[u8]) -> Result<(), &'static str> {
    const INTERPRETER: u32 = 3;
    let number = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") || number(18) != Some(62) {
        return Err("it is no program for x86-64");
    }
    let damaged = "its headers are damaged";
    let table = bytes.get(32..40).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes).ok_or(damaged)?;
    let table = usize::try_from(table).map_err(|_| damaged)?;
    let (size, count) = (number(54).ok_or(damaged)?, number(56).ok_or(damaged)?);
    for index in 0..usize::from(count) {
        let at = table.checked_add(index * usize::from(size)).ok_or(damaged)?;
        let kind = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(damaged)?;
        if u32::from_le_bytes(*kind) == INTERPRETER {
            return Err("it is not linked statically");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_agent_says_how_to_get_one() {
        let text = find(Some(Path::new("/nonexistent/vch-agent"))).unwrap_err().to_string();
        assert!(text.contains("/nonexistent/vch-agent") && text.contains("scripts/build"), "{text}");
    }

    #[test]
    fn a_program_that_needs_a_loader_is_refused() {
        let ours = env::current_exe().unwrap();
        let text = find(Some(&ours)).unwrap_err().to_string();
        assert!(text.contains("not linked statically"), "{text}");
    }

    #[test]
    fn scripts_and_damaged_headers_are_refused() {
        assert_eq!(check(b"#!/bin/sh\n"), Err("it is no program for x86-64"));
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[18] = 62;
        assert_eq!(check(&elf), Ok(()));
        elf[56] = 1;
        elf[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(check(&elf), Err("its headers are damaged"));
    }
}
