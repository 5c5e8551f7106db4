//! Reading a namespace at one moment: counts, phases, selectors and weights, as a person would with kubectl.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::{EVENT, INGRESS, Kind, POD, REPLICA_SET, ROLLOUT, SERVICE};

/// The name of every scenario's Rollout.
pub const NAME: &str = "demo";
/// The label that says to which revision's ReplicaSet a pod belongs.
pub const HASH_LABEL: &str = "rollouts-pod-template-hash";
/// The annotation with the number of a revision.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// The annotation with the moment when a ReplicaSet is scaled down.
pub const DEADLINE: &str = "scale-down-deadline";

/// The objects of one namespace at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    objects: Vec<(Kind, u64, Arc<Value>)>,
}

/// DESIRED, CURRENT, UP-TO-DATE, READY, AVAILABLE.
pub type Counts = (i64, i64, i64, i64, i64);

impl View {
    /// A view of these objects: kind, order of arrival, object.
    pub fn new(objects: impl IntoIterator<Item = (Kind, u64, Arc<Value>)>) -> Self {
        Self { objects: objects.into_iter().collect() }
    }

    /// The objects of one kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(k, ..)| *k == kind).map(|(.., object)| &**object)
    }

    /// One object by its name; null when it is not there.
    #[must_use]
    pub fn one(&self, kind: Kind, name: &str) -> &Value {
        self.all(kind).find(|object| object["metadata"]["name"] == name).unwrap_or(&Value::Null)
    }

    /// The scenario's Rollout.
    #[must_use]
    pub fn rollout(&self) -> &Value {
        self.one(ROLLOUT, NAME)
    }

    /// A field of the Rollout's status.
    #[must_use]
    pub fn status(&self, field: &str) -> &Value {
        &self.rollout()["status"][field]
    }

    /// The phase as clients show it: `Progressing` while the controller has not seen the present spec, or has not yet
    /// acted on a resume.
    #[must_use]
    pub fn phase(&self) -> &str {
        let rollout = self.rollout();
        let generation = rollout["metadata"]["generation"].as_i64().unwrap_or(-1);
        let observed = self.status("observedGeneration").as_str().and_then(|text| text.parse::<i64>().ok());
        let resuming = self.status("controllerPause") == true && self.status("pauseConditions").is_null();
        match self.status("phase").as_str() {
            Some(phase) if observed.is_some_and(|observed| generation <= observed) && !resuming => phase,
            _ => "Progressing",
        }
    }

    /// The step that the Rollout is at.
    #[must_use]
    pub fn step(&self) -> Option<i64> {
        self.status("currentStepIndex").as_i64()
    }

    /// The Rollout's five counts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |field: &str| self.status(field).as_i64().unwrap_or(0);
        (
            self.rollout()["spec"]["replicas"].as_i64().unwrap_or(1),
            count("replicas"),
            count("updatedReplicas"),
            count("readyReplicas"),
            count("availableReplicas"),
        )
    }

    /// The ReplicaSet of a revision; null when there is none.
    #[must_use]
    pub fn revision(&self, revision: i64) -> &Value {
        let revision = revision.to_string();
        self.all(REPLICA_SET)
            .find(|set| set["metadata"]["annotations"][REVISION] == revision.as_str())
            .unwrap_or(&Value::Null)
    }

    /// The hash of a revision.
    #[must_use]
    pub fn hash(&self, revision: i64) -> &str {
        self.revision(revision)["metadata"]["labels"][HASH_LABEL].as_str().unwrap_or_default()
    }

    /// Pods that a revision wants and has, when both agree; `None` while they do not. A revision that is gone has 0.
    #[must_use]
    pub fn pods_of(&self, revision: i64) -> Option<i64> {
        settled(self.revision(revision))
    }

    /// Whether a revision's ReplicaSet waits for its scale-down.
    #[must_use]
    pub fn has_deadline(&self, revision: i64) -> bool {
        self.revision(revision)["metadata"]["annotations"][DEADLINE].is_string()
    }

    /// Settled pods of the canary (the newest template) and of stable.
    #[must_use]
    pub fn canary_stable(&self) -> Option<(i64, i64)> {
        let by_hash = |hash: &Value| {
            let set = self
                .all(REPLICA_SET)
                .find(|set| hash.is_string() && set["metadata"]["labels"][HASH_LABEL] == *hash);
            settled(set.unwrap_or(&Value::Null))
        };
        Some((by_hash(self.status("currentPodHash"))?, by_hash(self.status("stableRS"))?))
    }

    /// The live pods of a revision.
    pub fn pods(&self, revision: i64) -> impl Iterator<Item = &Value> {
        let hash = self.hash(revision).to_owned();
        self.all(POD).filter(move |pod| {
            pod["metadata"]["labels"][HASH_LABEL] == hash.as_str()
                && pod["metadata"]["deletionTimestamp"].is_null()
        })
    }

    /// The hash that a Service selects.
    #[must_use]
    pub fn selected(&self, service: &str) -> &str {
        self.one(SERVICE, service)["spec"]["selector"][HASH_LABEL].as_str().unwrap_or_default()
    }

    /// The weight in the canary Ingress; -1 when there is none.
    #[must_use]
    pub fn weight(&self) -> i64 {
        let ingress = self.one(INGRESS, &format!("{NAME}-{NAME}-canary"));
        let weight = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].as_str();
        weight.and_then(|text| text.parse().ok()).unwrap_or(-1)
    }

    /// `(status, reason)` of a condition; empty when it is not there.
    #[must_use]
    pub fn condition(&self, kind: &str) -> (&str, &str) {
        let conditions = self.status("conditions").as_array().map(Vec::as_slice).unwrap_or_default();
        conditions.iter().find(|c| c["type"] == kind).map_or(("", ""), |c| {
            (c["status"].as_str().unwrap_or_default(), c["reason"].as_str().unwrap_or_default())
        })
    }

    /// The reasons of the Rollout's events in their order of arrival, one for each time it was told.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let mut events: Vec<_> = self
            .objects
            .iter()
            .filter(|(kind, _, event)| *kind == EVENT && event["involvedObject"]["kind"] == "Rollout")
            .collect();
        events.sort_by_key(|(_, seen, _)| *seen);
        let told = |event: &Value| usize::try_from(event["count"].as_u64().unwrap_or(1)).unwrap_or(1);
        let reason = |event: &Value| event["reason"].as_str().unwrap_or_default().to_owned();
        events.iter().flat_map(|(.., event)| std::iter::repeat_n(reason(event), told(event))).collect()
    }

    /// How often each reason was told.
    #[must_use]
    pub fn event_counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for reason in self.events() {
            *counts.entry(reason).or_default() += 1;
        }
        counts
    }

    /// One paragraph that says where the Rollout stands: for messages of waits that took too long.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = String::new();
        if !self.canary().is_null() {
            let _ = writeln!(out, "canary {}: {}", self.stands(), self.canary()["status"]);
        }
        let _ = write!(
            out,
            "phase {} ({}), step {:?}, counts {:?}, weight {}, current {}, stable {}",
            self.phase(),
            self.status("message").as_str().unwrap_or_default(),
            self.step(),
            self.counts(),
            self.weight(),
            self.status("currentPodHash").as_str().unwrap_or("-"),
            self.status("stableRS").as_str().unwrap_or("-"),
        );
        for set in self.all(REPLICA_SET) {
            let annotations = &set["metadata"]["annotations"];
            let _ = write!(
                out,
                "\n  {} rev {} wants {} has {} available {}{}",
                set["metadata"]["name"].as_str().unwrap_or_default(),
                annotations[REVISION].as_str().unwrap_or("-"),
                set["spec"]["replicas"],
                set["status"]["replicas"],
                set["status"]["availableReplicas"].as_i64().unwrap_or(0),
                if annotations[DEADLINE].is_string() { ", deadline set" } else { "" },
            );
        }
        for service in self.all(SERVICE) {
            let _ = write!(
                out,
                "\n  service {} selects {}",
                service["metadata"]["name"], service["spec"]["selector"]
            );
        }
        out
    }
}

fn settled(set: &Value) -> Option<i64> {
    if set.is_null() {
        return Some(0);
    }
    let wanted = set["spec"]["replicas"].as_i64().unwrap_or(1);
    let there = set["status"]["replicas"].as_i64().unwrap_or(0);
    (wanted == there).then_some(there)
}
