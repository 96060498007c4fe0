//! `docker cp` and `docker diff`, `docker export` as people type them.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use vch_compat_tests::cli::{docker, docker_fed};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_file_goes_in_and_comes_out,
        a_directory_goes_in_and_comes_out,
        contents_go_without_their_directory,
        links_are_kept_or_followed,
        links_in_the_container_are_followed,
        tars_go_by_standard_streams,
        owners_are_kept_where_that_is_asked,
        mistakes_are_told,
        a_stopped_container_takes_and_gives_files,
        a_diff_is_printed,
        an_export_is_written,
    ]
}

/// `ID:path`.
fn at(container: &Container, path: &str) -> String {
    format!("{}:{path}", container.id)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn a_file_goes_in_and_comes_out() {
    let container = Container::idle();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    fs::write(&file, "hello\n").unwrap();
    docker(&["cp", text(&file), &at(&container, "/root/g")]).ok();
    docker(&["cp", text(&file), &at(&container, "/root")]).ok();
    docker(&["cp", text(&file), &at(&container, "/root/g")]).ok();
    assert_eq!(container.exec_sh("cat /root/g /root/f").1.out(), "hello\nhello\n");
    let back = folder.path().join("back");
    docker(&["cp", &at(&container, "/root/g"), text(&back)]).ok();
    assert_eq!(fs::read(&back).unwrap(), b"hello\n");
    docker(&["cp", &at(&container, "/root/g"), text(folder.path())]).ok();
    assert_eq!(fs::read(folder.path().join("g")).unwrap(), b"hello\n");
}

fn a_directory_goes_in_and_comes_out() {
    let container = Container::idle();
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::write(tree.join("a/b/f"), "deep").unwrap();
    // Into one that is there, and as one that is not.
    docker(&["cp", text(&tree), &at(&container, "/root")]).ok();
    docker(&["cp", text(&tree), &at(&container, "/root/new")]).ok();
    assert_eq!(container.exec_sh("cat /root/tree/a/b/f /root/new/a/b/f").1.out(), "deepdeep");
    docker(&["cp", &at(&container, "/root/tree"), text(&folder.path().join("back"))]).ok();
    assert_eq!(fs::read(folder.path().join("back/a/b/f")).unwrap(), b"deep");
    docker(&["cp", &at(&container, "/root/new/a"), text(folder.path())]).ok();
    assert_eq!(fs::read(folder.path().join("a/b/f")).unwrap(), b"deep");
}

fn contents_go_without_their_directory() {
    let container = Container::idle();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), "1").unwrap();
    docker(&["cp", &format!("{}/.", text(folder.path())), &at(&container, "/root")]).ok();
    docker(&["cp", &format!("{}/.", text(folder.path())), &at(&container, "/root/new")]).ok();
    assert_eq!(container.exec_sh("cat /root/f /root/new/f").1.out(), "11");
    let back = tempfile::tempdir().unwrap();
    docker(&["cp", &at(&container, "/root/."), text(back.path())]).ok();
    assert_eq!(fs::read(back.path().join("new/f")).unwrap(), b"1");
}

fn links_are_kept_or_followed() {
    let container = Container::idle();
    container.exec_sh("echo real > /root/f; ln -s f /root/l");
    let folder = tempfile::tempdir().unwrap();
    let (kept, followed) = (folder.path().join("kept"), folder.path().join("followed"));
    docker(&["cp", &at(&container, "/root/l"), text(&kept)]).ok();
    assert_eq!(fs::read_link(&kept).unwrap(), Path::new("f"));
    docker(&["cp", "-L", &at(&container, "/root/l"), text(&followed)]).ok();
    assert_eq!(fs::read(&followed).unwrap(), b"real\n");
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "mine\n").unwrap();
    symlink("file", &link).unwrap();
    docker(&["cp", text(&link), &at(&container, "/root/kept")]).ok();
    docker(&["cp", "-L", text(&link), &at(&container, "/root/followed")]).ok();
    assert_eq!(container.exec_sh("readlink /root/kept; cat /root/followed").1.out(), "file\nmine\n");
}

