//! Image disks as qemu-img, sfdisk and fdisk read them. They need `qemu-utils` and `fdisk`.

use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::process::Command;

use super::*;

/// Runs a program that the tests need.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: install qemu-utils and fdisk"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A store with `sizes` MiB of layer disks, each with its number at its start, its middle and its end.
fn layers(root: &Path, sizes: &[u64]) -> Vec<LayerExtent> {
    fs::create_dir(root.join("layers")).unwrap();
    let one = |(at, size): (usize, &u64)| {
        let id = format!("sha256:{at:064x}");
        let (path, bytes) = (format!("layers/{at:064x}"), size << 20);
        let file = File::create_new(root.join(&path)).unwrap();
        file.set_len(bytes).unwrap();
        for offset in [0, bytes / 2, bytes - 16] {
            file.write_all_at(format!("layer {at:<10}").as_bytes(), offset).unwrap();
        }
        LayerExtent { id, path: Path::new("..").join(path), bytes }
    };
    sizes.iter().enumerate().map(one).collect()
}

/// Makes it beside its final place.
fn put(folder: &Path, layers: &[LayerExtent]) -> Result<ImageDisk, ImageDiskError> {
    write(folder, folder.parent().unwrap(), layers)
}

fn converted(root: &Path, disk: &ImageDisk) -> PathBuf {
    let raw = root.join("raw");
    run("qemu-img", &["convert", "-f", "vmdk", "-O", "raw", disk.descriptor.to_str().unwrap(), raw.to_str().unwrap()]);
    assert_eq!(raw.metadata().unwrap().len(), disk.bytes);
    raw
}

#[test]
fn layers_come_back_bit_for_bit_at_their_partitions() {
    let root = tempfile::tempdir().unwrap();
    let layers = layers(root.path(), &[1, 3, 2, 7]);
    let disk = put(&root.path().join("image"), &layers).unwrap();
    assert_eq!((disk.partitions, disk.bytes), (4, 15 << 20));
    let info = run("qemu-img", &["info", disk.descriptor.to_str().unwrap()]);
    assert!(info.contains("file format: vmdk") && info.contains("(15728640 bytes)"), "{info}");
    assert!(info.contains("create type: twoGbMaxExtentFlat"), "{info}");

    let raw = converted(root.path(), &disk);
    let dump = run("sfdisk", &["-d", raw.to_str().unwrap()]);
    let mut start = 2048;
    for (at, layer) in layers.iter().enumerate() {
        let size = layer.bytes / 512;
        let line = dump.lines().find(|line| line.starts_with(&format!("{}{} :", raw.display(), at + 1))).unwrap();
        assert!(line.contains(&format!("start={start:>12}, size={size:>12}")), "{line}");
        assert!(line.contains("type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"), "{line}");
        assert!(line.contains(&format!("name=\"layer {}\"", at + 1)), "{line}");
        let mut found = vec![0; layer.bytes as usize];
        File::open(&raw).unwrap().read_exact_at(&mut found, start * 512).unwrap();
        assert!(found == fs::read(disk.descriptor.parent().unwrap().join(&layer.path)).unwrap(), "layer {at}");
        start += size;
    }
    assert!(dump.contains("label: gpt"), "{dump}");
    // Both headers and all checksums, by others' reckoning.
    let verify = run("sfdisk", &["--verify", raw.to_str().unwrap()]);
    assert!(verify.contains("No errors detected"), "{verify}");
    let list = run("fdisk", &["-l", raw.to_str().unwrap()]);
    assert!(list.contains("Disklabel type: gpt") && !list.to_lowercase().contains("corrupt"), "{list}");
}

#[test]
fn the_copy_at_the_end_is_as_good_as_the_table_at_the_start() {
    let root = tempfile::tempdir().unwrap();
    let disk = put(&root.path().join("image"), &layers(root.path(), &[1, 2])).unwrap();
    let raw = converted(root.path(), &disk);
    let before = run("sfdisk", &["-d", raw.to_str().unwrap()]);
    let file = File::options().write(true).open(&raw).unwrap();
    file.write_all_at(&[0; 512], 512).unwrap();
    assert_eq!(run("sfdisk", &["-d", raw.to_str().unwrap()]), before);
}

#[test]
fn docker_s_127_layers_fit_and_so_does_one_layer_twice() {
    let root = tempfile::tempdir().unwrap();
    let mut layers = layers(root.path(), &[1; 127]);
    layers[126] = layers[0].clone();
    let disk = put(&root.path().join("image"), &layers).unwrap();
    let raw = converted(root.path(), &disk);
    let dump = run("sfdisk", &["-d", raw.to_str().unwrap()]);
    let guids: std::collections::BTreeSet<&str> = dump.split("uuid=").skip(1).map(|rest| &rest[..36]).collect();
    assert_eq!(guids.len(), 127, "every partition has a GUID of its own");
    let read = |at: u64| {
        let (mut file, mut text) = (File::open(&raw).unwrap(), [0; 16]);
        file.seek(SeekFrom::Start((1 + at) << 20)).unwrap();
        io::Read::read_exact(&mut file, &mut text).unwrap();
        String::from_utf8_lossy(&text).trim_end().to_owned()
    };
    assert_eq!((read(0), read(125), read(126)), ("layer 0".to_owned(), "layer 125".to_owned(), "layer 0".to_owned()));
    run("sfdisk", &["--verify", raw.to_str().unwrap()]);
}

