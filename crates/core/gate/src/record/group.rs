//! The record of a group: one document with the records of its members and what they say together.
//!
//! Property: each member's record stands for itself, as that of a single gate does; what the group said follows from the
//! members' blocks, the policy and the terms, and [`verify_group`] says where it does not.

mod text;
mod verify;
mod words;

use serde::{Deserialize, Serialize};

use super::{Bars, ENGINE, Opening, Record, RecordError, Recorder, bars, columns, rule_of};
use crate::{
    block::{Block, Roster},
    engine::Look,
    group::{Group, GroupError, GroupLook, GroupVerdict, Terms},
    policy::Policy,
};

pub use text::{Judged, is_group, read_any};
pub use verify::{VerifiedGroup, verify_group};
pub use words::{combined, group_reasons, member_name};

/// What the record of a group is called in its first line.
pub const GROUP_FORMAT: &str = "serin.gate.group/1";

/// What the judgement of a group begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOpening {
    /// The hash of the record before this one, for a chain of them.
    pub previous: Option<String>,
    /// The policy of the whole; the members' have their part of alpha.
    pub policy: Policy,
    /// What is one group.
    pub terms: Terms,
    /// What each member began with, in the order of the terms: its queries, pods and past.
    pub members: Vec<Opening>,
}

/// The judgement as of the last look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupOutcome {
    /// The verdict; none before the first look.
    pub verdict: Option<GroupVerdict>,
    /// The rule that fired, by its name.
    pub rule: String,
    /// The same in words.
    pub reasons: Vec<String>,
    /// The group's bars of each metric.
    pub bars: Vec<Bars>,
}

/// A whole record.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRecord {
    /// The engine that made it.
    pub engine: String,
    /// The hash of the record before this one.
    pub previous: Option<String>,
    /// The policy of the whole.
    pub policy: Policy,
    /// What is one group.
    pub terms: Terms,
    /// The look after each moment, its numbers with twelve digits.
    pub looks: Vec<GroupLook>,
    /// The judgement.
    pub outcome: GroupOutcome,
    /// The members' own records, in the order of the terms.
    pub members: Vec<Record>,
}

/// A record in the making.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRecorder {
    previous: Option<String>,
    members: Vec<Recorder>,
    looks: Vec<GroupLook>,
}

impl GroupOpening {
    /// The group that begins so.
    ///
    /// # Errors
    /// When the policy cannot be kept, or the members are none.
    pub fn group(&self) -> Result<Group, GroupError> {
        let pasts: Vec<(Roster, &[Block])> =
            self.members.iter().map(|member| (member.roster.clone(), member.history.as_slice())).collect();
        Group::open(self.policy.clone(), self.terms.clone(), pasts)
    }
}

impl GroupRecorder {
    /// Begins a record, of a group that has seen nothing but its past. The members' policies are those of the terms.
    #[must_use]
    pub fn new(opening: GroupOpening, group: &Group) -> Self {
        let policy = opening.terms.of_member(&opening.policy);
        let of = |(opening, gate): (Opening, &crate::Gate)| {
            Recorder::new(Opening { previous: None, policy: policy.clone(), ..opening }, gate)
        };
        Self {
            previous: opening.previous,
            members: opening.members.into_iter().zip(group.members()).map(of).collect(),
            looks: Vec::new(),
        }
    }

    /// Adds the blocks of a moment and what was said of them.
    ///
    /// # Errors
    /// [`RecordError`]; then the record cannot go on.
    pub fn add(
        &mut self,
        blocks: &[Block],
        (look, looks): (&GroupLook, &[Look]),
        group: &Group,
    ) -> Result<(), RecordError> {
        let mut value = super::text::value(look);
        columns::round(&mut value);
        let recorded = serde_json::from_value(value).map_err(|_| RecordError::Infinite)?;
        let gates = group.members();
        for (((member, block), look), gate) in self.members.iter_mut().zip(blocks).zip(looks).zip(gates) {
            member.add(block, look, gate)?;
        }
        self.looks.push(recorded);
        Ok(())
    }

    /// The looks so far.
    #[must_use]
    pub fn looks(&self) -> &[GroupLook] {
        &self.looks
    }

    /// The record as of now.
    #[must_use]
    pub fn record(&self, group: &Group) -> GroupRecord {
        let gates = self.members.iter().zip(group.members());
        let verdict = self.looks.last().map(|look| look.verdict.clone());
        let policy = group.policy();
        GroupRecord {
            engine: ENGINE.to_owned(),
            previous: self.previous.clone(),
            policy: policy.clone(),
            terms: group.terms().clone(),
            looks: self.looks.clone(),
            outcome: GroupOutcome {
                rule: verdict.as_ref().map_or("none", rule).to_owned(),
                reasons: verdict
                    .as_ref()
                    .map_or_else(Vec::new, |verdict| group_reasons(verdict, policy, group.terms())),
                bars: bars(&group.terms().of_group(policy)),
                verdict,
            },
            members: gates.map(|(recorder, gate)| recorder.record(gate)).collect(),
        }
    }
}

/// The rule that a verdict comes from.
fn rule(verdict: &GroupVerdict) -> &'static str {
    match verdict {
        GroupVerdict::Pass => "no-harm-evidence",
        GroupVerdict::Hold(hold) => hold.hold.name(),
        GroupVerdict::Fail(causes) => match causes.first() {
            Some(cause) if cause.member.is_some() => "veto",
            cause => rule_of(cause.map(|cause| &cause.cause)),
        },
    }
}
