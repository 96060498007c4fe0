//! Flags and file joined, defaults and refusals. dockerd's sentences were taken from dockerd 20.10.24 itself.

use super::{Accel, Config, ConfigError, Level, Raw, Surroundings, file};
use crate::listen::Address;
use clap::Parser;
use std::path::PathBuf;

#[derive(Parser)]
#[command(args_override_self = true)]
struct Flags {
    #[command(flatten)]
    raw: Raw,
}

fn flags(arguments: &[&str]) -> Raw {
    Flags::try_parse_from([&["vch"], arguments].concat()).map(|flags| flags.raw).unwrap()
}

fn root() -> Surroundings {
    Surroundings { root: true, current: "/here".into(), memory_mib: 16_000, ..Surroundings::default() }
}

fn user() -> Surroundings {
    Surroundings {
        home: Some("/home/ann".into()),
        runtime: Some("/run/user/1000".into()),
        current: "/here".into(),
        memory_mib: 2000,
        ..Surroundings::default()
    }
}

fn joined(arguments: &[&str], json: &str) -> Result<Config, ConfigError> {
    let path = PathBuf::from("/etc/vch/daemon.json");
    let keys = file::parse(json).map_err(|problem| ConfigError::File(path.clone(), problem))?;
    let raw = file::join(&flags(arguments), keys).map_err(|problem| ConfigError::File(path.clone(), problem))?;
    Config::new(raw, Some(path), &root())
}

fn refusal(arguments: &[&str], json: &str) -> String {
    crate::causes(&joined(arguments, json).unwrap_err())
}

#[test]
fn defaults_of_root() {
    let config = joined(&[], "").unwrap();
    assert_eq!(config.data_root, PathBuf::from("/var/lib/vch"));
    assert_eq!(config.hosts, [Address::Unix("/var/run/vch.sock".into())]);
    assert_eq!(config.pidfile, Some("/var/run/vch.pid".into()));
    assert_eq!((config.level, config.accel), (Level::Info, Accel::Auto));
    assert_eq!((config.vm_memory_mib, config.vm_cpus, config.pool), (4096, 1, 1));
}

#[test]
fn defaults_of_a_user() {
    let config = Config::new(Raw::default(), None, &user()).unwrap();
    assert_eq!(config.data_root, PathBuf::from("/home/ann/.local/share/vch"));
    assert_eq!(config.hosts, [Address::Unix("/run/user/1000/vch.sock".into())]);
    assert_eq!(config.pidfile, Some("/run/user/1000/vch.pid".into()));
    assert_eq!(config.vm_memory_mib, 2000, "no more than the host has");
    assert_eq!(user().config_file(), Some("/home/ann/.config/vch/daemon.json".into()));

    let no_session = Surroundings { runtime: None, data_home: Some("/data".into()), ..user() };
    let config = Config::new(Raw::default(), None, &no_session).unwrap();
    assert_eq!(config.hosts, [Address::Unix("/data/vch/vch.sock".into())]);

    let nobody = Surroundings { home: None, ..user() };
    let error = Config::new(Raw::default(), None, &nobody).unwrap_err();
    assert_eq!(error.to_string(), "--data-root is needed: neither XDG_DATA_HOME nor HOME is set");
}

#[test]
fn flags_and_file_are_joined() {
    let config = joined(
        &["-H", "unix://run/a.sock", "-H", "tcp://127.0.0.1:0", "--debug", "--accel=tcg", "--data-root", "x"],
        r#"{"log-level": "error", "insecure-registries": ["http://a:5000", "10.0.0.0/8"], "registry-mirrors": ["https://m"],
            "vm-memory": "1g", "vm-cpus": 2, "pool": 0, "pidfile": "", "group": "ops"}"#,
    )
    .unwrap();
    assert_eq!(
        config.hosts,
        [Address::Unix("/here/run/a.sock".into()), Address::Tcp { host: "127.0.0.1".into(), port: 0 }]
    );
    assert_eq!(config.data_root, PathBuf::from("/here/x"));
    assert_eq!((config.level, config.accel), (Level::Debug, Accel::Tcg));
    assert_eq!(config.insecure_registries, ["a:5000", "10.0.0.0/8"]);
    assert_eq!(config.warnings.len(), 1);
    assert_eq!(config.registry_mirrors, ["https://m/"]);
    assert_eq!((config.vm_memory_mib, config.vm_cpus, config.pool), (1024, 2, 0));
    assert_eq!((config.pidfile, config.group), (None, Some("ops".to_owned())));
}

