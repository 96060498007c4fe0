//! The daemon's log: lines on standard error in dockerd's form, `time="…" level=info msg="…" key=value`.
//!
//! The level can be changed while the daemon runs (SIGHUP).

use crate::config::Level;
use std::fmt::{self, Write as _};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

/// Changes the level later.
pub(crate) struct Dial(reload::Handle<Targets, Registry>);

impl Dial {
    /// From now on logs at `level`.
    pub(crate) fn turn(&self, level: Level) {
        // Fails only when the subscriber is gone, and with it every listener.
        let _ = self.0.reload(targets(level));
    }
}

/// Sets the log up; to be called once.
pub(crate) fn set_up(level: Level) -> Dial {
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer().event_format(Logfmt).with_writer(std::io::stderr);
    // A second set-up, in tests, leaves the first one standing.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Dial(handle)
}

/// Ours at the level asked for, the libraries' only when they warn.
fn targets(level: Level) -> Targets {
    let (ours, libraries) = match level {
        Level::Fatal => (LevelFilter::OFF, LevelFilter::OFF),
        Level::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        Level::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        Level::Info => (LevelFilter::INFO, LevelFilter::WARN),
        Level::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
    };
    Targets::new().with_default(libraries).with_target("vch", ours)
}

/// One event, one line.
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warning",
            tracing::Level::INFO => "info",
            _ => "debug",
        };
        writer.write_str("time=\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\" level={level}")?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(writer, " msg={}{}", quoted(&fields.message), fields.rest)
    }
}

/// The fields of an event, the message apart.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-._/@^+:".contains(c));
            let shown = if plain { value.to_owned() } else { quoted(value) };
            let _ = write!(self.rest, " {}={shown}", field.name());
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

/// In quotes and on one line: what a guest, a client or a registry said can make no line of its own, nor speak to the
/// terminal.
fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let lines = tracing_subscriber::fmt::layer().event_format(Logfmt).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(targets(level)).with(lines), log);
        String::from_utf8(sink.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }

    #[test]
    fn lines_look_like_dockerds() {
        let text = logged(Level::Info, || {
            tracing::warn!(host = %"tcp://localhost:1", count = 3, name = "a \"b\"\u{1b}[31m", "say \"hi\"\nlevel=fatal");
            tracing::debug!("not at this level");
        });
        let (time, rest) = text.split_once(" level=").unwrap();
        assert!(time.starts_with("time=\"20") && time.ends_with("Z\""), "{time}");
        assert_eq!(
            rest,
            "warning msg=\"say \\\"hi\\\"\\nlevel=fatal\" host=tcp://localhost:1 count=3 name=\"a \\\"b\\\"\\u{1b}[31m\"\n"
        );
    }

    #[test]
    fn libraries_are_quieter_than_ours() {
        let both = || {
            tracing::info!(target: "vch_engine::verbs", "ours");
            tracing::info!(target: "hyper", "theirs");
        };
        assert_eq!(logged(Level::Info, both).lines().count(), 1);
        assert_eq!(logged(Level::Debug, both).lines().count(), 2);
        assert_eq!(logged(Level::Warn, both), "");
    }
}
