//! The gate's state, and its verdict after each block.

mod arms;
mod level;
mod line;
mod metric;
mod power;
mod split;
mod stepped;
mod sums;

use serde::{Deserialize, Serialize};
use serin_kernel::Moment;
use serin_stats::ratio::prior::Shelf;

use crate::{
    block::{Block, Roster, Trouble},
    decide::{self, Ruling, Standing},
    hold::{Cause, Hold, Verdict},
    policy::{Class, Policy, PolicyError},
};

pub use line::LineLook;
pub(crate) use metric::Instead;
pub use metric::{LineState, MetricLook, margin_in_step};
pub(crate) use power::limit;
pub use split::SplitLook;
pub(crate) use sums::is_too_much;

/// Fewest blocks without an answer of the canary that are a black hole.
const SILENT_BLOCKS: u32 = 3;
/// Clumps of requests of which one would have reached the canary: of twelve to be expected none comes once in 160,000 times,
/// and every block begins anew.
const SURELY: f64 = 12.0;

/// The state of one rollout's judgement. It can be saved between any two blocks, and goes on as if it had not been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    policy: Policy,
    roster: Roster,
    metrics: Vec<metric::State>,
    split: Option<split::SplitCheck>,
    step: u32,
    began: Option<Moment>,
    /// The end of the latest block.
    until: Option<Moment>,
    /// Seconds of this step that count towards its minimum.
    step_seconds: u32,
    /// Blocks in a row in which the canary answered nothing although it was sent traffic, and the requests that it should
    /// have had in them.
    silent: u32,
    unanswered: f64,
    blocks: u64,
}

/// What the gate says after a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The end of the block.
    pub at: Moment,
    /// The step.
    pub step: u32,
    /// The verdict as of now.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Each metric, in the order of the policy.
    pub metrics: Vec<MetricLook>,
    /// The split of traffic, when it can be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitLook>,
    /// Seconds of the step that count towards its minimum.
    pub step_seconds: u32,
    /// Whether the deadline has passed.
    pub is_past_deadline: bool,
}

impl Gate {
    /// A gate that has seen nothing but the stable version's past.
    ///
    /// # Errors
    /// When the policy cannot be kept.
    pub fn open(policy: Policy, roster: Roster, history: &[Block]) -> Result<Self, PolicyError> {
        policy.check()?;
        let state = |(place, metric)| metric::State::new(metric, place, history, &roster);
        let metrics = policy.metrics.iter().enumerate().map(state).collect();
        let split = policy.split.map(|place| split::SplitCheck::new(place, history, &roster));
        Ok(Self {
            policy,
            roster,
            metrics,
            split,
            step: 0,
            began: None,
            until: None,
            step_seconds: 0,
            silent: 0,
            unanswered: 0.0,
            blocks: 0,
        })
    }

    /// Takes in one sealed block, and gives the verdict as of its end.
    pub fn look(&mut self, block: &Block, priors: &mut Shelf) -> Look {
        self.roster.pods.extend(block.joined.iter().cloned());
        let length = self.policy.block;
        let at = block.start.plus(std::time::Duration::from_secs(length.into()));
        let planned = self.policy.steps.len() as u32;
        let is_out_of_turn = self.until.is_some_and(|until| block.start < until) || block.step < self.step;
        let refused = if block.step >= planned {
            Some(Hold::NoSuchStep { step: block.step.saturating_add(1), planned })
        } else {
            is_out_of_turn.then_some(Hold::WindowOverlap)
        };
        if refused.is_some() {
            return self.answer(at, vec![refused; self.metrics.len()], None, None, priors);
        }
        self.began.get_or_insert(block.start);
        self.until = Some(at);
        self.blocks += 1;
        while self.step < block.step {
            self.next_step(priors);
        }
        let holds = self.take(block);
        let split = self.check_split(block).and_then(|split| split.look(priors));
        let wrong = split.as_ref().and_then(SplitLook::hold);
        self.count_silence(block);
        let stopped = wrong.iter().chain(holds.iter().flatten()).any(Hold::stops_the_clock);
        if !stopped {
            self.step_seconds = self.step_seconds.saturating_add(length);
        }
        let mut look = self.answer(at, holds, wrong, split, priors);
        self.catastrophes(block, &mut look);
        look
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Every pod seen so far.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// What stands behind each line of a metric.
    #[must_use]
    pub fn lines(&self, metric: usize) -> Vec<LineState<'_>> {
        self.metrics.get(metric).map_or_else(Vec::new, metric::State::lines)
    }

