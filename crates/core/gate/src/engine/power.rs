//! What would bring a metric to PASS.

use serin_stats::ratio::{
    grid::HALF,
    pods,
    prior::{Hypotheses, LEAST_SPREAD},
};

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
pub(crate) fn limit(metric: &Metric, spread: f64) -> f64 {
    let hypotheses = Hypotheses::new(metric.tolerated, metric.margin, spread);
    hypotheses.no_worse.logs[HALF] - hypotheses.margin.logs[HALF]
}

/// What the metric with the least evidence lacks.
pub(super) fn lacks(state: &State, metric: &Metric, look: &MetricLook, beta: f64) -> Lack {
    if state.lacks_history() {
        return Lack::History;
    }
    let bar = pass_bar(beta);
    let weakest =
        state.lines().into_iter().zip(look.lines.iter().map(|line| line.no_worse).chain([look.no_worse]));
    let between = weakest.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0.0, |(line, _)| line.between_pods);
    let spread = |canary: f64| pods::spread(between, canary, look.stable_pods);
    // The floor may pass what the comparison cannot.
    if metric.floor <= 0.0 && !reaches(limit(metric, spread(look.canary_pods)), bar) {
        let enough = |pods: &u32| reaches(limit(metric, spread(f64::from(*pods))), bar);
        let need = (limit(metric, LEAST_SPREAD) >= bar).then(|| (1..=MOST_PODS).find(enough)).flatten();
        return Lack::Pods { have: (look.canary_pods * 100.0).round() as u32, need };
    }
    match state.events() {
        Some((canary, stable)) if canary.min(stable) < FEW => Lack::Events,
        _ => Lack::Requests,
    }
}