#[test]
fn extents_may_be_larger_than_two_gigabytes() {
    let root = tempfile::tempdir().unwrap();
    let layers = layers(root.path(), &[5 << 10, 1]);
    let disk = put(&root.path().join("image"), &layers).unwrap();
    let info = run("qemu-img", &["info", disk.descriptor.to_str().unwrap()]);
    assert!(info.contains(&format!("({} bytes)", disk.bytes)), "{info}");
    let raw = converted(root.path(), &disk);
    let mut text = [0; 16];
    File::open(raw).unwrap().read_exact_at(&mut text, (1 + (5 << 10)) << 20).unwrap();
    assert_eq!(&text, b"layer 1         ");
}

#[test]
fn the_same_layers_give_the_same_disk_and_others_another() {
    let root = tempfile::tempdir().unwrap();
    let layers = layers(root.path(), &[1, 1]);
    let files = |folder: &Path| ["image.vmdk", "head.raw", "tail.raw"].map(|name| fs::read(folder.join(name)).unwrap());
    let at = |name: &str| root.path().join(name);
    let one = put(&at("one"), &layers).unwrap();
    put(&at("two"), &layers).unwrap();
    assert!(files(&at("one")) == files(&at("two")));
    assert_eq!(put(&at("one"), &layers).unwrap(), one, "written again, it stays");
    let swapped: Vec<_> = layers.iter().rev().cloned().collect();
    assert!(matches!(put(&at("one"), &swapped), Err(ImageDiskError::Exists(_))));
    put(&at("three"), &swapped).unwrap();
    assert!(files(&at("one"))[1] != files(&at("three"))[1]);
}

#[test]
fn many_may_write_the_same_disk_at_once() {
    let root = tempfile::tempdir().unwrap();
    let layers = layers(root.path(), &[1, 1]);
    let folder = root.path().join("image");
    let disks: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| put(&folder, &layers).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(disks.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(root.path().read_dir().unwrap().count(), 2, "the layers and the image");
}

#[test]
fn absolute_paths_and_a_single_extent_are_read_too() {
    let root = tempfile::tempdir().unwrap();
    let mut layers = layers(root.path(), &[2]);
    layers[0].path = root.path().join(layers[0].path.strip_prefix("..").unwrap());
    let disk = put(&root.path().join("image"), &layers).unwrap();
    let raw = converted(root.path(), &disk);
    let mut found = vec![0; 2 << 20];
    File::open(raw).unwrap().read_exact_at(&mut found, 1 << 20).unwrap();
    assert!(found == fs::read(&layers[0].path).unwrap());

    // A scratch disk is described in the same way, and written to through its descriptor.
    let text = descriptor(&[Extent { path: layers[0].path.clone(), bytes: 2 << 20 }]).unwrap();
    let single = root.path().join("single.vmdk");
    fs::write(&single, text).unwrap();
    run("qemu-io", &["-f", "vmdk", "-c", "write -P 7 64k 4k", single.to_str().unwrap()]);
    File::open(&layers[0].path).unwrap().read_exact_at(&mut found[..4096], 64 << 10).unwrap();
    assert_eq!(found[..4096], [7; 4096]);
}

#[test]
fn what_cannot_be_a_disk_is_refused_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let good = layers(root.path(), &[1]);
    let folder = root.path().join("image");
    let changed = |change: &dyn Fn(&mut LayerExtent)| {
        let mut layers = good.clone();
        change(&mut layers[0]);
        put(&folder, &layers)
    };
    assert!(matches!(put(&folder, &[]), Err(ImageDiskError::NoLayers)));
    assert!(matches!(put(&folder, &vec![good[0].clone(); 129]), Err(ImageDiskError::TooManyLayers(129))));
    assert!(matches!(changed(&|layer| layer.bytes = 2 << 20), Err(ImageDiskError::Size { .. })));
    assert!(matches!(changed(&|layer| layer.path = "../missing".into()), Err(ImageDiskError::Io { .. })));
    File::create(root.path().join("short")).unwrap().set_len(5000).unwrap();
    assert!(matches!(
        changed(&|layer| (layer.path, layer.bytes) = ("../short".into(), 5000)),
        Err(ImageDiskError::Size { found: 5000, .. })
    ));
    fs::copy(root.path().join("layers").join(format!("{:064x}", 0)), root.path().join("odd\"name")).unwrap();
    assert!(matches!(changed(&|layer| layer.path = "../odd\"name".into()), Err(ImageDiskError::Name(_))));
    let error = put(&root.path().join("no/such"), &[LayerExtent { path: root.path().join("odd"), ..good[0].clone() }]);
    assert!(matches!(error, Err(ImageDiskError::Io { .. })));
    let mut left: Vec<_> = root.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["layers", "odd\"name", "short"]);
}
