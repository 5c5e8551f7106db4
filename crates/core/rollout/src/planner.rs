//! One pass over one Rollout: resolve, claim, validate, revise, decide, place, route, report.

use serde_json::{Value, json};
use serin_api::{
    kinds,
    names::{ConditionType, EventReason, Reason},
    rollout::{CanaryStep, CanaryStrategy, Rollout, RolloutStatus, StepKind},
    wire::{Problem, Wire},
};
use serin_kernel::{
    Act, Answer, Answers, Ask, Change as Deed, Event, Freeze, Interest, Kind, Moment, Object, Observed, Plan,
    Planner, Question, Write,
};

use crate::{
    Settings,
    check::{self, Invalid},
    claim::{self, Claim, claim},
    course::{self, Change},
    dress, identify,
    report::{self, Milestones, Outcome},
    resolve::{Resolved, resolve},
    restart,
    scene::Scene,
    services,
    set::Set,
    split::{self, Split},
    targets,
    tell::Tell,
    template, workload, writes,
};

/// How often an invalid Rollout is looked at again, beyond every change of what it names: Argo's interval.
const INVALID_RETRY: std::time::Duration = std::time::Duration::from_secs(20);

/// The name of the question whether the Rollout is still as it was seen.
const SAME_ROLLOUT: &str = "same-rollout";
/// When to look again after seeing an old Rollout, beyond the news of the new one.
const STALE_RETRY: std::time::Duration = std::time::Duration::from_secs(1);

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
        let plan = match read.problems.iter().find(|problem| !is_in_status(problem)) {
            Some(problem) => {
                Err(Invalid(format!("The Rollout \"{}\" is invalid: {problem}", object.meta().name)))
            }
            None => pass(observed, &read.value, answers, now),
        };
        plan.unwrap_or_else(|invalid| Plan::Act(refuse(observed, &read.value, &invalid, now)))
    }

    fn freeze(&self, object: &Object, cause: &Freeze, now: Moment) -> Act {
        let rollout = serin_api::lenient::<Rollout>(object.value()).value;
        let why = match cause {
            Freeze::Panicked(text) => format!("planning for it failed ({text})"),
            Freeze::Storm { passes } => {
                format!("{passes} passes in a row wrote although nothing else changed")
            }
            Freeze::Endless { rounds } => format!("{rounds} rounds of questions did not end"),
        };
        let text = format!(
            "Serin leaves this Rollout alone until it is changed: {why}. Please report this as a defect."
        );
        refuse(&Observed::new(object.clone(), []), &rollout, &Invalid(text), now)
    }
}

/// Writes why a Rollout is not run.
fn refuse(observed: &Observed, rollout: &Rollout, invalid: &Invalid, now: Moment) -> Act {
    let object = &observed.object;
    let mut act = Act { wake: Some(now.plus(INVALID_RETRY)), ..Act::default() };
    let next = check::status(rollout, invalid, object.meta().generation, now);
    if let Some(patch) = status_patch(object, &rollout.status, &next) {
        let told = Tell {
            reason: Reason::InvalidSpec.as_str(),
            ..Tell::warning(EventReason::ReconciliationError, &invalid.0)
        };
        let write = Write::unchanged(object, Deed::MergeStatus(patch));
        act.writes
            .push(added(rollout, object).into_iter().chain([told.about(object)]).fold(write, Write::telling));
        act.reasons.push(invalid.0.clone());
    }
    act
}

fn is_in_status(problem: &Problem) -> bool {
    problem.path == "status" || problem.path.starts_with("status.")
}

/// The patch of the status, if it changes. The first one has the two empty objects that clients find in every status.
fn status_patch(object: &Object, old: &RolloutStatus, new: &RolloutStatus) -> Option<Value> {
    let is = object.value();
    let status = json!({"status": is.get("status")});
    let unread = serin_api::lenient::<Rollout>(status).problems;
    let mut patch = old.patch_to(new).or_else(|| (!unread.is_empty()).then(|| json!({"status": {}})))?;
    for problem in &unread {
        rewrite(&mut patch["status"], &new.write(), &problem.path);
    }
    for always in ["blueGreen", "canary"] {
        if is.pointer(&format!("/status/{always}")).is_none() && patch["status"][always].is_null() {
            patch["status"][always] = Value::Object(serde_json::Map::new());
        }
    }
    Some(patch)
}

