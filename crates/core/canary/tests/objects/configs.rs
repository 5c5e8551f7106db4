//! Tracked configuration.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_api::kinds;

use crate::world::{World, initialize, podinfo};

fn config(name: &str, more: &Value) -> Value {
    let mut config =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "test"}});
    crate::world::merge(&mut config, more);
    config
}

/// A Deployment that reads ConfigMap `c` and Secret `s`.
fn configured() -> World {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
            json!([{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}]);
    });
    world.put(&config("c", &json!({"data": {"a": "1"}})));
    world.put(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "test"},
        "type": "Opaque", "data": {"k": "czNjcmV0"},
    }));
    world
}

fn checksums(world: &World) -> Option<BTreeMap<String, String>> {
    world.ask(|target| target.configs().unwrap().checksums()).unwrap()
}

fn changed(world: &World) -> bool {
    let status = world.typed().status;
    world.ask(|target| target.configs().unwrap().changed(status.tracked_configs.as_ref())).unwrap()
}

#[test]
fn a_change_is_seen_and_reaches_the_primary_at_promotion_alone() {
    let mut world = configured();
    initialize(&mut world);
    assert!(!changed(&world));
    let id = |world: &World| {
        world.get(kinds::DEPLOYMENT, "podinfo-primary")["spec"]["template"]["metadata"]["annotations"]["flagger-id"].clone()
    };
    let before = id(&world);
    world.edit(kinds::CONFIG_MAP, "c", |it| it["data"] = json!({"b": "2"}));
    assert!(changed(&world));
    assert!(world.ask(|target| target.is_promoted()).unwrap(), "contents do not count there");
    assert_eq!(world.get(kinds::CONFIG_MAP, "c-primary")["data"], json!({"a": "1"}));
    assert_eq!(world.run(|target| target.promote().unwrap()), 2, "the copy and the workload that reads it");
    assert_eq!(world.get(kinds::CONFIG_MAP, "c-primary")["data"], json!({"b": "2"}));
    assert_ne!(id(&world), before, "pods are replaced to read it");
}

#[test]
fn bytes_count_and_what_flagger_has_seen_of_them_is_no_change() {
    let mut world = configured();
    let of_data = checksums(&world).unwrap();
    world.edit(kinds::CONFIG_MAP, "c", |it| it["binaryData"] = json!({"b": "AAEC"}));
    let with_bytes = checksums(&world).unwrap();
    assert_eq!(with_bytes["configmap/c"], of_data["configmap/c"], "as Flagger has it");
    assert_eq!(with_bytes["configmap/c/binaryData"].len(), 16);
    world.edit(kinds::CONFIG_MAP, "c", |it| it["binaryData"] = json!({"b": "AAED"}));
    assert_ne!(checksums(&world).unwrap(), with_bytes);

    // Flagger has written the checksum of the data alone.
    let taken_over =
        |world: &World, tracked| world.ask(|target| target.configs().unwrap().taken_over(tracked)).unwrap();
    let mut tracked = taken_over(&world, of_data.clone());
    assert_eq!(tracked, checksums(&world).unwrap());
    tracked.insert("configmap/c".to_owned(), "another".to_owned());
    assert_eq!(taken_over(&world, tracked.clone()), tracked, "a change that it has not seen stays one");
}

#[test]
fn an_id_has_the_form_of_a_uuid_of_the_fourth_version() {
    let mut world = configured();
    initialize(&mut world);
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    let id = primary["spec"]["template"]["metadata"]["annotations"]["flagger-id"].as_str().unwrap();
    let parts: Vec<&str> = id.split('-').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{id}");
}

#[test]
fn what_is_compared_is_every_checksum_and_how_many_there_are() {
    let mut world = configured();
    let now = checksums(&world).unwrap();
    let mut other = now.clone();
    other.insert("configmap/c".to_owned(), "0".repeat(16));
    let mut fewer = now.clone();
    fewer.remove("secret/s");
    for (tracked, expected) in [
        (Value::Null, true),
        (json!(now), false),
        (json!(other), true),
        (json!(fewer), true),
        (json!({}), true),
    ] {
        world.canary["status"] = json!({"trackedConfigs": tracked});
        assert_eq!(changed(&world), expected, "{tracked}");
    }
    world.settings.track_configs = false;
    assert_eq!(checksums(&world), None);
    assert!(!changed(&world));
    world.settings.track_configs = true;
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([]);
    });
    world.canary["status"] = json!(null);
    assert!(!changed(&world), "nothing was tracked and nothing is");
}

