//! Pods: their first status, their grace, binding to a node, eviction within budgets.

use serde_json::{Value, json};
use serin_lang::selector::Selector;

use crate::cluster::{Cluster, Place, seconds};
use crate::status::{About, Refusal, cause};
use crate::store::Resource;
use crate::verbs::delete::DeleteOptions;

/// The status that a new pod has: pending, with its class of service.
pub(super) fn pending(object: &mut Value) {
    let class = quality(&object["spec"]);
    object["status"] = json!({ "phase": "Pending", "qosClass": class });
}

/// `Guaranteed` when every container has equal requests and limits for processor and memory,
/// `BestEffort` when none has any, else `Burstable`.
fn quality(spec: &Value) -> &'static str {
    let all = |list: &str| spec[list].as_array().cloned().unwrap_or_default();
    let containers = [all("initContainers"), all("containers")].concat();
    let has = |value: &Value| value.as_object().is_some_and(|map| !map.is_empty());
    let none =
        containers.iter().all(|one| !has(&one["resources"]["requests"]) && !has(&one["resources"]["limits"]));
    let full = containers.iter().all(|one| {
        let (requests, limits) = (&one["resources"]["requests"], &one["resources"]["limits"]);
        ["cpu", "memory"].iter().all(|what| !limits[*what].is_null() && limits[*what] == requests[*what])
    });
    match (none, full) {
        (true, _) => "BestEffort",
        (_, true) => "Guaranteed",
        _ => "Burstable",
    }
}

/// How long a deletion waits for a kubelet: pods that run somewhere only.
pub(crate) fn grace_seconds(place: &Place, object: &Value, asked: Option<i64>) -> i64 {
    if place.resource != Resource::new("", "pods") {
        return 0;
    }
    let ended = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let unscheduled = object["spec"]["nodeName"].as_str().unwrap_or_default().is_empty();
    if ended || unscheduled {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    let wanted = asked.unwrap_or(own).max(0);
    match object["metadata"]["deletionGracePeriodSeconds"].as_i64() {
        Some(before) => wanted.min(before),
        None => wanted,
    }
}

/// Puts a pod on a node.
pub(crate) fn bind(
    cluster: &mut Cluster,
    place: &Place,
    binding: &Value,
    dry_run: bool,
) -> Result<(), Refusal> {
    let old = cluster.object(place)?;
    let node = binding["target"]["name"].as_str().unwrap_or_default();
    if node.is_empty() {
        let cause = cause::required("target.name", "");
        return Err(Refusal::invalid("", "Binding", &place.key.name, &[cause]));
    }
    let about = About { group: "", plural: "pods/binding" };
    let name = &place.key.name;
    if old["metadata"]["deletionTimestamp"].is_string() {
        let detail = format!("pod {name} is being deleted, cannot be assigned to a host");
        return Err(Refusal::conflict(about, name, &detail));
    }
    if let Some(has) = old["spec"]["nodeName"].as_str().filter(|has| !has.is_empty()) {
        let detail = format!("pod {name} is already assigned to node {has:?}");
        return Err(Refusal::conflict(about, name, &detail));
    }
    let mut object = Value::clone(&old);
    object["spec"]["nodeName"] = node.into();
    let now = seconds(cluster.now());
    let condition = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": now,
    });
    match object["status"]["conditions"].as_array_mut() {
        Some(all) => {
            all.retain(|one| one["type"] != "PodScheduled");
            all.push(condition);
        }
        None => object["status"]["conditions"] = json!([condition]),
    }
    if !dry_run {
        cluster.commit(place, &old, object);
    }
    Ok(())
}

/// Deletes a pod if every budget that covers it allows one disruption more.
pub(crate) fn evict(cluster: &mut Cluster, place: &Place, options: &DeleteOptions) -> Result<(), Refusal> {
    let pod = cluster.object(place)?;
    let status = &pod["status"];
    let ended = matches!(status["phase"].as_str(), Some("Succeeded" | "Failed" | "Pending"));
    let going = pod["metadata"]["deletionTimestamp"].is_string();
    if !ended && !going {
        spend(cluster, place, &pod, options.dry_run)?;
    }
    cluster.delete(place, options).map(|_| ())
}

fn spend(cluster: &mut Cluster, place: &Place, pod: &Value, dry_run: bool) -> Result<(), Refusal> {
    let resource = Resource::new("policy", "poddisruptionbudgets");
    let labels = &pod["metadata"]["labels"];
    let covering: Vec<_> = cluster
        .store
        .list(&resource, &place.key.namespace)
        .filter(|(_, budget)| {
            Selector::from_object(&budget["spec"]["selector"]).is_ok_and(|all| all.matches(labels))
        })
        .map(|(key, budget)| (key.clone(), budget.clone()))
        .collect();
    let [(key, budget)] = covering.as_slice() else {
        return if covering.is_empty() {
            Ok(())
        } else {
            Err(Refusal::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                 does not support.",
            ))
        };
    };
    let ready = pod["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True");
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    let healthy_enough = number("desiredHealthy") <= number("currentHealthy") && 0 < number("desiredHealthy");
    if !ready && healthy_enough {
        return Ok(());
    }
    if number("observedGeneration") < budget["metadata"]["generation"].as_i64().unwrap_or(0) {
        let why = format!("The disruption budget {} is still being processed by the server.", key.name);
        return Err(Refusal::disruption_budget(&why));
    }
    if number("disruptionsAllowed") < 1 {
        let why = format!(
            "The disruption budget {} needs {} healthy pods and has {} currently",
            key.name,
            number("desiredHealthy"),
            number("currentHealthy")
        );
        return Err(Refusal::disruption_budget(&why));
    }
    if dry_run {
        return Ok(());
    }
    let mut object = Value::clone(budget);
    object["status"]["disruptionsAllowed"] = (number("disruptionsAllowed") - 1).into();
    if object["status"]["disruptedPods"].is_null() {
        object["status"]["disruptedPods"] = json!({});
    }
    object["status"]["disruptedPods"][place.key.name.as_str()] = seconds(cluster.now()).into();
    cluster.store.put(&resource, key, object);
    Ok(())
}
