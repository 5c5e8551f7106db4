//! What planners measured, by name and labels. Pure.

use std::{collections::BTreeMap, time::Duration};

use serin_kernel::{Measure, Reading};

use crate::stats::Buckets;

/// Upper bounds of measured distributions, in seconds: the default ones of Prometheus' clients.
pub const MEASURE_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Labels of one series.
type Labels = Vec<(&'static str, String)>;

/// All series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// By name and labels.
    pub series: BTreeMap<&'static str, BTreeMap<Labels, Value>>,
}

/// What a series shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The last value.
    Gauge(f64),
    /// The sum of all that was counted.
    Counter(f64),
    /// A distribution of seconds.
    Histogram(Buckets),
}

impl Measured {
    /// Takes in what one pass measured that took `elapsed`. A series keeps the type of its first reading.
    pub(crate) fn take_in(&mut self, measures: Vec<Measure>, elapsed: Duration) {
        for Measure { name, labels, reading } in measures {
            let value = self.series.entry(name).or_default().entry(labels).or_insert_with(|| match reading {
                Reading::Gauge(_) => Value::Gauge(0.0),
                Reading::Count(_) => Value::Counter(0.0),
                Reading::Observe(_) | Reading::Elapsed => Value::Histogram(Buckets::new(MEASURE_SECONDS)),
            });
            match (value, reading) {
                (Value::Gauge(shown), Reading::Gauge(new)) => *shown = new,
                (Value::Counter(sum), Reading::Count(more)) => *sum += more,
                (Value::Histogram(buckets), Reading::Observe(seconds)) => {
                    buckets.observe(Duration::try_from_secs_f64(seconds).unwrap_or_default());
                }
                (Value::Histogram(buckets), Reading::Elapsed) => buckets.observe(elapsed),
                _ => tracing::error!(name, "one metric is measured in two ways"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(labels: &str, reading: Reading) -> Measure {
        Measure { name: "m", labels: vec![("of", labels.to_owned())], reading }
    }

    #[test]
    fn gauges_are_replaced_and_counts_summed() {
        let mut measured = Measured::default();
        let mut take_in = |measures| measured.take_in(measures, Duration::from_millis(1500));
        take_in(vec![measure("a", Reading::Gauge(1.0)), measure("b", Reading::Count(1.0))]);
        take_in(vec![measure("a", Reading::Gauge(0.5)), measure("b", Reading::Count(2.0))]);
        take_in(vec![measure("c", Reading::Observe(0.2)), measure("a", Reading::Count(9.0))]);
        take_in(vec![measure("d", Reading::Elapsed)]);
        let shown: Vec<_> = measured.series["m"].values().cloned().collect();
        assert_eq!(shown[..2], [Value::Gauge(0.5), Value::Counter(3.0)]);
        assert!(matches!(&shown[2], Value::Histogram(buckets) if buckets.total() == 1));
        assert!(matches!(&shown[3], Value::Histogram(buckets) if buckets.counts[8] == 1), "{shown:?}");
    }
}
