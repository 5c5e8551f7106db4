//! What one metric says at a look: its lines with the numbers as they are, or with others, and what they come to together.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{combine, grid::LogLikelihood, pods, prior::Shelf};

use super::super::{line::LineLook, stepped::Asked};
use super::{State, Track};
use crate::{
    hold::Hold,
    policy::{Kind, Metric},
};

/// A step before the last one needs to show no more than this margin, so that early steps are not delayed.
const EARLY_MARGIN: f64 = 3.0;

/// What a metric says at a look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricLook {
    /// log E of harm over the whole rollout.
    pub harm: f64,
    /// log E of no harm in this step: the least of the edges that guard.
    pub no_worse: f64,
    /// What the log-likelihood was divided by, of the line that says most about harm.
    pub phi: f64,
    /// The spread of the log ratio between equal versions, of that line.
    pub spread: f64,
    /// Pods that the canary amounts to.
    pub canary_pods: f64,
    /// Pods that the stable version amounts to.
    pub stable_pods: f64,
    /// Why this block of it cannot be used, or PASS not be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Each edge of a histogram.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineLook>,
}

/// Numbers of a look that might have been others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instead {
    /// The margin that this step has to show.
    pub margin: f64,
    /// Pods that the canary amounts to.
    pub canary_pods: f64,
    /// How many times larger the bursts of its events are.
    pub bursts: f64,
    /// How many times what this step has brought comes in addition.
    pub more: f64,
}

/// What a look asks of every metric.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Question {
    /// The step, and how many are planned.
    pub step: u32,
    pub steps: usize,
    pub minimum_exposure: u64,
}

impl State {
    /// The evidence of each line with other numbers.
    fn line_looks(
        &self,
        metric: &Metric,
        instead: Instead,
        steps: usize,
        priors: &mut Shelf,
    ) -> Vec<LineLook> {
        let (_, stable_pods) = self.exposures.effective();
        let mut ask = |between: f64, look: &mut dyn FnMut(Asked) -> LineLook| {
            let spread = pods::spread(between, instead.canary_pods, stable_pods);
            let whole = priors.get(metric.tolerated, metric.margin, spread);
            let step = priors.get(metric.tolerated, instead.margin, spread);
            look(Asked { whole: &whole, step: &step, steps })
        };
        let Instead { bursts, more, .. } = instead;
        match &self.kind {
            Track::Level(level) => {
                let grown = (more > 0.0).then(|| level.grown(more));
                let level = grown.as_ref().unwrap_or(level);
                let between = level.noise.map_or(0.0, |noise| noise.between_pods);
                vec![ask(between, &mut |asked| level.look(asked, bursts))]
            }
            Track::Lines(lines) => lines
                .iter()
                .map(|line| {
                    let grown = (more > 0.0).then(|| line.grown(more));
                    let line = grown.as_ref().unwrap_or(line);
                    ask(line.past.between_pods, &mut |asked| line.look(asked, metric.floor, bursts))
                })
                .collect(),
        }
    }

    /// The evidence of harm and of no harm with other numbers.
    pub(in crate::engine) fn evidence(
        &self,
        metric: &Metric,
        instead: Instead,
        steps: usize,
        priors: &mut Shelf,
    ) -> (f64, f64) {
        joined(&self.line_looks(metric, instead, steps, priors), metric)
    }

    /// The evidence as of now. `hold` is what [`State::take`] said.
    pub(in crate::engine) fn look(
        &self,
        metric: &Metric,
        place: usize,
        hold: Option<Hold>,
        question: Question,
        priors: &mut Shelf,
    ) -> MetricLook {
        let (canary_pods, stable_pods) = self.exposures.effective();
        let instead = Instead {
            margin: margin_in_step(metric, question.step as usize, question.steps),
            canary_pods,
            bursts: 1.0,
            more: 0.0,
        };
        let lines = self.line_looks(metric, instead, question.steps, priors);
        let under = || {
            let have = self.step_exposure()?;
            (have < question.minimum_exposure).then_some(Hold::UnderExposed {
                metric: place,
                have,
                need: question.minimum_exposure,
            })
        };
        let (harm, no_worse) = joined(&lines, metric);
        let strongest = lines.iter().copied().max_by(|a, b| a.harm.total_cmp(&b.harm));
        MetricLook {
            harm,
            no_worse,
            phi: strongest.map_or(1.0, |line| line.phi),
            spread: strongest.map_or(0.0, |line| line.spread),
            canary_pods,
            stable_pods,
            hold: hold.or_else(under),
            lines: if lines.len() > 1 { lines } else { Vec::new() },
        }
    }

