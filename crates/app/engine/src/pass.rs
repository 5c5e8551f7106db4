//! One pass for one object: observe, plan, apply.
//!
//! A pass takes no hint of what woke it; it reads the stores. Whatever it meets ends in one of [`End`]'s ways, each of
//! which says when the next pass is due; so no object is ever dropped from the schedule while there is work left.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering,
    time::Duration,
};

use futures::FutureExt;
use serin_cluster::{Backoff, State};
use serin_kernel::{
    Act, Answer, Answers, Ask, Freeze, Interest, Key, Kind, Moment, Object, Observed, Plan, Planner,
    Question, ROUNDS_MAX, Reading,
};
use tokio::time::Instant;

use crate::{
    apply::{Stop, apply},
    engine::{Lane, Place, Shared},
    record::Ice,
    schedule::{Cause, Due},
};

/// After a refusal or without an answer: quick at first, for races with others; later rarely enough for a fault that
/// lasts, yet soon after a person has mended it.
const AFTER_FAILURE: Backoff = Backoff { first: Duration::from_millis(5), most: Duration::from_secs(10) };
/// After a conflict: the change that caused it is on its way to us and will wake the object by itself.
const AFTER_CONFLICT: Backoff = Backoff { first: Duration::from_millis(10), most: Duration::from_secs(1) };
/// So many failures in a row, and the planner is told of a server's error: after some tenths of a second, which a hiccup
/// of the server or of its database does not last. A webhook that is down does.
const TOLD_AFTER: u32 = 5;
/// A planner that asks to be woken at a time that has passed gets this much later: it must not spin.
const WAKE_MIN: Duration = Duration::from_secs(1);

/// How a pass ended.
enum End {
    /// The object is gone, or not ours.
    Forgotten,
    /// Something that is needed is not known yet; a change will wake the object.
    Waiting,
    /// All done until then; with the object, if nothing is to be decided of it before.
    Rest(Option<Moment>, Option<Object>),
    /// Nothing is to be decided before this time, whatever woke the object.
    Settled(Instant),
    /// All done, and more often than it should be: a pause.
    Pause(Duration),
    /// Frozen until it changes.
    Frozen,
    /// Not all could be done.
    Stopped(Stop),
}

/// A pass for the object that is due, and its next wake-up. A panic on the way, which no planner's is, is a failure like
/// others: the object must not count as being planned for ever.
pub(crate) async fn pass(shared: &Shared, lane: &Lane, place: Place, due: Due<Key>) {
    let key = due.key.clone();
    let Err(panic) = AssertUnwindSafe(unguarded(shared, lane, place, due)).catch_unwind().await else {
        return;
    };
    let failures = {
        let mut records = shared.records.lock();
        let record = records.entry(key.clone()).or_default();
        record.errors += 1;
        record.failures = record.failures.saturating_add(1);
        record.failures
    };
    tracing::error!(object = %key, "a pass broke off: {}", message(&*panic));
    lane.back_off(&key, AFTER_FAILURE.wait(failures), false);
}

