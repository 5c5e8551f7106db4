//! What a shift remembers, and what it is told.

use serde::{Deserialize, Serialize};
use serin_kernel::{Malformed, Moment, Object};

use super::Pods;
use crate::scale::{Counts, Fenceposts, Whole, approximate};

/// Where the state is kept: an annotation of the new Deployment.
pub const ANNOTATION: &str = "serin.dev/shift";
/// Most steps of one shift. More than there are percents would be steps that change nothing.
const STEPS_MAX: usize = 100;
/// The share of the pods that may exist beyond the total: a quarter, as Deployments have it.
const SURGE_PERCENT: u32 = 25;

/// What a shift is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Name of the Deployment that pods are taken from.
    pub from: String,
    /// Percentages of the pods that the new Deployment gets, one after the other.
    pub steps: Vec<u32>,
    /// How long each step but the last is held once it is reached.
    pub pause_seconds: u32,
    /// Pods of both Deployments together.
    pub total: u32,
    /// Whether the old Deployment is deleted at the end.
    #[serde(default)]
    pub delete_old: bool,
    /// After how long without any progress the shift goes back.
    pub timeout_seconds: u32,
}

/// How things were before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Pods that the old Deployment wanted.
    pub from: u32,
    /// Pods that the new Deployment wanted.
    pub to: u32,
    /// The most pods of both that were available before the first was moved: never fewer, by our doing.
    pub ready: u32,
}

/// Where a shift is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// To the next step.
    Shifting,
    /// Back to how it was.
    Returning,
    /// Nowhere: all steps are done.
    Done,
    /// Nowhere: it is as it was.
    Returned,
}

/// All that a shift knows, as it stands in [`ANNOTATION`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// What it was told.
    #[serde(flatten)]
    pub order: Order,
    /// How things were before.
    pub before: Before,
    /// Where it is going.
    pub phase: Phase,
    /// Index of the step that it is going to or holding.
    pub step: u32,
    /// Since when that step is held; none before it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Moment>,
    /// When it last moved pods or went on.
    pub moved: Moment,
    /// Why it goes back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
}

/// What a shift was told cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidState {
    /// The steps do not rise from 1 to at most 100.
    #[error("steps must rise, from at least 1 to at most 100 percent, such as 10,50,100; not {0:?}")]
    Steps(Vec<u32>),
    /// There are no pods to move.
    #[error("there are no pods to move: scale the old Deployment up, or give a total")]
    NoPods,
    /// The old Deployment would be deleted while it has pods.
    #[error("the old Deployment can only be deleted after a last step of 100 percent, not {0}")]
    KeepsOld(u32),
    /// It would go back before any pod can be ready.
    #[error("the timeout must be at least a second, such as 10m: a new pod needs some time to be ready")]
    NoPatience,
    /// A Deployment cannot be shifted to itself.
    #[error("the old and the new Deployment are both {0:?}")]
    Itself(String),
}

impl Order {
    /// Checks the order for a shift to the Deployment `to`.
    ///
    /// # Errors
    /// The first thing that cannot be done.
    pub fn check(&self, to: &str) -> Result<(), InvalidState> {
        if self.from == to {
            return Err(InvalidState::Itself(self.from.clone()));
        }
        let last = self.steps.last().copied().unwrap_or_default();
        let first = self.steps.first().copied().unwrap_or_default();
        let rises = self.steps.is_sorted_by(|a, b| a < b);
        if !rises || first < 1 || 100 < last || STEPS_MAX < self.steps.len() {
            return Err(InvalidState::Steps(self.steps.clone()));
        }
        if self.total == 0 {
            return Err(InvalidState::NoPods);
        }
        if self.delete_old && last != 100 {
            return Err(InvalidState::KeepsOld(last));
        }
        if self.timeout_seconds == 0 {
            return Err(InvalidState::NoPatience);
        }
        Ok(())
    }
}

impl State {
    /// A shift that begins `now`.
    #[must_use]
    pub fn begin(order: Order, pods: &Pods, now: Moment) -> Self {
        let old = pods.old.unwrap_or_default();
        let before = Before { from: old.spec, to: pods.new.spec, ready: pods.ready() };
        let now = now.truncated();
        Self {
            order,
            before,
            phase: Phase::Shifting,
            step: 0,
            reached: None,
            moved: now,
            cause: String::new(),
        }
    }

    /// The state that the new Deployment keeps; none when it has none.
    ///
    /// # Errors
    /// It cannot be read, or asks for what cannot be done.
    pub fn of(target: &Object) -> Result<Option<Self>, Malformed> {
        let Some(text) = target.meta().annotations.get(ANNOTATION) else { return Ok(None) };
        let malformed = |problem: String| Malformed {
            what: target.key().to_string(),
            problem: format!("annotation {ANNOTATION}: {problem}"),
        };
        let state: Self = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        state.order.check(&target.meta().name).map_err(|error| malformed(error.to_string()))?;
        Ok(Some(state))
    }

    /// The text that the new Deployment keeps.
    #[must_use]
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether there is nothing more to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Returned)
    }

    /// The same shift on its way back, unless it is over.
    #[must_use]
    pub fn returning(&self, cause: impl Into<String>, now: Moment) -> Self {
        if self.phase != Phase::Shifting {
            return self.clone();
        }
        let now = now.truncated();
        Self { phase: Phase::Returning, cause: cause.into(), reached: None, moved: now, ..self.clone() }
    }

    /// The percentage of the current step; that of the last one once all are done.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let step = usize::try_from(self.step).unwrap_or(usize::MAX);
        self.order.steps.get(step).or(self.order.steps.last()).copied().unwrap_or_default()
    }

    /// Whether the current step is the last.
    #[must_use]
    pub fn is_last_step(&self) -> bool {
        usize::try_from(self.step).map_or(true, |step| self.order.steps.len() <= step.saturating_add(1))
    }

    /// The counts that it is going to.
    #[must_use]
    pub fn goal(&self) -> Counts {
        match self.phase {
            Phase::Returning | Phase::Returned => Counts { canary: self.before.to, stable: self.before.from },
            Phase::Shifting | Phase::Done => {
                let surge = self.posts().surge;
                approximate(Whole::hundred(self.order.total), self.percent(), surge)
            }
        }
    }

    /// Pods of both Deployments together where it is going.
    #[must_use]
    pub fn whole(&self) -> u32 {
        match self.phase {
            Phase::Returning | Phase::Returned => self.before.from.saturating_add(self.before.to),
            Phase::Shifting | Phase::Done => self.order.total,
        }
    }

    /// How far the counts may stray: up by a quarter, down to what was ready before and no further.
    #[must_use]
    pub fn posts(&self) -> Fenceposts {
        let whole = self.whole();
        let surge = u64::from(whole) * u64::from(SURGE_PERCENT);
        let surge = u32::try_from(surge.div_ceil(100)).unwrap_or(u32::MAX).max(1);
        Fenceposts { surge, unavailable: whole.saturating_sub(self.before.ready) }
    }
}