    /// The evidence of harm and of no harm of a metric, with other numbers.
    pub(crate) fn evidence(&self, metric: usize, instead: Instead, priors: &mut Shelf) -> (f64, f64) {
        self.metrics[metric].evidence(&self.policy.metrics[metric], instead, self.policy.steps.len(), priors)
    }

    /// What the canary was exposed to in this step; none for a gauge.
    pub(crate) fn step_exposure(&self, metric: usize) -> Option<u64> {
        self.metrics[metric].step_exposure()
    }

    fn next_step(&mut self, priors: &mut Shelf) {
        for (state, metric) in self.metrics.iter_mut().zip(&self.policy.metrics) {
            state.next_step(metric, priors);
        }
        self.step += 1;
        self.step_seconds = 0;
    }

    fn take(&mut self, block: &Block) -> Vec<Option<Hold>> {
        let roster = &self.roster;
        let arm_of = |pod: u32| roster.pods.get(pod as usize).map(|pod| pod.arm);
        let missing = crate::block::Seen::Trouble(Trouble::Absent(crate::block::Part::All));
        let each = self.metrics.iter_mut().zip(&self.policy.metrics).enumerate();
        each.map(|(place, (state, metric))| {
            state.take(block.metrics.get(place).unwrap_or(&missing), metric, place, arm_of)
        })
        .collect()
    }

    fn check_split(&mut self, block: &Block) -> Option<&split::SplitCheck> {
        let (canary, stable) = self.metrics.get(self.policy.split?)?.latest_exposure()?;
        let check = self.split.as_mut()?;
        check.add(block.weight?, canary, stable);
        Some(check)
    }

    fn count_silence(&mut self, block: &Block) {
        let place = self.policy.split.unwrap_or(0);
        let exposure = self.metrics.get(place).and_then(metric::State::latest_exposure);
        let share = block.weight.map_or(0.0, |weight| f64::from(weight) / 10_000.0);
        match exposure {
            // A block that could not be read neither adds to a silence nor ends it.
            None => {}
            Some((0, stable)) if share > 0.0 && share < 1.0 && stable > 0 => {
                self.silent = self.silent.saturating_add(1);
                self.unanswered += stable as f64 * share / (1.0 - share);
            }
            _ => (self.silent, self.unanswered) = (0, 0.0),
        }
    }

    /// The decision rule over what every metric says.
    fn answer(
        &self,
        at: Moment,
        holds: Vec<Option<Hold>>,
        wrong: Option<Hold>,
        split: Option<SplitLook>,
        priors: &mut Shelf,
    ) -> Look {
        let policy = &self.policy;
        let question = metric::Question {
            step: self.step,
            steps: policy.steps.len(),
            minimum_exposure: policy.minimum_exposure,
        };
        let states = self.metrics.iter().zip(&policy.metrics).zip(holds).enumerate();
        let metrics: Vec<MetricLook> = states
            .map(|(place, ((state, metric), hold))| state.look(metric, place, hold, question, priors))
            .collect();
        let standings: Vec<Standing> = metrics.iter().zip(&policy.metrics).map(standing).collect();
        let need = policy.steps.get(self.step as usize).map_or(0, |step| step.minimum);
        let have = self.step_seconds;
        let muting = metrics.iter().filter_map(|look| look.hold.as_ref()).find(|hold| hold.mutes_all());
        let is_muted = wrong.is_some() || muting.is_some();
        let verdict = match decide::decide(policy.alpha, policy.beta, have >= need, is_muted, &standings) {
            Ruling::Fail(metrics) => {
                Verdict::Fail(metrics.into_iter().map(|metric| Cause::Evidence { metric }).collect())
            }
            // A reason that mutes everything comes first, then the first metric's own.
            ruling => match (muting.cloned().or(wrong), self.first_hold(&metrics), ruling) {
                (Some(hold), _, _) | (None, Some(hold), _) => Verdict::Hold(hold),
                (None, None, Ruling::TooEarly) => Verdict::Hold(Hold::MinimumTime { have, need }),
                (None, None, Ruling::Pass) => Verdict::Pass,
                (None, None, Ruling::UnderPowered(place)) => {
                    Verdict::Hold(self.under_powered(place, &metrics, priors))
                }
                (None, None, Ruling::Invalid(place)) => Verdict::Hold(Hold::NoExposure { metric: place }),
                (None, None, Ruling::Fail(_)) => Verdict::Hold(Hold::WindowOverlap),
            },
        };
        let elapsed = self.began.map_or(0, |began| at.saturating_since(began).as_secs());
        let is_past_deadline = elapsed >= policy.deadline.into();
        Look { at, step: self.step, verdict, metrics, split, step_seconds: have, is_past_deadline }
    }

