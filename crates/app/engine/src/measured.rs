//! What planners measured, by name and labels. Pure.
//!
//! A series lasts as long as an object of which it was measured: what is deleted would else be shown, and kept, for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serin_kernel::{Key, Measure, Reading};

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

/// All series, and of which objects they are.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    pub(crate) shown: Measured,
    /// Two objects may have a series in common: its labels need not name the object.
    of: BTreeMap<Key, BTreeSet<(&'static str, Labels)>>,
}

impl Measures {
    /// Takes in what one pass for `object` measured that took `elapsed`. A series keeps the type of its first reading.
    pub(crate) fn take_in(&mut self, object: &Key, measures: Vec<Measure>, elapsed: Duration) {
        if measures.is_empty() {
            return;
        }
        let its = self.of.entry(object.clone()).or_default();
        for Measure { name, labels, reading } in measures {
            its.insert((name, labels.clone()));
            let value =
                self.shown.series.entry(name).or_default().entry(labels).or_insert_with(|| match reading {
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

    /// Forgets what was measured of `object` alone.
    pub(crate) fn forget(&mut self, object: &Key) {
        for (name, labels) in self.of.remove(object).unwrap_or_default() {
            let series = (name, labels);
            if !self.of.values().any(|of_another| of_another.contains(&series))
                && let Some(same_name) = self.shown.series.get_mut(name)
            {
                same_name.remove(&series.1);
            }
        }
        self.shown.series.retain(|_, series| !series.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use serin_kernel::Kind;

    use super::*;

    fn object(name: &str) -> Key {
        Kind::namespaced("", "v1", "Service", "services").key("n", name)
    }

    fn measure(labels: &str, reading: Reading) -> Measure {
        Measure { name: "m", labels: vec![("of", labels.to_owned())], reading }
    }

    #[test]
    fn gauges_are_replaced_and_counts_summed() {
        let mut measured = Measures::default();
        let mut take_in = |measures| measured.take_in(&object("a"), measures, Duration::from_millis(1500));
        take_in(vec![measure("a", Reading::Gauge(1.0)), measure("b", Reading::Count(1.0))]);
        take_in(vec![measure("a", Reading::Gauge(0.5)), measure("b", Reading::Count(2.0))]);
        take_in(vec![measure("c", Reading::Observe(0.2)), measure("a", Reading::Count(9.0))]);
        take_in(vec![measure("d", Reading::Elapsed)]);
        let shown: Vec<_> = measured.shown.series["m"].values().cloned().collect();
        assert_eq!(shown[..2], [Value::Gauge(0.5), Value::Counter(3.0)]);
        assert!(matches!(&shown[2], Value::Histogram(buckets) if buckets.total() == 1));
        assert!(matches!(&shown[3], Value::Histogram(buckets) if buckets.counts[8] == 1), "{shown:?}");
    }
    #[test]
    fn a_series_is_forgotten_with_the_last_object_of_which_it_was_measured() {
        let mut measured = Measures::default();
        for (name, labels) in [("a", "its own"), ("a", "shared"), ("b", "shared")] {
            measured.take_in(&object(name), vec![measure(labels, Reading::Count(1.0))], Duration::ZERO);
        }
        let shown = |measured: &Measures| {
            let all = measured.shown.series.values().flat_map(BTreeMap::keys);
            all.map(|labels| labels[0].1.clone()).collect::<Vec<String>>()
        };
        for (gone, left) in
            [("c", &["its own", "shared"][..]), ("a", &["shared"]), ("a", &["shared"]), ("b", &[])]
        {
            measured.forget(&object(gone));
            assert_eq!(shown(&measured), left, "{gone} is gone");
        }
        assert!(measured.of.is_empty() && measured.shown.series.is_empty());
    }
}
