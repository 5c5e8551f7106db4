//! Whether what was measured is within its limits, and what an event says when it is not.
//!
//! The words are Flagger's, held by its recordings. One thing differs: where two digits behind the point hide why a value
//! is beyond its limit (`5.00 > 5`), all of them are written.

use serin_api::flagger::CanaryMetric;
use serin_lang::duration::GoDuration;
use serin_lang::float;

use crate::builtin::{Builtin, Source};
use crate::{Error, Sample};

/// What is said of a metric that has neither a known name nor a query.
pub const UNUSABLE: &str = "Metric query failed for no usable metrics template and query were configured";

/// How a metric was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// By its name.
    Builtin(Builtin, &'a Source),
    /// By a query in place.
    Inline,
    /// By a template.
    Template,
}

impl Asked<'_> {
    /// What values are counted in; empty where nobody says it.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Builtin(Builtin::SuccessRate, _) => "%",
            Self::Builtin(Builtin::Duration, _) => " ms",
            Self::Inline | Self::Template => "",
        }
    }
}

/// A metric of a Canary.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The metric.
    pub metric: &'a CanaryMetric,
    /// How it was asked for.
    pub asked: Asked<'a>,
    /// Name of the Canary.
    pub canary: &'a str,
    /// Name of the workload.
    pub target: &'a str,
    /// Their namespace.
    pub namespace: &'a str,
}

/// What comes of a check.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Verdict {
    /// The value is within its limits.
    pub passed: bool,
    /// The value, if there was one.
    pub value: Option<f64>,
    /// What a Warning says, when the check has failed.
    pub event: Option<String>,
}

impl Check<'_> {
    /// The verdict on what came of the question.
    pub fn judge(&self, outcome: &Result<Sample, Error>) -> Verdict {
        match outcome {
            Ok(Sample::Value(value)) => {
                let event = self
                    .beyond(*value)
                    .map(|what| format!("Halt {}.{} advancement {what}", self.canary, self.namespace));
                Verdict { passed: event.is_none(), value: Some(*value), event }
            }
            Ok(Sample::NoValues(reason)) => failed(self.without_value(reason)),
            Err(error) => self.failed(error),
        }
    }

    /// The verdict when there was no question: its template could not be rendered, or its secret not be read.
    pub fn failed(&self, why: &dyn std::fmt::Display) -> Verdict {
        let name = &self.metric.name;
        failed(match self.asked {
            Asked::Builtin(_, source) => {
                format!("Prometheus query failed: {}", source.no_values(&why.to_string()))
            }
            Asked::Inline => format!("Prometheus query failed for {name}: {why}"),
            Asked::Template => format!("Metric query failed for {name}: {why}"),
        })
    }

    fn without_value(&self, reason: &str) -> String {
        let Self { metric, target, namespace, .. } = self;
        let name = &metric.name;
        let halt = "Halt advancement no values found for";
        match self.asked {
            Asked::Builtin(_, source) => format!(
                "{halt} {} metric {name} probably {target}.{namespace} is not receiving traffic: {}",
                source.as_str(),
                source.no_values(reason)
            ),
            Asked::Inline if reason == Sample::NO_VALUES => format!("{halt} metric: {name}"),
            Asked::Inline => format!("{halt} metric: {name}: {reason}"),
            Asked::Template => format!("{halt} custom metric: {name}: {reason}"),
        }
    }

    /// The lowest and the highest good value.
    #[must_use]
    pub fn limits(&self) -> (Option<f64>, Option<f64>) {
        match (&self.metric.threshold_range, self.metric.threshold) {
            (Some(range), _) => (range.min, range.max),
            // The older form is the lowest rate of success, and the highest of anything else; nothing is 0.
            (None, limit) if self.is(Builtin::SuccessRate) => (Some(limit.unwrap_or(0.0)), None),
            (None, limit) => (None, Some(limit.unwrap_or(0.0))),
        }
    }

    /// How the value is beyond its limits.
    fn beyond(&self, value: f64) -> Option<String> {
        let (min, max) = self.limits();
        let (name, print): (&str, Print) = match self.asked {
            Asked::Builtin(Builtin::SuccessRate, _) => ("success rate", |value, limit, is_beyond| {
                (format!("{}%", telling(value, limit, is_beyond)), format!("{}%", float::shortest(limit)))
            }),
            Asked::Builtin(Builtin::Duration, _) => {
                ("request duration", |value, limit, _| (milliseconds(value), milliseconds(limit)))
            }
            _ => (&self.metric.name, |value, limit, is_beyond| {
                (telling(value, limit, is_beyond), float::shortest(limit))
            }),
        };
        let whole = |number: f64| if self.is(Builtin::Duration) { number.trunc() } else { number };
        let sides: [(Option<f64>, &str, Beyond); 2] =
            [(min, "<", |value, limit| value < limit), (max, ">", |value, limit| limit < value)];
        sides.into_iter().find_map(|(limit, sign, is_beyond)| {
            let (value, limit) = (whole(value), whole(limit?));
            // Not a number is beyond everything.
            if !value.is_nan() && !is_beyond(value, limit) {
                return None;
            }
            let (value, limit) = print(value, limit, is_beyond);
            Some(format!("{name} {value} {sign} {limit}"))
        })
    }

    fn is(&self, builtin: Builtin) -> bool {
        matches!(self.asked, Asked::Builtin(asked, _) if asked == builtin)
    }
}

type Beyond = fn(f64, f64) -> bool;
type Print = fn(f64, f64, Beyond) -> (String, String);

fn failed(event: String) -> Verdict {
    Verdict { passed: false, value: None, event: Some(event) }
}

