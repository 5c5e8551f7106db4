//! What would have changed the verdict.
//!
//! The engine is asked the same question with other numbers put in. What has left its traces in every block since, which
//! ratio was tolerated and which pods were there, is found by judging the blocks again.

mod pods;
mod search;

use serde::{Deserialize, Serialize};
use serin_stats::ratio::prior::Shelf;

pub use pods::PodWhatIf;
use search::{first, first_by_leaps};

use super::{Bars, Opening, bars};
use crate::{
    MetricLook,
    block::Block,
    decide::{self, Ruling, Standing, reaches},
    engine::{self, Gate, Instead, Look, standing},
    hold::{Cause, Hold, Verdict, Word},
    policy::{Class, Metric},
};

/// Ratios are told in hundredths; the grid holds no margin above 16.
const WHOLE: u32 = 100;
const RATIO_MAX: u32 = 1600;
/// Blocks ahead up to which a verdict is looked for: a year of blocks of 15 seconds.
const BLOCKS_MAX: u32 = 1 << 21;
/// Pods up to which more are proposed.
const PODS_MAX: u32 = 1000;
/// How many times burstier the events may be, in hundredths.
const BURSTS_MAX: u32 = 10_000;
/// What would have changed the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// Each metric.
    pub metrics: Vec<MetricWhatIf>,
    /// Each pod of the canary without which it was judged again: after FAIL by evidence, when there are several.
    pub pods: Vec<PodWhatIf>,
}

/// What would have changed it, of one metric. Ratios and factors are in hundredths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricWhatIf {
    /// The smallest margin that this step's data would pass; none when there is none up to 16.
    pub passing_margin: Option<u32>,
    /// The largest tolerated ratio under which it would be FAIL; none when it would not be at 1 either.
    pub failing_tolerated: Option<u32>,
    /// Further blocks until its evidence passes, if all goes on as in this step so far; 0 when it does now, none when never.
    pub blocks_to_pass: Option<u32>,
    /// Further blocks until its evidence fails; 0 when it does now, none when never.
    pub blocks_to_fail: Option<u32>,
    /// Pods of the canary with which these data would pass; 0 when they do now, none when no number does.
    pub pods_to_pass: Option<u32>,
    /// If its events came in bursts so many times larger, it would no longer be FAIL; none when it is not by evidence.
    pub bursts_to_hold: Option<u32>,
    /// The verdict without this metric.
    pub without: Word,
}

/// What would have changed the latest verdict; none before the first look.
pub(super) fn of(
    opening: &Opening,
    blocks: &[Block],
    looks: &[Look],
    gate: &Gate,
    priors: &mut Shelf,
) -> Option<WhatIf> {
    let look = looks.last()?;
    let in_step = looks.iter().rev().take_while(|other| other.step == look.step).count();
    let metrics = look.metrics.iter().zip(bars(&opening.policy)).enumerate();
    let metrics = metrics.map(|(place, (metric, bars))| {
        let (step, steps) = (look.step as usize, opening.policy.steps.len());
        let case = Case {
            gate,
            place,
            metric: &opening.policy.metrics[place],
            look: metric,
            bars,
            margin: engine::margin_in_step(&opening.policy.metrics[place], step, steps),
            in_step: in_step as f64,
        };
        let waits = waits(opening, look, &case);
        let found = case.what_if(waits, without(place, opening, look), priors);
        MetricWhatIf {
            failing_tolerated: failing_tolerated(opening, blocks, &case, found.blocks_to_fail == Some(0)),
            ..found
        }
    });
    Some(WhatIf { metrics: metrics.collect(), pods: pods::without(opening, blocks, look, priors) })
}

/// Blocks which the step must still last for PASS, whatever the evidence.
fn waits(opening: &Opening, look: &Look, case: &Case) -> u32 {
    let need = opening.policy.steps.get(look.step as usize).map_or(0, |step| step.minimum);
    let time = need.saturating_sub(look.step_seconds).div_ceil(opening.policy.block);
    let need = opening.policy.minimum_exposure;
    match case.gate.step_exposure(case.place) {
        Some(have) if have < need => {
            let for_exposure = ((need - have) as f64 * case.in_step / have as f64).ceil();
            let is_near = for_exposure < f64::from(BLOCKS_MAX);
            time.max(if is_near { for_exposure as u32 } else { BLOCKS_MAX + 1 })
        }
        _ => time,
    }
}

