//! One pod's life on the node: what its status should say now, and whether it serves.
//!
//! Pure. [`plan`] is a function of the pod as the API has it, when this node first saw it, and the time. As few status
//! writes as a kubelet: one when the pod is Ready from the start, two when it becomes Ready later, none while nothing
//! changes. Conditions of others (readiness gates) are never written: the patch merges by condition type.

use crate::image::Fate;
use crate::pod::{Container, Pod};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

/// The first pause of a crashing container, doubled at each restart.
const BACKOFF_FIRST: Duration = Duration::from_secs(10);
/// The longest pause of a crashing container: the kubelet's own.
const BACKOFF_MAX: Duration = Duration::from_mins(5);

/// The node's side of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) ip: &'a str,
    pub(crate) host_ip: &'a str,
    /// When this node first saw the pod.
    pub(crate) first_seen: Timestamp,
    /// When this node first saw that the pod is to go. Its farewell counts from then, as a kubelet's does: the API's own
    /// time of the deletion is cut to whole seconds, which would take up to a second of it away.
    pub(crate) told_to_go: Option<Timestamp>,
    pub(crate) ready_delay: Duration,
    pub(crate) terminate_after: Duration,
}

/// What to do about a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Step {
    pub(crate) serve: bool,
    /// On its way out: connections are told to go elsewhere.
    pub(crate) leaving: bool,
    /// The status to merge in.
    pub(crate) status: Option<Value>,
    pub(crate) delete: bool,
    pub(crate) wake: Option<Timestamp>,
}

/// What happens to `pod` now.
pub(crate) fn plan(pod: &Pod, place: &Place, now: Timestamp) -> Step {
    if let Some(grace) = pod.grace {
        let end = later(place.told_to_go.unwrap_or(now), grace.min(place.terminate_after));
        if end <= now {
            return Step { delete: true, ..Step::default() };
        }
        let serve = matches!(pod.behaviour.fate, Fate::Ready | Fate::NeverReady) && !pod.seen.ip.is_empty();
        return Step { serve, leaving: true, wake: Some(end), ..Step::default() };
    }
    if pod.is_finished() {
        return Step::default();
    }
    match pod.behaviour.fate {
        Fate::NoImage => no_image(pod, place, now),
        Fate::Crash => crash(pod, place, now),
        Fate::NeverReady => running(pod, place, false, now),
        Fate::Ready => {
            let began = pod.seen.started.map_or(place.first_seen, |started| started.max(place.first_seen));
            // After a restart of this node the pod is as ready as it was.
            let ready_at = later(began, pod.behaviour.ready_after.unwrap_or(place.ready_delay));
            let ready = ready_at <= now || pod.seen.is_true("ContainersReady");
            let mut step = running(pod, place, ready, now);
            step.wake = (!ready).then_some(ready_at);
            step
        }
    }
}

fn running(pod: &Pod, place: &Place, ready: bool, now: Timestamp) -> Step {
    let gates = pod.gates.iter().all(|gate| pod.seen.is_true(gate));
    let wanted = Wanted {
        phase: "Running",
        ready,
        pod_ready: ready && gates,
        restarts: pod.seen.restarts,
        waiting: "",
    };
    let status = wanted.differs(pod, place).then(|| {
        let state = json!({"running": {"startedAt": stamp(pod.seen.started.unwrap_or(now))}});
        wanted.status(pod, place, &state, &json!({}), now)
    });
    Step { serve: true, status, ..Step::default() }
}

fn no_image(pod: &Pod, place: &Place, now: Timestamp) -> Step {
    let wanted =
        Wanted { phase: "Pending", ready: false, pod_ready: false, restarts: 0, waiting: "ImagePullBackOff" };
    let image = pod.containers.first().map_or("", |container| container.image.as_str());
    let status = wanted.differs(pod, place).then(|| {
        let message = format!("Back-off pulling image {image:?}");
        let state = json!({"waiting": {"reason": wanted.waiting, "message": message}});
        wanted.status(pod, place, &state, &json!({}), now)
    });
    Step { status, ..Step::default() }
}

/// The container exits at once; each exit is one write, and the next one comes after the kubelet's pause.
fn crash(pod: &Pod, place: &Place, now: Timestamp) -> Step {
    let next = pod.seen.exited.map(|exited| later(exited, backoff(pod.seen.restarts)));
    if let Some(next) = next.filter(|next| now < *next) {
        return Step { wake: Some(next), ..Step::default() };
    }
    let restarts = if pod.seen.exited.is_some() { pod.seen.restarts.saturating_add(1) } else { 0 };
    let wanted =
        Wanted { phase: "Running", ready: false, pod_ready: false, restarts, waiting: "CrashLoopBackOff" };
    let name = pod.containers.first().map_or("", |container| container.name.as_str());
    let pause = humane(backoff(restarts));
    let message = format!(
        "back-off {pause} restarting failed container={name} pod={}_{}({})",
        pod.name, pod.namespace, pod.uid
    );
    let state = json!({"waiting": {"reason": wanted.waiting, "message": message}});
    let at = stamp(now);
    let last = json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": at, "finishedAt": at,
                                     "containerID": container_id(pod, name)}});
    Step {
        status: Some(wanted.status(pod, place, &state, &last, now)),
        wake: Some(later(now, backoff(restarts))),
        ..Step::default()
    }
}

