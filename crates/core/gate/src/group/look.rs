//! The verdict of a group over what its members say.

use serde::{Deserialize, Serialize};
use serin_kernel::Moment;
use serin_stats::ratio::prior::Shelf;

use super::{Group, joint};
use crate::{
    decide::{self, Ruling},
    engine::{Look, limit, spoils, stands},
    hold::{Cause, Hold, Lack, Word},
    policy::Class,
};

/// How the members' evidence became one, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Combined {
    /// Multiplied: no pods in common, nothing shared.
    Product,
    /// Averaged: something is declared as shared.
    AverageForShared,
    /// Averaged: a pod of one name is in two members.
    AverageForPods,
}

/// What a group says after its blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupLook {
    /// The end of the blocks.
    pub at: Moment,
    /// The step.
    pub step: u32,
    /// The verdict as of now.
    #[serde(flatten)]
    pub verdict: GroupVerdict,
    /// How the members' evidence became one.
    pub combined: Combined,
    /// Each metric, in the order of the policy.
    pub metrics: Vec<Joint>,
    /// Seconds of the step that count towards its minimum: of the member with the fewest.
    pub step_seconds: u32,
    /// Whether the deadline has passed.
    pub is_past_deadline: bool,
}

/// One metric of all members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Joint {
    /// log E of harm over the whole rollout.
    pub harm: f64,
    /// log E of no harm in this step.
    pub no_worse: f64,
    /// Why PASS cannot be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<GroupHold>,
}

/// What the group says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verdict", content = "why")]
pub enum GroupVerdict {
    /// Every guard metric is shown to be no worse than its margin.
    Pass,
    /// The release is worse, and these say so.
    Fail(Vec<GroupCause>),
    /// Neither can be said, and this is what is missing.
    Hold(GroupHold),
}

/// What says FAIL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupCause {
    /// The member whose veto it is, by its place; none when all together say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<usize>,
    /// The rule.
    #[serde(flatten)]
    pub cause: Cause,
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupHold {
    /// The member that lacks it, by its place; none for all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<usize>,
    /// The reason.
    #[serde(flatten)]
    pub hold: Hold,
}

impl GroupVerdict {
    /// Its name.
    #[must_use]
    pub fn word(&self) -> Word {
        match self {
            Self::Pass => Word::Pass,
            Self::Fail(_) => Word::Fail,
            Self::Hold(_) => Word::Hold,
        }
    }
}

fn of_all(hold: Hold) -> GroupHold {
    GroupHold { member: None, hold }
}

impl Group {
    /// The decision rule over what every member says.
    pub(super) fn answer(&self, looks: &[Look], priors: &mut Shelf) -> GroupLook {
        let combined = self.combined();
        let policy = self.terms.of_group(&self.policy);
        let metrics: Vec<Joint> =
            (0..policy.metrics.len()).map(|place| self.joint(place, looks, combined)).collect();
        let seconds = looks.iter().map(|look| look.step_seconds).min().unwrap_or(0);
        let step = looks.first().map_or(0, |look| look.step);
        let need = policy.steps.get(step as usize).map_or(0, |step| step.minimum);
        // A member that cannot be trusted does not mute the others: it has no part in the joint evidence.
        let standings: Vec<decide::Standing> = metrics
            .iter()
            .zip(&policy.metrics)
            .map(|(joint, metric)| stands((joint.harm, joint.no_worse), None, metric))
            .collect();
        let ruling = decide::decide(policy.alpha, policy.beta, seconds >= need, false, &standings);
        let mut causes = vetoes(looks);
        if let Ruling::Fail(harmed) = &ruling {
            let together =
                |metric: &usize| GroupCause { member: None, cause: Cause::Evidence { metric: *metric } };
            causes.splice(0..0, harmed.iter().map(together));
        }
        let counting = metrics.iter().zip(&policy.metrics).filter(|(_, metric)| metric.class != Class::Note);
        let hold = muting(looks).or_else(|| counting.into_iter().find_map(|(joint, _)| joint.hold.clone()));
        let verdict = match (causes.is_empty(), hold, ruling) {
            (false, ..) => GroupVerdict::Fail(causes),
            (true, Some(hold), _) => GroupVerdict::Hold(hold),
            (true, None, Ruling::Pass) => GroupVerdict::Pass,
            (true, None, Ruling::UnderPowered(place)) => {
                GroupVerdict::Hold(self.under_powered(place, looks, combined, priors))
            }
            (true, None, _) => GroupVerdict::Hold(of_all(Hold::MinimumTime { have: seconds, need })),
        };
        GroupLook {
            at: looks.first().map_or(Moment::EPOCH, |look| look.at),
            step,
            verdict,
            combined,
            metrics,
            step_seconds: seconds,
            is_past_deadline: looks.iter().any(|look| look.is_past_deadline),
        }
    }

