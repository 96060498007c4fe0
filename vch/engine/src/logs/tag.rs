//! The `tag` of a log: a Go template over what dockerd knows of the container (moby `daemon/logger/loginfo.go`), of which
//! text and plain fields such as `{{.Name}}` are done.

use crate::container::record::Record;
use crate::error::{Error, Result};

/// dockerd's default, where a driver has one.
pub(crate) const DEFAULT: &str = "{{.ID}}";

/// Refuses what is a template in Go and not done here; what Go would refuse itself is told at the start, as in dockerd.
///
/// # Errors
/// Pipelines, functions, conditions.
pub(crate) fn check(template: &str) -> Result<()> {
    for (_, action) in actions(template).into_iter().flatten() {
        let plain = |rest: &str| {
            rest.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !action.strip_prefix('.').is_some_and(plain) {
            return Err(Error::not_implemented(format!(
                "HostConfig.LogConfig.Config \"tag\" is not supported with {{{{{action}}}}}: only with fields such as {{{{.Name}}}}"
            )));
        }
    }
    Ok(())
}

/// The tag of this container.
///
/// # Errors
/// Go's words for a template without an end and for a field that there is not.
pub(crate) fn of(template: &str, record: &Record) -> Result<String> {
    let mut text = String::new();
    let mut from = 0;
    let all = actions(template).ok_or_else(|| Error::invalid("template: log-tag:1: unclosed action"))?;
    for (span, action) in all {
        text.push_str(&template[from..span.start]);
        let value = field(action, record).ok_or_else(|| {
            let column = span.start + template[span.clone()].find('.').unwrap_or_default();
            Error::invalid(format!(
                "template: log-tag:1:{column}: executing \"log-tag\" at <{action}>: can't evaluate field {} in type \
                 *logger.Info",
                action.trim_start_matches('.')
            ))
        })?;
        text.push_str(&value);
        from = span.end;
    }
    text.push_str(&template[from..]);
    Ok(text)
}

/// The template's actions and where they stand; none if one has no end.
fn actions(template: &str) -> Option<Vec<(std::ops::Range<usize>, &str)>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = template[from..].find("{{").map(|at| from + at) {
        let end = template[start..].find("}}").map(|at| start + at + 2)?;
        found.push((start..end, template[start + 2..end - 2].trim()));
        from = end;
    }
    Some(found)
}

fn field(action: &str, record: &Record) -> Option<String> {
    let cut = |text: &str| text.chars().take(12).collect();
    let words = || record.command.join(" ");
    Some(match action {
        ".ID" => cut(&record.id),
        ".FullID" | ".ContainerID" => record.id.clone(),
        ".Name" => record.name.clone(),
        ".ContainerName" => format!("/{}", record.name),
        ".ImageID" => cut(&record.image_id),
        ".ImageFullID" | ".ContainerImageID" => record.image_id.clone(),
        ".ImageName" | ".ContainerImageName" => record.spec.image.clone(),
        ".ContainerEntrypoint" => record.command.first().cloned().unwrap_or_default(),
        ".Command" => words(),
        ".Hostname" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        ".DaemonName" => "docker".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::ContainerSpec;

    fn record() -> Record {
        let spec = ContainerSpec {
            image: "busybox:1".into(),
            cmd: Some(vec!["echo".into(), "hi".into()]),
            ..Default::default()
        };
        Record::new("abcdef0123456789".into(), "web".into(), "sha256:0123456789".into(), String::new(), spec)
    }

    #[test]
    fn fields_are_filled_in() {
        let tag = of("{{.ImageName}}/{{ .Name }}/{{.ID}} {{.Command}} {{.ImageID}}", &record()).unwrap();
        assert_eq!(tag, "busybox:1/web/abcdef012345 echo hi sha256:01234");
        assert_eq!(of("plain", &record()).unwrap(), "plain");
    }

    #[test]
    fn what_go_refuses_is_told_in_its_words_and_what_is_not_done_by_name() {
        let words = |template: &str| of(template, &record()).unwrap_err().message;
        assert_eq!(words("{{"), "template: log-tag:1: unclosed action");
        assert_eq!(
            words("{{.Nope}}"),
            "template: log-tag:1:2: executing \"log-tag\" at <.Nope>: can't evaluate field Nope in type *logger.Info"
        );
        assert!(check("{{.Nope}} {{").is_ok());
        for template in ["{{json .}}", "{{if .Name}}x{{end}}", "{{ .Name | printf }}"] {
            assert!(check(template).unwrap_err().message.contains("\"tag\" is not supported"), "{template}");
        }
    }
}