#[test]
fn the_last_of_a_repeated_flag_wins_and_a_flag_may_say_false() {
    assert_eq!(flags(&["--data-root", "a", "--data-root", "b"]).data_root.as_deref(), Some("b"));
    assert_eq!(flags(&["-D"]).debug, Some(true));
    assert_eq!(flags(&["--debug=false", "-l", "warn"]).debug, Some(false));
    assert_eq!(joined(&["--debug=false", "-l", "WARN"], "").unwrap().level, Level::Warn);
}

#[test]
fn memory_as_a_bare_number_is_mib_in_both_places() {
    assert_eq!(joined(&["--vm-memory", "512"], "").unwrap().vm_memory_mib, 512);
    assert_eq!(joined(&[], r#"{"vm-memory": 512}"#).unwrap().vm_memory_mib, 512);
}

#[test]
fn refusals_in_dockerds_words() {
    const FILE: &str = "unable to configure the Docker daemon with file /etc/vch/daemon.json: ";
    let both = "the following directives are specified both as a flag and in the configuration file: ";
    for (arguments, json, words) in [
        (
            &[][..],
            r#"{"foo":1,"bar":2}"#,
            "the following directives don't match any configuration option: foo, bar".to_owned(),
        ),
        (&[], r#"{"D":true}"#, "the following directives don't match any configuration option: D".to_owned()),
        (
            &["-H", "unix:///tmp/x.sock", "-D"],
            r#"{"hosts":["tcp://127.0.0.1:1"],"debug":true}"#,
            format!(
                "{both}debug: (from flag: true, from file: true), hosts: (from flag: [unix:///tmp/x.sock], from file: [tcp://127.0.0.1:1])"
            ),
        ),
        (
            &["--data-root", "/tmp/b", "--insecure-registry", "c", "--insecure-registry", "d"],
            r#"{"insecure-registries":["a","b"],"data-root":"/tmp/a"}"#,
            format!(
                "{both}data-root: (from flag: /tmp/b, from file: /tmp/a), insecure-registries: (from flag: [c d], from file: [a b])"
            ),
        ),
        (&["--vm-memory", "2g"], r#"{"vm-memory":1024}"#, format!("{both}vm-memory: (from flag: 2g, from file: 1024)")),
    ] {
        assert_eq!(refusal(arguments, json), format!("{FILE}{words}"));
    }
}

#[test]
fn refusals_name_the_key_and_the_reason() {
    for (json, words) in [
        ("{bad", "daemon.json: it is not valid JSON: key must be a string at line 1 column 2"),
        ("[]", "daemon.json: it must hold one JSON object"),
        (r#"{"pidfile":3}"#, "the value of pidfile cannot be used: invalid type: integer `3`, expected a string"),
        (r#"{"hosts":"x"}"#, "the value of hosts cannot be used: invalid type: string \"x\", expected a sequence"),
        (r#"{"accel":"xen"}"#, "the value of accel cannot be used: unknown variant `xen`"),
        (r#"{"vm-memory":[1]}"#, "the value of vm-memory cannot be used: expected a number of MiB"),
        (r#"{"pool":-1}"#, "the value of pool cannot be used: invalid value"),
        (r#"{"log-level":"loud"}"#, "unable to parse logging level: loud"),
        (
            r#"{"hosts":["foo://x"]}"#,
            "failed to load listeners: error parsing -H foo://x: Invalid bind address format: foo://x",
        ),
        (r#"{"registry-mirrors":["foo"]}"#, "invalid mirror: unsupported scheme \"\" in \"foo\""),
        (r#"{"vm-memory":"1k"}"#, "--vm-memory cannot be 1k: 128m to 1t are possible"),
        (r#"{"vm-cpus":0}"#, "--vm-cpus cannot be 0: 1 to 255 are possible"),
        (r#"{"pool":1000}"#, "--pool cannot be 1000: 0 to 256 are possible"),
        (r#"{"kernel":"/nonexistent/k"}"#, "cannot read the kernel /nonexistent/k: No such file or directory"),
        (r#"{"initrd":"/"}"#, "cannot read the initramfs /: it is not a file"),
    ] {
        let said = refusal(&[], json);
        assert!(said.contains(words), "{json}: {said}");
    }
}

#[test]
fn a_file_that_was_named_must_exist_and_the_usual_one_need_not() {
    let folder = tempfile::tempdir().unwrap();
    let around = Surroundings { root: false, config_home: Some(folder.path().into()), ..user() };
    assert!(super::load(&Raw::default(), None, &around).is_ok());
    let named = folder.path().join("other.json");
    let error = super::load(&Raw::default(), Some(&named), &around).unwrap_err();
    let words = format!("unable to configure the Docker daemon with file {}: No such file", named.display());
    assert!(crate::causes(&error).starts_with(&words), "{}", crate::causes(&error));

    std::fs::create_dir(folder.path().join("vch")).unwrap();
    std::fs::write(folder.path().join("vch/daemon.json"), r#"{"pool": 3}"#).unwrap();
    assert_eq!(super::load(&Raw::default(), None, &around).unwrap().pool, 3);
    std::fs::write(&named, [0xff, 0xfe, b'{']).unwrap();
    assert!(super::load(&Raw::default(), Some(&named), &around).is_err());
    std::fs::write(&named, " ".repeat((1 << 20) + 1)).unwrap();
    let error = super::load(&Raw::default(), Some(&named), &around).unwrap_err();
    assert!(crate::causes(&error).ends_with("it is longer than 1048576 bytes"));
}

/// The table of settings in docs/daemon.md, made of the command line's own words. `VCH_WRITE_DOCS=1 cargo test` renews it.
#[test]
fn the_page_on_the_daemon_names_every_setting() {
    use clap::CommandFactory;
    let mut table = String::from("| flag | key in the file | what it says |\n|---|---|---|\n");
    for argument in
        Flags::command().get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
    {
        let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
        let key = argument.get_id().as_str().replace('_', "-");
        let help = argument.get_help().map(|help| help.to_string().replace('|', "\\|")).unwrap_or_default();
        table += &format!("| {short}`--{}` | `{key}` | {help} |\n", argument.get_long().unwrap());
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/daemon.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- settings -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- end of settings -->\n").unwrap();
    if std::env::var_os("VCH_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{before}<!-- settings -->\n{table}<!-- end of settings -->\n{after}")).unwrap();
    } else {
        assert_eq!(found, table, "renew it with VCH_WRITE_DOCS=1 cargo test");
    }
}

#[test]
fn the_log_driver_of_containers_is_checked_at_the_start() {
    let config =
        joined(&["--log-driver", "local", "--log-opt", "max-size=10m", "--log-opt", "max-file=3"], "").unwrap();
    assert_eq!((config.log.driver.as_str(), config.log.options.len()), ("local", 2));
    let config = joined(&[], r#"{"log-opts": {"max-size": "10m", "labels": "a=b"}}"#).unwrap();
    assert_eq!((config.log.driver.as_str(), config.log.options["labels"].as_str()), ("json-file", "a=b"));
    assert!(joined(&[], "").unwrap().log.options.is_empty());
    let words = "failed to set log opts: unknown log opt 'foo' for json-file log driver";
    assert_eq!(refusal(&[], r#"{"log-opts": {"foo": "1"}}"#), words);
    assert!(refusal(&["--log-driver", "x"], "").contains("no log driver named 'x' is registered"));
    assert!(refusal(&["--log-opt", "a=b"], r#"{"log-opts": {"a": "b"}}"#).contains("log-opts"));
}