async fn unguarded(shared: &Shared, lane: &Lane, mut place: Place, due: Due<Key>) {
    let started = Instant::now();
    let key = due.key;
    if due.cause == Cause::Timer {
        lane.lateness.lock().observe(started.saturating_duration_since(due.at));
    }
    let end = run((shared, lane), &mut place, &key, (due.cause, started)).await;
    drop(place);
    let mut records = shared.records.lock();
    let mut wait = None;
    if let Some(record) = records.get_mut(&key) {
        if !matches!(end, End::Settled(_)) {
            record.passes.observe(started.elapsed());
        }
        match &end {
            End::Forgotten | End::Waiting | End::Settled(_) => {}
            End::Rest(..) | End::Pause(_) | End::Frozen => record.failures = 0,
            End::Stopped(stop) => {
                record.failures = record.failures.saturating_add(1);
                record.refused = match stop {
                    Stop::Refused(refused) => Some(refused.clone()),
                    Stop::Unreachable { answer, .. } if TOLD_AFTER <= record.failures => answer.clone(),
                    _ => None,
                };
                record.errors += u64::from(matches!(stop, Stop::Refused(_) | Stop::Unreachable { .. }));
                wait = Some(wait_after(stop, record.failures));
            }
        }
    }
    drop(records);
    match end {
        End::Rest(Some(wake), settled) => {
            let until = wake.saturating_since(shared.cluster.now());
            let until = if until.is_zero() { WAKE_MIN } else { until };
            // A time beyond what the timer can hold is as good as none.
            if let Some(at) = Instant::now().checked_add(until) {
                if let (Some(object), Some(record)) = (settled, shared.records.lock().get_mut(&key)) {
                    record.settle(object.meta(), at);
                }
                lane.wake(&key, at, Cause::Timer, false);
            }
            lane.done(&key);
        }
        End::Settled(at) => {
            lane.wake(&key, at, Cause::Timer, false);
            lane.done(&key);
        }
        End::Stopped(stop) => {
            report(shared, &key, &stop);
            lane.back_off(&key, wait.unwrap_or(AFTER_FAILURE.first), false);
        }
        // The planner says again then when it wants to be woken.
        End::Pause(wait) => lane.back_off(&key, wait, true),
        End::Forgotten | End::Waiting | End::Rest(None, _) | End::Frozen => lane.done(&key),
    }
}

async fn run(
    (shared, lane): (&Shared, &Lane),
    place: &mut Place,
    key: &Key,
    (cause, started): (Cause, Instant),
) -> End {
    let cluster = &shared.cluster;
    if matches!(cluster.ensure(key.kind), State::Starting(_)) {
        shared.wait_for(key, &[key.kind]);
        return End::Waiting;
    }
    let Some(object) = cluster.get(key) else {
        shared.forget(key);
        return End::Forgotten;
    };
    let settled =
        shared.records.lock().get_mut(key).and_then(|it| it.is_settled(object.meta(), Instant::now()));
    if let Some(until) = settled {
        return End::Settled(until);
    }
    let planner = &lane.planner;
    match guarded(|| planner.concerns(&object)) {
        Ok(true) => {}
        Ok(false) => {
            shared.forget(key);
            return End::Forgotten;
        }
        Err(panic) => return freeze(shared, lane, &object, panic).await,
    }
    if let Some(end) = on_ice(shared, lane, &object, cause).await {
        return end;
    }
    let interests = match guarded(|| planner.interests(&object)) {
        Ok(interests) => interests,
        Err(panic) => return freeze(shared, lane, &object, panic).await,
    };
    let mut observed = match observe(shared, planner.as_ref(), object, &interests) {
        Ok(Ok(observed)) => observed,
        Ok(Err(kinds)) => {
            shared.wait_for(key, &kinds);
            return End::Waiting;
        }
        Err((object, panic)) => return freeze(shared, lane, &object, panic).await,
    };
    let (mut given, mut kept) = (Vec::new(), None);
    if let Some(record) = shared.records.lock().get_mut(key) {
        observed.refused = record.refused.take();
        kept.clone_from(&record.kept);
        given = record.replies.give(Instant::now());
        observed.replies = given.iter().map(|(_, heard)| heard.clone()).collect();
    }
    observed.kept = kept.and_then(|text| serde_json::from_str(&text).ok());
    let thought = tokio::select! {
        biased;
        thought = think(shared, lane, place, &observed) => thought,
        () = shared.leaving.cancelled() => return End::Waiting,
    };
    let act = match thought {
        Ok(act) => act,
        Err(cause) => return freeze(shared, lane, &observed.object, cause).await,
    };
    // Its turn to be carried out may come late: until then only what is to be done is kept.
    let Observed { object, .. } = observed;
    let end = carry_out(shared, lane, &object, (act, started)).await;
    if let (End::Stopped(_), Some(record)) = (&end, shared.records.lock().get_mut(key)) {
        record.replies.take_back(given);
    }
    end
}

