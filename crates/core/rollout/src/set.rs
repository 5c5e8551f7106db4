//! One revision's ReplicaSet, as planners read it.
//!
//! The hash label is a ReplicaSet's identity and is never computed again for one that exists: another program may have
//! made it with another rule, and its pods carry that label.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_api::{
    names::{annotations, labels},
    workload::{ReplicaSet, WorkloadCondition},
};
use serin_kernel::{Moment, Object};

use crate::scale;

/// A ReplicaSet of the Rollout.
#[derive(Clone, Debug)]
pub(crate) struct Set<'a> {
    /// The object; none for one that this pass is about to create.
    pub(crate) object: Option<&'a Object>,
    /// Its name.
    pub(crate) name: String,
    /// Its hash label.
    pub(crate) hash: String,
    /// Its revision; 0 when it has none.
    pub(crate) revision: i64,
    /// Pods wanted.
    pub(crate) spec: u32,
    /// Pods that exist.
    pub(crate) current: u32,
    /// Pods that are ready.
    pub(crate) ready: u32,
    /// Pods that have been ready for long enough.
    pub(crate) available: u32,
    /// Whether its own controller has seen its latest spec.
    pub(crate) is_observed: bool,
    /// When it is to be scaled down, if it waits for that.
    pub(crate) deadline: Option<Moment>,
    /// The `spec.replicas` of the Rollout when it was last scaled.
    pub(crate) desired: Option<u32>,
    /// Its pod template.
    pub(crate) template: Value,
    /// Seconds until a ready pod counts as available.
    pub(crate) min_ready_seconds: i32,
    /// Its `ReplicaFailure` condition, when that is true.
    pub(crate) failure: Option<WorkloadCondition>,
}

impl<'a> Set<'a> {
    /// Reads a ReplicaSet, field by field: one that is odd is still one.
    pub(crate) fn read(object: &'a Object) -> Self {
        let ReplicaSet { spec, status, .. } = serin_api::lenient(object.value()).value;
        let meta = object.meta();
        let annotation = |key: &str| meta.annotations.get(key);
        let mut conditions = status.conditions.into_iter();
        Self {
            object: Some(object),
            name: meta.name.clone(),
            hash: meta.labels.get(labels::POD_TEMPLATE_HASH).cloned().unwrap_or_default(),
            revision: annotation(annotations::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0),
            spec: count(spec.replicas.unwrap_or(1)),
            current: count(status.replicas),
            ready: count(status.ready_replicas),
            available: count(status.available_replicas),
            is_observed: meta.generation <= status.observed_generation,
            deadline: annotation(annotations::SCALE_DOWN_DEADLINE).and_then(|text| text.parse().ok()),
            desired: annotation(annotations::DESIRED_REPLICAS).and_then(|text| text.parse().ok()),
            template: spec.template,
            min_ready_seconds: spec.min_ready_seconds,
            failure: conditions.find(|c| c.kind == "ReplicaFailure" && c.status == "True"),
        }
    }

    /// One that does not exist yet.
    pub(crate) fn planned(name: String, hash: String, revision: i64, template: Value) -> Self {
        Self {
            object: None,
            name,
            hash,
            revision,
            spec: 0,
            current: 0,
            ready: 0,
            available: 0,
            is_observed: true,
            deadline: None,
            desired: None,
            template,
            min_ready_seconds: 0,
            failure: None,
        }
    }

    /// When it was created; none for one that is about to be.
    pub(crate) fn created(&self) -> Option<Moment> {
        self.object.and_then(|object| object.meta().creation_timestamp)
    }

    /// Whether it is being deleted.
    pub(crate) fn is_deleting(&self) -> bool {
        self.object.is_some_and(|object| object.meta().deletion_timestamp.is_some())
    }

    /// Its annotations.
    pub(crate) fn annotations(&self) -> Option<&BTreeMap<String, String>> {
        self.object.map(|object| &object.meta().annotations)
    }

    /// It in numbers.
    pub(crate) fn counts(&self) -> scale::Set {
        scale::Set { spec: self.spec, available: self.available }
    }
}

/// A count of pods; the API knows none below zero.
pub(crate) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