fn links_in_the_container_are_followed() {
    let container = Container::idle();
    container.exec_sh("mkdir /real; ln -s /real /link; echo old > /real/old; ln -s /real/old /file");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    fs::write(&file, "new\n").unwrap();
    docker(&["cp", text(&file), &at(&container, "/link/")]).ok();
    docker(&["cp", text(&file), &at(&container, "/link")]).ok();
    // A link to a file: what it leads to is written.
    docker(&["cp", text(&file), &at(&container, "/file")]).ok();
    assert_eq!(container.exec_sh("cat /real/f /real/old; readlink /file").1.out(), "new\nnew\n/real/old\n");
}

fn tars_go_by_standard_streams() {
    let container = Container::idle();
    let tar = vch_compat_tests::image::Layer::default().file("d/f", 0o600, b"piped\n").tar();
    docker_fed(&["cp", "-", &at(&container, "/root")], &tar).ok();
    assert_eq!(container.exec_sh("cat /root/d/f").1.out(), "piped\n");
    let out = docker(&["cp", &at(&container, "/root/d"), "-"]).ok();
    let mut archive = tar::Archive::new(out.as_bytes());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["d/", "d/f"]);
}

fn owners_are_kept_where_that_is_asked() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /root/f; chown 1000:1001 /root/f; chmod 604 /root/f");
    let folder = tempfile::tempdir().unwrap();
    let back = folder.path().join("back");
    docker(&["cp", "-a", &at(&container, "/root/f"), text(&back)]).ok();
    let metadata = fs::metadata(&back).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o604);
    docker(&["cp", "-a", text(&back), &at(&container, "/root/g")]).ok();
    assert_eq!(container.exec_sh("stat -c %a /root/g").1.out(), "604\n");
}

fn mistakes_are_told() {
    let container = Container::idle();
    let folder = tempfile::tempdir().unwrap();
    let (file, tree) = (folder.path().join("f"), folder.path().join("tree"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&tree).unwrap();
    docker(&["cp", text(&file), &at(&container, "/no/such/dir/")]).fails(1, "no such directory");
    docker(&["cp", text(&file), &at(&container, "/no/such/f")]).fails(1, "Could not find the file /no/such");
    docker(&["cp", &at(&container, "/no/such"), text(folder.path())]).fails(1, "Could not find the file /no/such");
    docker(&["cp", text(&tree), &at(&container, "/etc/passwd")]).fails(1, "cannot copy directory");
    docker(&["cp", text(&file), &at(&container, "/root/new/")]).fails(1, "no such directory");
    docker(&["cp", text(&file), "no-such-container:/x"]).fails(1, "No such container: no-such-container");
}

fn a_stopped_container_takes_and_gives_files() {
    let container = Container::sh("cp /root/in /root/out");
    let folder = tempfile::tempdir().unwrap();
    let (file, back) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&file, "through\n").unwrap();
    docker(&["cp", text(&file), &at(&container, "/root/")]).ok();
    assert_eq!(container.run().0, 0);
    docker(&["cp", &at(&container, "/root/out"), text(&back)]).ok();
    assert_eq!(fs::read(&back).unwrap(), b"through\n");
}

fn a_diff_is_printed() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /root/new; rm /etc/group");
    let printed = docker(&["diff", &container.id]).ok();
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A /root/new", "C /etc", "C /root", "D /etc/group"]);
}

fn an_export_is_written() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /root/new");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.tar");
    docker(&["export", "-o", text(&file), &container.id]).ok();
    let mut archive = tar::Archive::new(fs::File::open(&file).unwrap());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert!(names.collect::<Vec<_>>().contains(&"root/new".to_owned()));
}
