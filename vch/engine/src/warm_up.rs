//! The throw-away container that warms a template and the clones in the pool: a program of two system calls on a disk of
//! its own, run through the whole start path.

use crate::container::record::Record;
use crate::container::run_message::{self, Place};
use crate::container::spec::ContainerSpec;
use crate::container::tenant::{Disks, FIRST_SLOT};
use crate::engine::Blank;
use crate::error::{Error, Result};
use std::path::Path;
use vch_images::image_disk::{self, LayerExtent};
use vch_images::{layer, scratch};
use vch_sandbox::WarmUp;

/// Where its disks are kept, under the data root.
const FOLDER: &str = "warm-up";

/// Prepares its disks, anew at every start of the daemon: they are small, and how they are made may have changed.
pub(crate) async fn prepare(data_root: &Path, blank: &Blank) -> Result<WarmUp> {
    let folder = data_root.join(FOLDER);
    let blank = blank.path.clone();
    let made = tokio::task::spawn_blocking(move || make(&folder, &blank));
    made.await.map_err(|e| Error::chain("prepare the warm-up disks", &e))?
}

fn make(folder: &Path, blank: &Path) -> Result<WarmUp> {
    let failed = |e: &(dyn std::error::Error + 'static)| Error::chain("prepare the warm-up disks", e);
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| failed(&e))?;
    }
    std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
    let layer_path = folder.join("layer.erofs");
    let tar = layer_tar().map_err(|e| failed(&e))?;
    let built = layer::build(tar.as_slice(), &layer_path, &layer::Limits::default()).map_err(|e| failed(&e))?;
    let extent = LayerExtent { id: "warm-up".into(), path: layer_path, bytes: built.disk_bytes };
    let image = image_disk::write(&folder.join("image"), folder, &[extent]).map_err(|e| failed(&e))?;
    let writable = folder.join("scratch.ext4");
    scratch::clone(blank, &writable).map_err(|e| failed(&e))?;
    let disks = Disks { image: Some(image.descriptor), scratch: writable };
    let record = record();
    let place = Place { layers: 1, slot: FIRST_SLOT, names: &record };
    Ok(WarmUp { disks: disks.in_slot(FIRST_SLOT), container: run_message::of(&record, &place, "")? })
}

fn record() -> Record {
    let spec = ContainerSpec { cmd: Some(vec!["/warm".into()]), ..Default::default() };
    Record::new("0".repeat(64), "warm-up".into(), String::new(), String::new(), spec)
}

fn layer_tar() -> std::io::Result<Vec<u8>> {
    let program = program();
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "warm", program.as_slice())?;
    tar.into_inner()
}

/// A static x86-64 program that writes a line and exits with 0: an ELF header, one program header (System V gABI
/// chapters 4 and 5), the code.
fn program() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    #[rustfmt::skip]
    const CODE: &[u8] = &[
        0xb8, 1, 0, 0, 0,                   // mov eax, 1 (write)
        0xbf, 1, 0, 0, 0,                   // mov edi, 1
        0x48, 0x8d, 0x35, 16, 0, 0, 0,      // lea rsi, [text]
        0xba, 5, 0, 0, 0,                   // mov edx, 5
        0x0f, 0x05,                         // syscall
        0xb8, 60, 0, 0, 0,                  // mov eax, 60 (exit)
        0x31, 0xff,                         // xor edi, edi
        0x0f, 0x05,                         // syscall
        b'w', b'a', b'r', b'm', b'\n',      // text
    ];
    let size = HEADERS + CODE.len() as u64;
    let mut elf = Vec::new();
    elf.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut half = |value: u16| elf.extend_from_slice(&value.to_le_bytes());
    half(2); // executable
    half(62); // x86-64
    elf.extend_from_slice(&1u32.to_le_bytes());
    for value in [BASE + HEADERS, 64, 0] {
        elf.extend_from_slice(&u64::to_le_bytes(value)); // entry, program headers, section headers
    }
    elf.extend_from_slice(&0u32.to_le_bytes());
    for value in [64u16, 56, 1, 0, 0, 0] {
        elf.extend_from_slice(&value.to_le_bytes()); // sizes and counts of headers
    }
    elf.extend_from_slice(&1u32.to_le_bytes()); // loaded
    elf.extend_from_slice(&5u32.to_le_bytes()); // readable, executable
    for value in [0, BASE, BASE, size, size, 0x1000] {
        elf.extend_from_slice(&u64::to_le_bytes(value)); // offset, addresses, sizes, alignment
    }
    elf.extend_from_slice(CODE);
    elf
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    #[test]
    fn the_program_writes_its_line_and_exits_with_0() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("warm");
        std::fs::write(&path, program()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(&path).output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"warm\n");
    }
}