    /// The first reason of a metric that counts.
    fn first_hold(&self, metrics: &[MetricLook]) -> Option<Hold> {
        let mut counting =
            metrics.iter().zip(&self.policy.metrics).filter(|(_, metric)| metric.class != Class::Note);
        counting.find_map(|(look, _)| look.hold.clone())
    }

    fn under_powered(&self, place: Option<usize>, metrics: &[MetricLook], priors: &mut Shelf) -> Hold {
        let Some(place) = place else {
            return Hold::UnderPowered { metric: None, lacks: crate::hold::Lack::Guard };
        };
        Hold::UnderPowered { metric: Some(place), lacks: self.lacks(place, &metrics[place], priors) }
    }

    /// What would bring a metric to PASS.
    pub(crate) fn lacks(&self, place: usize, look: &MetricLook, priors: &mut Shelf) -> crate::hold::Lack {
        power::lacks(&self.metrics[place], &self.policy.metrics[place], look, self.policy.beta, priors)
    }

    /// Rules without statistics: they need no minimum time, use young pods too, and say FAIL where evidence has not yet.
    fn catastrophes(&self, block: &Block, look: &mut Look) {
        let muting = if let Verdict::Hold(hold) = &look.verdict {
            Some(hold).filter(|hold| hold.mutes_all())
        } else {
            None
        };
        let mut causes: Vec<Cause> = Vec::new();
        if muting.is_none() {
            let each = self.metrics.iter().zip(&self.policy.metrics).enumerate();
            causes.extend(each.filter_map(|(place, (state, metric))| state.is_failing(metric, place)));
        }
        // How pods fare is not read from metrics, and cannot be muted by them.
        if let Some(health) = block.health.filter(|health| health.crashing * 2 > health.pods) {
            causes.push(Cause::Crashing { pods: health.crashing, of: health.pods });
        }
        let seconds = self.silent.saturating_mul(self.policy.block);
        let clumps = self.split.as_ref().map_or(split::UNKNOWN_CLUMPS, split::SplitCheck::clumps);
        // A canary that answers nothing is a wrong split as well, and that must not excuse it.
        let is_readable = muting.is_none_or(|hold| matches!(hold, Hold::SplitWrong { .. }));
        if is_readable
            && self.silent >= SILENT_BLOCKS
            && seconds >= self.policy.blackhole
            && self.unanswered >= SURELY * clumps
        {
            causes.push(Cause::Blackhole { seconds });
        }
        if causes.is_empty() {
            return;
        }
        match &mut look.verdict {
            Verdict::Fail(already) => already.extend(causes),
            verdict => *verdict = Verdict::Fail(causes),
        }
    }
}

/// How a metric stands at a look.
pub(crate) fn standing((look, metric): (&MetricLook, &crate::policy::Metric)) -> Standing {
    stands((look.harm, look.no_worse), look.hold.as_ref(), metric)
}

/// The same by its evidence of harm and of no harm, and why it cannot be used.
pub(crate) fn stands(
    (harm, no_worse): (f64, f64),
    hold: Option<&Hold>,
    metric: &crate::policy::Metric,
) -> Standing {
    let is_counting = metric.class != Class::Note;
    Standing {
        harm,
        no_worse,
        weight: if is_counting { metric.weight } else { 0.0 },
        is_guard: metric.class == Class::Guard,
        // Too little exposure is a reason not to PASS; FAIL needs none.
        is_valid: !is_counting || !hold.is_some_and(spoils),
    }
}

/// Whether a reason makes the evidence of a metric unfit, rather than only too little.
pub(crate) fn spoils(hold: &Hold) -> bool {
    !matches!(hold, Hold::UnderExposed { .. } | Hold::NoExposure { .. } | Hold::Warming)
}
