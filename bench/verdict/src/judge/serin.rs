//! The gate.

use anyhow::{Context as _, Result};
use serin_gate::{Block, Cause, Gate, Hold, Policy, Roster, Shelf, Verdict, Word};

use super::{Judge, Series};

/// What of the gate's answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// FAIL, and PASS in the last step: an earlier one only lets the rollout go on.
    Verdict,
    /// HOLD for a split of traffic that is not as told stands for FAIL; nothing else is heard.
    Split,
}

/// The gate with its cache of priors, which a thread uses again and again.
#[derive(Debug)]
pub struct Serin<'a> {
    gate: Gate,
    shelf: &'a mut Shelf,
    watched: Watched,
    last: u32,
    /// What the log-likelihood of the first metric was last divided by.
    pub phi: f64,
    /// Why it held or failed at its latest look.
    pub why: Option<&'static str>,
}

impl<'a> Serin<'a> {
    /// Opens the gate.
    ///
    /// # Errors
    /// When the policy cannot be kept.
    pub fn open(
        policy: Policy,
        roster: Roster,
        past: &[Block],
        watched: Watched,
        shelf: &'a mut Shelf,
    ) -> Result<Self> {
        let last = policy.steps.len() as u32 - 1;
        let gate = Gate::open(policy, roster, past).context("the policy of the study")?;
        Ok(Self { gate, shelf, watched, last, phi: 1.0, why: None })
    }
}

impl Judge for Serin<'_> {
    fn look(&mut self, block: &Block, _: &Series) -> Word {
        let look = self.gate.look(block, self.shelf);
        self.phi = look.metrics.first().map_or(1.0, |metric| metric.phi);
        self.why = match &look.verdict {
            Verdict::Hold(hold) => Some(hold.name()),
            Verdict::Fail(causes) => causes.first().map(rule),
            Verdict::Pass => None,
        };
        match (self.watched, &look.verdict) {
            (Watched::Split, Verdict::Hold(Hold::SplitWrong { .. })) => Word::Fail,
            (Watched::Split, _) => Word::Hold,
            (Watched::Verdict, Verdict::Pass) if block.step < self.last => Word::Hold,
            (Watched::Verdict, verdict) => verdict.word(),
        }
    }
}

/// The name of the rule behind a FAIL.
fn rule(cause: &Cause) -> &'static str {
    match cause {
        Cause::Evidence { .. } => "evidence",
        Cause::Failing { .. } => "failing",
        Cause::Crashing { .. } => "crashing",
        Cause::Blackhole { .. } => "blackhole",
    }
}
