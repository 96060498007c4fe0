//! Dockerfile instructions that change an image's configuration: `import --change` and `commit --change`.
//!
//! Those that dockerd takes there (moby `builder/dockerfile/dispatchers.go`, `validCommitCommands`).

use crate::error::{Error, Result};
use vch_images::image::{Healthcheck, RunConfig};

/// Applies instructions in order.
///
/// # Errors
/// An instruction that is unknown, not allowed here or malformed.
pub(crate) fn apply(config: &mut RunConfig, changes: &[String]) -> Result<()> {
    let mut has_cmd = false;
    changes
        .iter()
        .flat_map(|change| change.lines())
        .filter(|line| !line.trim().is_empty())
        .try_for_each(|line| one(config, line, &mut has_cmd))
}

/// `has_cmd`: whether a `CMD` came before, which an entry point leaves alone then.
fn one(config: &mut RunConfig, line: &str, has_cmd: &mut bool) -> Result<()> {
    let line = line.trim();
    let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let upper = instruction.to_ascii_uppercase();
    let missing = || Error::invalid(format!("{upper} requires at least one argument"));
    if rest.is_empty() && upper != "CMD" && upper != "ENTRYPOINT" {
        return Err(missing());
    }
    match upper.as_str() {
        "CMD" => {
            config.cmd = Some(command(config, rest));
            *has_cmd = true;
        }
        "ENTRYPOINT" => {
            config.entrypoint = Some(command(config, rest));
            if !*has_cmd {
                config.cmd = None;
            }
        }
        "ENV" => {
            for (name, value) in pairs(rest)? {
                let prefix = format!("{name}=");
                let set = format!("{prefix}{value}");
                match config.env.iter_mut().find(|known| known.starts_with(&prefix)) {
                    Some(known) => *known = set,
                    None => config.env.push(set),
                }
            }
        }
        "LABEL" => config.labels.extend(pairs(rest)?),
        "EXPOSE" => {
            for port in words(rest)? {
                config.exposed_ports.insert(if port.contains('/') { port } else { format!("{port}/tcp") });
            }
        }
        "VOLUME" => config.volumes.extend(list(rest)?),
        "USER" => config.user = rest.to_owned(),
        "WORKDIR" => config.working_dir = join(&config.working_dir, &words(rest)?.concat()),
        "STOPSIGNAL" => {
            crate::verbs::parse_signal(rest)?;
            config.stop_signal = rest.to_owned();
        }
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        "HEALTHCHECK" => config.healthcheck = Some(health(rest)?),
        _ => return Err(Error::invalid(format!("{} is not a valid change command", instruction.to_ascii_lowercase()))),
    }
    Ok(())
}