/// Sees what the planner is interested in, and what it is further interested in when it has seen that. Fails with the kinds
/// of which not everything is known yet, or with the panic of a planner.
fn observe(
    shared: &Shared,
    planner: &dyn Planner,
    object: Object,
    interests: &[Interest],
) -> Result<Result<Observed, Vec<Kind>>, (Object, Freeze)> {
    // Before looking, both times: what changes between the look and the plan must lead to another pass.
    shared.interests.lock().set(&object, interests);
    let mut observed = match shared.cluster.related(&object, interests) {
        Ok(related) => Observed::new(object, related),
        Err(kinds) => return Ok(Err(kinds)),
    };
    let depth = match guarded(|| planner.depth(&observed.object)) {
        Ok(depth) => depth,
        Err(panic) => return Err((observed.object, panic)),
    };
    for _ in 0..depth {
        let further = match guarded(|| planner.further_interests(&observed)) {
            Ok(further) if further.is_empty() => break,
            Ok(further) => further,
            Err(panic) => return Err((observed.object, panic)),
        };
        let mut interests = interests.to_vec();
        interests.extend(further);
        shared.interests.lock().set(&observed.object, &interests);
        observed = match shared.cluster.related(&observed.object, &interests) {
            Ok(related) => Observed::new(observed.object, related),
            Err(kinds) => return Ok(Err(kinds)),
        };
    }
    Ok(Ok(observed))
}

/// What to do about an object that is frozen or about to be; none when it is not.
async fn on_ice(shared: &Shared, lane: &Lane, object: &Object, cause: Cause) -> Option<End> {
    let ice = {
        let mut records = shared.records.lock();
        let record = records.entry(object.key()).or_default();
        record.begin(cause, Instant::now());
        if record.ice != Ice::Thawed && record.ice != Ice::Frozen(object.meta().resource_version.clone()) {
            std::mem::replace(&mut record.ice, Ice::Thawed)
        } else {
            record.ice.clone()
        }
    };
    match ice {
        Ice::Frozen(version) if version == object.meta().resource_version => Some(End::Frozen),
        Ice::Freezing(cause) => Some(freeze(shared, lane, object, cause).await),
        Ice::Frozen(_) | Ice::Thawed => None,
    }
}

/// Asks the planner, and answers what it asks, until it acts.
async fn think(shared: &Shared, lane: &Lane, place: &mut Place, observed: &Observed) -> Result<Act, Freeze> {
    let mut answers = Answers::new();
    for round in 0..=ROUNDS_MAX {
        let now = shared.cluster.now();
        match guarded(|| lane.planner.plan(observed, &answers, now))? {
            Plan::Act(act) => return Ok(act),
            Plan::Ask(_) if round == ROUNDS_MAX => break,
            Plan::Ask(asks) => {
                for Ask { id, question } in asks {
                    let answer = answer(shared, place, question).await;
                    answers.insert(id, answer);
                }
            }
        }
    }
    Err(Freeze::Endless { rounds: ROUNDS_MAX })
}

async fn answer(shared: &Shared, place: &mut Place, question: Question) -> Answer {
    match question {
        Question::Read(key) => match shared.cluster.read(&key).await {
            Ok(object) => Answer::Object(object),
            Err(failure) => Answer::Failed(failure.to_string()),
        },
        Question::File(path) => serin_calls::text(&path).await.map_or_else(Answer::Failed, Answer::Text),
        Question::Call(call) => {
            place.lend(shared.caller.call(call)).await.map_or_else(Answer::Failed, Answer::Reply)
        }
    }
}