/// The pod as its status should show it.
struct Wanted {
    phase: &'static str,
    ready: bool,
    pod_ready: bool,
    restarts: i64,
    waiting: &'static str,
}

impl Wanted {
    fn differs(&self, pod: &Pod, place: &Place) -> bool {
        let seen = &pod.seen;
        seen.phase != self.phase
            || seen.ip != place.ip
            || seen.is_true("ContainersReady") != self.ready
            || seen.is_true("Ready") != self.pod_ready
            || seen.waiting != self.waiting
    }

    /// The patch. Conditions that keep their status are left out, so their transition times stay.
    fn status(&self, pod: &Pod, place: &Place, state: &Value, last: &Value, now: Timestamp) -> Value {
        let started = pod.seen.started.unwrap_or(now);
        let containers: Vec<Value> =
            pod.containers.iter().map(|container| self.container(pod, container, state, last)).collect();
        let mut status = json!({
            "phase": self.phase, "hostIP": place.host_ip, "hostIPs": [{"ip": place.host_ip}],
            "startTime": stamp(started), "conditions": self.conditions(pod, now), "containerStatuses": containers,
        });
        if !place.ip.is_empty() {
            status["podIP"] = json!(place.ip);
            status["podIPs"] = json!([{"ip": place.ip}]);
        }
        if !pod.init.is_empty() {
            let done = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": stamp(started),
                                             "finishedAt": stamp(started)}});
            let finished: Vec<Value> = pod
                .init
                .iter()
                .map(|container| {
                    let mut status = self.container(pod, container, &done, &json!({}));
                    status["ready"] = json!(true);
                    status["started"] = json!(false);
                    status
                })
                .collect();
            status["initContainerStatuses"] = json!(finished);
        }
        status
    }

    fn container(&self, pod: &Pod, container: &Container, state: &Value, last: &Value) -> Value {
        let pulled = self.phase == "Running";
        json!({
            "name": container.name, "image": container.image, "ready": self.ready,
            "started": pulled && self.waiting.is_empty(), "restartCount": self.restarts, "state": state, "lastState": last,
            "imageID": if pulled { container.image.as_str() } else { "" },
            "containerID": if pulled { container_id(pod, &container.name) } else { String::new() },
        })
    }

    fn conditions(&self, pod: &Pod, now: Timestamp) -> Vec<Value> {
        let unready = pod.containers.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(" ");
        let containers = ("ContainersNotReady", format!("containers with unready status: [{unready}]"));
        let gates = ("ReadinessGatesNotReady", "the status of pod readiness gates is not True".to_owned());
        [
            ("PodScheduled", true, None),
            ("PodReadyToStartContainers", true, None),
            ("Initialized", true, None),
            ("ContainersReady", self.ready, Some(containers.clone())),
            ("Ready", self.pod_ready, Some(if self.ready { gates } else { containers })),
        ]
        .into_iter()
        .filter(|(kind, status, _)| {
            let current = pod.seen.conditions.get(*kind).map(String::as_str);
            current != Some(if *status { "True" } else { "False" })
        })
        .map(|(kind, status, why)| {
            let mut condition = json!({
                "type": kind, "status": if status { "True" } else { "False" }, "lastTransitionTime": stamp(now),
            });
            if let Some((reason, message)) = why.filter(|_| !status) {
                condition["reason"] = json!(reason);
                condition["message"] = json!(message);
            } else if pod.seen.conditions.contains_key(kind) {
                // Null takes away what the condition said while it was False.
                condition["reason"] = Value::Null;
                condition["message"] = Value::Null;
            }
            condition
        })
        .collect()
    }
}

fn backoff(restarts: i64) -> Duration {
    let doubled = u32::try_from(restarts.clamp(0, 10)).unwrap_or(0);
    BACKOFF_FIRST.saturating_mul(1 << doubled).min(BACKOFF_MAX)
}

fn humane(pause: Duration) -> String {
    let seconds = pause.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

fn later(at: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| at.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

fn container_id(pod: &Pod, container: &str) -> String {
    format!("serin://{}/{container}", pod.uid)
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
