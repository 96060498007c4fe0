//! Tables for the query's values, with dockerd's words.

use super::*;
use proptest::prelude::*;

fn query(text: &str) -> Query {
    Query::parse(text).unwrap()
}

#[test]
fn booleans_are_read_as_dockerd_reads_them() {
    for (text, value) in [
        ("", false),
        ("all=", false),
        ("all=0", false),
        ("all=No", false),
        ("all=False", false),
        ("all=none", false),
        ("all=%20false%20", false),
        ("all=1", true),
        ("all=True", true),
        ("all=yes", true),
        ("all=banana", true),
    ] {
        assert_eq!(query(text).boolean("all"), value, "{text}");
    }
    assert!(query("").boolean_or("quiet", true));
    assert!(!query("quiet=0").boolean_or("quiet", true));
    assert!(!query("quiet=").boolean_or("quiet", true));
}

#[test]
fn bad_numbers_answer_in_gos_words_and_500() {
    assert_eq!(query("t=").integer("t").unwrap(), None);
    assert_eq!(query("t=-1").integer("t").unwrap(), Some(-1));
    let error = query("t=soon").integer("t").unwrap_err();
    assert_eq!(error.message, r#"strconv.Atoi: parsing "soon": invalid syntax"#);
    assert_eq!(error.status, 500);
    let error = query("t=99999999999999999999").integer("t").unwrap_err();
    assert_eq!(error.message, r#"strconv.Atoi: parsing "99999999999999999999": value out of range"#);
}

#[test]
fn dimensions_are_bounded() {
    assert_eq!(query("h=24").dimension("h", "height").unwrap(), 24);
    for (text, words) in [
        ("", r#"invalid resize height "": invalid syntax"#),
        ("h=x", r#"invalid resize height "x": invalid syntax"#),
        ("h=%2B1", r#"invalid resize height "+1": invalid syntax"#),
        ("h=-1", r#"invalid resize height "-1": value out of range"#),
        ("h=70000", r#"invalid resize height "70000": value out of range"#),
    ] {
        assert_eq!(query(text).dimension("h", "height").unwrap_err().message, words);
    }
}

#[test]
fn filters_come_in_two_shapes() {
    let both = [r#"{"label":{"a=b":true,"c":true},"name":{"web":true}}"#, r#"{"label":["a=b","c"],"name":["web"]}"#];
    for text in both {
        let filters = parse_filters(text).unwrap();
        assert!(
            filters.has_value("label", "a=b") && filters.has_value("label", "c") && filters.has_value("name", "web"),
            "{text}"
        );
    }
    for text in ["", "null", "{}", r#"{"label":null}"#] {
        assert!(!parse_filters(text).unwrap().has("label"), "{text}");
    }
    for text in ["{", "[]", "3", r#"{"a":1}"#, r#"{"a":[1]}"#, r#"{"a":{"b":"c"}}"#, r#"{"a":["b"],"c":{"d":true}}"#] {
        assert_eq!(parse_filters(text), None, "{text}");
    }
}

#[test]
fn times_are_seconds_with_a_fraction_or_rfc3339() {
    let time = |text: &str| query(&format!("since={text}")).time("since");
    assert_eq!(time("").unwrap(), None);
    assert_eq!(time("1136073600").unwrap(), Some(Timestamp(1_136_073_600_000_000_000)));
    assert_eq!(time("1136073600.000000001").unwrap(), Some(Timestamp(1_136_073_600_000_000_001)));
    assert_eq!(time("1136073600.5").unwrap(), Some(Timestamp(1_136_073_600_500_000_000)));
    assert_eq!(time("2006-01-01T00:00:00Z").unwrap(), Some(Timestamp(1_136_073_600_000_000_000)));
    assert_eq!(time("soon").unwrap_err().message, r#"strconv.ParseInt: parsing "soon": invalid syntax"#);
    assert_eq!(time("1.x").unwrap_err().message, r#"strconv.ParseInt: parsing "x": invalid syntax"#);
    assert!(time("99999999999999999.1").is_ok());
}

#[test]
fn bad_escapes_are_refused_in_gos_words() {
    assert_eq!(Query::parse("a=%zz").unwrap_err().message, r#"invalid URL escape "%zz""#);
    assert_eq!(Query::parse("a=%4").unwrap_err().message, r#"invalid URL escape "%4""#);
    assert_eq!(Query::parse("a=1;b=2").unwrap_err().message, "invalid semicolon separator in query");
}

proptest! {
    #[test]
    fn no_query_makes_it_panic(text in ".{0,200}") {
        if let Ok(query) = Query::parse(&text) {
            let _ = (query.filters(), query.time("a"), query.integer("a"), query.dimension("a", "b"), query.boolean("a"));
        }
    }

    #[test]
    fn no_value_makes_it_panic(value in ".{0,60}") {
        let query = Query(vec![("a".into(), value.clone()), ("filters".into(), value)]);
        let _ = (query.filters(), query.time("a"), query.integer("a"), query.dimension("a", "b"), query.boolean("a"));
    }
}
