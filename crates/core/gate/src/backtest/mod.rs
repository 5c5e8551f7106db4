//! How the gate would have done on what has been: before it guards anything.
//!
//! Three questions, all answered from blocks of the past. How often would it have rolled back pods that are the stable
//! version's own (there is no defect, so every FAIL is a false alarm)? How often and how soon would it have found a defect
//! that is put into those pods? And what would it have said of releases that did happen?

mod inject;
mod slice;
pub mod whole;

use serde::Serialize;
use serin_kernel::Moment;
use serin_stats::{ratio::prior::Shelf, share::wilson};

use crate::{
    block::{Block, Roster},
    engine::Gate,
    hold::Word,
    policy::{Policy, PolicyError},
};

pub use slice::{Slice, slices};

/// What a backtest is made of.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    /// Blocks in order, of one length, without overlap.
    pub blocks: &'a [Block],
    /// Every pod in them.
    pub roster: &'a Roster,
    /// The policy to try.
    pub policy: &'a Policy,
    /// Blocks before a judgement from which the stable version is measured.
    pub history: usize,
    /// Blocks of a judgement, at most.
    pub horizon: usize,
}

/// How one judgement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Its last verdict.
    pub word: Word,
    /// Blocks until then.
    pub blocks: u32,
}

/// Many judgements of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Judgements.
    pub trials: u64,
    /// Of which FAIL.
    pub failed: u64,
    /// Of which PASS.
    pub passed: u64,
    /// Of which HOLD to the end.
    pub held: u64,
    /// Blocks until FAIL, ascending.
    pub blocks_to_fail: Vec<u32>,
    /// Blocks until PASS, ascending.
    pub blocks_to_pass: Vec<u32>,
}

impl Tally {
    /// Of outcomes.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self { trials: outcomes.len() as u64, ..Self::default() };
        for outcome in outcomes {
            match outcome.word {
                Word::Fail => tally.blocks_to_fail.push(outcome.blocks),
                Word::Pass => tally.blocks_to_pass.push(outcome.blocks),
                Word::Hold => tally.held += 1,
            }
        }
        tally.blocks_to_fail.sort_unstable();
        tally.blocks_to_pass.sort_unstable();
        tally.failed = tally.blocks_to_fail.len() as u64;
        tally.passed = tally.blocks_to_pass.len() as u64;
        tally
    }

    /// The 95 % interval of the share of FAIL.
    #[must_use]
    pub fn fail_interval(&self) -> (f64, f64) {
        wilson(self.failed, self.trials)
    }
}

/// A release that did happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Its first block, by place.
    pub from: usize,
    /// The block after its last, by place.
    pub until: usize,
    /// When it is known to have gone wrong; none when it went well.
    pub incident: Option<Moment>,
}

/// What the gate would have said of a release.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// How it would have ended.
    pub outcome: Outcome,
    /// When.
    pub at: Moment,
    /// Seconds from the incident to FAIL; below zero when it was found before it was marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<i64>,
}

/// Judges stable pods against stable pods, with the defect `factor` put into those that play the canary: 1 for none.
///
/// # Errors
/// When the policy cannot be kept.
pub fn judge_slice(
    past: &Past,
    slice: &Slice,
    factor: f64,
    priors: &mut Shelf,
) -> Result<Outcome, PolicyError> {
    let roster = slice.roster(past.roster);
    let (history, run) = past.blocks.split_at(slice.from);
    let history = &history[history.len().saturating_sub(past.history)..];
    let history: Vec<Block> = history.iter().map(|block| Slice::only_stable(block, past.roster)).collect();
    let mut gate = Gate::open(past.policy.clone(), roster.clone(), &history)?;
    let mut outcome = Outcome { word: Word::Hold, blocks: 0 };
    for block in run.iter().take(past.horizon) {
        let block = inject::worse(Slice::only_stable(block, past.roster), &roster, past.policy, factor);
        outcome.blocks += 1;
        outcome.word = gate.look(&block, priors).verdict.word();
        if outcome.word != Word::Hold {
            break;
        }
    }
    Ok(outcome)
}

/// Judges a release that did happen, with its own arms.
///
/// # Errors
/// When the policy cannot be kept.
pub fn judge_release(
    past: &Past,
    release: &Release,
    priors: &mut Shelf,
) -> Result<Option<Judged>, PolicyError> {
    let until = release.until.min(past.blocks.len());
    let history = &past.blocks[release.from.saturating_sub(past.history).min(until)..release.from.min(until)];
    let history: Vec<Block> =
        history.iter().map(|block| Block { joined: Vec::new(), ..block.clone() }).collect();
    let mut gate = Gate::open(past.policy.clone(), past.roster.clone(), &history)?;
    let first_step = past.blocks.get(release.from).map_or(0, |block| block.step);
    let mut judged = None;
    for (number, block) in past.blocks[release.from.min(until)..until].iter().enumerate() {
        let step = block.step.saturating_sub(first_step);
        let look = gate.look(&Block { joined: Vec::new(), step, ..block.clone() }, priors);
        // PASS of an early step ends nothing: the release goes on, and the last step decides.
        let is_last = look.step as usize + 1 >= past.policy.steps.len();
        let word = match look.verdict.word() {
            Word::Pass if !is_last => Word::Hold,
            word => word,
        };
        let outcome = Outcome { word, blocks: number as u32 + 1 };
        let delay = release.incident.filter(|_| outcome.word == Word::Fail);
        judged = Some(Judged {
            outcome,
            at: look.at,
            delay: delay.map(|incident| look.at.as_secs() - incident.as_secs()),
        });
        if outcome.word != Word::Hold {
            break;
        }
    }
    Ok(judged)
}
