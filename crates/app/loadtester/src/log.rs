//! Log lines as Flagger's load tester writes them, because people search and alert on them.
//!
//! One line is one JSON object: `level`, `ts`, `msg`, and `canary` where the line is about one. A file and line of the source
//! and stack traces are left out: they would name another program's source.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Debug,
    /// What was done.
    Info,
    /// What was not as it should be, and was worked around.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One JSON object.
    Json,
    /// Columns with tabs between them, for people.
    Console,
}

/// Where lines go. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    least: Level,
    encoding: Encoding,
    sink: Arc<dyn Fn(&str) + Send + Sync>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("least", &self.least)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Lines that matter at least as much as `least`, each given to `sink` without its line end.
    pub fn new(least: Level, encoding: Encoding, sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { least, encoding, sink: Arc::new(sink) }
    }

    pub(crate) fn debug(&self, canary: Option<&str>, message: &str) {
        self.line(Level::Debug, canary, message);
    }

    /// A line about something that was done.
    pub fn info(&self, canary: Option<&str>, message: &str) {
        self.line(Level::Info, canary, message);
    }

    pub(crate) fn warn(&self, canary: Option<&str>, message: &str) {
        self.line(Level::Warn, canary, message);
    }

    pub(crate) fn error(&self, canary: Option<&str>, message: &str) {
        self.line(Level::Error, canary, message);
    }

    fn line(&self, level: Level, canary: Option<&str>, message: &str) {
        if self.least <= level {
            (self.sink)(&line(Timestamp::now(), self.encoding, level, canary, message));
        }
    }
}

fn line(now: Timestamp, encoding: Encoding, level: Level, canary: Option<&str>, message: &str) -> String {
    let time = now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let about = canary.map(|canary| ("canary".to_owned(), Value::from(canary)));
    match encoding {
        Encoding::Json => {
            let fields = [("level", level.name()), ("ts", &time), ("msg", message)];
            let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text)));
            Value::Object(fields.chain(about).collect()).to_string()
        }
        Encoding::Console => {
            let about = about.map(|field| format!("\t{}", Value::Object(Map::from_iter([field]))));
            format!("{time}\t{}\t{message}{}", level.name(), about.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_in_the_order_that_people_know() {
        let now: Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        for (encoding, canary, expected) in [
            (
                Encoding::Json,
                Some("a.b"),
                r#"{"level":"warn","ts":"2026-01-02T03:04:05.678Z","msg":"x\n\"y","canary":"a.b"}"#,
            ),
            (Encoding::Json, None, r#"{"level":"warn","ts":"2026-01-02T03:04:05.678Z","msg":"x\n\"y"}"#),
            (Encoding::Console, Some("a"), "2026-01-02T03:04:05.678Z\twarn\tx\n\"y\t{\"canary\":\"a\"}"),
        ] {
            assert_eq!(line(now, encoding, Level::Warn, canary, "x\n\"y"), expected);
        }
    }

    #[test]
    fn lines_that_matter_less_are_not_written() {
        let lines = Arc::new(parking_lot::Mutex::new(0));
        let count = lines.clone();
        let log = Log::new(Level::Warn, Encoding::Json, move |_| *count.lock() += 1);
        log.debug(None, "");
        log.info(None, "");
        assert_eq!(*lines.lock(), 0);
        log.warn(None, "");
        log.error(None, "");
        assert_eq!(*lines.lock(), 2);
    }
}