/// Puts into `patch` what stands in `new` where `problem` is: a value that could not be read was taken for none, so
/// that the difference of what was read does not have it. Lists are written whole.
fn rewrite(patch: &mut Value, new: &Value, problem: &str) {
    let before_list = problem.split('[').next().unwrap_or_default();
    let names: Vec<&str> = before_list.split('.').skip(1).collect();
    let Some((last, outer)) = names.split_last() else {
        *patch = new.clone();
        return;
    };
    let (mut place, mut wanted) = (patch, new);
    for name in outer {
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry((*name).to_owned()).or_insert_with(|| json!({}));
        wanted = wanted.get(name).unwrap_or(&Value::Null);
    }
    if let Some(fields) = place.as_object_mut() {
        fields.entry((*last).to_owned()).or_insert(wanted.get(last).cloned().unwrap_or_default());
    }
}

/// The news that a Rollout is seen for the first time.
fn added(rollout: &Rollout, object: &Object) -> Option<Event> {
    let meta = object.meta();
    let text = format!("Rollout resource added to informer: {}/{}", meta.namespace, meta.name);
    let is_first = rollout.status.observed_generation.is_empty() && rollout.status.conditions.is_empty();
    is_first.then(|| Tell::normal(EventReason::RolloutAddedToInformer, text).about(object))
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
    let scene = look(observed, rollout, (canary, resolved), sets, &mut next, now);
    let act = decide(&scene, next);
    Ok(fenced(&scene, &act, answers).unwrap_or(Plan::Act(act)))
}

/// What to do instead of `act` when it takes pods away by the weights of an old look at the Rollout. With a dynamic
/// stable version the record of the weights is all that says how many pods the traffic needs, and a controller that
/// has lost its lease may hold one that its successor has changed since; so the API is asked whether it still stands.
fn fenced(scene: &Scene<'_>, act: &Act, answers: &Answers) -> Option<Plan> {
    if !scene.is_dynamic() || !act.writes.iter().any(|write| shrinks(scene, write)) {
        return None;
    }
    let own = &scene.object().meta().resource_version;
    match answers.get(SAME_ROLLOUT) {
        None => {
            let question = Question::Read(scene.object().key());
            Some(Plan::Ask(vec![Ask { id: SAME_ROLLOUT.to_owned(), question }]))
        }
        Some(Answer::Object(Some(live))) if live.meta().resource_version == *own => None,
        Some(_) => Some(Plan::Act(Act { wake: Some(scene.now.plus(STALE_RETRY)), ..Act::default() })),
    }
}

/// Whether `write` gives a ReplicaSet fewer pods.
fn shrinks(scene: &Scene<'_>, write: &Write) -> bool {
    let Deed::Merge(patch) = &write.change else { return false };
    let wanted = patch.pointer("/spec/replicas").and_then(Value::as_u64);
    let is_one = |set: &&Set<'_>| set.object.is_some_and(|object| object.key() == write.target);
    let set = scene.sets.iter().find(is_one);
    wanted.zip(set).is_some_and(|(wanted, set)| wanted < u64::from(set.spec))
}

fn invalid(rollout: &Rollout, problem: &str) -> Invalid {
    Invalid(format!("The Rollout \"{}\" is invalid: {problem}", rollout.metadata.name))
}

