//! Objects in the other versions of their kinds.
//!
//! Two built-in kinds have two spellings: events (core `v1` and `events.k8s.io/v1`) and autoscalers (`v2` and
//! `v1`). They are stored in one of them; each conversion keeps what the other spelling can say. The versions of
//! a custom resource differ in `apiVersion` alone (conversion strategy `None`).

use crate::kinds::KindInfo;
use serde_json::{Map, Value, json};

/// Fields of an event: core name, `events.k8s.io` name.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];
const CORE_EVENT: &str = "v1";
const NEW_EVENT: &str = "events.k8s.io/v1";
const HPA_V2: &str = "autoscaling/v2";
const HPA_V1: &str = "autoscaling/v1";

/// An object as the version of `kind` spells it, whatever version it is in.
#[must_use]
pub fn to(object: Value, kind: &KindInfo) -> Value {
    spelled(object, &kind.api_version())
}

/// Whether an object is in the version of `kind` already.
#[must_use]
pub fn is_spelled(object: &Value, kind: &KindInfo) -> bool {
    object["apiVersion"] == kind.api_version()
}

/// An object as it is stored.
#[must_use]
pub fn to_stored(object: Value) -> Value {
    match object["apiVersion"].as_str() {
        Some(NEW_EVENT) => spelled(object, CORE_EVENT),
        Some(HPA_V1) => spelled(object, HPA_V2),
        _ => object,
    }
}

fn spelled(mut object: Value, wanted: &str) -> Value {
    let found = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    let Some(map) = object.as_object_mut().filter(|_| found != wanted) else { return object };
    match (found.as_str(), wanted) {
        (CORE_EVENT, NEW_EVENT) => rename(map, EVENT_FIELDS),
        (NEW_EVENT, CORE_EVENT) => rename(map, EVENT_FIELDS.map(|(core, new)| (new, core))),
        (HPA_V1, HPA_V2) => scaler_v2(map),
        (HPA_V2, HPA_V1) => scaler_v1(map),
        _ => {}
    }
    map.insert("apiVersion".to_owned(), json!(wanted));
    object
}

/// Renames keys where they stand.
fn rename(map: &mut Map<String, Value>, fields: [(&str, &str); EVENT_FIELDS.len()]) {
    let renamed = std::mem::take(map).into_iter().map(|(key, value)| {
        let new = fields.iter().find(|(from, _)| *from == key).map(|(_, to)| (*to).to_owned());
        (new.unwrap_or(key), value)
    });
    *map = renamed.collect();
}

const CPU_SPEC: &str = "targetCPUUtilizationPercentage";
const CPU_STATUS: &str = "currentCPUUtilizationPercentage";

fn scaler_v2(map: &mut Map<String, Value>) {
    let metric = |field: &str, percent: &Value| {
        let value = json!({ "type": "Utilization", "averageUtilization": percent });
        let mut resource = json!({ "name": "cpu" });
        resource[field] = value;
        json!([{ "type": "Resource", "resource": resource }])
    };
    for (part, old, new, field) in
        [("spec", CPU_SPEC, "metrics", "target"), ("status", CPU_STATUS, "currentMetrics", "current")]
    {
        let Some(part) = map.get_mut(part).and_then(Value::as_object_mut) else { continue };
        if let Some(percent) = part.shift_remove(old) {
            let mut metrics = metric(field, &percent);
            if field == "current" {
                metrics[0]["resource"]["current"] = json!({ "averageUtilization": percent });
            }
            part.insert(new.to_owned(), metrics);
        }
    }
}

fn scaler_v1(map: &mut Map<String, Value>) {
    for (part, old, new, field) in
        [("spec", "metrics", CPU_SPEC, "target"), ("status", "currentMetrics", CPU_STATUS, "current")]
    {
        let Some(part) = map.get_mut(part).and_then(Value::as_object_mut) else { continue };
        let metrics = part.shift_remove(old).unwrap_or_default();
        let cpu = metrics.as_array().into_iter().flatten().find_map(|metric| {
            let resource = metric.get("resource").filter(|resource| resource["name"] == "cpu")?;
            resource[field]["averageUtilization"].as_i64()
        });
        if let Some(percent) = cpu {
            part.insert(new.to_owned(), json!(percent));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::builtin;

    fn kind(group: &str, version: &str, name: &str) -> KindInfo {
        let all = builtin();
        all.into_iter().find(|k| k.group == group && k.version == version && k.kind == name).unwrap()
    }

    #[test]
    fn an_event_goes_to_the_new_spelling_and_back() {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod"}, "message": "hi", "source": {"component": "c"}, "count": 2,
            "firstTimestamp": "t", "lastTimestamp": "u", "reportingComponent": "c", "reason": "R", "type": "Normal"});
        let new = to(event.clone(), &kind("events.k8s.io", "v1", "Event"));
        assert_eq!(new["regarding"]["kind"], "Pod");
        assert_eq!(new["note"], "hi");
        assert_eq!(new["deprecatedSource"]["component"], "c");
        assert!(new.get("message").is_none());
        assert_eq!(to_stored(new.clone()), event);
        assert_eq!(to(new, &kind("", "v1", "Event")), event);
    }

    #[test]
    fn an_autoscaler_goes_to_the_old_spelling_and_back() {
        let v1 = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "spec": {"maxReplicas": 5, "targetCPUUtilizationPercentage": 80}});
        let v2 = to(v1.clone(), &kind("autoscaling", "v2", "HorizontalPodAutoscaler"));
        assert_eq!(
            v2["spec"]["metrics"][0],
            json!({"type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}})
        );
        assert_eq!(to(v2, &kind("autoscaling", "v1", "HorizontalPodAutoscaler")), v1);
    }
}
