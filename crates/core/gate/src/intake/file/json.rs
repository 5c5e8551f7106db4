//! Rows of JSON, one object on each line.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::FileError;
use super::row::{Row, Texts, checked, too_many};

/// Numbers may be written as numbers or as texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"time\": …, \"metric\": …, \"arm\": …}")]
struct Line {
    time: Value,
    metric: String,
    arm: String,
    #[serde(default)]
    pod: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    step: Value,
    #[serde(default)]
    weight: Value,
    #[serde(default)]
    events: Value,
    #[serde(default)]
    exposure: Value,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    above: Option<BTreeMap<String, u64>>,
}

pub(super) fn read(text: &[u8]) -> Result<Vec<Row>, FileError> {
    let mut rows = Vec::new();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        too_many(&rows)?;
        let number = index as u64 + 1;
        let wrong = |message: String| FileError::Line { line: number, message };
        let read: Line = serde_json::from_slice(line).map_err(|error| {
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            wrong(format!("column {}: {what}", error.column()))
        })?;
        let above = read.above.map(|above| {
            let edge = |(edge, count): (String, u64)| match edge.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok((number, count)),
                _ => Err(wrong(format!("above has the edge {edge:?}: it must be a finite number"))),
            };
            above.into_iter().map(edge).collect::<Result<Vec<_>, _>>()
        });
        let [time, step, weight, events, exposure, value] =
            [read.time, read.step, read.weight, read.events, read.exposure, read.value]
                .map(|value| text_of(&value));
        let texts = Texts {
            line: number,
            time: &time,
            metric: &read.metric,
            arm: &read.arm,
            pod: &read.pod,
            group: &read.group,
            step: &step,
            weight: &weight,
            events: &events,
            exposure: &exposure,
            edge: "",
            value: &value,
            above: above.transpose()?,
        };
        rows.push(texts.row()?);
    }
    checked(rows)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