/// Puts the ReplicaSets in their roles; the one for the wanted template is named if there is none.
fn look<'a>(
    observed: &'a Observed,
    rollout: &'a Rollout,
    (canary, resolved): (&'a CanaryStrategy, Resolved),
    objects: Vec<&'a Object>,
    next: &mut RolloutStatus,
    now: Moment,
) -> Scene<'a> {
    let mut sets: Vec<Set<'a>> = objects.into_iter().map(Set::read).collect();
    sets.sort_by(|a, b| (a.created(), &a.name).cmp(&(b.created(), &b.name)));
    let found = identify::find(&sets, &resolved.template, &rollout.status);
    let new = found.unwrap_or_else(|| {
        let namespace = &observed.object.meta().namespace;
        let refused = observed.refused.as_ref().filter(|refused| refused.reason == "AlreadyExists");
        let is_taken = |name: &str| {
            let key = kinds::REPLICA_SET.key(namespace.clone(), name);
            observed.get(&key).is_some() || refused.is_some_and(|refused| refused.target == key)
        };
        let own = &observed.object.meta().name;
        let (name, hash) = identify::name(own, &resolved.template, &mut next.collision_count, is_taken);
        let labelled = template::with_hash_label(&resolved.template, &hash);
        sets.push(Set::planned(name, hash, 0, labelled));
        sets.len() - 1
    });
    Scene {
        observed,
        rollout,
        canary,
        selector: resolved.selector,
        workload_generation: resolved.generation,
        sets,
        new,
        step_hash: template::step_hash(&canary.steps),
        now,
    }
}

/// News and wake-ups of one pass.
#[derive(Default)]
struct News {
    /// True before anything of this pass is written.
    early: Vec<Tell>,
    /// True with the status.
    late: Vec<Tell>,
    wakes: Vec<Moment>,
}

impl News {
    fn wake(&mut self, at: Option<Moment>) {
        self.wakes.extend(at);
    }
}

fn decide(scene: &Scene<'_>, mut next: RolloutStatus) -> Act {
    let mut news = News::default();
    let mut seen = Milestones::default();
    let mut outcome = Outcome { creates: scene.wanted().object.is_none(), ..Outcome::default() };
    begin(scene, &mut next, &mut news, &mut seen, &mut outcome);

    let (told, wake) = course::leave_pause(scene, &mut next);
    news.early.extend(told);
    news.wake(wake);

    let routed = route(scene, &mut next, &mut news);
    let decided = next.clone();
    let is_sent = !scene.is_routed() || (routed.split.weight.is_some() && routed.error.is_none());
    news.late.extend(course::leave_counts(scene, &mut next, is_sent));
    let (told, wake) = course::enter_pause(scene, &mut next);
    news.late.extend(told);
    news.wake(wake);

    let sent = routed.split.weight.filter(|_| routed.error.is_none());
    let goals = targets::goals(scene, &decided, sent);
    news.wake(goals.wake);
    seen.was_stable = course::is_promoted(scene, &decided);
    let promotion = if is_sent || decided.stable_rs.is_empty() {
        course::promote(scene, &decided, &mut next)
    } else {
        None
    };
    let (promoted, completion) = promotion.unzip();

    let dressed = dress::dress(scene, &decided);
    let set_writes = writes::sets(scene, &goals, &dressed);
    let restart = restart::restart(scene, &mut next);
    news.wake(restart.wake);
    let (told, wake) = report::conditions(scene, &mut next, &outcome);
    news.late.extend(told);
    news.late.extend(promoted);
    news.wake(wake);

    seen.promoted = completion;
    seen.is_stable = course::is_promoted(scene, &next);
    seen.is_complete = scene.replicas() <= scene.wanted().available;
    seen.is_aborted = next.abort;
    seen.waits_for_person = waits_for_person(scene, &next);
    next.duration = report::duration(&next, seen, scene.now);
    let (phase, message) = report::phase(scene.rollout, &next);
    next.phase = Some(phase);
    next.message = message;
    let others = Others {
        pods: dressed.pods,
        evictions: restart.evictions,
        workload: workload::scale_down(scene, &next),
    };
    assemble(scene, &next, news, set_writes, others, (routed, &decided))
}

