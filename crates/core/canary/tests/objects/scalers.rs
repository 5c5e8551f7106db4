//! Scalers, beyond what was recorded.

use serde_json::{Value, json};
use serin_api::kinds;

use crate::world::{World, initialize, podinfo};

fn keda(canary: &Value, spec: &Value) -> World {
    let mut world = podinfo();
    world.canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "so"});
    crate::world::merge(&mut world.canary["spec"]["autoscalerRef"], canary);
    world.put(&json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": "so", "namespace": "test", "annotations": {"autoscaling.keda.sh/paused-replicas": "0"}},
        "spec": spec,
    }));
    initialize(&mut world);
    world
}

#[test]
fn queries_that_the_canary_names_are_taken_and_no_other_is_touched() {
    let triggers = json!([
        {"name": "a", "metadata": {"query": "podinfo", "other": "podinfo"}},
        {"name": "b", "metadata": {"query": "podinfo"}},
        {"metadata": {"query": 7}},
    ]);
    let spec = json!({"scaleTargetRef": {"name": "podinfo", "envSourceContainerName": "main"}, "triggers": triggers});
    let queries = |world: &World| {
        let triggers = world.get(kinds::SCALED_OBJECT, "so-primary")["spec"]["triggers"].clone();
        triggers.as_array().unwrap().iter().map(|it| it["metadata"]["query"].clone()).collect::<Vec<_>>()
    };
    let named = keda(&json!({"primaryScalerQueries": {"a": "mine"}}), &spec);
    assert_eq!(queries(&named), [json!("mine"), json!("podinfo"), json!(7)]);
    let rewritten = keda(&json!({}), &spec);
    assert_eq!(queries(&rewritten), [json!("podinfo-primary"), json!("podinfo-primary"), json!(7)]);
    let copy = rewritten.get(kinds::SCALED_OBJECT, "so-primary");
    assert_eq!(copy["spec"]["triggers"][0]["metadata"]["other"], "podinfo");
    assert_eq!(
        copy["spec"]["scaleTargetRef"],
        json!({"name": "podinfo-primary", "envSourceContainerName": "main"})
    );
    assert_eq!(copy["metadata"]["annotations"], Value::Null, "the copy is not paused");
}

#[test]
fn bounds_and_the_name_of_the_inner_autoscaler_are_the_primarys() {
    let spec = json!({
        "scaleTargetRef": {"name": "podinfo"}, "minReplicaCount": 1, "maxReplicaCount": 3,
        "advanced": {"restoreToOriginalReplicaCount": true, "horizontalPodAutoscalerConfig": {"name": "inner"}},
    });
    let world = keda(&json!({"primaryScalerReplicas": {"maxReplicas": 9}}), &spec);
    let copy = world.get(kinds::SCALED_OBJECT, "so-primary")["spec"].clone();
    assert_eq!((&copy["minReplicaCount"], &copy["maxReplicaCount"]), (&json!(1), &json!(9)));
    let advanced = json!({"restoreToOriginalReplicaCount": true, "horizontalPodAutoscalerConfig": {"name": "inner-primary"}});
    assert_eq!(copy["advanced"], advanced);
}

#[test]
fn a_pause_is_one_annotation_and_comes_and_goes() {
    let mut world = keda(&json!({}), &json!({"scaleTargetRef": {"name": "podinfo"}, "unknown": [1]}));
    let before = world.get(kinds::SCALED_OBJECT, "so");
    assert_eq!(world.ask(|target| target.pause_scaler()).unwrap(), [], "paused already");
    assert_eq!(world.run(|target| target.resume_scaler()), 1);
    assert_eq!(world.ask(|target| target.resume_scaler()).unwrap(), []);
    assert_eq!(world.run(|target| target.pause_scaler()), 1);
    assert_eq!(world.get(kinds::SCALED_OBJECT, "so"), before);
}

#[test]
fn the_copy_of_an_autoscaler_follows_when_it_is_asked_to() {
    let mut world = podinfo();
    world.canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "autoscaling/v2beta2", "kind": "HorizontalPodAutoscaler", "name": "h"});
    assert_eq!(
        world.ask(|target| target.create_scaler().unwrap_err().to_string()).unwrap(),
        "HorizontalPodAutoscaler h.test get query error: horizontalpodautoscalers.autoscaling \"h\" not found"
    );
    world.put(&json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "test"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "minReplicas": 2, "maxReplicas": 4, "behavior": {"scaleDown": {}},
        },
    }));
    initialize(&mut world);
    world.edit(kinds::HORIZONTAL_POD_AUTOSCALER, "h", |it| {
        it["spec"]["maxReplicas"] = json!(8);
        it["spec"].as_object_mut().unwrap().remove("behavior");
    });
    assert_eq!(world.ask(|target| target.create_scaler().unwrap()).unwrap(), []);
    assert_eq!(world.run(|target| target.sync_scaler().unwrap()), 1);
    assert_eq!(
        world.get(kinds::HORIZONTAL_POD_AUTOSCALER, "h-primary")["spec"],
        json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-primary"},
            "minReplicas": 2, "maxReplicas": 8,
        })
    );
    assert_eq!(world.ask(|target| target.pause_scaler()).unwrap(), [], "it rests by itself");
    world.canary["spec"]["autoscalerRef"]["kind"] = json!("Other");
    assert_eq!(
        world.ask(|target| target.create_scaler().unwrap_err().to_string()).unwrap(),
        r#"spec.autoscalerRef.kind: "Other" must be HorizontalPodAutoscaler or ScaledObject"#
    );
}
