//! Progress as lines of JSON (moby `pkg/jsonmessage`, `pkg/streamformatter`): each line is flushed as it comes, and once one is out a
//! failure is a line too.

use crate::calls::Messages;
use crate::error::Result;
use crate::reply::{self, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use vch_engine::image::view::Progress;

/// moby's `jsonmessage.JSONMessage`.
#[derive(Serialize, Default)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(rename = "progressDetail", skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "errorDetail", skip_serializing_if = "Option::is_none")]
    error_detail: Option<ErrorDetail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aux: Option<Aux<'a>>,
}

/// A tag that was pushed (moby `api/types.PushResult`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aux<'a> {
    tag: &'a str,
    digest: &'a str,
    size: u64,
}

#[derive(Serialize, Default)]
struct Detail {
    #[serde(skip_serializing_if = "is_zero")]
    current: u64,
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    message: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Streams messages. A failure before the first is an ordinary error reply, as dockerd has it for pull.
///
/// # Errors
/// The first message is a failure.
pub(crate) async fn reply(mut messages: Messages) -> Result<Response> {
    let first = match messages.next().await {
        Some(first) => Some(Ok(first?)),
        None => None,
    };
    Ok(begun(stream::iter(first).chain(messages).boxed()))
}

/// Streams messages with every failure as a line, as dockerd has it for load.
pub(crate) fn begun(messages: Messages) -> Response {
    reply::stream("application/json", messages.map(|message| line(&message)))
}

/// A failure as dockerd appends it to a body that has begun.
pub(crate) fn failure(error: &vch_engine::Error) -> Bytes {
    line(&Err(error.clone()))
}

fn line(message: &vch_engine::Result<Progress>) -> Bytes {
    let line = match message {
        Ok(progress) => Line {
            stream: progress.stream.as_deref(),
            status: progress.status.as_deref(),
            detail: detail(progress),
            progress: progress.bar.map(|(current, total)| bar(current, total)).filter(|text| !text.is_empty()),
            id: progress.id.as_deref(),
            aux: progress.pushed.as_ref().map(|p| Aux { tag: &p.tag, digest: &p.digest, size: p.size }),
            ..Line::default()
        },
        Err(error) => Line {
            error_detail: Some(ErrorDetail { message: &error.message }),
            error: Some(&error.message),
            ..Line::default()
        },
    };
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    // As moby: a carriage return too, for people who watch with curl.
    bytes.extend_from_slice(b"\r\n");
    bytes.into()
}

/// dockerd puts a detail, empty or not, on each message about a layer, and none on the headline "Pulling from …".
fn detail(progress: &Progress) -> Option<Detail> {
    match progress.bar {
        None if progress.pushed.is_some() => Some(Detail::default()),
        Some((current, total)) => Some(Detail { current, total }),
        None if progress.id.is_some() && !progress.status.as_deref()?.starts_with("Pulling from ") => {
            Some(Detail::default())
        }
        None => None,
    }
}

/// The bar in plain text, as `JSONProgress.String` draws it for a wide terminal.
fn bar(current: u64, total: u64) -> String {
    if total == 0 {
        return if current == 0 { String::new() } else { format!("{:>8}", human_size(current)) };
    }
    let filled = ((current as f64 / total as f64 * 100.0) as usize / 2).min(50);
    let numbers = if current > total {
        format!("{:>8}", human_size(current))
    } else {
        format!("{:>8}/{}", human_size(current), human_size(total))
    };
    format!("[{}>{}] {numbers}", "=".repeat(filled), " ".repeat(50 - filled))
}

/// Bytes in decimal units with four significant digits (go-units `HumanSize`).
fn human_size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if size < 1000.0 {
            break;
        }
        size /= 1000.0;
        unit = next;
    }
    let whole = size.log10().floor().max(0.0) as usize + 1;
    let shown = format!("{size:.*}", 4usize.saturating_sub(whole));
    let trimmed = if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.') } else { &shown };
    format!("{trimmed}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vch_engine::Error;
    use vch_engine::image::view::Pushed;

    fn text(message: vch_engine::Result<Progress>) -> String {
        String::from_utf8(line(&message).to_vec()).unwrap()
    }

    fn status(id: &str, status: &str, bar: Option<(u64, u64)>) -> Progress {
        let id = (!id.is_empty()).then(|| id.to_owned());
        Progress { id, status: Some(status.into()), bar, ..Progress::default() }
    }

    #[test]
    fn lines_are_as_dockerd_writes_them() {
        for (progress, line) in [
            (
                status("latest", "Pulling from library/busybox", None),
                r#"{"status":"Pulling from library/busybox","id":"latest"}"#,
            ),
            (status("abc", "Pull complete", None), r#"{"status":"Pull complete","progressDetail":{},"id":"abc"}"#),
            (status("", "Digest: sha256:1", None), r#"{"status":"Digest: sha256:1"}"#),
            (
                status("abc", "Downloading", Some((1_500_000, 3_000_000))),
                concat!(
                    r#"{"status":"Downloading","progressDetail":{"current":1500000,"total":3000000},"progress":"["#,
                    "=========================>                         ",
                    r#"]    1.5MB/3MB","id":"abc"}"#
                ),
            ),
            (
                Progress {
                    pushed: Some(Pushed { tag: "a".into(), digest: "sha256:1".into(), size: 527 }),
                    ..Progress::default()
                },
                r#"{"progressDetail":{},"aux":{"Tag":"a","Digest":"sha256:1","Size":527}}"#,
            ),
            (
                Progress { stream: Some("Loaded image: a:b\n".into()), ..Progress::default() },
                r#"{"stream":"Loaded image: a:b\n"}"#,
            ),
        ] {
            assert_eq!(text(Ok(progress)), format!("{line}\r\n"));
        }
        assert_eq!(
            text(Err(Error::system("no space left"))),
            "{\"errorDetail\":{\"message\":\"no space left\"},\"error\":\"no space left\"}\r\n"
        );
    }

    #[test]
    fn sizes_are_in_go_units() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1536, "1.536kB"),
            (2_230_000, "2.23MB"),
            (123_456_789, "123.5MB"),
        ] {
            assert_eq!(human_size(bytes), text);
        }
    }

    #[test]
    fn bars_with_odd_numbers_do_not_overflow() {
        assert_eq!(bar(0, 0), "");
        assert_eq!(bar(5, 0), "      5B");
        assert!(bar(u64::MAX, 1).ends_with("EB"));
        assert!(bar(10, 5).contains("==================================================>] "));
    }

    #[tokio::test]
    async fn a_failure_before_the_first_line_is_a_status() {
        let messages = stream::iter([Err(Error::not_found("no such image"))]).boxed();
        assert_eq!(reply(messages).await.unwrap_err().status, 404);
        assert_eq!(reply(stream::empty().boxed()).await.unwrap().status(), 200);
    }
}
