//! Paths looked at and packed.

use super::{entries, fetch, look, names, one_file, put, stat_of};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_path_is_looked_at,
        a_file_comes_as_a_tar,
        a_directory_comes_whole,
        names_begin_with_the_last_part_of_the_path,
        links_are_packed_as_links,
        a_path_that_is_not_there_is_not_found,
        a_path_is_needed,
    ]
}

/// The directory bits of Go's `os.FileMode`.
const DIRECTORY: u64 = 1 << 31;
const LINK: u64 = 1 << 27;

fn a_path_is_looked_at() {
    let container = Container::idle();
    container
        .exec_sh("mkdir /d; echo hello > /d/f; chmod 4751 /d/f; ln -s d/f /l; ln -s /nowhere/x /broken; ln -s d /ld");
    let file = look(&container, "/d/f");
    assert_eq!((&file["name"], &file["size"], &file["linkTarget"]), (&json!("f"), &json!(6), &json!("")));
    assert_eq!(file["mode"], json!(0o751 | 1 << 23));
    assert!(file["mtime"].as_str().unwrap().ends_with('Z'), "{file}");
    let folder = look(&container, "d");
    assert_eq!((&folder["name"], &folder["mode"]), (&json!("d"), &json!(DIRECTORY | 0o755)));
    let link = look(&container, "/l");
    assert_eq!((&link["name"], &link["mode"]), (&json!("l"), &json!(LINK | 0o777)));
    assert_eq!(link["linkTarget"], "/d/f");
    assert_eq!(look(&container, "/broken")["linkTarget"], "/nowhere/x");
    // A slash behind it follows.
    assert_eq!(look(&container, "/ld/")["mode"], json!(DIRECTORY | 0o755));
    assert_eq!(look(&container, "/ld/")["name"], "ld");
    assert_eq!(look(&container, "/d/.")["name"], ".");
    assert_eq!(look(&container, "/")["name"], "/");
    assert_eq!(look(&container, "/../../d")["name"], "d");
}

fn a_file_comes_as_a_tar() {
    let container = Container::idle();
    container.exec_sh(
        "echo hello > /tmp/f; chown 1000:1001 /tmp/f; chmod 640 /tmp/f; touch -d '2001-02-03 04:05:06' /tmp/f",
    );
    let reply = fetch(&container, "/tmp/f").expect(200);
    assert_eq!(reply.head.header("Content-Type"), Some("application/x-tar"));
    assert_eq!(stat_of(reply.head.header("X-Docker-Container-Path-Stat"))["name"], "f");
    assert_eq!(entries(&reply.body), [("f".to_owned(), "hello\n".to_owned())]);
    let mut archive = tar::Archive::new(&reply.body[..]);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    let header = entry.header();
    assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (1000, 1001));
    assert_eq!((header.mode().unwrap() & 0o7777, header.mtime().unwrap()), (0o640, 981_173_106));
}

fn a_directory_comes_whole() {
    let container = Container::idle();
    container.exec_sh(
        "mkdir -p /d/b/c /d/a; echo 1 > /d/b/f; ln /d/b/f /d/b/g; ln -s /etc /d/l; mkfifo /d/p; mknod /d/n c 1 3; \
         long=$(printf 'x%.0s' $(seq 150)); echo deep > /d/b/c/$long",
    );
    let reply = fetch(&container, "/d").expect(200);
    let long = format!("d/b/c/{}", "x".repeat(150));
    let expected = [
        ("d/", ""),
        ("d/a/", ""),
        ("d/b/", ""),
        ("d/b/c/", ""),
        (&long, "deep\n"),
        ("d/b/f", "1\n"),
        ("d/b/g", "-> d/b/f"),
        ("d/l", "-> /etc"),
        ("d/n", ""),
        ("d/p", ""),
    ];
    let found = entries(&reply.body);
    assert_eq!(found.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect::<Vec<_>>(), expected);
}

fn names_begin_with_the_last_part_of_the_path() {
    let container = Container::idle();
    container.exec_sh("mkdir -p /d/e; echo 1 > /d/e/f");
    for (path, expected) in
        [("/d/e", ["e/", "e/f"]), ("/d/e/", ["e/", "e/f"]), ("/d/e/.", ["./", "./f"]), ("d/../d/e", ["e/", "e/f"])]
    {
        assert_eq!(names(&fetch(&container, path).expect(200).body), expected, "{path}");
    }
    let root = names(&fetch(&container, "/").expect(200).body);
    assert_eq!(root[0], "/");
    assert!(root.contains(&"/d/e/f".to_owned()) && root.contains(&"/bin/busybox".to_owned()), "{root:?}");
    // Nothing of /proc, /sys and /dev as the container sees them.
    let inside = |name: &&String| ["/proc/", "/sys/"].iter().any(|at| name.starts_with(at) && name.len() > at.len());
    assert_eq!(root.iter().filter(inside).count(), 0, "{root:?}");
}

fn links_are_packed_as_links() {
    let container = Container::idle();
    container.exec_sh("mkdir /d; echo 1 > /d/f; ln -s d /l; ln -s /d/f /m");
    assert_eq!(entries(&fetch(&container, "/l").body), [("l".to_owned(), "-> d".to_owned())]);
    assert_eq!(entries(&fetch(&container, "/m").body), [("m".to_owned(), "-> /d/f".to_owned())]);
    assert_eq!(names(&fetch(&container, "/l/").body), ["l/", "l/f"]);
    assert_eq!(names(&fetch(&container, "/l/f").body), ["f"]);
}

fn a_path_that_is_not_there_is_not_found() {
    let container = Container::idle();
    let words = format!("Could not find the file /no/such in container {}", container.id);
    fetch(&container, "/no/such").refuses(404, &words);
    put(&container, "path=/no/such", &one_file("f", "")).refuses(404, &words);
    let head = open("HEAD", &container.path("/archive?path=/no/such"), None).head;
    assert_eq!(head.status, 404);
    fetch(&container, "/etc/passwd/").refuses(500, "not a directory");
    get("/containers/no-such/archive?path=/").refuses(404, "No such container: no-such");
}

fn a_path_is_needed() {
    let container = Container::sh("true");
    for query in ["", "?path="] {
        get(&container.path(&format!("/archive{query}"))).refuses(400, "bad parameter: path");
    }
    put(&container, "", b"").refuses(400, "bad parameter: path");
}
