//! A Deployment's status: counts, and the conditions that `kubectl rollout status` and `kubectl wait` read.

use super::rolling::Limits;
use super::sets::Sets;
use crate::json::{int, list, stamp, text, time};
use crate::replicaset::is_paused;
use crate::write::{Kind, Plan, status_patch};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The API's default for `progressDeadlineSeconds`, for servers that do not write it.
const DEADLINE_DEFAULT_SEC: i64 = 600;

/// Kubernetes' way to say "no deadline".
const DEADLINE_NONE_SEC: i64 = i32::MAX as i64;

/// The conditions as they will be written, and what else a pass carries to the status.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    list: Vec<Value>,
    has_deadline: bool,
    pub(crate) collisions: i64,
}

impl Conditions {
    pub(crate) fn read(deployment: &Value) -> Self {
        Self {
            list: list(deployment, "/status/conditions").to_vec(),
            has_deadline: deadline_sec(deployment).is_some(),
            collisions: int(deployment, "/status/collisionCount", 0),
        }
    }

    /// Pausing stops the progress clock, resuming starts it anew; a rollout that has timed out stays so.
    pub(crate) fn note_pause(&mut self, deployment: &Value, now: Timestamp) {
        let reason = self.reason("Progressing");
        if !self.has_deadline || reason == "ProgressDeadlineExceeded" {
            return;
        }
        let was_paused = reason == "DeploymentPaused";
        if is_paused(deployment) && !was_paused {
            self.set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now);
        } else if !is_paused(deployment) && was_paused {
            self.set("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now);
        }
    }

    pub(crate) fn created(&mut self, set: &str, now: Timestamp) {
        if self.has_deadline {
            let message = &format!("Created new replica set {set:?}");
            self.set("Progressing", "True", "NewReplicaSetCreated", message, now);
        }
    }

    pub(crate) fn found(&mut self, set: &str, now: Timestamp) {
        if self.has_deadline && self.get("Progressing").is_none() {
            let message = &format!("Found new replica set {set:?}");
            self.set("Progressing", "True", "FoundNewReplicaSet", message, now);
        }
    }

    fn get(&self, kind: &str) -> Option<&Value> {
        self.list.iter().find(|condition| text(condition, "/type") == kind)
    }

    fn reason(&self, kind: &str) -> &str {
        self.get(kind).map_or("", |condition| text(condition, "/reason"))
    }

    fn remove(&mut self, kind: &str) {
        self.list.retain(|condition| text(condition, "/type") != kind);
    }

    /// Sets a condition; the same status and reason leave it untouched, the same status its transition time.
    fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) {
        if self.get(kind).is_some_and(|c| text(c, "/status") == status && text(c, "/reason") == reason) {
            return;
        }
        self.renew(kind, status, reason, message, now);
    }

    /// Sets a condition even when only its update time changes.
    fn renew(&mut self, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) {
        let current = self.get(kind).filter(|condition| text(condition, "/status") == status);
        let since =
            current.map_or_else(|| stamp(now), |condition| text(condition, "/lastTransitionTime").to_owned());
        let condition = json!({
            "type": kind, "status": status, "lastUpdateTime": stamp(now), "lastTransitionTime": since,
            "reason": reason, "message": message,
        });
        self.remove(kind);
        self.list.push(condition);
    }
}

/// The status write, if the status changes, and the instant at which the progress deadline strikes.
pub(crate) fn plan(
    deployment: &Value,
    sets: &Sets,
    limits: Limits,
    mut conditions: Conditions,
    progressing: bool,
    now: Timestamp,
) -> Plan {
    let counts = Counts::of(sets);
    note_available(&mut conditions, counts, limits, now);
    if progressing {
        note_progress(deployment, sets, limits, &mut conditions, now);
        copy_failure(sets, &mut conditions);
    }
    let mut plan = Plan::default();
    if progressing
        && !is_complete(deployment, sets, limits)
        && let Some(at) = deadline(deployment, &conditions).filter(|at| now < *at)
    {
        plan.wake_at(at);
    }
    let wanted = counts.status(deployment, conditions);
    plan.writes.extend(status_patch(Kind::Deployment, deployment, &wanted));
    plan
}

/// Everything is new, running and available.
pub(crate) fn is_complete(deployment: &Value, sets: &Sets, limits: Limits) -> bool {
    let counts = Counts::of(sets);
    let seen = int(deployment, "/metadata/generation", 0) <= int(deployment, "/status/observedGeneration", 0);
    seen && counts.updated == limits.replicas
        && counts.replicas == limits.replicas
        && counts.available == limits.replicas
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    replicas: i64,
    updated: i64,
    ready: i64,
    available: i64,
    unavailable: i64,
}

