//! Objects that were there before: adopted as recorded, and given back as their users had them.

use std::fs;

use serde_json::{Value, json};
use serin_kernel::Key;
use serin_traffic::{Front, GatewayVersion, Provider, Split};

use crate::{cases::front, reader::marks, recorded::documents, world::World};

const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The states of an object in a recording: before, adopted, given back.
fn recording(path: &str) -> Option<(Front, Vec<Value>)> {
    let folder =
        serin_needs::shared(&format!("recorded/flagger/{}", path.split_once("/objects").unwrap().0))?;
    let inputs = documents(&folder.join("inputs.yaml"));
    let manifest = inputs.iter().find(|input| input["kind"] == "Canary").unwrap();
    let front = crate::reader::front(manifest, &json!({"app": "podinfo"}));
    let file = folder.join("objects").join(path.rsplit('/').next().unwrap());
    assert!(fs::exists(&file).unwrap(), "{}", file.display());
    Some((front, documents(&file)))
}

/// An object without what a cluster gives.
fn content(world: &World, key: &Key) -> Value {
    let mut value = world.get(key).unwrap().clone();
    let meta = value["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion"] {
        meta.shift_remove(field);
    }
    if meta.get("annotations") == Some(&json!({})) {
        meta.shift_remove("annotations");
    }
    value
}

fn without(mut value: Value, annotation: &str) -> Value {
    value["metadata"]["annotations"].as_object_mut().unwrap().shift_remove(annotation);
    value
}

#[test]
fn recorded_routes_are_adopted_and_given_back_as_they_were() {
    for (provider, path) in [
        (Provider::Istio, "istio/revert-delete-adopted/objects/VirtualService.podinfo.yaml"),
        (
            Provider::Gateway(GatewayVersion::V1),
            "gatewayapi-v1/revert-delete-adopted/objects/HTTPRoute.podinfo.yaml",
        ),
    ] {
        let Some((front, states)) = recording(path) else { return };
        let key = provider.keys(&front).into_iter().find(|key| key.name == "podinfo").unwrap();
        let mut world = World::default();
        world.put(&key, states[0].clone());
        let world = world.after(&provider.reconcile(&front, &world.observed()).unwrap());
        let adopted = content(&world, &key);
        let original = &marks().original;
        let kept: Value =
            serde_json::from_str(adopted["metadata"]["annotations"][original].as_str().unwrap()).unwrap();
        assert_eq!(kept, states[0]["spec"], "{path}: what was there is kept");
        // The recorded annotation differs (Istio: it has a weight that was not there) or is missing (11.2 5, 6).
        let recorded = without(states[1].clone(), original);
        assert_eq!(without(adopted, original), recorded, "{path}");
        assert_eq!(provider.reconcile(&front, &world.observed()), Ok(vec![]), "{path}");
        let world = world.after(&provider.set(&front, Split::new(60, 40), &world.observed()).unwrap());
        let world = world.after(&provider.finalize(&front, &world.observed()).unwrap());
        assert_eq!(content(&world, &key), states[0], "{path}: given back");
    }
}

/// A virtual service of a user, with these annotations.
fn virtual_service(annotations: &Value) -> (Key, World) {
    let key = Provider::Istio.keys(&front()).pop().unwrap();
    let mut world = World::default();
    let spec = json!({"hosts": ["old"], "http": [{"route": [{"destination": {"host": "podinfo"}}]}]});
    let meta = json!({"annotations": annotations, "labels": {"mine": "yes"}});
    let object = json!({"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": meta, "spec": spec});
    world.put(&key, object);
    (key, world)
}

fn given_back(world: &World) -> Value {
    let world = world.after(&Provider::Istio.reconcile(&front(), &world.observed()).unwrap());
    let world = world.after(&Provider::Istio.finalize(&front(), &world.observed()).unwrap());
    let key = Provider::Istio.keys(&front()).pop().unwrap();
    content(&world, &key)
}

