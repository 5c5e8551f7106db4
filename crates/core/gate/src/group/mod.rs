//! Several small gates judged as one: zones or clusters, none of which could decide alone.
//!
//! Property: a release that is as good as the stable version in every member is rolled back with a probability of at most
//! alpha, as with one gate. Half of alpha is the group's, whose evidence is the members' together; the other half the
//! members share, each of which can FAIL the whole: its veto.
//!
//! Each member is a gate of its own with its own past, so that what differs between zones (load, bursts, pods) is never
//! compared across them. Evidence of members that share nothing multiplies; where they may share something it is averaged,
//! which is right whatever the dependence and decides much later.

mod joint;
mod look;

use serde::{Deserialize, Serialize};
use serin_kernel::Moment;
use serin_stats::ratio::prior::Shelf;

use crate::{
    block::{Block, Roster},
    engine::{Gate, Look},
    policy::{Policy, PolicyError},
};

pub use look::{Combined, GroupCause, GroupHold, GroupLook, GroupVerdict, Joint};

/// Fewest members that are a group, and the most: each more makes a member's veto slower.
pub const MEMBERS_MIN: usize = 2;
/// More members than this are a mistake in the label: each has its own state, and its part of alpha.
pub const MEMBERS_MAX: usize = 100;

/// What is one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The label whose values are the members.
    pub label: String,
    /// Its values.
    pub members: Vec<String>,
    /// What all members depend on, as a database: with any, evidence is averaged.
    pub shared: Vec<String>,
    /// How "no worse" is shown.
    pub no_worse: NoWorse,
}

/// How it is shown that a release is no worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoWorse {
    /// Of all members together: what is worse in one alone is found by its veto.
    #[default]
    Together,
    /// Of every member.
    Each,
}

/// Why there is no group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The policy cannot be kept.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A number of members that is no group's.
    #[error("there are {0} members, and a group has {MEMBERS_MIN} to {MEMBERS_MAX}")]
    Members(usize),
    /// A member is there twice.
    #[error("the member {0:?} is there twice: each is one zone or cluster")]
    Twice(String),
    /// The pasts are not those of the members.
    #[error("there are pasts or blocks of {have} members, and the group has {need}")]
    Counts {
        /// Of so many there are.
        have: usize,
        /// Of so many there must be.
        need: usize,
    },
    /// The blocks are not of one moment.
    #[error(
        "the block of {member:?} begins at {start} in step {step}, and that of the first member does not"
    )]
    Apart {
        /// The member.
        member: String,
        /// When its block begins.
        start: Moment,
        /// Its step, from 1.
        step: u32,
    },
}

impl Terms {
    /// Whether they are those of a group.
    ///
    /// # Errors
    /// [`GroupError::Members`], [`GroupError::Twice`].
    pub fn check(&self) -> Result<(), GroupError> {
        if !(MEMBERS_MIN..=MEMBERS_MAX).contains(&self.members.len()) {
            return Err(GroupError::Members(self.members.len()));
        }
        let mut twice =
            self.members.iter().enumerate().filter(|(place, name)| self.members[..*place].contains(name));
        twice.next().map_or(Ok(()), |(_, name)| Err(GroupError::Twice(name.clone())))
    }

    /// What is promised of one member: half of alpha is shared among all of them.
    #[must_use]
    pub fn of_member(&self, policy: &Policy) -> Policy {
        Policy { alpha: policy.alpha / 2.0 / self.members.len() as f64, ..policy.clone() }
    }

    /// What is promised of the members together: the other half.
    #[must_use]
    pub fn of_group(&self, policy: &Policy) -> Policy {
        Policy { alpha: policy.alpha / 2.0, ..policy.clone() }
    }
}

/// The state of a group's judgement. It can be saved between any two looks, and goes on as if it had not been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    terms: Terms,
    policy: Policy,
    members: Vec<Gate>,
}

impl Group {
    /// A group that has seen nothing but the members' pasts: their pods and blocks, in the order of the terms.
    ///
    /// # Errors
    /// When the policy cannot be kept, or the members are none.
    pub fn open(policy: Policy, terms: Terms, pasts: Vec<(Roster, &[Block])>) -> Result<Self, GroupError> {
        terms.check()?;
        policy.check()?;
        if pasts.len() != terms.members.len() {
            return Err(GroupError::Counts { have: pasts.len(), need: terms.members.len() });
        }
        let member = |(roster, past): (Roster, &[Block])| Gate::open(terms.of_member(&policy), roster, past);
        let members = pasts.into_iter().map(member).collect::<Result<_, _>>()?;
        Ok(Self { terms, policy, members })
    }

    /// Takes in one block of each member, all of one moment, and gives the verdict as of its end with each member's look.
    ///
    /// # Errors
    /// [`GroupError::Counts`], [`GroupError::Apart`]; then nothing was taken in.
    pub fn look(
        &mut self,
        blocks: &[Block],
        priors: &mut Shelf,
    ) -> Result<(GroupLook, Vec<Look>), GroupError> {
        let need = self.members.len();
        if blocks.len() != need {
            return Err(GroupError::Counts { have: blocks.len(), need });
        }
        let is_apart = |block: &Block| (block.start, block.step) != (blocks[0].start, blocks[0].step);
        if let Some(place) = blocks.iter().position(is_apart) {
            let (start, step) = (blocks[place].start, blocks[place].step.saturating_add(1));
            return Err(GroupError::Apart { member: self.terms.members[place].clone(), start, step });
        }
        let looks: Vec<Look> =
            self.members.iter_mut().zip(blocks).map(|(member, block)| member.look(block, priors)).collect();
        Ok((self.answer(&looks, priors), looks))
    }

    /// What is one group.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The policy of the whole.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The members' gates, in the order of the terms.
    #[must_use]
    pub fn members(&self) -> &[Gate] {
        &self.members
    }

    /// How the members' evidence becomes one. Pods of one name in two members may be one pod, and are taken for it.
    #[must_use]
    pub fn combined(&self) -> Combined {
        let mut names: Vec<&str> = self
            .members
            .iter()
            .flat_map(|member| member.roster().pods.iter().map(|pod| pod.name.as_str()))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        if !self.terms.shared.is_empty() {
            Combined::AverageForShared
        } else if names.len() < all {
            Combined::AverageForPods
        } else {
            Combined::Product
        }
    }
}