impl Counts {
    fn of(sets: &Sets) -> Self {
        let available = sets.status_total("availableReplicas");
        Self {
            replicas: sets.status_total("replicas"),
            updated: sets.new.as_ref().map_or(0, |new| new.status("replicas")),
            ready: sets.status_total("readyReplicas"),
            available,
            unavailable: (sets.total() - available).max(0),
        }
    }

    fn status(self, deployment: &Value, conditions: Conditions) -> Value {
        let mut status = Map::new();
        for (field, count) in [
            ("observedGeneration", int(deployment, "/metadata/generation", 0)),
            ("replicas", self.replicas),
            ("updatedReplicas", self.updated),
            ("readyReplicas", self.ready),
            ("availableReplicas", self.available),
            ("unavailableReplicas", self.unavailable),
            ("collisionCount", conditions.collisions),
        ] {
            if count != 0 {
                status.insert(field.into(), json!(count));
            }
        }
        status.insert("conditions".into(), Value::Array(conditions.list));
        Value::Object(status)
    }
}

fn note_available(conditions: &mut Conditions, counts: Counts, limits: Limits, now: Timestamp) {
    if limits.min_available() <= counts.available {
        let message = "Deployment has minimum availability.";
        conditions.set("Available", "True", "MinimumReplicasAvailable", message, now);
    } else {
        let message = "Deployment does not have minimum availability.";
        conditions.set("Available", "False", "MinimumReplicasUnavailable", message, now);
    }
}

fn note_progress(
    deployment: &Value,
    sets: &Sets,
    limits: Limits,
    conditions: &mut Conditions,
    now: Timestamp,
) {
    if !conditions.has_deadline {
        conditions.remove("Progressing");
        return;
    }
    let counts = Counts::of(sets);
    let was_complete = conditions.reason("Progressing") == "NewReplicaSetAvailable";
    if counts.replicas == counts.updated && was_complete {
        return;
    }
    let subject = match &sets.new {
        Some(new) => format!("ReplicaSet {:?}", new.name),
        None => format!("Deployment {:?}", text(deployment, "/metadata/name")),
    };
    if is_complete(deployment, sets, limits) {
        let message = &format!("{subject} has successfully progressed.");
        conditions.set("Progressing", "True", "NewReplicaSetAvailable", message, now);
    } else if has_progressed(deployment, counts) {
        let message = &format!("{subject} is progressing.");
        conditions.renew("Progressing", "True", "ReplicaSetUpdated", message, now);
    } else if deadline(deployment, conditions).is_some_and(|at| at <= now) {
        let message = &format!("{subject} has timed out progressing.");
        conditions.set("Progressing", "False", "ProgressDeadlineExceeded", message, now);
    }
}

/// More new, ready or available pods, or fewer old ones, than the status says.
fn has_progressed(deployment: &Value, counts: Counts) -> bool {
    let before = |field: &str| int(deployment, &format!("/status/{field}"), 0);
    before("updatedReplicas") < counts.updated
        || counts.replicas - counts.updated < before("replicas") - before("updatedReplicas")
        || before("readyReplicas") < counts.ready
        || before("availableReplicas") < counts.available
}

/// When the rollout counts as stuck: the deadline after its last sign of progress.
fn deadline(deployment: &Value, conditions: &Conditions) -> Option<Timestamp> {
    let condition = conditions.get("Progressing")?;
    if matches!(
        text(condition, "/reason"),
        "NewReplicaSetAvailable" | "DeploymentPaused" | "ProgressDeadlineExceeded"
    ) {
        return None;
    }
    let since = time(condition, "/lastUpdateTime")?;
    since.checked_add(SignedDuration::from_secs(deadline_sec(deployment)?)).ok()
}

fn deadline_sec(deployment: &Value) -> Option<i64> {
    let seconds = int(deployment, "/spec/progressDeadlineSeconds", DEADLINE_DEFAULT_SEC);
    (seconds < DEADLINE_NONE_SEC).then_some(seconds)
}

/// A ReplicaSet's refused pods are the Deployment's trouble too.
fn copy_failure(sets: &Sets, conditions: &mut Conditions) {
    let failure = sets.new.iter().chain(&sets.old).find_map(|set| {
        list(&set.object, "/status/conditions").iter().find(|c| text(c, "/type") == "ReplicaFailure").cloned()
    });
    let Some(mut failure) = failure else {
        return conditions.remove("ReplicaFailure");
    };
    let same = |c: &Value| {
        text(c, "/reason") == text(&failure, "/reason") && text(c, "/message") == text(&failure, "/message")
    };
    if conditions.get("ReplicaFailure").is_none_or(|current| !same(current)) {
        failure["lastUpdateTime"] = json!(text(&failure, "/lastTransitionTime"));
        conditions.remove("ReplicaFailure");
        conditions.list.push(failure);
    }
}
