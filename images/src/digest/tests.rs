//! Digest grammar and hashing, by table.

use std::io::Read;

use super::*;

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn parses_what_is_a_digest_and_nothing_else() {
    let upper = EMPTY.to_uppercase().replace("SHA256", "sha256");
    let sha512 = format!("sha512:{}", "ab".repeat(64));
    let table: &[(&str, Result<(), DigestError>)] = &[
        (EMPTY, Ok(())),
        (&sha512, Ok(())),
        ("", Err(DigestError::Format)),
        ("sha256", Err(DigestError::Format)),
        ("sha256:", Err(DigestError::Format)),
        (":abc", Err(DigestError::Format)),
        ("sha256:abc", Err(DigestError::Length)),
        (&upper, Err(DigestError::Format)),
        ("md5:d41d8cd98f00b204e9800998ecf8427e", Err(DigestError::Unsupported)),
        ("foo+bar:abc", Err(DigestError::Unsupported)),
        ("../x:abc", Err(DigestError::Format)),
        ("sha256:../../../../etc/passwd", Err(DigestError::Length)),
    ];
    for (text, expected) in table {
        assert_eq!(&text.parse::<Digest>().map(|_| ()), expected, "{text}");
    }
}

#[test]
fn hashes_as_the_standard_says() {
    assert_eq!(Digest::of(b"").to_string(), EMPTY);
    assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
    let mut reader = HashingReader::new(&b"abc"[..], Algorithm::Sha512);
    let mut byte = [0];
    assert_eq!(reader.read(&mut byte).unwrap(), 1);
    reader.drain().unwrap();
    let (digest, count) = reader.finish();
    assert_eq!(count, 3);
    assert!(digest.to_string().starts_with("sha512:ddaf35a193617abacc417349ae204131"), "{digest}");
}

#[test]
fn survives_serde() {
    let digest = Digest::of(b"x");
    let text = serde_json::to_string(&digest).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
    assert!(serde_json::from_str::<Digest>("\"sha256:zz\"").is_err());
}
