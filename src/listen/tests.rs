//! Sockets that are free, stale, taken or not sockets.

use super::*;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

fn unix(folder: &tempfile::TempDir, name: &str) -> (PathBuf, Address) {
    let path = folder.path().join(name);
    (path.clone(), Address::Unix(path))
}

async fn refusal(address: Address, group: Option<&str>) -> String {
    match open(&[address], group).await {
        Ok(_) => panic!("was opened"),
        Err(error) => crate::causes(&error),
    }
}

#[tokio::test]
async fn a_free_socket_is_made_closed_to_others_and_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = unix(&folder, "made/too/vch.sock");
    let opened = open(&[address], None).await.unwrap();
    let file = std::fs::metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    drop(opened);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = unix(&folder, "vch.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let opened = open(&[address], None).await.unwrap();
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    drop(opened);
}

#[tokio::test]
async fn a_socket_that_answers_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = unix(&folder, "vch.sock");
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let said = refusal(address, None).await;
    assert!(said.contains("another daemon answers there"), "{said}");
    assert!(other.local_addr().is_ok() && path.exists());
}

#[tokio::test]
async fn a_socket_that_another_has_replaced_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = unix(&folder, "vch.sock");
    let opened = open(&[address], None).await.unwrap();
    // The first inode's number must not be free for the second.
    std::fs::rename(&path, folder.path().join("kept")).unwrap();
    let _second = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(opened);
    assert!(path.exists());
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = unix(&folder, "vch.sock");
    std::fs::write(&path, "precious").unwrap();
    assert!(refusal(address, None).await.contains("is no socket"));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious");
}

#[tokio::test]
async fn long_paths_and_unknown_groups_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = unix(&folder, &"x".repeat(100));
    assert!(refusal(address, None).await.contains("may have 107 bytes"));
    assert!(!path.exists());
    let (path, address) = unix(&folder, "s");
    assert!(refusal(address, Some("no such group")).await.contains("there is no group"));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_taken_port_takes_the_sockets_before_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, socket) = unix(&folder, "vch.sock");
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Address::Tcp { host: "127.0.0.1".to_owned(), port: other.local_addr().unwrap().port() };
    let Err(error) = open(&[socket, taken.clone()], None).await else { panic!("was opened") };
    assert!(matches!(&error, ListenError::Taken(address) if *address == taken), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn several_addresses_are_opened_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (_, socket) = unix(&folder, "vch.sock");
    let port = Address::Tcp { host: "localhost".to_owned(), port: 0 };
    let opened = open(&[socket, port], None).await.unwrap();
    assert!(matches!(opened.listeners[..], [Listener::Unix(_), Listener::Tcp(_)]));
}