    /// One metric of all members.
    fn joint(&self, place: usize, looks: &[Look], combined: Combined) -> Joint {
        let each = || looks.iter().map(|look| (look, &look.metrics[place]));
        let logs = |of: fn(&crate::MetricLook) -> f64| -> Vec<f64> {
            each().map(|(look, metric)| joint::counted(of(metric), joint::is_fit(look, metric))).collect()
        };
        Joint {
            harm: joint::together(&logs(|metric| metric.harm), combined),
            no_worse: joint::no_worse(&logs(|metric| metric.no_worse), combined, self.terms.no_worse),
            hold: self.hold(place, looks),
        }
    }

    /// Why a metric cannot PASS: a member's data cannot be used, or there is too little of all.
    fn hold(&self, place: usize, looks: &[Look]) -> Option<GroupHold> {
        let holds: Vec<Option<&Hold>> = looks.iter().map(|look| look.metrics[place].hold.as_ref()).collect();
        let spoiled = holds.iter().position(|hold| hold.is_some_and(spoils));
        if let Some((member, hold)) = spoiled.and_then(|member| Some((member, holds[member]?.clone()))) {
            return Some(GroupHold { member: Some(member), hold });
        }
        // A block without requests in one small zone is nothing odd; in all of them it is.
        let is_idle = |hold: Option<&Hold>| matches!(hold, Some(Hold::NoExposure { .. } | Hold::Warming));
        if holds.iter().copied().all(is_idle) {
            return holds.into_iter().flatten().next().cloned().map(of_all);
        }
        let exposures: Vec<Option<u64>> =
            self.members.iter().map(|member| member.step_exposure(place)).collect();
        if let Some(member) = exposures.iter().position(|exposure| *exposure == Some(0)) {
            return Some(GroupHold { member: Some(member), hold: Hold::NoExposure { metric: place } });
        }
        let have = exposures.into_iter().try_fold(0u64, |sum, one| Some(sum.saturating_add(one?)))?;
        let need = self.policy.minimum_exposure;
        (have < need).then(|| of_all(Hold::UnderExposed { metric: place, have, need }))
    }

    /// What the metric with the least evidence lacks.
    fn under_powered(
        &self,
        place: Option<usize>,
        looks: &[Look],
        combined: Combined,
        priors: &mut Shelf,
    ) -> GroupHold {
        let Some(place) = place else {
            return of_all(Hold::UnderPowered { metric: None, lacks: Lack::Guard });
        };
        let metric = &self.policy.metrics[place];
        let members = self.members.iter().zip(looks);
        let lacks: Vec<Lack> =
            members.map(|(member, look)| member.lacks(place, &look.metrics[place], priors)).collect();
        let limits: Vec<f64> =
            looks.iter().map(|look| limit(metric, look.metrics[place].spread, priors)).collect();
        let whole = joint::no_worse(&limits, combined, self.terms.no_worse);
        let is_enough = 0.0 < metric.floor || decide::reaches(whole, decide::pass_bar(self.policy.beta));
        let of =
            |member, lacks| GroupHold { member, hold: Hold::UnderPowered { metric: Some(place), lacks } };
        // Pods that are too few in one member are enough where all together can show it.
        let pods = lacks.iter().position(|lack| matches!(lack, Lack::Pods { .. })).filter(|_| !is_enough);
        match pods {
            Some(member) => of(Some(member), lacks[member].clone()),
            None if lacks.iter().all(|lack| *lack == Lack::History) => of(None, Lack::History),
            None if lacks.iter().all(|lack| *lack == Lack::Events) => of(None, Lack::Events),
            None => of(None, Lack::Requests),
        }
    }
}

/// What members say against the release, each for itself.
fn vetoes(looks: &[Look]) -> Vec<GroupCause> {
    let of = |(member, look): (usize, &Look)| {
        let causes =
            if let crate::Verdict::Fail(causes) = &look.verdict { causes.clone() } else { Vec::new() };
        causes.into_iter().map(move |cause| GroupCause { member: Some(member), cause }).collect::<Vec<_>>()
    };
    looks.iter().enumerate().flat_map(of).collect()
}

/// The first member nothing of which can be trusted.
fn muting(looks: &[Look]) -> Option<GroupHold> {
    let of = |look: &Look| {
        let split = look.split.as_ref().and_then(crate::engine::SplitLook::hold);
        let mut holds = look.metrics.iter().filter_map(|metric| metric.hold.clone()).chain(split);
        holds.find(Hold::mutes_all)
    };
    let mut each = looks.iter().enumerate();
    each.find_map(|(member, look)| Some(GroupHold { member: Some(member), hold: of(look)? }))
}
