//! What would bring a metric to PASS.

use serin_stats::ratio::{grid::HALF, pods, prior::Shelf};

use super::metric::{MetricLook, State};
use crate::{
    decide::{pass_bar, reaches},
    hold::Lack,
    policy::Metric,
};

/// Events of the canary below which waiting for more of them is the point.
const FEW: u64 = 10;
/// Pods up to which more are proposed.
const MOST_PODS: u32 = 1000;

/// With endless data of a release that is equal, the evidence tends to this: it never claims more than the pods support.
pub(crate) fn limit(metric: &Metric, spread: f64, priors: &mut Shelf) -> f64 {
    let hypotheses = priors.get(metric.tolerated, metric.margin, spread);
    hypotheses.no_worse.logs[HALF] - hypotheses.margin.logs[HALF]
}

/// What the metric with the least evidence lacks.
pub(super) fn lacks(
    state: &State,
    metric: &Metric,
    look: &MetricLook,
    beta: f64,
    priors: &mut Shelf,
) -> Lack {
    if state.lacks_history() {
        return Lack::History;
    }
    let bar = pass_bar(beta);
    let weakest =
        state.lines().into_iter().zip(look.lines.iter().map(|line| line.no_worse).chain([look.no_worse]));
    let between = weakest.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0.0, |(line, _)| line.between_pods);
    let spread = |canary: f64| pods::spread(between, canary, look.stable_pods);
    // The floor may pass what the comparison cannot.
    if metric.floor <= 0.0 && !reaches(limit(metric, spread(look.canary_pods), priors), bar) {
        let have = (look.canary_pods * 100.0).round() as u32;
        return Lack::Pods {
            have,
            need: pods_needed(|pods| reaches(limit(metric, spread(pods), priors), bar)),
        };
    }
    match state.events() {
        Some((canary, stable)) if canary.min(stable) < FEW => Lack::Events,
        _ => Lack::Requests,
    }
}

/// The fewest pods that are enough; none when no number is.
fn pods_needed(mut is_enough: impl FnMut(f64) -> bool) -> Option<u32> {
    let (mut low, mut high) = (1, MOST_PODS);
    if !is_enough(f64::from(high)) {
        return None;
    }
    while low < high {
        let middle = u32::midpoint(low, high);
        if is_enough(f64::from(middle)) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}