/// Counts, and what has changed since the last pass: another template, an abort, a retry, a deadline.
fn begin(
    scene: &Scene<'_>,
    next: &mut RolloutStatus,
    news: &mut News,
    seen: &mut Milestones,
    outcome: &mut Outcome,
) {
    seen.is_changed = course::change(scene) == Change::Restart;
    if seen.is_changed {
        seen.rollback = course::rollback(scene, next);
        news.late.extend(course::restart(scene, next));
        if !course::is_promoted(scene, next) {
            let (revision, hash) = (scene.revision(), &scene.wanted().hash);
            let text = format!("Rollout not completed, started update to revision {revision} ({hash})");
            news.early.push(Tell::normal(EventReason::RolloutNotCompleted, text));
        }
    }
    course::settle(scene, next);
    report::counts(scene, next);
    let was = scene.status().condition(ConditionType::Progressing);
    let was_aborted = was.is_some_and(|condition| condition.reason == Reason::RolloutAborted);
    seen.is_retried = was_aborted && !next.abort && !seen.is_changed;
    let can_abort =
        scene.rollout.spec.progress_deadline_abort && !next.abort && !course::is_promoted(scene, next);
    if can_abort && report::is_overdue(scene, next) {
        outcome.abort_cause =
            Some(format!("ReplicaSet \"{}\" has timed out progressing.", scene.wanted().name));
        course::abort(scene, next);
    }
    let name = writes_key(scene);
    outcome.create_error = scene
        .observed
        .refused
        .as_ref()
        .filter(|refused| scene.wanted().object.is_none() && refused.target == name)
        .filter(|refused| refused.reason != "AlreadyExists")
        .map(|refused| refused.message.clone());
}

fn writes_key(scene: &Scene<'_>) -> serin_kernel::Key {
    kinds::REPLICA_SET.key(scene.object().meta().namespace.clone(), scene.wanted().name.clone())
}

/// What the routers are told in this pass.
struct Routed {
    split: Split,
    writes: Vec<Write>,
    /// Whether traffic leaves the new version.
    is_falling: bool,
    error: Option<String>,
}

fn route(scene: &Scene<'_>, next: &mut RolloutStatus, news: &mut News) -> Routed {
    let split = split::split(scene, next);
    let none = Routed { split: split.clone(), writes: Vec::new(), is_falling: false, error: None };
    if !scene.is_routed() {
        next.canary.weights = None;
        return none;
    }
    let Some(weight) = split.weight else {
        return none;
    };
    let recorded = scene.status().canary.weights.as_ref();
    let before = recorded.map_or(0, |weights| crate::set::count(weights.canary.weight));
    match crate::routers::writes(scene, weight) {
        Ok(writes) => {
            let record = split::record(scene, next, &split.canary_hash, weight);
            tell_weight(recorded.cloned(), &record, news);
            next.canary.weights = Some(record);
            Routed { split, writes, is_falling: weight < before, error: None }
        }
        Err(error) => {
            news.late.push(Tell::warning(EventReason::TrafficRoutingError, error.to_string()));
            Routed { error: Some(error.to_string()), ..none }
        }
    }
}

fn tell_weight(
    old: Option<serin_api::rollout::TrafficWeights>,
    new: &serin_api::rollout::TrafficWeights,
    news: &mut News,
) {
    let told = |text: String| Tell::normal(EventReason::TrafficWeightUpdated, text);
    match old {
        Some(old) if old == *new => {}
        Some(old) if old.canary.weight == new.canary.weight => {
            news.early.push(told("Traffic weight updated ".to_owned()));
        }
        Some(old) => {
            let (from, to) = (old.canary.weight, new.canary.weight);
            news.late.push(told(format!("Traffic weight updated from {from} to {to}")));
        }
        None => news.late.push(told(format!("Traffic weight updated to {}", new.canary.weight))),
    }
}

fn waits_for_person(scene: &Scene<'_>, next: &RolloutStatus) -> bool {
    let step = course::current(scene, next).and_then(CanaryStep::kind);
    let endless = matches!(step, Some(StepKind::Pause(pause)) if pause.duration.is_none());
    scene.rollout.spec.paused || (endless && !next.pause_conditions.is_empty())
}