#[test]
fn what_kubectl_applied_wins_and_its_marks_stay() {
    let newest = json!({"hosts": ["new"]});
    let mark = marks().left_alone;
    let applied = json!({"spec": newest, "metadata": {"annotations": mark}}).to_string();
    let (_, world) = virtual_service(&json!({APPLIED: applied}));
    let object = given_back(&world);
    assert_eq!(object["spec"], newest);
    assert_eq!(object["metadata"]["annotations"].as_object().unwrap().len(), 4, "{object:#}");
    assert_eq!(object["metadata"]["labels"]["mine"], "yes");
}

#[test]
fn what_the_other_controller_kept_comes_back_without_its_zeros() {
    let kept = json!({"http": [
        {"route": [{"destination": {"host": "podinfo"}, "weight": 0}]},
        {"route": [{"destination": {"host": "a"}, "weight": 0}, {"destination": {"host": "b"}, "weight": 1}]},
    ]});
    let (_, world) = virtual_service(&json!({marks().original: kept.to_string()}));
    let spec = &given_back(&world)["spec"];
    assert_eq!(spec["http"][0]["route"], json!([{"destination": {"host": "podinfo"}}]));
    assert_eq!(spec["http"][1]["route"], kept["http"][1]["route"]);
}

#[test]
fn what_cannot_be_read_is_said_and_what_was_never_kept_stays() {
    for name in [APPLIED, &marks().original] {
        let (_, world) = virtual_service(&json!({name: "{"}));
        let error = Provider::Istio.finalize(&front(), &world.observed()).unwrap_err();
        assert!(
            error.to_string().starts_with("VirtualService podinfo.test: metadata.annotations["),
            "{error}"
        );
    }
    let (_, world) = virtual_service(&json!({}));
    assert_eq!(Provider::Istio.finalize(&front(), &world.observed()), Ok(vec![]));
}

#[test]
fn what_was_kept_once_is_never_replaced() {
    let (key, world) = virtual_service(&json!({}));
    let original = world.get(&key).unwrap()["spec"].clone();
    let mut world = world.after(&Provider::Istio.reconcile(&front(), &world.observed()).unwrap());
    world.edit(&key, |object| object["spec"] = json!({"hosts": ["by hand"]}));
    let object = given_back(&world);
    assert_eq!(object["spec"], original);
}

#[test]
fn what_is_too_long_to_be_kept_is_not_replaced() {
    let (key, mut world) = virtual_service(&json!({}));
    world.edit(&key, |object| object["spec"]["hosts"] = json!(["x".repeat(200 * 1024)]));
    let error = Provider::Istio.reconcile(&front(), &world.observed()).unwrap_err();
    assert!(error.to_string().contains("spec is too long to be kept"), "{error}");
}

#[test]
fn every_provider_gives_back_what_it_found_under_the_apex_name() {
    for case in crate::cases::cases() {
        let made = case.provider.set(&case.front, case.splits[0], &case.world.observed()).unwrap();
        let names =
            ["VirtualService", "HTTPRoute", "TraefikService", "HTTPProxy", "TrafficSplit", "RouteTable"];
        let Some(write) = made.iter().find(|write| names.contains(&write.target.kind.kind)) else { continue };
        let key = write.target.clone();
        if key.kind.group == "appmesh.k8s.aws" {
            continue;
        }
        let spec = json!({"hosts": ["theirs"], "other": {"weighted": [1]}});
        let object =
            json!({"metadata": {"labels": {"mine": "yes"}, "annotations": {"mine": "too"}}, "spec": spec});
        let mut world = case.world.clone();
        world.put(&key, object);
        for split in &case.splits {
            world = world.after(&case.provider.set(&case.front, *split, &world.observed()).unwrap());
            assert_eq!(case.provider.routes(&case.front, &world.observed()), Ok(*split), "{}", case.name);
        }
        let meta = &content(&world, &key)["metadata"];
        assert_eq!(meta["labels"]["mine"], "yes", "{}", case.name);
        assert_eq!(meta["annotations"]["mine"], "too", "{}", case.name);
        assert_eq!(meta.get("ownerReferences"), None, "{}: its user's for good", case.name);
        world = world.after(&case.provider.finalize(&case.front, &world.observed()).unwrap());
        assert_eq!(content(&world, &key)["spec"], spec, "{}", case.name);
        let annotations = &content(&world, &key)["metadata"]["annotations"];
        assert!(annotations.get(&marks().original).is_none(), "{}: {annotations}", case.name);
    }
}
