//! Tars unpacked.

use super::{fetch, one_file, put};
use vch_compat_tests::image::Layer;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        a_tar_is_unpacked,
        unpacked_files_keep_what_the_tar_says,
        a_directory_is_replaced_unless_told_otherwise,
        a_file_is_replaced_unless_told_otherwise,
        links_to_directories_are_followed,
        names_that_climb_out_are_refused,
        what_is_no_tar_is_refused,
        compressed_tars_are_taken,
        a_read_only_root_takes_no_files,
    ];
    let differs = tests![a_file_is_no_place_to_unpack].into_iter();
    tests.extend(differs.map(|t| t.older_differs(42, "500, and a path of the host's")));
    let differs = tests![files_can_become_the_containers_users].into_iter();
    tests.extend(differs.map(|t| t.older_differs(42, "looks the user up on the host")));
    tests
}

fn a_tar_is_unpacked() {
    let container = Container::idle();
    let tar = Layer::default()
        .folder("d", 0o750)
        .file("d/f", 0o640, b"content\n")
        .link("d/l", "f")
        .file("implied/deep/g", 0o644, b"")
        .tar();
    let reply = put(&container, "path=/tmp", &tar).expect(200);
    assert_eq!(reply.text(), "");
    let (code, output) = container.exec_sh(
        "cat /tmp/d/l; stat -c '%a %n' /tmp/d /tmp/d/f /tmp/implied /tmp/implied/deep; cd /tmp; find . | sort",
    );
    assert_eq!(code, 0);
    let expected = "content\n750 /tmp/d\n640 /tmp/d/f\n755 /tmp/implied\n755 /tmp/implied/deep\n\
                    .\n./d\n./d/f\n./d/l\n./implied\n./implied/deep\n./implied/deep/g\n";
    assert_eq!(output.out(), expected);
}

fn unpacked_files_keep_what_the_tar_says() {
    let container = Container::idle();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o6755);
    header.set_uid(70_000);
    header.set_gid(1001);
    header.set_mtime(981_173_106);
    header.set_size(2);
    builder.append_data(&mut header, "f", &b"hi"[..]).unwrap();
    header.set_mode(0o640);
    builder.append_data(&mut header, "g", &b"hi"[..]).unwrap();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    builder.append_link(&mut header, "h", "g").unwrap();
    header.set_entry_type(tar::EntryType::Char);
    header.set_device_major(1).unwrap();
    header.set_device_minor(3).unwrap();
    header.set_mode(0o600);
    builder.append_data(&mut header, "n", &b""[..]).unwrap();
    put(&container, "path=/home", &builder.into_inner().unwrap()).expect(200);
    let (_, output) = container.exec_sh("cd /home; stat -c '%a %u %g %Y %h %F %t %T' f h n; cat h");
    assert_eq!(
        output.out(),
        "6755 70000 1001 981173106 1 regular file 0 0\n640 70000 1001 981173106 2 regular file 0 0\n600 70000 1001 981173106 1 character special file 1 3\nhi"
    );
}

fn files_can_become_the_containers_users() {
    let container = Container::create(json!({ "Cmd": ["sleep", "1000"], "User": "app" }));
    container.start();
    for (query, expected) in [("path=/tmp", "0 0\n"), ("path=/tmp&copyUIDGID=1", "1000 1001\n")] {
        put(&container, query, &one_file("f", "")).expect(200);
        assert_eq!(container.exec_sh("stat -c '%u %g' /tmp/f").1.out(), expected, "{query}");
    }
}

fn a_file_is_no_place_to_unpack() {
    let container = Container::idle();
    let tar = one_file("f", "");
    put(&container, "path=/etc/passwd", &tar).refuses(400, "extraction point is not a directory");
    put(&container, "path=/etc/passwd/", &tar).refuses(500, "lstat /etc/passwd/: not a directory");
}