    /// For each line: φ, the log-likelihood of the whole and of the step, and the spread between pods.
    pub(in crate::engine) fn lines(&self) -> Vec<LineState<'_>> {
        match &self.kind {
            Track::Lines(lines) => lines
                .iter()
                .map(|line| LineState {
                    phi: line.phi(),
                    likely_phi: line.past.likely_phi(),
                    between_pods: line.past.between_pods,
                    likely_between_pods: line.past.between_pods_seen.powi(2).ln_1p().sqrt(),
                    whole: line.likelihoods().0,
                    step: line.likelihoods().1,
                    events: line.events,
                    exposures: line.exposures,
                })
                .collect(),
            Track::Level(level) => vec![LineState {
                phi: 1.0,
                likely_phi: 1.0,
                between_pods: level.noise.map_or(0.0, |noise| noise.between_pods),
                likely_between_pods: level.noise.map_or(0.0, |noise| noise.between_pods),
                whole: level.likelihoods().0,
                step: level.likelihoods().1,
                events: (0, 0),
                exposures: (0, 0),
            }],
        }
    }
}

/// What stands behind a line, for reports and what-ifs.
#[derive(Clone, Copy, Debug)]
pub struct LineState<'a> {
    /// What the log-likelihood is divided by, for harm.
    pub phi: f64,
    /// φ as the past measured it, before prior and margin.
    pub likely_phi: f64,
    /// The spread of pods' log rates.
    pub between_pods: f64,
    /// That spread as the past measured it.
    pub likely_between_pods: f64,
    /// The log-likelihood of the whole rollout.
    pub whole: &'a LogLikelihood,
    /// The log-likelihood of this step.
    pub step: &'a LogLikelihood,
    /// Events of both arms so far, canary first (of a metric of which fewer are worse: stable first); 0 for a gauge.
    pub events: (u64, u64),
    /// Exposure of both arms so far, in the same order.
    pub exposures: (u64, u64),
}

/// The margin that a step of `steps` has to show: that of the metric at the last one, at least 3 before it.
#[must_use]
pub fn margin_in_step(metric: &Metric, step: usize, steps: usize) -> f64 {
    if step + 1 >= steps { metric.margin } else { metric.margin.max(EARLY_MARGIN) }
}

/// Evidence of several edges as one: the average of harm, since any of them may show it and all of them depend on each
/// other; the least of no harm, since every one that guards must show it. Named edges have half of the weight, and guard.
fn joined(lines: &[LineLook], metric: &Metric) -> (f64, f64) {
    if let [only] = lines {
        return (only.harm, only.no_worse);
    }
    let named: &[usize] = if let Kind::Latency { thresholds, .. } = &metric.kind { thresholds } else { &[] };
    let others = lines.len() - named.len().min(lines.len());
    let weight = |place: usize| match (named.is_empty(), named.contains(&place)) {
        (true, _) => 1.0,
        (false, true) => 0.5 / named.len() as f64,
        (false, false) => 0.5 / others as f64,
    };
    let weights: Vec<f64> = (0..lines.len()).map(weight).collect();
    let harms: Vec<f64> = lines.iter().map(|line| line.harm).collect();
    let guards = |place: &usize| named.is_empty() || named.contains(place);
    let least =
        (0..lines.len()).filter(guards).map(|place| lines[place].no_worse).fold(f64::INFINITY, f64::min);
    (combine::average(&harms, &weights), least)
}
