//! One pass over one Rollout: resolve, claim, validate, revise, decide, place, route, report.
//!
//! Mechanics: [`decide`] makes every decision of a pass, [`route`] the routers' part of it; [`order`] puts the writes in
//! an order of which every prefix is safe, with the [`news`] that they make true; [`status`] is what of the status is
//! written; [`fence`] stops a pass that would act on an old look.

mod decide;
mod fence;
mod news;
mod order;
mod route;
mod status;

use serin_api::{
    kinds,
    names::{EventReason, Reason},
    rollout::Rollout,
};
use serin_kernel::{
    Act, Answers, Change as Deed, Freeze, Interest, Kind, Moment, Object, Observed, Plan, Planner, Write,
};

use crate::{
    Settings,
    check::{self, Invalid},
    claim::{self, Claim, claim},
    resolve::resolve,
    scene::Scene,
    tell::Tell,
};

/// How often an invalid Rollout is looked at again, beyond every change of what it names: Argo's interval.
const INVALID_RETRY: std::time::Duration = std::time::Duration::from_secs(20);

/// Plans for Rollouts.
#[derive(Clone, Debug, Default)]
pub struct RolloutPlanner {
    settings: Settings,
}

impl RolloutPlanner {
    /// A planner that serves the Rollouts of one instance of the controller.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Planner for RolloutPlanner {
    fn kind(&self) -> Kind {
        kinds::ROLLOUT
    }

    fn concerns(&self, object: &Object) -> bool {
        self.settings.serves(object)
    }

    fn interests(&self, object: &Object) -> Vec<Interest> {
        crate::interests::interests(object)
    }

    fn plan(&self, observed: &Observed, answers: &Answers, now: Moment) -> Plan {
        let object = &observed.object;
        if object.meta().deletion_timestamp.is_some() {
            return Plan::Act(Act::default());
        }
        let read = serin_api::lenient::<Rollout>(object.value());
        // The status is ours: what cannot be read in it is not the user's mistake, and is written anew.
        let plan = match read.problems.iter().find(|problem| !status::holds(problem)) {
            Some(problem) => {
                Err(Invalid::new(format!("The Rollout \"{}\" is invalid: {problem}", object.meta().name)))
            }
            None => pass(observed, &read.value, answers, now),
        };
        plan.unwrap_or_else(|invalid| Plan::Act(refuse(observed, &read.value, &invalid, now)))
    }

    fn freeze(&self, object: &Object, cause: &Freeze, now: Moment) -> Act {
        let rollout = serin_api::lenient::<Rollout>(object.value()).value;
        refuse(
            &Observed::new(object.clone(), []),
            &rollout,
            &Invalid::new(cause.told(object.kind().kind)),
            now,
        )
    }
}

/// Writes why a Rollout is not run.
fn refuse(observed: &Observed, rollout: &Rollout, invalid: &Invalid, now: Moment) -> Act {
    let object = &observed.object;
    let mut act = Act { wake: Some(now.plus(INVALID_RETRY)), ..Act::default() };
    let next = check::status(rollout, invalid, object.meta().generation, now);
    if let Some(patch) = status::patch(object, &rollout.status, &next) {
        let told = Tell {
            reason: Reason::InvalidSpec.as_str(),
            ..Tell::warning(EventReason::ReconciliationError, &invalid.text)
        };
        // What one file brings comes one by one: before the first deploy that is no news.
        let is_early = invalid.waits && rollout.status.current_pod_hash.is_empty();
        let told = (!is_early).then(|| told.about(object));
        let write = Write::unchanged(object, Deed::MergeStatus(patch));
        act.writes.push(news::added(rollout, object).into_iter().chain(told).fold(write, Write::telling));
        act.reasons.push(invalid.text.clone());
    }
    act
}

fn pass(observed: &Observed, rollout: &Rollout, answers: &Answers, now: Moment) -> Result<Plan, Invalid> {
    let resolved = resolve(observed, rollout)?;
    // Before anything is claimed: an empty selector would claim every ReplicaSet there is.
    let canary = check::valid(observed, rollout, &resolved)?;
    let selector = resolved
        .selector
        .selector()
        .ok_or_else(|| invalid(rollout, "spec.selector: Invalid value: not a selector"))?;
    let sets = match claim(observed, &selector, answers) {
        Claim::Ask(ask) => return Ok(Plan::Ask(vec![ask])),
        Claim::Writes(writes) => return Ok(Plan::Act(Act { writes, ..Act::default() })),
        Claim::Settled(sets) => sets,
    };
    if let Some(wait) = claim::unseen(observed, answers, now) {
        return Ok(wait);
    }
    let mut next = rollout.status.clone();
    let scene = Scene::look(observed, rollout, (canary, resolved), sets, &mut next, now);
    let act = decide::decide(&scene, next);
    Ok(fence::instead(&scene, &act, answers).unwrap_or(Plan::Act(act)))
}

fn invalid(rollout: &Rollout, problem: &str) -> Invalid {
    Invalid::new(format!("The Rollout \"{}\" is invalid: {problem}", rollout.metadata.name))
}
