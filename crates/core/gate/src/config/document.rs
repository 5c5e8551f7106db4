//! The shape of gate.yaml, as serde reads it. Whether the values can be is for the rules in `check`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_saphyr::Spanned;
use serin_lang::duration::GoDuration;

use super::ConfigError;
use crate::group::NoWorse;
use crate::policy::Class;

/// A field that may be left out, with its line.
pub(super) type Field<T> = Option<Spanned<T>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    pub(super) block: Field<Seconds>,
    pub(super) history: Field<Seconds>,
    pub(super) lag: Field<Seconds>,
    pub(super) warm_up: Field<Seconds>,
    pub(super) deadline: Field<Seconds>,
    pub(super) scrape_interval: Field<Seconds>,
    pub(super) alpha: Field<f64>,
    pub(super) beta: Field<f64>,
    pub(super) minimum_exposure: Field<u64>,
    pub(super) blackhole: Field<Seconds>,
    pub(super) split: Field<String>,
    pub(super) steps: Field<Vec<Spanned<StepShape>>>,
    pub(super) arms: Field<ArmsShape>,
    pub(super) pod_start: Field<String>,
    pub(super) groups: Field<GroupsShape>,
    pub(super) metrics: Field<Vec<Spanned<MetricShape>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupsShape {
    pub(super) label: Spanned<String>,
    pub(super) members: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) shared: Vec<String>,
    #[serde(default)]
    pub(super) no_worse: NoWorse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepShape {
    pub(super) weight: Spanned<f64>,
    pub(super) minimum: Field<Seconds>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArmsShape {
    pub(super) pod: Field<String>,
    pub(super) stable: Field<BTreeMap<String, String>>,
    pub(super) canary: Field<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MetricShape {
    pub(super) name: Spanned<String>,
    pub(super) kind: Field<KindShape>,
    pub(super) class: Field<Class>,
    pub(super) events: Field<String>,
    pub(super) exposure: Field<String>,
    pub(super) per_pod_time: Field<bool>,
    pub(super) histogram: Field<String>,
    pub(super) thresholds: Field<Vec<f64>>,
    pub(super) edges: Field<Vec<f64>>,
    pub(super) gauge: Field<String>,
    pub(super) offset: Field<f64>,
    pub(super) tolerated: Field<f64>,
    pub(super) margin: Field<f64>,
    pub(super) floor: Field<f64>,
    pub(super) weight: Field<f64>,
    pub(super) down_is_bad: Field<bool>,
    pub(super) share: Field<bool>,
    pub(super) zero_ok: Field<bool>,
    pub(super) maturity: Field<Seconds>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindShape {
    Count,
    Latency,
    Gauge,
}

/// Characters of a line that an error shows.
const SHOWN_CHARS_MAX: usize = 100;

/// What a field must be that holds numbers: what the reader says of another value names a type of Rust.
const NUMBERS: [(&str, &str); 11] = [
    ("minimumExposure", "a whole number of requests, as 50"),
    ("alpha", "a probability, as 0.05"),
    ("beta", "a probability, as 0.05"),
    ("steps.weight", "a share in percent, as 25"),
    ("metrics.tolerated", "a ratio, as 1.1"),
    ("metrics.margin", "a ratio, as 2"),
    ("metrics.floor", "a share of the exposure, as 0.001"),
    ("metrics.weight", "a number, as 1"),
    ("metrics.offset", "a number in the unit of the gauge, as 1.5"),
    ("metrics.edges", "a list of numbers, as [0.1, 0.25, 1]"),
    ("metrics.thresholds", "a list of numbers, as [0.25]"),
];

/// What the field at `path` must be, where `said` is that it is no number.
fn number_at(path: &str, said: &str) -> Option<&'static str> {
    if !said.starts_with("invalid ") && !said.starts_with("expected ") {
        return None;
    }
    let name = |part: &str| part.split('[').next().unwrap_or_default().to_owned();
    let path: Vec<String> = path.split('.').map(name).collect();
    let path = path.join(".");
    NUMBERS.iter().find(|(field, _)| *field == path).map(|(_, wanted)| *wanted)
}

/// Whole seconds, written as a Go duration.
#[derive(Clone, Copy)]
pub(super) struct Seconds(pub(super) u32);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 15s, 10m or 1h30m")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
                if text.parse::<f64>().is_ok() && text != "0" {
                    return Err(E::custom(format!("{text} has no unit: write {text}s for seconds")));
                }
                let nanos = GoDuration::parse(text)
                    .map_err(|error| E::custom(format!("{error}: write it as 15s, 10m or 1h30m")))?
                    .nanos();
                let whole = (nanos % 1_000_000_000 == 0).then_some(nanos / 1_000_000_000);
                whole.and_then(|seconds| u32::try_from(seconds).ok()).map(Seconds).ok_or_else(|| {
                    E::custom(format!(
                        "{text} must be whole seconds, from 0s to 1193046h: write it as 15s or 10m"
                    ))
                })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Seconds, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Seconds, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Seconds, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

pub(super) fn read(text: &str) -> Result<Document, ConfigError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut path = String::new();
    let document = serde_saphyr::with_deserializer_from_str(text, |reader| {
        serde_path_to_error::deserialize(reader).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    });
    document.map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        let said = error.without_snippet().to_string();
        // The place is told once, in our own form.
        let said = said.split(" at line ").next().unwrap_or_default();
        let said = said.strip_prefix(&format!("line {line} ")).unwrap_or(said);
        // A value with its line is read from a structure of its own, which the user did not write.
        let path = if path == "." { String::new() } else { path.replace(".value", "") };
        let wanted = number_at(&path, said).map(|wanted| format!("it must be {wanted}"));
        let said = wanted.as_deref().unwrap_or(said);
        // What cannot be read has no value that could be shown: the line has.
        let shown = usize::try_from(line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
        let shown: String = shown.unwrap_or_default().trim().chars().take(SHOWN_CHARS_MAX).collect();
        let message = if shown.is_empty() { said.to_owned() } else { format!("{said} (in `{shown}`)") };
        ConfigError { line, path, message }
    })
}
