//! The grammar by table (after distribution/reference's own cases) and by property.

use proptest::prelude::*;

use super::*;

const HEX: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

#[test]
fn names_have_a_canonical_and_a_familiar_form() {
    let table = [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("library/busybox", "docker.io/library/busybox", "busybox"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/user/app", "docker.io/user/app", "user/app"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("user/app", "docker.io/user/app", "user/app"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("example.com/a/b/c", "example.com/a/b/c", "example.com/a/b/c"),
        ("host:5000/app", "host:5000/app", "host:5000/app"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000/app", "127.0.0.1:5000/app"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        ("[2001:db8::1]/app", "[2001:db8::1]/app", "[2001:db8::1]/app"),
        ("Uppercase/app", "Uppercase/app", "Uppercase/app"),
        ("localhost", "docker.io/library/localhost", "localhost"),
        ("a__b/c.d/e-----f", "docker.io/a__b/c.d/e-----f", "a__b/c.d/e-----f"),
        ("xn--n3h.com/app", "xn--n3h.com/app", "xn--n3h.com/app"),
        ("sha256:abc", "docker.io/library/sha256:abc", "sha256:abc"),
        ("app:TAG.with-1_things", "docker.io/library/app:TAG.with-1_things", "app:TAG.with-1_things"),
        ("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c"),
        ("deadbeef", "docker.io/library/deadbeef", "deadbeef"),
    ];
    for (text, canonical, familiar) in table {
        let reference = Reference::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(reference.to_string(), canonical, "{text}");
        assert_eq!(reference.familiar(), familiar, "{text}");
    }
}

#[test]
fn tags_and_digests_may_come_together() {
    let text = format!("localhost:5000/app:v1@sha256:{HEX}");
    let reference = Reference::parse(&text).unwrap();
    assert_eq!((reference.domain(), reference.path(), reference.tag()), ("localhost:5000", "app", Some("v1")));
    assert_eq!(reference.digest().map(Digest::hex), Some(HEX));
    assert_eq!(reference.familiar(), text);
    assert_eq!(reference.stored().to_string(), format!("localhost:5000/app@sha256:{HEX}"));
    let named = Reference::parse(&format!("app@sha256:{HEX}")).unwrap();
    assert_eq!(named.tag(), None);
    assert_eq!(named.or_latest(), named);
    assert_eq!(named.trimmed().or_latest().to_string(), "docker.io/library/app:latest");
}

#[test]
fn what_is_no_reference_is_refused_in_docker_s_words() {
    let format = "invalid reference format".to_owned();
    let uppercase = |name: &str| format!("invalid reference format: repository name ({name}) must be lowercase");
    let long = "a".repeat(256);
    let table = [
        (String::new(), format.clone()),
        (" ".into(), format.clone()),
        ("https://github.com/docker/docker".into(), format.clone()),
        ("docker///docker".into(), format.clone()),
        ("-docker".into(), format.clone()),
        ("docker-".into(), format.clone()),
        ("a..b".into(), format.clone()),
        ("a___b".into(), format.clone()),
        ("a._b".into(), format.clone()),
        ("app:".into(), format.clone()),
        ("app@".into(), format.clone()),
        (":tag".into(), format.clone()),
        ("@sha256:x".into(), format.clone()),
        ("app:tag:tag".into(), format.clone()),
        ("app:-tag".into(), format.clone()),
        (format!("app:{}", "t".repeat(129)), format.clone()),
        ("host:port/app".into(), format.clone()),
        ("foo_bar.com/app".into(), format.clone()),
        ("[::1/app".into(), format.clone()),
        ("[fe80::1%eth0]:80/app".into(), format.clone()),
        ("example.com/".into(), format.clone()),
        ("app@sha256:abc".into(), format.clone()),
        ("../../etc/passwd".into(), format.clone()),
        ("app\n".into(), format.clone()),
        ("Foo".into(), uppercase("library/Foo")),
        ("user/Foo:tag".into(), uppercase("user/Foo")),
        ("docker.io/Foo".into(), uppercase("library/Foo")),
        ("example.com/Foo".into(), uppercase("Foo")),
        (HEX.into(), format!("invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings")),
        (format!("app@sha256:{}", &HEX[..40]), "invalid checksum digest length".into()),
        (format!("app@md5:{}", &HEX[..32]), "unsupported digest algorithm".into()),
        (format!("example.com/{long}"), "repository name must not be more than 255 characters".into()),
    ];
    for (text, words) in table {
        let error = Reference::parse(&text).expect_err(&text);
        assert_eq!(error.to_string(), words, "{text:?}");
    }
    assert!(Reference::parse(&format!("example.com/{}", &long[..255])).is_ok());
    assert_eq!(Reference::parse("app").unwrap().with_tag("a b").unwrap_err().to_string(), "invalid tag format");
}

#[test]
fn identifiers_are_told_from_names() {
    assert!(matches!(AnyReference::parse(HEX), Ok(AnyReference::Id(_))));
    assert!(matches!(AnyReference::parse(&format!("sha256:{HEX}")), Ok(AnyReference::Id(_))));
    assert!(matches!(AnyReference::parse("sha256:ffff"), Ok(AnyReference::Named(_))));
    assert!(matches!(AnyReference::parse(&HEX[1..]), Ok(AnyReference::Named(_))));
}

proptest! {
    #[test]
    fn no_text_panics_and_what_parses_parses_again(text in "\\PC{0,80}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(&Reference::parse(&reference.to_string()).unwrap(), &reference);
            prop_assert_eq!(&Reference::parse(&reference.familiar()).unwrap(), &reference);
        }
    }

    #[test]
    fn what_is_built_from_the_grammar_parses(
        domain in "(localhost|[a-z0-9]{1,8}\\.[a-z]{2,4}|[a-z]{1,5}:[0-9]{1,5}|\\[::1\\]:[0-9]{1,4})",
        path in "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,3}(/[a-z0-9]{1,6}){0,3}",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
        digest in proptest::option::of("sha256:[0-9a-f]{64}"),
    ) {
        let mut text = format!("{domain}/{path}");
        if let Some(tag) = &tag { text += &format!(":{tag}"); }
        if let Some(digest) = &digest { text += &format!("@{digest}"); }
        let reference = Reference::parse(&text).unwrap();
        prop_assert_eq!(reference.domain(), &domain);
        prop_assert_eq!(reference.path(), &path);
        prop_assert_eq!(reference.tag(), tag.as_deref());
        prop_assert_eq!(reference.digest().map(ToString::to_string), digest);
        prop_assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn names_made_of_grammar_bytes_never_disagree_with_themselves(text in "[a-zA-Z0-9._:/@\\[\\]-]{0,40}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(&Reference::parse(&reference.familiar()).unwrap(), &reference);
        }
    }
}