/// The largest tolerated ratio under which the metric, judged alone against the same bar, fails.
fn failing_tolerated(opening: &Opening, blocks: &[Block], case: &Case, fails_now: bool) -> Option<u32> {
    let (bar, place) = (case.bars.harm?, case.place);
    let alone = |block: &Block| {
        let metrics = block.metrics.get(place).cloned().into_iter().collect();
        Block { metrics, ..block.clone() }
    };
    let history: Vec<Block> = opening.history.iter().map(alone).collect();
    let blocks: Vec<Block> = blocks.iter().map(alone).collect();
    let mut policy = opening.policy.clone();
    policy.metrics = vec![case.metric.clone()];
    policy.split = None;
    let holds = |ratio: u32| {
        let metric = &mut policy.metrics[0];
        metric.tolerated = f64::from(ratio) / f64::from(WHOLE);
        metric.margin = f64::from(RATIO_MAX) / f64::from(WHOLE);
        // From a ratio of 16 on there is no margin above it, and no judgement.
        let Ok(mut gate) = Gate::open(policy.clone(), opening.roster.clone(), &history) else { return true };
        let mut priors = Shelf::default();
        let last = blocks.iter().map(|block| gate.look(block, &mut priors)).last();
        !last.is_some_and(|look| look.metrics.iter().any(|look| reaches(look.harm, bar)))
    };
    let now = (case.metric.tolerated * f64::from(WHOLE)).floor() as u32;
    let held =
        if fails_now { first(now + 1, RATIO_MAX, holds) } else { first_by_leaps(WHOLE, now + 1, holds) };
    held.filter(|ratio| WHOLE < *ratio).map(|ratio| ratio - 1)
}

/// One metric at the latest look.
struct Case<'a> {
    gate: &'a Gate,
    place: usize,
    metric: &'a Metric,
    look: &'a MetricLook,
    bars: Bars,
    /// The margin that this step has to show.
    margin: f64,
    /// Blocks of this step so far.
    in_step: f64,
}

impl Case<'_> {
    fn as_it_is(&self) -> Instead {
        Instead { margin: self.margin, canary_pods: self.look.canary_pods, bursts: 1.0, more: 0.0 }
    }

    fn what_if(&self, waits: u32, without: Word, priors: &mut Shelf) -> MetricWhatIf {
        let is = self.as_it_is();
        let after = |blocks: u32| Instead { more: f64::from(blocks) / self.in_step, ..is };
        let hundredths = |ratio: u32| f64::from(ratio) / f64::from(WHOLE);
        // Each margin that is tried is used once: kept, they would push out what is used at every look.
        let mut tried = Shelf::default();
        let passes = |instead: Instead, priors: &mut Shelf| {
            let mut evidence = || self.gate.evidence(self.place, instead, priors).1;
            self.bars.no_worse.is_some_and(|bar| reaches(evidence(), bar))
        };
        let fails = |instead: Instead, priors: &mut Shelf| {
            let mut evidence = || self.gate.evidence(self.place, instead, priors).0;
            self.bars.harm.is_some_and(|bar| reaches(evidence(), bar))
        };
        let lowest = (self.metric.tolerated * f64::from(WHOLE)).floor() as u32 + 1;
        let passing_margin =
            first(lowest, RATIO_MAX, |ratio| passes(Instead { margin: hundredths(ratio), ..is }, &mut tried));
        let now = is.canary_pods.ceil() as u32;
        let pods_to_pass = if passes(is, priors) {
            Some(0)
        } else {
            first(now + 1, PODS_MAX, |pods| {
                passes(Instead { canary_pods: f64::from(pods), ..is }, &mut tried)
            })
        };
        let bursts_to_hold = if fails(is, priors) {
            first(WHOLE, BURSTS_MAX, |bursts| !fails(Instead { bursts: hundredths(bursts), ..is }, priors))
        } else {
            None
        };
        MetricWhatIf {
            passing_margin,
            failing_tolerated: None,
            blocks_to_pass: first_by_leaps(waits, BLOCKS_MAX, |blocks| passes(after(blocks), priors)),
            blocks_to_fail: first_by_leaps(0, BLOCKS_MAX, |blocks| fails(after(blocks), priors)),
            pods_to_pass,
            bursts_to_hold,
            without,
        }
    }
}

/// The verdict of a look without one metric.
fn without(place: usize, opening: &Opening, look: &Look) -> Word {
    let policy = &opening.policy;
    let others = || look.metrics.iter().zip(&policy.metrics).enumerate().filter(|(other, _)| *other != place);
    let is_others = |cause: &Cause| match cause {
        Cause::Evidence { .. } => false,
        Cause::Failing { metric, .. } => *metric != place,
        Cause::Crashing { .. } | Cause::Blackhole { .. } => true,
    };
    if let Verdict::Fail(causes) = &look.verdict
        && causes.iter().any(is_others)
    {
        return Word::Fail;
    }
    let is_split_wrong =
        policy.split != Some(place) && matches!(&look.verdict, Verdict::Hold(Hold::SplitWrong { .. }));
    let is_muted =
        is_split_wrong || others().any(|(_, (look, _))| look.hold.as_ref().is_some_and(Hold::mutes_all));
    let standings: Vec<Standing> = others().map(|(_, pair)| standing(pair)).collect();
    let need = policy.steps.get(look.step as usize).map_or(0, |step| step.minimum);
    let holds = others().any(|(_, (look, metric))| look.hold.is_some() && metric.class != Class::Note);
    match decide::decide(policy.alpha, policy.beta, look.step_seconds >= need, is_muted, &standings) {
        Ruling::Fail(_) => Word::Fail,
        Ruling::Pass if !holds && !is_muted => Word::Pass,
        _ => Word::Hold,
    }
}

#[cfg(test)]
mod tests;