fn a_directory_is_replaced_unless_told_otherwise() {
    let container = Container::idle();
    container.exec_sh("mkdir -p /tmp/x/below");
    let tar = one_file("x", "now a file");
    put(&container, "path=/tmp&noOverwriteDirNonDir=true", &tar).refuses(500, "cannot overwrite directory");
    assert_eq!(container.exec_sh("test -d /tmp/x/below").0, 0);
    put(&container, "path=/tmp", &tar).expect(200);
    assert_eq!(container.exec_sh("cat /tmp/x").1.out(), "now a file");
}

fn a_file_is_replaced_unless_told_otherwise() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /tmp/x; ln -s /tmp/x /tmp/l");
    let tar = Layer::default().folder("x", 0o755).tar();
    put(&container, "path=/tmp&noOverwriteDirNonDir=1", &tar).refuses(500, "cannot overwrite non-directory");
    // A file over a link replaces the link.
    put(&container, "path=/tmp&noOverwriteDirNonDir=1", &one_file("l", "2\n")).expect(200);
    assert_eq!(container.exec_sh("cat /tmp/x /tmp/l").1.out(), "1\n2\n");
    put(&container, "path=/tmp", &tar).expect(200);
    assert_eq!(container.exec_sh("test -d /tmp/x").0, 0);
}

fn links_to_directories_are_followed() {
    let container = Container::idle();
    container.exec_sh("mkdir -p /real/in; ln -s real /link; ln -s /link/in /far");
    put(&container, "path=/link", &one_file("f", "1")).expect(200);
    put(&container, "path=/far", &one_file("g", "2")).expect(200);
    assert_eq!(container.exec_sh("cat /real/f /real/in/g").1.out(), "12");
}

fn names_that_climb_out_are_refused() {
    let container = Container::idle();
    let tar = Layer::default().link("l", "../../../etc/passwd").tar();
    put(&container, "path=/tmp", &tar).refuses(500, "invalid symlink");
    assert_eq!(container.exec_sh("ls -A /tmp").1.out(), "");
    // Within the directory it may point where it likes.
    let tar = Layer::default().folder("a", 0o755).link("a/l", "../b").link("abs", "/etc").tar();
    put(&container, "path=/tmp", &tar).expect(200);
}

fn what_is_no_tar_is_refused() {
    let container = Container::idle();
    put(&container, "path=/tmp", &[b'x'; 2000]).refuses(500, "");
    let whole = one_file("f", &"y".repeat(5000));
    put(&container, "path=/tmp", &whole[..2000]).refuses(500, "unexpected EOF");
    // Nothing is nothing to do.
    put(&container, "path=/tmp", b"").expect(200);
    assert_eq!(container.exec_sh("true").0, 0);
}

fn compressed_tars_are_taken() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let container = Container::idle();
    for program in ["gzip", "bzip2", "xz"] {
        let tar = one_file(program, &format!("by {program}\n").repeat(10_000));
        let child = Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{program}: {e}"));
        let mut stdin = child.stdin.take().unwrap();
        let feeding = std::thread::spawn(move || stdin.write_all(&tar).unwrap());
        let compressed = child.wait_with_output().unwrap().stdout;
        feeding.join().unwrap();
        put(&container, "path=/tmp", &compressed).expect(200);
    }
    let (_, output) = container.exec_sh("cd /tmp; wc -l gzip bzip2 xz | grep -c 10000; head -n 1 xz");
    assert_eq!(output.out(), "3\nby xz\n");
}

fn a_read_only_root_takes_no_files() {
    let container = Container::create(json!({
        "Cmd": ["sleep", "1000"], "HostConfig": { "ReadonlyRootfs": true },
    }));
    let tar = one_file("f", "");
    let refused = |path: &str| {
        let reply = put(&container, path, &tar);
        let status = reply.head.status;
        assert!(matches!(status, 400 | 500), "dockerd's versions differ: {status}");
        reply.refuses(status, "container rootfs is marked read-only");
    };
    refused("path=/tmp");
    container.start();
    refused("path=/tmp");
    put(&container, "path=/no/such", &tar).refuses(404, "Could not find the file /no/such");
    fetch(&container, "/etc/passwd").expect(200);
}
