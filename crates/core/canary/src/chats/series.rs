//! What the looks of a release have found of its metrics, for the picture of it. Bounded, and lost at a restart.

use serde::{Deserialize, Serialize};
use serin_metrics::limits::Verdict;
use serin_notify::{
    picture::{Look, PANELS_MAX, Panel},
    template::Measured,
};

/// Looks that are kept apart: as many as a picture shows apart on a telephone. When there are more, two become one: the worse of
/// them, so that a run of a week takes no more memory than one of an hour.
const LOOKS_MAX: usize = 64;
/// Characters of a metric's name: more than a panel of the picture has room for. What is kept of a metric has a size by this.
const NAME_CHARS_MAX: usize = 64;

/// All metrics of one release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Series {
    pub(super) metrics: Vec<Metric>,
    /// Metrics that were left out.
    pub(super) more: Vec<String>,
    /// Columns so far, and looks in each of them.
    columns: usize,
    pub(super) looks_in_one: u32,
    /// Looks in the last column.
    in_last: u32,
    /// Whether looks before a restart are lost.
    pub(super) is_partial: bool,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) limits: (Option<f64>, Option<f64>),
    pub(super) looks: Vec<Look>,
}

impl Metric {
    /// As it is drawn.
    pub(super) fn panel(&self) -> Panel<'_> {
        let Self { name, unit, limits: (min, max), looks } = self;
        Panel { name, unit, min: *min, max: *max, looks }
    }
}

impl Series {
    /// A series whose beginning is lost.
    pub(super) fn partial() -> Self {
        Self { is_partial: true, ..Self::default() }
    }

    /// What was last found of each metric.
    pub(crate) fn last(&self) -> Vec<Measured> {
        let last = |metric: &Metric| {
            let look = metric.looks.iter().rev().find(|look| **look != Look::Gap)?;
            let (value, passed) = match *look {
                Look::Within(value) => (Some(value), true),
                Look::Beyond([value]) => (Some(value), false),
                Look::NoValue(_) | Look::Gap => (None, false),
            };
            let (name, unit, (min, max)) = (metric.name.clone(), metric.unit.clone(), metric.limits);
            Some(Measured { name, value, unit, min, max, passed })
        };
        self.metrics.iter().filter_map(last).collect()
    }

    /// A look asks its metrics.
    pub(crate) fn begin_look(&mut self) {
        self.looks_in_one = self.looks_in_one.max(1);
        if 0 < self.in_last && self.in_last < self.looks_in_one {
            self.in_last += 1;
            return;
        }
        if self.columns == LOOKS_MAX {
            self.halve();
        }
        self.columns += 1;
        self.in_last = 1;
        self.metrics.iter_mut().for_each(|metric| metric.looks.push(Look::Gap));
    }

    fn halve(&mut self) {
        for metric in &mut self.metrics {
            metric.looks =
                metric.looks.chunks(2).map(|two| two.iter().copied().fold(Look::Gap, worse)).collect();
        }
        self.columns = self.columns.div_ceil(2);
        self.looks_in_one = self.looks_in_one.saturating_mul(2);
    }

    /// What the present look has found of a metric.
    pub(crate) fn record(&mut self, name: &str, unit: &str, limits: (Option<f64>, Option<f64>), look: Look) {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let place = self.metrics.iter().position(|metric| metric.name == name);
        if place.is_none() && PANELS_MAX <= self.metrics.len() {
            if self.more.len() < LOOKS_MAX && !self.more.contains(&name) {
                self.more.push(name);
            }
            return;
        }
        let place = place.unwrap_or_else(|| {
            let looks = vec![Look::Gap; self.columns];
            self.metrics.push(Metric { name, unit: unit.to_owned(), limits, looks });
            self.metrics.len() - 1
        });
        let metric = &mut self.metrics[place];
        // A limit that was edited in mid-run is drawn as it is now; what was judged stays judged.
        metric.limits = limits;
        if let Some(last) = metric.looks.last_mut() {
            *last = worse(*last, look);
        }
    }
}

/// What a check has found. What is no number is no value that could be drawn.
pub(crate) fn found(verdict: &Verdict) -> Look {
    match verdict.value.filter(|value| value.is_finite()) {
        Some(value) if verdict.passed => Look::Within(value),
        Some(value) => Look::Beyond([value]),
        None => Look::NoValue(true),
    }
}

/// The one of two looks that says more against the new version; of two equals the later one.
fn worse(earlier: Look, later: Look) -> Look {
    let rank = |look| match look {
        Look::Gap => 0,
        Look::Within(_) => 1,
        Look::NoValue(_) => 2,
        Look::Beyond(_) => 3,
    };
    if rank(later) < rank(earlier) { earlier } else { later }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: (Option<f64>, Option<f64>) = (Some(99.0), None);

    fn looks(series: &Series, name: &str) -> Vec<Look> {
        series.metrics.iter().find(|metric| metric.name == name).unwrap().looks.clone()
    }

    #[test]
    fn a_metric_that_a_look_did_not_ask_has_a_gap_there() {
        let mut series = Series::default();
        series.begin_look();
        series.record("a", "%", LIMITS, Look::Beyond([1.0]));
        series.begin_look();
        series.record("a", "%", LIMITS, Look::Within(2.0));
        series.record("b", "", LIMITS, Look::NoValue(true));
        assert_eq!(looks(&series, "a"), [Look::Beyond([1.0]), Look::Within(2.0)]);
        assert_eq!(looks(&series, "b"), [Look::Gap, Look::NoValue(true)]);
        let kept = serde_json::to_value(&series).unwrap();
        assert_eq!(Series::deserialize(&kept).unwrap(), series, "{kept}");
    }

    #[test]
    fn however_many_looks_there_are_few_are_kept_and_no_breach_is_lost() {
        let mut series = Series::default();
        for look in 0..10_000_u32 {
            series.begin_look();
            for metric in 0..PANELS_MAX + 2 {
                let found = if look == 4321 { Look::Beyond([7.0]) } else { Look::Within(f64::from(look)) };
                series.record(&format!("m{metric}"), "", LIMITS, found);
            }
        }
        assert_eq!((series.metrics.len(), series.more.len()), (PANELS_MAX, 2));
        let kept = looks(&series, "m0");
        assert!(kept.len() <= LOOKS_MAX && LOOKS_MAX / 2 <= kept.len(), "{}", kept.len());
        assert_eq!(kept.iter().filter(|look| **look == Look::Beyond([7.0])).count(), 1);
        assert_eq!(kept.last(), Some(&Look::Within(9999.0)));
        assert_eq!(series.looks_in_one, 256);
        assert!(serde_json::to_string(&series).unwrap().len() < 16 << 10);
    }
}