#[test]
fn some_are_left_alone() {
    let is_tracked = |world: &World, id: &str| checksums(world).unwrap().contains_key(id);
    for value in ["disable", "disabled", "disabled-for-now"] {
        let mut world = configured();
        world.edit(kinds::CONFIG_MAP, "c", |it| {
            it["metadata"]["annotations"] = json!({"flagger.app/config-tracking": value});
        });
        assert!(!is_tracked(&world, "configmap/c"), "{value}");
        initialize(&mut world);
        assert_eq!(world.get(kinds::CONFIG_MAP, "c-primary"), Value::Null);
    }
    for (kind, expected) in [
        ("Opaque", true),
        ("kubernetes.io/tls", true),
        ("kubernetes.io/basic-auth", true),
        ("kubernetes.io/ssh-auth", true),
        ("kubernetes.io/service-account-token", false),
        ("helm.sh/release.v1", false),
    ] {
        let mut world = configured();
        world.edit(kinds::SECRET, "s", |it| it["type"] = json!(kind));
        assert_eq!(is_tracked(&world, "secret/s"), expected, "{kind}");
        initialize(&mut world);
        let from = &world.get(kinds::DEPLOYMENT, "podinfo-primary")["spec"]["template"]["spec"]["containers"]
            [0]["envFrom"];
        assert_eq!(from[1]["secretRef"]["name"], if expected { "s-primary" } else { "s" }, "{kind}");
    }
}

#[test]
fn one_that_must_be_there_and_is_not_is_trouble_and_an_optional_one_is_not() {
    let mut world = configured();
    world.remove(kinds::SECRET, "s");
    let text = world.ask(|target| target.create().unwrap_err().to_string()).unwrap();
    assert_eq!(
        text,
        "createPrimaryDeployment failed: GetTargetConfigs failed: secret s.test get query error: \
         secret s.test get query error: secrets \"s\" not found"
    );
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["envFrom"][1]["secretRef"]["optional"] = json!(true);
    });
    initialize(&mut world);
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert_eq!(primary["spec"]["template"]["spec"]["containers"][0]["envFrom"][1]["secretRef"]["name"], "s");
    // Named twice, it must be there when one of them says so.
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": "s"}}]);
    });
    assert!(world.ask(|target| target.configs().is_err()).unwrap());
}

#[test]
fn a_copy_has_everything_but_that_it_can_be_changed() {
    let mut world = configured();
    world.put(&config("c", &json!({"data": {"a": "<&>"}, "binaryData": {"b": "AAEC"}, "immutable": true})));
    world.settings.include_labels = vec!["te".to_owned()];
    world.edit(kinds::CONFIG_MAP, "c", |it| it["metadata"]["labels"] = json!({"team": "blue", "other": "x"}));
    initialize(&mut world);
    let copy = world.get(kinds::CONFIG_MAP, "c-primary");
    assert_eq!((&copy["data"]["a"], &copy["binaryData"]["b"]), (&json!("<&>"), &json!("AAEC")));
    assert_eq!((&copy["immutable"], &copy["metadata"]["labels"]), (&Value::Null, &json!({"team": "blue"})));
    world.run(|target| target.promote().unwrap());
    // Somebody has closed the copy: it is made again.
    world.edit(kinds::CONFIG_MAP, "c-primary", |it| it["immutable"] = json!(true));
    assert_eq!(world.ask(|target| target.promote().unwrap()).unwrap(), [], "closed and right is right");
    world.edit(kinds::CONFIG_MAP, "c", |it| it["binaryData"]["b"] = json!("AAED"));
    world.run(|target| target.promote().unwrap());
    let copy = world.get(kinds::CONFIG_MAP, "c-primary");
    assert_eq!((&copy["binaryData"]["b"], &copy["immutable"]), (&json!("AAED"), &Value::Null));
}

#[test]
fn a_copy_that_two_canaries_share_has_two_owners() {
    let mut world = configured();
    let other = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "other", "uid": "other", "controller": true, "blockOwnerDeletion": true,
    });
    world.put(&config("c-primary", &json!({"data": {"a": "0"}, "metadata": {"ownerReferences": [other]}})));
    initialize(&mut world);
    let copy = world.get(kinds::CONFIG_MAP, "c-primary");
    let owners = copy["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!(owners.len(), 2);
    assert_eq!((&owners[0]["uid"], &owners[0]["controller"]), (&json!("uid-of-canary"), &json!(true)));
    assert_eq!((&owners[1]["uid"], &owners[1]["controller"]), (&json!("other"), &json!(false)));
    assert_eq!(copy["data"]["a"], "1");
}
