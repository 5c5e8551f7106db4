//! The judgement without one pod of the canary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serin_stats::ratio::prior::Shelf;

use super::super::{Opening, bars};
use crate::{
    block::{Arm, Block, Seen, Value},
    engine::{Gate, Look},
    hold::{Cause, Verdict, Word},
};

/// Pods without which it is judged again: those with the most exposure.
const LEFT_OUT_MAX: usize = 50;
/// Shares are told in thousandths.
const THOUSAND: f64 = 1000.0;

/// The judgement without one pod of the canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodWhatIf {
    /// The pod, by its place in the roster.
    pub pod: u32,
    /// The metric that says FAIL most clearly.
    pub metric: usize,
    /// The pod's share of that metric's evidence of harm, in thousandths.
    pub share: i32,
    /// The verdict without the pod.
    pub without: Word,
}

/// The judgement without each pod of the canary in turn, when the evidence says FAIL and there are several.
pub(super) fn without(
    opening: &Opening,
    blocks: &[Block],
    look: &Look,
    priors: &mut Shelf,
) -> Vec<PodWhatIf> {
    let Verdict::Fail(causes) = &look.verdict else { return Vec::new() };
    let bars = bars(&opening.policy);
    let evidence = |cause: &Cause| match cause {
        Cause::Evidence { metric } => {
            Some((*metric, look.metrics.get(*metric)?.harm - bars.get(*metric)?.harm?))
        }
        _ => None,
    };
    let clearest = causes.iter().filter_map(evidence).max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((metric, _)) = clearest else { return Vec::new() };
    let harm = look.metrics[metric].harm;
    let pods = canary_pods(opening, blocks, metric);
    if pods.len() < 2 || harm <= 0.0 {
        return Vec::new();
    }
    let without = |pod: u32| {
        let mut gate = Gate::open(opening.policy.clone(), opening.roster.clone(), &opening.history).ok()?;
        let looks = blocks.iter().map(|block| gate.look(&without_pod(block, pod), priors));
        let last = looks.last()?;
        let share = (1.0 - last.metrics.get(metric)?.harm / harm) * THOUSAND;
        Some(PodWhatIf { pod, metric, share: share.round() as i32, without: last.verdict.word() })
    };
    pods.into_iter().filter_map(without).collect()
}

/// The pods of the canary that a metric has seen, those with the most exposure first.
fn canary_pods(opening: &Opening, blocks: &[Block], metric: usize) -> Vec<u32> {
    let joined = blocks.iter().flat_map(|block| &block.joined);
    let arms: Vec<Arm> = opening.roster.pods.iter().chain(joined).map(|pod| pod.arm).collect();
    let mut exposure: BTreeMap<u32, u64> = BTreeMap::new();
    for block in blocks {
        let Some(Seen::Cells(cells)) = block.metrics.get(metric) else { continue };
        for cell in cells.iter().filter(|cell| arms.get(cell.pod as usize) == Some(&Arm::Canary)) {
            let n = match &cell.value {
                Value::Count { n, .. } | Value::Latency { n, .. } => *n,
                Value::Gauge { .. } => 1,
            };
            let sum = exposure.entry(cell.pod).or_default();
            *sum = sum.saturating_add(n);
        }
    }
    let mut pods: Vec<(u32, u64)> = exposure.into_iter().filter(|(_, n)| *n > 0).collect();
    pods.sort_by_key(|(pod, n)| (std::cmp::Reverse(*n), *pod));
    pods.into_iter().take(LEFT_OUT_MAX).map(|(pod, _)| pod).collect()
}

fn without_pod(block: &Block, pod: u32) -> Block {
    let mut block = block.clone();
    for seen in &mut block.metrics {
        if let Seen::Cells(cells) = seen {
            cells.retain(|cell| cell.pod != pod);
        }
    }
    block
}
