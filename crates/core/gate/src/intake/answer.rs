//! What Prometheus answers to a question for raw samples: JSON to series.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::native::{Native, Shape};

/// One series: its labels, and what was scraped of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its labels, with the name of the metric as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Milliseconds since 1970 and the value.
    pub samples: Vec<(i64, f64)>,
    /// Milliseconds since 1970 and the native histogram.
    pub histograms: Vec<(i64, Native)>,
}

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not what Prometheus answers.
    #[error("the answer is not one of Prometheus: {0}")]
    Unreadable(String),
    /// Prometheus says that something is wrong.
    #[error("Prometheus says: {0}")]
    Refused(String),
    /// The answer is of another type.
    #[error(
        "the answer is a {have:?}, and a {wanted:?} is needed: raw samples are those of a selector with a range"
    )]
    Type {
        /// What it is.
        have: String,
        /// What it must be.
        wanted: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(expecting = "an object with status and data")]
struct Answer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with resultType and result")]
struct Data {
    result_type: String,
    #[serde(default)]
    result: Box<serde_json::value::RawValue>,
}

#[derive(Deserialize)]
#[serde(expecting = "a series (an object)")]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, Shape)>,
}

/// Whether an answer to a query without a window has any series in it.
///
/// # Errors
/// [`AnswerError`].
pub fn any(body: &[u8]) -> Result<bool, AnswerError> {
    let result = result(body, "vector")?;
    let rows: Vec<serde::de::IgnoredAny> =
        serde_json::from_str(result.get()).map_err(|error| unreadable(&error))?;
    Ok(!rows.is_empty())
}

/// The series of an answer.
///
/// # Errors
/// [`AnswerError`].
pub fn series(body: &[u8]) -> Result<Vec<Series>, AnswerError> {
    let rows: Vec<Row> =
        serde_json::from_str(result(body, "matrix")?.get()).map_err(|error| unreadable(&error))?;
    rows.into_iter().map(of_row).collect()
}

fn unreadable(error: &serde_json::Error) -> AnswerError {
    AnswerError::Unreadable(error.to_string())
}

/// What an answer of type `wanted` holds.
fn result(body: &[u8], wanted: &'static str) -> Result<Box<serde_json::value::RawValue>, AnswerError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if answer.status != "success" {
        let said = answer.error.unwrap_or_else(|| format!("its status is {:?}", answer.status));
        return Err(AnswerError::Refused(said));
    }
    let data = answer.data.ok_or_else(|| AnswerError::Unreadable("it has no data".to_owned()))?;
    if data.result_type != wanted {
        return Err(AnswerError::Type { have: data.result_type, wanted });
    }
    Ok(data.result)
}

fn of_row(row: Row) -> Result<Series, AnswerError> {
    let samples = row.values.iter().map(|(at, text)| Ok((milliseconds(*at)?, number(text)?)));
    let samples = samples.collect::<Result<Vec<_>, _>>()?;
    let histogram = |(at, shape): (f64, Shape)| Ok((milliseconds(at)?, Native::of(&shape)?));
    let histograms = row.histograms.into_iter().map(histogram).collect::<Result<Vec<_>, _>>()?;
    Ok(Series { labels: row.metric, samples, histograms })
}

fn milliseconds(seconds: f64) -> Result<i64, AnswerError> {
    let ms = (seconds * 1000.0).round();
    // The year 9999.
    if ms.abs() < 253_402_300_800_000.0 {
        return Ok(ms as i64);
    }
    Err(AnswerError::Unreadable(format!("{seconds} is no time in seconds since 1970")))
}

pub(super) fn number(text: &str) -> Result<f64, AnswerError> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" | "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        text => text.parse().map_err(|_| AnswerError::Unreadable(format!("{text:?} is no number"))),
    }
}
