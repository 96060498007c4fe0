//! What QEMU says on its QMP socket, one JSON object a line (QEMU's `docs/interop/qmp-spec`).
//!
//! The client parses each line with it. It promises to know or to refuse every line, never to panic; events that nobody
//! here waits for are named and dropped, so that a guest that provokes them floods nothing.

use crate::Cause;
use serde_json::Value;

/// One line from QEMU.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// The first line.
    Greeting,
    /// A command's success.
    Return { id: u64, value: Value },
    /// A command's failure, in QEMU's words.
    Error { id: u64, description: String },
    /// Something that somebody may wait for.
    Event(Event),
    /// An event of no interest.
    Ignored,
}

/// The events that this room waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Saving or restoring went on to another status: `completed` and `failed` are the last.
    Migration { status: String },
    /// A device is gone for good, its drive free.
    DeviceDeleted { device: String },
    /// The machine is about to end.
    Shutdown(Cause),
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(line: &[u8]) -> Result<Message, String> {
    let mut value: Value = serde_json::from_slice(line).map_err(|error| format!("a line that is no JSON ({error})"))?;
    let Some(object) = value.as_object_mut() else { return Err("a line that is no object".to_owned()) };
    let id = object.get("id").and_then(Value::as_u64);
    if object.contains_key("QMP") {
        return Ok(Message::Greeting);
    }
    if let Some(name) = object.get("event").and_then(Value::as_str) {
        let data = |key: &str| object.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
        return Ok(event(name, data));
    }
    if let Some(value) = object.remove("return") {
        let id = id.ok_or("an answer to nothing")?;
        return Ok(Message::Return { id, value });
    }
    if let Some(error) = object.get("error") {
        let description = error.get("desc").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
        let id = id.ok_or_else(|| format!("an error without a command: {description}"))?;
        return Ok(Message::Error { id, description });
    }
    Err("an object that is neither answer nor event".to_owned())
}

fn event<'a>(name: &str, data: impl Fn(&str) -> Option<&'a str>) -> Message {
    Message::Event(match name {
        "MIGRATION" => Event::Migration { status: data("status").unwrap_or_default().to_owned() },
        // Without an ID it was not one of ours.
        "DEVICE_DELETED" => match data("device") {
            Some(device) => Event::DeviceDeleted { device: device.to_owned() },
            None => return Message::Ignored,
        },
        "SHUTDOWN" => Event::Shutdown(match data("reason") {
            Some("guest-shutdown") => Cause::GuestPowerOff,
            Some("guest-reset" | "guest-panic" | "subsystem-reset") => Cause::GuestReset,
            Some("host-qmp-quit" | "host-qmp-system-reset") => Cause::Asked,
            _ => Cause::Unknown,
        }),
        _ => return Message::Ignored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn lines_as_qemu_writes_them() {
        let cases = [
            (
                r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}"#,
                Message::Greeting,
            ),
            (r#"{"return": {}, "id": 7}"#, Message::Return { id: 7, value: json!({}) }),
            (
                r#"{"id": 8, "error": {"class": "GenericError", "desc": "Duplicate nodes with node-name='lun1'"}}"#,
                Message::Error { id: 8, description: "Duplicate nodes with node-name='lun1'".into() },
            ),
            (
                r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "MIGRATION", "data": {"status": "completed"}}"#,
                Message::Event(Event::Migration { status: "completed".into() }),
            ),
            (
                r#"{"event": "DEVICE_DELETED", "data": {"device": "disk3", "path": "/machine/peripheral/disk3"}}"#,
                Message::Event(Event::DeviceDeleted { device: "disk3".into() }),
            ),
            (r#"{"event": "DEVICE_DELETED", "data": {"path": "/machine/x"}}"#, Message::Ignored),
            (
                r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#,
                Message::Event(Event::Shutdown(Cause::GuestReset)),
            ),
            (r#"{"event": "RTC_CHANGE", "data": {"offset": 0}}"#, Message::Ignored),
        ];
        for (line, message) in cases {
            assert_eq!(parse(line.as_bytes()), Ok(message), "{line}");
        }
    }

    #[test]
    fn hostile_lines_are_refused_with_a_reason() {
        let deep = "[".repeat(100_000);
        for line in [
            "",
            "null",
            "[]",
            "{",
            "{}",
            r#"{"return": {}}"#,
            r#"{"return": {}, "id": "1"}"#,
            r#"{"return": 1, "id": -1}"#,
            r#"{"error": {"desc": "JSON parse error"}}"#,
            r#"{"event": 3}"#,
            "\u{0}",
            &deep,
        ] {
            assert!(parse(line.as_bytes()).is_err(), "{line:.40}");
        }
        assert!(parse(b"{\"return\": \"\xff\", \"id\": 1}").is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in r#"[{}\[\]":a-z0-9,]{0,200}"#) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
