//! Syslog messages, as a server of the test's own gets them.

use super::*;
use crate::container::spec::ContainerSpec;
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket, UnixDatagram, UnixListener};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn record(pairs: &[(&str, &str)]) -> Record {
    let mut spec = ContainerSpec::default();
    spec.host.log.driver = "syslog".into();
    spec.host.log.options = options(pairs);
    Record::new("abcdef0123456789".into(), "web".into(), String::new(), String::new(), spec)
}

fn entry(text: &'static str) -> Entry {
    // 2026-01-02T03:04:05.000006Z
    Entry { channel: Channel::Stdout, time: Timestamp(1_767_323_045_000_006_000), text: text.into() }
}

fn message(format: &str, channel: Channel) -> String {
    let header = Header {
        format: Format::of(&options(&[("syslog-format", format)])).unwrap(),
        facility: 3,
        counted: false,
        tag: "web".into(),
        hostname: "host".into(),
        pid: 7,
    };
    String::from_utf8(header.message(&Entry { channel, ..entry("hello\n") })).unwrap()
}

#[test]
fn messages_have_the_format_that_is_asked_for() {
    let out = Channel::Stdout;
    assert_eq!(message("", out), "<30>Jan  2 03:04:05 web[7]: hello\n");
    assert_eq!(message("rfc3164", Channel::Stderr), "<27>Jan  2 03:04:05 host web[7]: hello\n");
    assert_eq!(message("rfc5424", out), "<30>1 2026-01-02T03:04:05Z host web 7 web - hello\n");
    assert_eq!(message("rfc5424micro", out), "<30>1 2026-01-02T03:04:05.000006Z host web 7 web - hello\n");
}

#[test]
fn bad_options_are_refused_in_dockers_words() {
    for (option, value, words) in [
        ("syslog-address", "foo://x", "syslog-address should be in form proto://address, got foo://x"),
        ("syslog-address", "127.0.0.1:5", "syslog-address should be in form proto://address, got 127.0.0.1:5"),
        ("syslog-address", "unix:///nosuch", "stat /nosuch: no such file or directory"),
        ("syslog-address", "tcp://127.0.0.1:1:2", "address 127.0.0.1:1:2: too many colons in address"),
        ("syslog-facility", "x", "invalid syslog facility"),
        ("syslog-facility", "24", "invalid syslog facility"),
        ("syslog-format", "x", "Invalid syslog format"),
    ] {
        assert_eq!(check(&options(&[(option, value)])).unwrap_err().message, words);
    }
    let address = |text: &str| Address::of(&options(&[("syslog-address", text)])).unwrap();
    assert_eq!(address("udp://host"), Address::Udp("host:514".into()));
    assert_eq!(address("tcp://[::1]:5"), Address::Tcp("[::1]:5".into()));
    assert_eq!(address("tcp+tls://h:1"), Address::Tls { host: "h".into(), address: "h:1".into() });
    assert_eq!(format::facility(&options(&[("syslog-facility", "local7")])).unwrap(), 23);
}

#[tokio::test]
async fn datagrams_reach_a_server_each_by_itself() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = format!("udp://{}", server.local_addr().unwrap());
    let record = record(&[("syslog-address", &address), ("tag", "{{.Name}}"), ("syslog-facility", "local0")]);
    let mut syslog = Syslog::open(&record).await.unwrap();
    let mut bytes = [0; 2048];
    for text in ["one\n", "two"] {
        syslog.send(&entry(text)).await.unwrap();
        let length = timeout(SOON, server.recv(&mut bytes)).await.unwrap().unwrap();
        let seen = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert_eq!(seen, format!("<134>Jan  2 03:04:05 web[{}]: {}\n", std::process::id(), text.trim()));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let server = UnixDatagram::bind(&path).unwrap();
    let mut syslog =
        Syslog::open(&self::record(&[("syslog-address", &format!("unixgram://{}", path.display()))])).await.unwrap();
    syslog.send(&entry("hi\n")).await.unwrap();
    let length = timeout(SOON, server.recv(&mut bytes)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&bytes[..length]).contains(" abcdef012345["));
}

#[tokio::test]
async fn a_stream_that_broke_is_made_anew() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", server.local_addr().unwrap());
    let mut syslog = Syslog::open(&record(&[("syslog-address", &address)])).await.unwrap();
    let (mut first, _) = server.accept().await.unwrap();
    syslog.send(&entry("one\n")).await.unwrap();
    let mut bytes = [0; 2048];
    let length = timeout(SOON, first.read(&mut bytes)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&bytes[..length]).ends_with(": one\n"));
    first.set_zero_linger().unwrap();
    drop(first);
    let next = async {
        let (mut second, _) = server.accept().await.unwrap();
        let length = second.read(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    // What is written before the reset is known is lost, as with any sender of syslog over TCP.
    let sending = async {
        loop {
            syslog.send(&entry("two\n")).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let seen = timeout(SOON, async {
        tokio::select! { seen = next => seen, () = sending => String::new() }
    })
    .await
    .unwrap();
    assert!(seen.ends_with(": two\n"), "{seen}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let server = UnixListener::bind(&path).unwrap();
    let address = format!("unix://{}", path.display());
    let mut syslog =
        Syslog::open(&record(&[("syslog-address", &address), ("syslog-format", "rfc5424")])).await.unwrap();
    let (mut stream, _) = server.accept().await.unwrap();
    syslog.send(&entry("hi")).await.unwrap();
    drop(syslog);
    let mut text = String::new();
    timeout(SOON, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    assert!(text.starts_with("<30>1 2026-01-02T03:04:05Z ") && text.ends_with(" - hi\n"), "{text}");
}

#[tokio::test]
async fn tls_is_verified_unless_told_otherwise_and_counts_its_messages() {
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &at("key"), "-out", &at("cert")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let (certificate, key) =
        (CertificateDer::from_pem_file(at("cert")).unwrap(), PrivateKeyDer::from_pem_file(at("key")).unwrap());
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp+tls://127.0.0.1:{}", server.local_addr().unwrap().port());
    let cert = at("cert");
    for (option, value) in [("syslog-tls-ca-cert", cert.as_str()), ("syslog-tls-skip-verify", "1"), ("tag", "x")] {
        let record = record(&[("syslog-address", &address), ("syslog-format", "rfc5424"), (option, value)]);
        let accept = async {
            let mut stream = acceptor.accept(server.accept().await.unwrap().0).await.ok()?;
            let mut bytes = vec![0; 2048];
            let length = stream.read(&mut bytes).await.ok()?;
            let _ = stream.shutdown().await;
            String::from_utf8(bytes[..length].to_vec()).ok()
        };
        let send = async {
            let mut syslog = Syslog::open(&record).await?;
            syslog.send(&entry("hi")).await
        };
        let (seen, sent) = timeout(SOON, async { tokio::join!(accept, send) }).await.unwrap();
        if option == "tag" {
            assert!(sent.unwrap_err().message.contains("tls: "), "an unknown certificate is refused");
            continue;
        }
        sent.unwrap();
        let seen = seen.unwrap();
        let (count, text) = seen.split_once(' ').unwrap();
        assert_eq!(count.parse::<usize>().unwrap(), text.len());
        assert!(text.ends_with(" - hi\n"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_gos_words() {
    let error = Syslog::open(&record(&[("syslog-address", "tcp://127.0.0.1:1")])).await.unwrap_err();
    assert_eq!(error.message, "dial tcp 127.0.0.1:1: connect: connection refused");
}
