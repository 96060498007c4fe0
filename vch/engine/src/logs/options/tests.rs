//! Log options, held against what dockerd 20.10 answered.

use super::*;

fn log(driver: &str, options: &[(&str, &str)]) -> LogConfig {
    LogConfig {
        driver: driver.into(),
        options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    }
}

#[test]
fn what_create_refuses_is_told_in_dockers_words() {
    for (driver, option, value, words) in [
        ("json-file", "foo", "1", "unknown log opt 'foo' for json-file log driver"),
        ("local", "labels", "1", "unknown log opt 'labels' for log driver local"),
        ("syslog", "foo", "1", "unknown log opt 'foo' for syslog log driver"),
        ("json-file", "mode", "x", "logger: logging mode not supported: x"),
        (
            "json-file",
            "max-buffer-size",
            "1m",
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        ("local", "cache-disabled", "x", "invalid value for option cache-disabled: x"),
        ("fluentd", "x", "y", "logger: no log driver named 'fluentd' is registered"),
    ] {
        assert_eq!(check(&log(driver, &[(option, value)])).unwrap_err().message, words);
    }
    let ring = log("json-file", &[("mode", "non-blocking"), ("max-buffer-size", "x")]);
    assert_eq!(check(&ring).unwrap_err().message, "error parsing option max-buffer-size: invalid size: 'x'");
    for fine in [log("none", &[("foo", "1"), ("mode", "x")]), log("json-file", &[("max-size", "x")])] {
        assert!(check(&fine).is_ok(), "{fine:?}");
    }
}

#[test]
fn the_daemons_default_fills_in_what_is_missing() {
    let default = log("json-file", &[("max-size", "10m"), ("max-file", "3")]);
    let settled = settle(log("", &[("max-file", "5")]), &default).unwrap();
    assert_eq!(settled, log("json-file", &[("max-size", "10m"), ("max-file", "5")]));
    assert_eq!(settle(log("local", &[]), &default).unwrap(), log("local", &[]));
    assert_eq!(settle(log("", &[]), &log("none", &[])).unwrap().driver, "none");
}

#[test]
fn bounds_are_read_at_start_in_dockers_words() {
    let json = |options: &[(&str, &str)]| Bounds::json_file(&log("json-file", options).options);
    assert_eq!(json(&[]).unwrap(), Bounds { max_size: None, max_files: 1, compress: false });
    let all = [("max-size", "1k"), ("max-file", "3"), ("compress", "true")];
    assert_eq!(json(&all).unwrap(), Bounds { max_size: Some(1000), max_files: 3, compress: true });
    for (options, words) in [
        ([("max-size", "x")], "invalid size: 'x'"),
        ([("max-size", "0")], "max-size must be a positive number"),
        ([("max-file", "0")], "max-file cannot be less than 1"),
        ([("max-file", "x")], "strconv.Atoi: parsing \"x\": invalid syntax"),
        ([("compress", "true")], "compress cannot be true when max-file is less than 2 or max-size is not set"),
        ([("compress", "x")], "strconv.ParseBool: parsing \"x\": invalid syntax"),
    ] {
        assert_eq!(json(&options).unwrap_err().message, words);
    }
    let local = |options: &[(&str, &str)]| Bounds::local(&log("local", options).options, "");
    assert_eq!(local(&[]).unwrap(), Bounds { max_size: Some(20 << 20), max_files: 5, compress: true });
    for (options, words) in [
        ([("max-size", "x")], "invalid value for max-size: x: invalid size: 'x'"),
        ([("max-file", "1")], "compression cannot be enabled when max file count is 1"),
        ([("compress", "x")], "error reading compress log option: strconv.ParseBool: parsing \"x\": invalid syntax"),
    ] {
        assert_eq!(local(&options).unwrap_err().message, words);
    }
    let cache = Bounds::local(&log("syslog", &[("cache-max-size", "1m"), ("max-size", "x")]).options, "cache-");
    assert_eq!(cache.unwrap().max_size, Some(1_000_000));
}

#[test]
fn a_buffer_is_for_a_log_that_does_not_block() {
    assert_eq!(buffer(&log("local", &[]).options).unwrap(), None);
    assert_eq!(buffer(&log("local", &[("mode", "non-blocking")]).options).unwrap(), Some(1_000_000));
    let sized = log("local", &[("mode", "non-blocking"), ("max-buffer-size", "4k")]);
    assert_eq!(buffer(&sized.options).unwrap(), Some(4096));
}