/// With two digits behind the point, if those show that it is beyond the limit.
fn telling(value: f64, limit: f64, is_beyond: Beyond) -> String {
    let text = float::fixed(value, 2);
    let is_shown = text.parse().is_ok_and(|shown: f64| is_beyond(shown, limit));
    if is_shown { text } else { float::shortest(value) }
}

/// Whole milliseconds as Go prints a duration.
fn milliseconds(value: f64) -> String {
    const NANOS: f64 = 1e6;
    let nanos = value * NANOS;
    // Beyond what a duration holds, which is 292 years.
    if !nanos.is_finite() || nanos.abs() >= 9e18 {
        return format!("{}ms", float::shortest(value));
    }
    GoDuration::from_nanos(nanos as i64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serin_api::flagger::{Canary, CanarySpec, ThresholdRange};

    fn source() -> Source {
        let spec = CanarySpec { provider: "istio".into(), ..CanarySpec::default() };
        Source::of(&Canary { spec, ..Canary::default() }, "")
    }

    fn said(asked: Asked<'_>, metric: &CanaryMetric, outcome: &Result<Sample, Error>) -> Option<String> {
        let check = Check { metric, asked, canary: "podinfo", target: "web", namespace: "shop" };
        let verdict = check.judge(outcome);
        assert_eq!(verdict.passed, verdict.event.is_none());
        verdict.event
    }

    fn within(min: Option<f64>, max: Option<f64>) -> CanaryMetric {
        let threshold_range = Some(ThresholdRange { min, max, ..ThresholdRange::default() });
        CanaryMetric { name: "my-metric".into(), threshold_range, ..CanaryMetric::default() }
    }

    #[test]
    fn limits_are_inclusive_and_what_is_beyond_them_is_told_as_recorded() {
        let source = source();
        let rate = Asked::Builtin(Builtin::SuccessRate, &source);
        let duration = Asked::Builtin(Builtin::Duration, &source);
        let custom = Asked::Inline;
        let inf = f64::INFINITY;
        for (asked, min, max, value, wanted) in [
            (rate, Some(99.0), None, 95.5, "success rate 95.50% < 99%"),
            (rate, Some(99.0), None, 1.0, "success rate 1.00% < 99%"),
            (rate, Some(99.0), None, 98.999, "success rate 98.999% < 99%"),
            (rate, Some(99.0), None, 99.0, ""),
            (rate, None, Some(99.5), 100.0, "success rate 100.00% > 99.5%"),
            (duration, None, Some(500.0), 1515.7, "request duration 1.515s > 500ms"),
            (duration, None, Some(500.0), 500.9, ""),
            (duration, None, Some(0.5), 1.0, "request duration 1ms > 0s"),
            (duration, Some(20.0), None, 3.0, "request duration 3ms < 20ms"),
            (duration, None, Some(500.0), inf, "request duration +Infms > 500ms"),
            (custom, None, Some(5.0), 999.0, "my-metric 999.00 > 5"),
            (custom, None, Some(5.0), 5.0, ""),
            (custom, None, Some(5.0), inf, "my-metric +Inf > 5"),
            (custom, None, Some(5.0), 5.0001, "my-metric 5.0001 > 5"),
            (custom, Some(0.1), None, 0.05, "my-metric 0.05 < 0.1"),
            (custom, Some(1e6), None, 5.0, "my-metric 5.00 < 1e+06"),
            (custom, Some(1.0), Some(2.0), 3.0, "my-metric 3.00 > 2"),
            (custom, None, None, 3.0, ""),
            (custom, None, Some(1.0), f64::NAN, "my-metric NaN > 1"),
        ] {
            let have = said(asked, &within(min, max), &Ok(Sample::Value(value))).unwrap_or_default();
            let wanted = if wanted.is_empty() {
                String::new()
            } else {
                format!("Halt podinfo.shop advancement {wanted}")
            };
            assert_eq!(have, wanted, "{value} in {min:?} to {max:?}");
        }
    }

    #[test]
    fn the_older_limit_is_lowest_for_success_and_highest_for_all_else() {
        let source = source();
        let metric = |limit| CanaryMetric { name: "m".into(), threshold: limit, ..CanaryMetric::default() };
        for (asked, limit, value, passes) in [
            (Asked::Builtin(Builtin::SuccessRate, &source), Some(99.0), 98.0, false),
            (Asked::Builtin(Builtin::SuccessRate, &source), Some(99.0), 100.0, true),
            (Asked::Builtin(Builtin::SuccessRate, &source), None, 0.0, true),
            (Asked::Builtin(Builtin::Duration, &source), Some(500.0), 501.0, false),
            (Asked::Template, Some(2.0), 1.0, true),
            (Asked::Template, None, 0.1, false),
            (Asked::Template, None, 0.0, true),
        ] {
            let have = said(asked, &metric(limit), &Ok(Sample::Value(value)));
            assert_eq!(have.is_none(), passes, "{asked:?} {limit:?} {value}: {have:?}");
        }
    }

    #[test]
    fn no_values_and_errors_are_told_as_recorded() {
        let source = source();
        let metric = within(None, Some(1.0));
        for (asked, outcome, wanted) in [
            (
                Asked::Builtin(Builtin::SuccessRate, &source),
                Ok(Sample::none()),
                "Halt advancement no values found for istio metric my-metric probably web.shop is not receiving \
                 traffic: running query failed: no values found",
            ),
            (Asked::Inline, Ok(Sample::none()), "Halt advancement no values found for metric: my-metric"),
            (
                Asked::Inline,
                Err(Error::MultipleValues),
                "Prometheus query failed for my-metric: query returned multiple values",
            ),
            (
                Asked::Template,
                Err(Error::Unanswered("no route".into())),
                "Metric query failed for my-metric: request failed: no route",
            ),
        ] {
            assert_eq!(said(asked, &metric, &outcome).as_deref(), Some(wanted));
        }
    }
}