/// A JSON list of strings, if it is one.
fn json(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// Exec form as it is, shell form behind the shell.
fn command(config: &RunConfig, text: &str) -> Vec<String> {
    json(text).unwrap_or_else(|| {
        let shell = config.shell.clone().unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
        shell.into_iter().chain([text.to_owned()]).collect()
    })
}

/// A JSON list, or words.
fn list(text: &str) -> Result<Vec<String>> {
    json(text).map_or_else(|| words(text), Ok)
}

/// `a=b "c d"=e`, or the old `name the rest`.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let words = words(text)?;
    if words.first().is_some_and(|first| !first.contains('=')) {
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        return Ok(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| {
        let (name, value) = word.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let parsed: Option<Vec<_>> = words.iter().map(pair).collect();
    parsed.ok_or_else(|| {
        Error::invalid(format!("Syntax error - can't find = in \"{text}\". Must be of the form: name=value"))
    })
}

/// Words with quotes and backslashes resolved.
fn words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().push(letters.next().unwrap_or('\\')),
            (q, Some(open)) if q == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    if quote.is_some() {
        return Err(Error::invalid(format!("unexpected end of statement while looking for matching quote in {text}")));
    }
    words.extend(word);
    Ok(words)
}

fn join(base: &str, path: &str) -> String {
    match (path.starts_with('/'), base.trim_end_matches('/')) {
        (true, _) => path.to_owned(),
        (false, base) => format!("{base}/{path}"),
    }
}

fn health(text: &str) -> Result<Healthcheck> {
    let bad = |what: &str| Error::invalid(format!("HEALTHCHECK: {what}"));
    let mut check = Healthcheck::default();
    let mut rest = text;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) =
            flag.split_once(char::is_whitespace).ok_or_else(|| bad("a type is missing: CMD or NONE"))?;
        let (name, value) = flag.split_once('=').ok_or_else(|| bad("a flag needs a value"))?;
        let nanoseconds =
            || crate::verbs::prune::go_duration(value).ok_or_else(|| bad(&format!("invalid duration \"{value}\"")));
        match name {
            "interval" => check.interval = nanoseconds()?,
            "timeout" => check.timeout = nanoseconds()?,
            "start-period" => check.start_period = nanoseconds()?,
            "start-interval" => check.start_interval = nanoseconds()?,
            "retries" => check.retries = value.parse().map_err(|_| bad("--retries needs a number"))?,
            _ => return Err(bad(&format!("unknown flag: {name}"))),
        }
        rest = after.trim_start();
    }
    let (kind, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    check.test = match (kind.to_ascii_uppercase().as_str(), command.trim()) {
        ("NONE", "") => vec!["NONE".into()],
        ("CMD", "") => return Err(bad("missing command after CMD")),
        ("CMD", command) => match json(command) {
            Some(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
            None => vec!["CMD-SHELL".into(), command.to_owned()],
        },
        (other, _) => return Err(bad(&format!("unknown type {other:?} (try CMD)"))),
    };
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: &[&str]) -> RunConfig {
        let mut config = RunConfig::default();
        apply(&mut config, &changes.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()).unwrap();
        config
    }

    #[test]
    fn commands_come_in_two_forms() {
        assert_eq!(after(&["CMD [\"a\", \"b c\"]"]).cmd.unwrap(), ["a", "b c"]);
        assert_eq!(after(&["cmd a b"]).cmd.unwrap(), ["/bin/sh", "-c", "a b"]);
        // An entry point takes away the command that was there before, and not one that came with it.
        let config = after(&["CMD [\"x\"]", "ENTRYPOINT [\"e\"]"]);
        assert_eq!((config.entrypoint.unwrap(), config.cmd.unwrap()), (vec!["e".to_owned()], vec!["x".to_owned()]));
        let mut config = after(&["CMD x"]);
        apply(&mut config, &["ENTRYPOINT [\"e\"]".to_owned()]).unwrap();
        assert_eq!(config.cmd, None);
    }

    #[test]
    fn the_other_instructions_are_taken() {
        let config = after(&[
            "ENV A=1 B=\"two words\"",
            "ENV A 3 and more",
            "LABEL k=v \"l\"='w x'",
            "EXPOSE 80 53/udp",
            "VOLUME [\"/a\"]",
            "VOLUME /b /c",
            "WORKDIR /srv",
            "WORKDIR app",
            "USER nobody",
            "STOPSIGNAL SIGINT",
            "HEALTHCHECK --interval=5s --retries=2 CMD true",
        ]);
        assert_eq!(config.env, ["A=3 and more", "B=two words"]);
        assert_eq!(config.labels["l"], "w x");
        assert_eq!(config.exposed_ports.iter().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!(config.volumes.len(), 3);
        assert_eq!((config.working_dir.as_str(), config.user.as_str()), ("/srv/app", "nobody"));
        let health = config.healthcheck.unwrap();
        assert_eq!(
            (health.test, health.interval, health.retries),
            (vec!["CMD-SHELL".into(), "true".into()], 5_000_000_000, 2)
        );
    }

    #[test]
    fn bad_instructions_are_named() {
        for bad in
            ["FROM x", "RUN x", "ENV", "ENV A=1 B", "LABEL \"open", "STOPSIGNAL nope", "SHELL sh", "HEALTHCHECK CMD"]
        {
            assert!(apply(&mut RunConfig::default(), &[bad.to_owned()]).is_err(), "{bad}");
        }
        let error = apply(&mut RunConfig::default(), &["RUN x".to_owned()]).unwrap_err();
        assert_eq!(error.message, "run is not a valid change command");
    }
}