async fn carry_out(shared: &Shared, lane: &Lane, object: &Object, (mut act, started): (Act, Instant)) -> End {
    let (key, wake) = (object.key(), act.wake);
    let settled = act.is_settled.then(|| object.clone());
    let (keep, keep_stopped, calls) =
        (act.keep.take(), act.keep_stopped.take(), std::mem::take(&mut act.calls));
    let mut measures = std::mem::take(&mut act.measures);
    let (writes, reasons) = (act.writes.len(), act.reasons.join("; "));
    match (writes, reasons.as_str()) {
        (0, _) => tracing::debug!(object = %key, reasons, "nothing to write"),
        // Whoever gives no reasons tells by events what he does, and they are logged.
        (_, "") => tracing::debug!(object = %key, writes, "acting"),
        _ => tracing::info!(object = %key, writes, reasons, "acting"),
    }
    let applied = apply(&shared.cluster, act, &shared.halt).await;
    let is_done = applied.stopped.is_none();
    // What is done over is counted when it is done.
    measures.retain(|it| is_done || !matches!(it.reading, Reading::Count(_)));
    shared.measured.lock().take_in(&key, measures, started.elapsed());
    let kept = if is_done { keep } else { keep_stopped }.map(|kept| kept.to_string().into());
    let (storm, pause) = {
        let (mut records, now) = (shared.records.lock(), Instant::now());
        let record = records.entry(key.clone()).or_default();
        record.kept = kept;
        (record.end(&applied.written, now), record.pause(&applied.written, now))
    };
    if is_done {
        shared.outbox.post(&key, calls);
    }
    match (applied.stopped, storm) {
        (_, Some(passes)) => freeze(shared, lane, object, Freeze::Storm { passes }).await,
        (Some(stop), None) => End::Stopped(stop),
        (None, None) => pause.map_or_else(|| End::Rest(wake, settled), End::Pause),
    }
}

/// Leaves the object alone until it changes, and lets its planner say so on it.
async fn freeze(shared: &Shared, lane: &Lane, object: &Object, cause: Freeze) -> End {
    let key = object.key();
    // The newest version: a storm has written since the object was observed.
    let object = shared.cluster.get(&key).unwrap_or_else(|| object.clone());
    let now = shared.cluster.now();
    // A planner that cannot even say so is defective, but its object is frozen all the same.
    let act = guarded(|| lane.planner.freeze(&object, &cause, now)).unwrap_or_default();
    let applied = apply(&shared.cluster, act, &shared.halt).await;
    let version = shared.cluster.get(&key).map(|object| object.meta().resource_version.clone());
    let mut records = shared.records.lock();
    let record = records.entry(key.clone()).or_default();
    if let Some(stop @ (Stop::Conflict(_) | Stop::Unreachable { .. } | Stop::Halted)) = applied.stopped {
        record.ice = Ice::Freezing(cause);
        return End::Stopped(stop);
    }
    record.ice = Ice::Frozen(version.unwrap_or_default());
    record.errors += 1;
    drop(records);
    tracing::error!(object = %key, ?cause, "frozen until it changes");
    *shared.frozen.lock().entry(reason(&cause)).or_default() += 1;
    End::Frozen
}

fn reason(cause: &Freeze) -> &'static str {
    match cause {
        Freeze::Panicked(_) => "panic",
        Freeze::Storm { .. } => "storm",
        Freeze::Endless { .. } => "endless",
    }
}

/// Runs what a planner wrote; its panic becomes a value.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Freeze> {
    // Planners hold settings only and are called with shared references: nothing can be left half changed.
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Freeze::Panicked(message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}

fn wait_after(stop: &Stop, failures: u32) -> Duration {
    match stop {
        Stop::Conflict(_) | Stop::Halted => AFTER_CONFLICT.wait(failures),
        Stop::Refused(_) => AFTER_FAILURE.wait(failures),
        Stop::Unreachable { retry_after, .. } => {
            retry_after.unwrap_or_default().max(AFTER_FAILURE.wait(failures))
        }
    }
}

fn report(shared: &Shared, key: &Key, stop: &Stop) {
    match stop {
        Stop::Conflict(message) => {
            shared.conflicts.fetch_add(1, Ordering::AcqRel);
            tracing::debug!(object = %key, "conflict: {message}");
        }
        Stop::Refused(refused) => {
            let (code, reason) = (refused.code, &refused.reason);
            tracing::warn!(object = %key, target = %refused.target, code, reason, "refused: {}", refused.message);
        }
        Stop::Unreachable { message, .. } => tracing::warn!(object = %key, "no answer: {message}"),
        Stop::Halted => {}
    }
}
