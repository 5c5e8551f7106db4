//! When fluctuating evidence first reaches its bar.

use serde::Serialize;
use serin_stats::{
    normal::cumulative,
    ratio::math::{exp, log},
};

use super::{
    Goal, Question,
    path::{LONGEST, Path, reference},
};

/// When a verdict comes, in minutes from the first block; none for "with these pods and rates it does not".
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Time {
    /// Half of all rollouts have it by then.
    pub median: Option<f64>,
    /// Nine of ten have it by then.
    pub p90: Option<f64>,
}

/// Halvings of an interval: far beyond what the approximation is worth.
const HALVINGS: usize = 40;
/// Log ratios between which the bar is looked for.
const FARTHEST: f64 = 3.4;
/// How much of a jump evidence overshoots its bar by.
const OVERSHOOT: f64 = 0.4;
/// First moment that is looked at, in blocks.
const FIRST: f64 = 0.02;

pub(super) fn time(question: &Question, goal: Goal) -> Time {
    let path = Path::new(question, goal);
    let at = |probability: f64| {
        let done = |minutes: f64| probability_by(question, goal, &path, minutes) >= probability;
        if !done(LONGEST) {
            return None;
        }
        let (mut early, mut late) = (log(question.block * FIRST), log(LONGEST));
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(early, late);
            if done(exp(middle)) { late = middle } else { early = middle }
        }
        Some(exp(late) + question.block / 2.0)
    };
    Time { median: at(0.5), p90: at(0.9) }
}

/// Whether nine of ten rollouts have the verdict at any time.
pub(super) fn comes(question: &Question, goal: Goal) -> bool {
    probability_by(question, goal, &Path::new(question, goal), LONGEST) >= 0.9
}

/// The chance that the verdict has come by `minutes`, over what the release's pods may be: three points that stand for a
/// normal distribution (Gauss–Hermite).
fn probability_by(question: &Question, goal: Goal, path: &Path, minutes: f64) -> f64 {
    let truth = match goal {
        Goal::Fail(ratio) => log(ratio),
        Goal::Pass => 0.0,
    };
    let height = question.bar + overshoot(question, goal);
    let Some(bar) = bar_at(question, goal, path, minutes, height) else { return 0.0 };
    let node = |offset: f64| passed(question, goal, path, minutes, truth + offset * path.likely_spread, bar);
    let root = 3f64.sqrt();
    node(-root) / 6.0 + node(0.0) * 2.0 / 3.0 + node(root) / 6.0
}

/// Evidence of harm comes in jumps, one for each event of the canary, and so it passes its bar later than a motion without
/// jumps would: by a share of one jump (Siegmund 1985 gives 0.583 of a deviation for normal steps; 0.4 of a jump was found
/// to fit here). Evidence of no harm comes smoothly, while nothing happens.
fn overshoot(question: &Question, goal: Goal) -> f64 {
    let Goal::Fail(ratio) = goal else { return 0.0 };
    let weight = question.stages.last().map_or(0.5, |stage| stage.weight);
    let theta = |ratio: f64| weight * ratio / (1.0 - weight + weight * ratio);
    OVERSHOOT * log(theta(ratio) / theta(question.metric.tolerated)).max(0.0)
}

/// The log ratio at which the mean path's evidence just reaches the bar; none when no ratio does.
fn bar_at(question: &Question, goal: Goal, path: &Path, minutes: f64, height: f64) -> Option<f64> {
    let sign = if matches!(goal, Goal::Fail(_)) { 1.0 } else { -1.0 };
    let reaches = |eta: f64| path.evidence(minutes, eta) >= height;
    let from = reference(question, goal);
    let (mut below, mut above) = (from, sign * FARTHEST);
    if !reaches(above) {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(below, above);
        if reaches(middle) { above = middle } else { below = middle }
    }
    Some(above)
}

/// First passage of a Brownian motion with drift (Siegmund 1985): at the moment itself, or before it and back.
fn passed(question: &Question, goal: Goal, path: &Path, minutes: f64, eta: f64, bar: f64) -> f64 {
    let sign = if matches!(goal, Goal::Fail(_)) { 1.0 } else { -1.0 };
    let deviation = (question.service.likely_phi / path.information(minutes, eta)).sqrt();
    let z = sign * (eta - bar) / deviation;
    let m = (sign * (eta - reference(question, goal)) / (2.0 * deviation)).max(0.0);
    // e^(2m(m - z)) may overflow where the other factor is nothing.
    let tail = cumulative(-(2.0 * m - z));
    let back = if tail > 0.0 { exp((2.0 * m * (m - z) + log(tail)).min(0.0)) } else { 0.0 };
    (cumulative(z) + back).min(1.0)
}
