//! Kayenta's rule, by the judge of this repository: twelve growing intervals of five points, pass 95, marginal 75.

use serde_json::json;
use serin_gate::{Block, Word};
use serin_judge::{Input, Pair};

use super::{Feed, Judge, Reading, Series, WINDOW};
use crate::world::MINUTE;

/// Points that each interval adds, and intervals.
const POINTS: usize = 5;
const INTERVALS: usize = 12;
/// A score of no more ends it at any interval; the last one must reach this.
const MARGINAL: f64 = 75.0;
const PASS: f64 = 95.0;

/// Kayenta's rule. An interval that is not even marginal ends it; the last one must pass.
#[derive(Debug)]
pub struct Kayenta {
    reading: Reading,
    feed: Feed,
    judge: serin_judge::Judge,
    input: Input,
    intervals: usize,
}

impl Kayenta {
    /// A judge of so many metrics.
    #[must_use]
    pub fn new(reading: Reading, feed: Feed, metrics: usize) -> Self {
        let metric = |place: usize| {
            json!({"name": format!("m{place}"), "groups": ["g"],
                   "analysisConfigurations": {"canary": {"direction": "increase"}}})
        };
        let input = json!({
            "canaryConfig": {"metrics": (0..metrics).map(metric).collect::<Vec<_>>(), "classifier": {"groupWeights": {"g": 100}}},
            "scoreThresholds": {"pass": PASS, "marginal": MARGINAL},
        });
        let mut input: Input = serde_json::from_value(input).unwrap_or_default();
        let pair = |place: usize| Pair {
            name: format!("m{place}"),
            id: None,
            tags: None,
            experiment: Some(Vec::new()),
            control: Some(Vec::new()),
        };
        input.metric_set_pair_list = Some((0..metrics).map(pair).collect());
        Self { reading, feed, judge: serin_judge::Judge::default(), input, intervals: 0 }
    }

    fn add_point(&mut self, series: &Series) -> usize {
        let mut points = 0;
        for (metric, pair) in self.input.metric_set_pair_list.iter_mut().flatten().enumerate() {
            let sums = series.latest(metric, self.feed.length());
            let value = |sums| match self.reading {
                Reading::Share => 100.0 * self.reading.of(sums),
                Reading::P99 | Reading::Level => self.reading.of(sums),
            };
            if let (Some(experiment), Some(control)) = (&mut pair.experiment, &mut pair.control) {
                experiment.push(value(&sums.canary));
                control.push(value(&sums.stable));
                points = experiment.len();
            }
        }
        points
    }
}

impl Judge for Kayenta {
    fn look(&mut self, _: &Block, series: &Series) -> Word {
        let is_point = match self.feed {
            Feed::Minutes => series.len().is_multiple_of(MINUTE),
            Feed::Windows(every) => series.len() >= WINDOW && series.len().is_multiple_of(every),
        };
        if !is_point || self.intervals >= INTERVALS || !self.add_point(series).is_multiple_of(POINTS) {
            return Word::Hold;
        }
        self.intervals += 1;
        let is_last = self.intervals == INTERVALS;
        // An input that cannot be judged does not come from here; it would be no reason to promote.
        let score = self.judge.judge(&self.input).map_or(0.0, |judgement| judgement.score.score);
        match (score <= MARGINAL || (is_last && score < PASS), is_last) {
            (true, _) => Word::Fail,
            (false, true) => Word::Pass,
            (false, false) => Word::Hold,
        }
    }
}
