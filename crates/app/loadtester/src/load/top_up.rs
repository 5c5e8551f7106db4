//! How many requests are missing: the rate that is wanted, less the one that people make.
//!
//! What Prometheus measures holds our own requests too, so what we have sent in the window of the query is taken off before it
//! is compared. Without that the load would see itself, stop, see nothing, and start again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::Mutex;
use serin_metrics::Sample;
use serin_sources::{Access, Limits, Prometheus};
use tokio::{sync::watch, time::sleep};

use super::{
    ledger::{Ledger, second},
    plan::TopUp,
};

/// How often the rate is read again: four times in a window, but not so often that Prometheus would notice.
const EVERY_MIN: Duration = Duration::from_millis(500);
const EVERY_MAX: Duration = Duration::from_secs(15);
/// One number, soon.
const LIMITS: Limits = Limits {
    tries: 3,
    wait: Duration::from_millis(500),
    try_timeout: Duration::from_secs(5),
    timeout: Duration::from_secs(15),
    bytes_max: 1 << 20,
};

/// What is said of an answer without a number.
pub(crate) const NO_NUMBER: &str =
    "`query`: the answer has no number; is there such a metric, and is it scraped?";

impl TopUp {
    /// Requests per second that are missing when people make `present`.
    pub(crate) fn missing(&self, present: f64) -> f64 {
        (self.target - present).clamp(0.0, self.target)
    }
}

/// The rate that people make now; none when the answer has no number: before the first request there are no series, but
/// there are none either after a restart of Prometheus, while people make requests as before.
pub(crate) async fn present(top_up: &TopUp, ledger: &Mutex<Ledger>) -> Result<Option<f64>, String> {
    let source = Prometheus::new(&top_up.prometheus, &Access::default(), LIMITS);
    let source = source.map_err(|error| format!("`prometheus`: {error}"))?;
    let answer = source.query(&top_up.query, Timestamp::now()).await;
    let answer = answer.map_err(|error| format!("`prometheus`: {error}"))?;
    let measured = number(&answer.body).map_err(|why| format!("`query`: {why}"))?;
    Ok(measured.map(|measured| (measured - ledger.lock().rate(second(), top_up.window)).max(0.0)))
}

/// Keeps the rate at what is missing, and tells what cannot be read.
pub(crate) async fn follow(
    top_up: &TopUp,
    ledger: &Arc<Mutex<Ledger>>,
    rate: &watch::Sender<f64>,
    told: impl Fn(String),
) -> Infallible {
    loop {
        sleep((top_up.window / 4).clamp(EVERY_MIN, EVERY_MAX)).await;
        match present(top_up, ledger).await {
            Ok(Some(present)) => drop(rate.send_replace(top_up.missing(present))),
            Ok(None) => told(NO_NUMBER.to_owned()),
            Err(why) => told(why),
        }
    }
}

/// The rate of an answer; none when it has no number, as without any series or with not-a-number.
fn number(body: &[u8]) -> Result<Option<f64>, String> {
    match serin_metrics::provider::prometheus::read(&String::from_utf8_lossy(body)) {
        Ok(Sample::Value(rate)) if rate.is_finite() => Ok(Some(rate.max(0.0))),
        Ok(Sample::Value(rate)) => Err(format!("its answer is {rate}, which is no rate")),
        Ok(Sample::NoValues(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_read_and_nothing_is_none() {
        let answer = |kind: &str, result: &str| {
            number(
                format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
                    .as_bytes(),
            )
        };
        assert_eq!(answer("vector", r#"[{"metric":{},"value":[1,"42.5"]}]"#), Ok(Some(42.5)));
        assert_eq!(answer("vector", r#"[{"metric":{},"value":[1,"-1"]}]"#), Ok(Some(0.0)));
        assert_eq!(answer("scalar", r#"[1,"3"]"#), Ok(Some(3.0)));
        assert_eq!(answer("vector", "[]"), Ok(None));
        assert_eq!(answer("vector", r#"[{"value":[1,"NaN"]}]"#), Ok(None));
        let several = r#"[{"metric":{"pod":"a"},"value":[1,"1"]},{"metric":{"pod":"b"},"value":[1,"1"]}]"#;
        let error = answer("vector", several).unwrap_err();
        assert!(error.contains("2 series") && error.contains("as with sum"), "{error}");
        assert!(answer("vector", r#"[{"value":[1,"+Inf"]}]"#).unwrap_err().contains("no rate"));
        assert!(answer("matrix", "[]").is_err());
        assert!(number(b"<html>").is_err());
        assert!(number(br#"{"status":"error","error":"parse"}"#).unwrap_err().contains("parse"));
    }

    #[test]
    fn only_what_is_missing_is_added() {
        let window = Duration::from_mins(1);
        let top_up = TopUp { target: 200.0, prometheus: String::new(), query: String::new(), window };
        for (present, expected) in [(0.0, 200.0), (150.0, 50.0), (200.0, 0.0), (900.0, 0.0)] {
            assert!((top_up.missing(present) - expected).abs() < 1e-9, "{present}");
        }
    }
}
