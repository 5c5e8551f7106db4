//! Log lines in the form of Flagger's, because people search and alert on them: `level`, `ts`, `msg`, and `canary` where a line
//! is about one.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde_json::{Map, Value};
use serin_api::kinds::CANARY;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zap {
    /// One JSON object.
    Json,
    /// Columns with tabs between them, for people.
    Console,
}

impl<S, N> FormatEvent<S, N> for Zap
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        writeln!(writer, "{}", said.line(*self, *event.metadata().level(), Timestamp::now()))
    }
}

/// What a line says.
#[derive(Default)]
struct Said {
    message: String,
    others: BTreeMap<&'static str, Value>,
}

impl Said {
    fn line(mut self, form: Zap, level: Level, now: Timestamp) -> String {
        let canary = self.others.get("object").and_then(Value::as_str).and_then(canary);
        if let Some(canary) = canary {
            self.others.remove("object");
            self.others.insert("canary", canary.into());
        }
        let time = now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let level = level.as_str().to_ascii_lowercase();
        let others = self.others.into_iter().map(|(name, value)| (name.to_owned(), value));
        match form {
            Zap::Json => {
                let fields = [("level", level), ("ts", time), ("msg", self.message)];
                let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text)));
                Value::Object(fields.chain(others).collect()).to_string()
            }
            Zap::Console => {
                let others: Map<String, Value> = others.collect();
                let others =
                    if others.is_empty() { String::new() } else { format!("\t{}", Value::Object(others)) };
                format!("{time}\t{level}\t{}{others}", self.message)
            }
        }
    }
}

/// `podinfo.test` of the key of a Canary.
fn canary(key: &str) -> Option<String> {
    let (namespace, name) = key.strip_prefix(&format!("{CANARY} "))?.split_once('/')?;
    Some(format!("{name}.{namespace}"))
}

impl Visit for Said {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.insert(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.insert(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.insert(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.insert(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.others.insert(field.name(), value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::{self, Write},
        sync::Arc,
    };

    use parking_lot::Mutex;

    use super::*;

    /// Where a test's lines go.
    #[derive(Clone, Default)]
    pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        /// Writes lines here in a form.
        pub(crate) fn subscriber(&self, form: Zap) -> impl Subscriber + Send + Sync + 'static {
            let to = self.clone();
            tracing_subscriber::fmt().event_format(form).with_writer(move || to.clone()).finish()
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(form: Zap, say: impl FnOnce()) -> String {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.subscriber(form), say);
        lines.text()
    }

    #[test]
    fn a_line_has_the_keys_that_people_know() {
        let key = CANARY.key("test", "podinfo");
        let said = "Advance podinfo.test canary weight 10";
        let line = written(Zap::Json, || tracing::warn!(object = %key, count = 3, "{said}"));
        let line: Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["level", "ts", "msg", "canary", "count"]);
        assert_eq!((&line["level"], &line["msg"]), (&"warn".into(), &said.into()));
        assert_eq!((&line["canary"], &line["count"]), (&"podinfo.test".into(), &3.into()));
        let other = serin_api::kinds::SERVICE.key("test", "podinfo");
        let line = written(Zap::Json, || tracing::info!(object = %other, "a\n\"b"));
        let line: Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!((&line["msg"], &line["object"]), (&"a\n\"b".into(), &other.to_string().into()));
    }

    #[test]
    fn for_people_there_are_columns() {
        let now: Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        let others = [("object", Value::from(CANARY.key("test", "podinfo").to_string()))];
        let said = Said { message: "x".to_owned(), others: others.into() };
        let line = said.line(Zap::Console, Level::INFO, now);
        assert_eq!(line, "2026-01-02T03:04:05.678Z\tinfo\tx\t{\"canary\":\"podinfo.test\"}");
        let said = Said { message: "x".to_owned(), others: BTreeMap::new() };
        assert_eq!(said.line(Zap::Console, Level::ERROR, now), "2026-01-02T03:04:05.678Z\terror\tx");
    }
}