/// Writes beside those of ReplicaSets, Services and routers.
struct Others {
    pods: Vec<Write>,
    evictions: Vec<Write>,
    workload: Option<Write>,
}

/// Puts the writes in an order of which every prefix is safe, and the news with them.
fn assemble(
    scene: &Scene<'_>,
    next: &RolloutStatus,
    news: News,
    sets: writes::SetWrites,
    others: Others,
    (routed, decided): (Routed, &RolloutStatus),
) -> Act {
    let object = scene.object();
    let about = |told: Vec<Tell>| told.into_iter().map(|tell| tell.about(object)).collect::<Vec<_>>();
    let annotate = writes::annotate(scene);
    let status = status_patch(object, scene.status(), next)
        .map(|patch| writes::status(scene, patch, annotate.is_some()));
    let is_refused =
        scene.observed.refused.as_ref().is_some_and(|refused| refused.target == writes_key(scene));

    let mut ordered: Vec<Write> = others.pods;
    let (first, mut last) = if is_refused { (Vec::new(), sets.up) } else { (sets.up, Vec::new()) };
    ordered.extend(first);
    let stable = services::stable(scene, decided);
    let canary = services::canary(scene, decided, &routed.split);
    let (falling, rising) =
        if routed.is_falling { (routed.writes, Vec::new()) } else { (Vec::new(), routed.writes) };
    ordered.extend(stable);
    ordered.extend(falling);
    ordered.extend(canary);
    ordered.extend(rising);
    ordered.extend(sets.down);
    ordered.extend(writes::history(scene, split::others(scene, decided).collect()));

    ordered.extend(others.evictions);
    ordered.extend(others.workload);

    let mut late = about(news.late);
    let early = about(news.early);
    match ordered.first_mut() {
        // What was decided comes after the creation, and before what follows from it.
        Some(write) => {
            let at = usize::from(matches!(write.change, Deed::Create(_))).min(write.events.len());
            write.events.splice(at..at, early);
        }
        None => {
            late.splice(0..0, early);
        }
    }
    let mut events = refusal(scene);
    match status {
        Some(mut write) => {
            write.events.extend(late);
            ordered.push(write);
        }
        None => events.extend(late),
    }
    ordered.append(&mut last);
    ordered.splice(0..0, annotate);
    if let (Some(write), Some(event)) = (ordered.first_mut(), added(scene.rollout, object)) {
        write.events.insert(0, event);
    }
    let reasons = reasons(scene.status(), next, routed.error.as_ref());
    let wake = news.wakes.into_iter().filter(|&at| scene.now < at).min();
    Act { writes: ordered, events, wake, reasons }
}

/// The API refused a write of the previous pass, other than the creation of the ReplicaSet, which has a condition.
fn refusal(scene: &Scene<'_>) -> Vec<Event> {
    let refused = scene.observed.refused.as_ref().filter(|refused| refused.target != writes_key(scene));
    let Some(refused) = refused else { return Vec::new() };
    let reason = if refused.target.kind == kinds::REPLICA_SET {
        EventReason::ReplicaSetUpdateError
    } else if refused.target.kind == kinds::INGRESS {
        EventReason::TrafficRoutingError
    } else {
        EventReason::ReconciliationError
    };
    let text = format!("{} was refused: {}", refused.target, refused.message);
    vec![Tell::warning(reason, text).about(scene.object())]
}

fn reasons(old: &RolloutStatus, next: &RolloutStatus, error: Option<&String>) -> Vec<String> {
    let mut reasons = Vec::new();
    if old.phase != next.phase || old.message != next.message {
        let phase = next.phase.map_or("", |phase| phase.as_str());
        reasons.push(format!("phase {phase} {}", next.message).trim_end().to_owned());
    }
    if old.current_step_index != next.current_step_index {
        reasons.push(format!("step {:?} after {:?}", next.current_step_index, old.current_step_index));
    }
    reasons.extend(error.cloned());
    reasons
}
