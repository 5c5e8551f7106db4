//! Giving everything back when a Canary goes that was asked to.
//!
//! Property: users are never sent to pods that are about to go. The target has its pods back, and they are available,
//! before a Service leads to them; what belongs to the Canary goes with it only then.

use serde_json::{Map, Value, json};
use serin_api::{diff::merge_diff, kinds};
use serin_kernel::{Change, LAST_APPLIED, Moment, Object, Write};

use super::{
    Readiness, Shape, Target, knative,
    metadata::{LEFT_ALONE, is_canary},
    services::{BEFORE, names, restored},
};

/// How far a target has been given back.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Release {
    /// These come next.
    Write(Vec<Write>),
    /// The target's pods are not there yet: what they wait for.
    Wait(String),
    /// They are not there although their time is over.
    Late(String),
    /// Everything here is as it was; routes are the next thing to give back.
    Done,
}

impl Target<'_> {
    /// The next step of giving the target, its scaler and its Services back.
    pub fn release(&self, now: Moment) -> Release {
        let first: Vec<Write> = self.resume_scaler().into_iter().chain(self.back()).collect();
        if !first.is_empty() {
            return Release::Write(first);
        }
        // Knative never takes a revision's pods away while it has traffic.
        if self.shape.has_pods() {
            match self.canary_ready(now) {
                Readiness::Ready => {}
                Readiness::Waiting(text) => return Release::Wait(text),
                Readiness::Failed(text) => return Release::Late(text),
            }
        }
        let last: Vec<Write> =
            if self.shape == Shape::Knative { knative::release(self) } else { self.services_back() };
        if last.is_empty() { Release::Done } else { Release::Write(last) }
    }

    /// The Services that are not the Canary's own, as they were before.
    #[must_use]
    pub fn services_back(&self) -> Vec<Write> {
        names(self.canary).iter().filter_map(|name| self.give_back(name)).collect()
    }

    /// The target's pods: as many as the primary has, unless a scaler of its own sees to that.
    fn back(&self) -> Vec<Write> {
        let wanted = self.primary_replicas();
        let is_scaled = self.canary.spec.autoscaler_ref.is_some();
        if self.shape != Shape::Deployment || wanted <= self.replicas() || (is_scaled && !self.is_zero()) {
            return self.up();
        }
        let patch = json!({"spec": {"replicas": wanted}});
        vec![Write::same(self.object, Change::Merge(patch))]
    }

    fn leads_to_primary(&self, service: &Value) -> bool {
        service.pointer("/spec/selector") == Some(&json!({&self.label: self.primary_value()}))
    }

    /// A Service that is not the Canary's own, as it was before.
    fn give_back(&self, name: &str) -> Option<Write> {
        let service = self.observed.get(&self.key(kinds::SERVICE, name))?;
        if !self.shape.has_pods() || service.meta().owner_references.iter().any(is_canary) {
            return None;
        }
        let body = service.value();
        let (wanted, annotations) = match service.meta().annotations.get(BEFORE) {
            Some(record) => recorded(&serde_json::from_str(record).unwrap_or_default()),
            // Led by Flagger: no record. A Service that leads elsewhere has been given back.
            None if name == self.canary.apex_name() && self.leads_to_primary(&body) => {
                (applied(service), unmarked())
            }
            None => return None,
        };
        let selector = wanted.get("selector").filter(|it| it.is_object()).cloned();
        let ports = wanted.get("ports").and_then(Value::as_array).filter(|ports| !ports.is_empty()).cloned();
        let is = |field: &str| body.get("spec").and_then(|spec| spec.get(field)).cloned().unwrap_or_default();
        let before = json!({
            "metadata": {"annotations": service.meta().annotations},
            "spec": {"selector": is("selector"), "ports": is("ports")},
        });
        let mut after = before.clone();
        // Nothing tells the pods of a target that is gone with its primary.
        let own = if self.label.is_empty() { is("selector") } else { json!({&self.label: self.value}) };
        after["spec"]["selector"] = selector.unwrap_or(own);
        if let Some(ports) = ports {
            let ours =
                self.canary.spec.service.as_ref().map(|service| self.ports(service)).unwrap_or_default();
            after["spec"]["ports"] = restored(&body, ports, &ours);
        }
        if let Some(map) = after["metadata"]["annotations"].as_object_mut() {
            map.extend(annotations);
            map.shift_remove(BEFORE);
        }
        merge_diff(&before, &after).map(|patch| Write::unchanged(service, Change::Merge(patch)))
    }
}

/// What our own record says of the specification and the annotations.
fn recorded(record: &Value) -> (Value, Map<String, Value>) {
    let annotations = record.get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    (record.clone(), annotations)
}

/// Without our marks, when nobody knows what was there before.
fn unmarked() -> Map<String, Value> {
    LEFT_ALONE.iter().map(|(key, _)| ((*key).to_owned(), Value::Null)).collect()
}

/// The specification that `kubectl apply` was last given.
fn applied(service: &Object) -> Value {
    let text = service.meta().annotations.get(LAST_APPLIED);
    let applied: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    applied.get("spec").cloned().unwrap_or_default()
}
