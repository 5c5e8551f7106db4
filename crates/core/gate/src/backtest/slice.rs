//! Stable pods that play the canary against the others.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Past;
use crate::block::{Arm, Block, Roster, Seen};

/// One judgement of stable pods against stable pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// The first block, by place.
    pub from: usize,
    /// The pods that play the canary, by their places in the roster.
    pub canary: BTreeSet<u32>,
}

/// Judgements that begin every `stride` blocks, each with other pods as the canary: in turn, so that every pod plays it about
/// equally often. Pods that are not there from the first to the last block of a judgement, its history included, do not play;
/// a judgement for which fewer than `canary_pods` and one more are there is left out.
#[must_use]
pub fn slices(past: &Past, canary_pods: usize, stride: usize) -> Vec<Slice> {
    let (mut slices, mut turn) = (Vec::new(), 0usize);
    let last = past.blocks.len().saturating_sub(past.horizon.min(past.blocks.len()));
    for from in (past.history.min(past.blocks.len())..=last).step_by(stride.max(1)) {
        let until = (from + past.horizon).min(past.blocks.len());
        if until <= from {
            continue;
        }
        let there = there_throughout(&past.blocks[from - past.history..until], past.roster);
        if canary_pods == 0 || there.len() <= canary_pods {
            continue;
        }
        let canary = (0..canary_pods).map(|place| there[(turn + place) % there.len()]).collect();
        turn += canary_pods;
        slices.push(Slice { from, canary });
    }
    slices
}

/// Stable pods with a cell in nine of ten of the blocks that have any.
fn there_throughout(blocks: &[Block], roster: &Roster) -> Vec<u32> {
    let (mut seen, mut all): (BTreeMap<u32, usize>, usize) = (BTreeMap::new(), 0);
    for block in blocks {
        let cells = block.metrics.iter().find_map(|seen| match seen {
            Seen::Cells(cells) if !cells.is_empty() => Some(cells),
            _ => None,
        });
        let Some(cells) = cells else { continue };
        all += 1;
        let stable = cells.iter().filter(|cell| arm(roster, cell.pod) == Some(Arm::Stable));
        for pod in stable.map(|cell| cell.pod).collect::<BTreeSet<u32>>() {
            *seen.entry(pod).or_default() += 1;
        }
    }
    seen.into_iter().filter(|(_, count)| count * 10 >= all * 9).map(|(pod, _)| pod).collect()
}

fn arm(roster: &Roster, pod: u32) -> Option<Arm> {
    roster.pods.get(pod as usize).map(|pod| pod.arm)
}

impl Slice {
    /// The roster in which the chosen pods are the canary.
    pub(super) fn roster(&self, real: &Roster) -> Roster {
        let mut roster = real.clone();
        for pod in &self.canary {
            if let Some(pod) = roster.pods.get_mut(*pod as usize) {
                pod.arm = Arm::Canary;
            }
        }
        roster
    }

    /// A block without the pods of real canaries and without what was said of them.
    pub(super) fn only_stable(block: &Block, real: &Roster) -> Block {
        let metrics = block.metrics.iter().map(|seen| match seen {
            Seen::Cells(cells) => {
                let stable = cells.iter().filter(|cell| arm(real, cell.pod) == Some(Arm::Stable));
                Seen::Cells(stable.cloned().collect())
            }
            trouble @ Seen::Trouble(_) => trouble.clone(),
        });
        Block {
            step: 0,
            weight: None,
            joined: Vec::new(),
            health: None,
            start: block.start,
            metrics: metrics.collect(),
        }
    }
}
