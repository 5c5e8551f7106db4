//! Whether the primary's and the canary's pods are there.

use std::time::Duration;

use serde_json::Value;
use serin_api::flagger::WHOLE;
use serin_kernel::{Moment, Object};

use super::{
    Shape, Target,
    json::{count, list, text},
    knative,
};

/// Whether a workload is ready, and what it waits for if it is not: a sentence for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Readiness {
    /// Enough of its pods are available.
    Ready,
    /// Not yet.
    Waiting(String),
    /// Not within its deadline: it is not going to be.
    Failed(String),
}

/// What is not as it should be, and whether there is no hope.
enum Lack {
    Yet(String),
    Late(String),
}

impl Target<'_> {
    /// Whether the primary is ready.
    pub fn primary_ready(&self, now: Moment) -> Readiness {
        if self.shape == Shape::Knative {
            return self.revision_ready(true);
        }
        let name = self.named(&self.canary.primary_name());
        let who = if self.shape == Shape::DaemonSet { format!("primary daemonset {name}") } else { name };
        let Some(primary) = self.primary() else {
            // It is made in the look that asks: its controller has not seen it yet.
            return match self.shape {
                Shape::Service => Readiness::Ready,
                _ => Readiness::Waiting(format!("{who} not ready: {}", unseen(self.shape))),
            };
        };
        let analysis = self.canary.spec.analysis.as_ref();
        let threshold = analysis.map_or(WHOLE, serin_api::flagger::CanaryAnalysis::primary_ready_threshold);
        self.ready(primary, threshold, &who, now)
    }

    /// Whether the target, which is the canary, is ready.
    pub fn canary_ready(&self, now: Moment) -> Readiness {
        if self.shape == Shape::Knative {
            return self.revision_ready(false);
        }
        let analysis = self.canary.spec.analysis.as_ref();
        let threshold = analysis.map_or(WHOLE, serin_api::flagger::CanaryAnalysis::canary_ready_threshold);
        self.ready(self.object, threshold, &format!("canary {}", self.called()), now)
    }

    fn ready(&self, object: &Object, threshold: i32, who: &str, now: Moment) -> Readiness {
        let body = object.value();
        let lack = match self.shape {
            Shape::Deployment => self.deployment(&body, threshold, now),
            Shape::DaemonSet => self.daemon_set(&body, threshold, now),
            Shape::Service | Shape::Knative => None,
        };
        match lack {
            None => Readiness::Ready,
            Some(Lack::Yet(what)) => Readiness::Waiting(format!("{who} not ready: {what}")),
            Some(Lack::Late(what)) => Readiness::Failed(format!("{who} not ready: {what}")),
        }
    }

    fn deployment(&self, body: &Value, threshold: i32, now: Moment) -> Option<Lack> {
        if is_unseen(body) {
            return Some(Lack::Yet(unseen(self.shape)));
        }
        let condition =
            |kind: &str| list(body, "/status/conditions").find(|it| text(it, "/type") == Some(kind));
        let reason =
            |condition: Option<&Value>| condition.and_then(|it| text(it, "/reason").map(str::to_owned));
        if reason(condition("Progressing")).as_deref() == Some("ProgressDeadlineExceeded") {
            let name = text(body, "/metadata/name").unwrap_or_default();
            return Some(Lack::Late(format!("deployment {name:?} exceeded its progress deadline")));
        }
        let what = pods_lack(body, threshold)?;
        let unavailable = condition("Available").filter(|it| text(it, "/status") == Some("False"));
        let is_short = reason(unavailable).as_deref() == Some("MinimumReplicasUnavailable");
        let since = unavailable.and_then(|it| text(it, "/lastUpdateTime")?.parse().ok());
        Some(if is_short && self.is_late(since, now) { Lack::Late(what) } else { Lack::Yet(what) })
    }

    fn daemon_set(&self, body: &Value, threshold: i32, now: Moment) -> Option<Lack> {
        if is_unseen(body) {
            return Some(Lack::Yet(unseen(self.shape)));
        }
        let updated = count(body, "/status/updatedNumberScheduled");
        let wanted = count(body, "/status/desiredNumberScheduled");
        let available = count(body, "/status/numberAvailable");
        let what = if updated < wanted {
            waiting(&format!("{updated} out of {wanted} new pods have been updated"))
        } else if available < share(wanted, threshold) {
            waiting(&format!(
                "{available} of {wanted} (readyThreshold {threshold}%) updated pods are available"
            ))
        } else {
            return None;
        };
        let is_late = self.is_late(self.canary.status.last_transition_time, now);
        Some(if is_late { Lack::Late(what) } else { Lack::Yet(what) })
    }

    /// Whether the Canary's own deadline has passed; never when nobody knows since when.
    fn is_late(&self, since: Option<Moment>, now: Moment) -> bool {
        let seconds = u64::try_from(self.canary.spec.progress_deadline_seconds()).unwrap_or(0);
        since.is_some_and(|since| since.plus(Duration::from_secs(seconds)) < now)
    }

    fn revision_ready(&self, of_primary: bool) -> Readiness {
        let (name, is_ready) = knative::readiness(self, of_primary);
        if is_ready {
            return Readiness::Ready;
        }
        let who = if of_primary { "primary" } else { "canary" };
        Readiness::Waiting(format!("{who} {} not ready: revision {name:?} is not ready", self.called()))
    }
}

fn waiting(what: &str) -> String {
    format!("waiting for rollout to finish: {what}")
}

fn unseen(shape: Shape) -> String {
    waiting(&format!("observed {} generation less than desired generation", shape.word()))
}

fn is_unseen(body: &Value) -> bool {
    count(body, "/status/observedGeneration") < count(body, "/metadata/generation")
}

/// A percentage of a number of pods, rounded down.
fn share(pods: i64, percent: i32) -> i64 {
    pods.saturating_mul(i64::from(percent)) / i64::from(WHOLE)
}

fn pods_lack(body: &Value, threshold: i32) -> Option<String> {
    let wanted = body.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let (all, updated) = (count(body, "/status/replicas"), count(body, "/status/updatedReplicas"));
    let available = count(body, "/status/availableReplicas");
    let what = if updated < wanted {
        format!("{updated} out of {wanted} new replicas have been updated")
    } else if updated < all {
        format!("{} old replicas are pending termination", all - updated)
    } else if available < share(updated, threshold) {
        format!("{available} of {updated} (readyThreshold {threshold}%) updated replicas are available")
    } else {
        return None;
    };
    Some(waiting(&what))
}
