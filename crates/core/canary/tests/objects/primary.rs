//! The primary, and what becomes of it when somebody deletes it.

use serde_json::{Value, json};
use serin_api::kinds;

use crate::world::{World, initialized, podinfo};

fn image(world: &World, name: &str) -> Value {
    world.get(kinds::DEPLOYMENT, name)["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

fn set_image(world: &mut World, image: &str) {
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
}

/// Keeps the target's present template as its Deployment does, in a ReplicaSet.
fn remember(world: &mut World) {
    let target = world.get(kinds::DEPLOYMENT, "podinfo");
    let mut template = target["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!("abc");
    let name = format!("podinfo-{}", world.objects.len());
    world.put(&json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "test", "labels": {"app": "podinfo", "pod-template-hash": "abc"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo", "uid": target["metadata"]["uid"], "controller": true}]},
        "spec": {"template": template},
    }));
}

/// What the primary that is made runs, and the warning.
fn rebuild(world: &mut World) -> (Value, Option<String>) {
    world.remove(kinds::DEPLOYMENT, "podinfo-primary");
    let made = world.ask(|target| target.create().unwrap()).unwrap();
    world.apply_all(made.writes);
    (image(world, "podinfo-primary"), made.warning)
}

#[test]
fn a_deleted_primary_is_made_of_what_was_promoted() {
    let mut world = initialized();
    remember(&mut world);
    assert_eq!(rebuild(&mut world), (json!("podinfo:1"), None), "the target is at that version");
    set_image(&mut world, "podinfo:2");
    remember(&mut world);
    assert_eq!(rebuild(&mut world), (json!("podinfo:1"), None), "the target is at another version");
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert_eq!(primary["spec"]["template"]["metadata"]["labels"], json!({"app": "podinfo-primary"}));
    assert_eq!(primary["spec"]["replicas"], 1);
}

#[test]
fn a_daemon_sets_older_versions_are_in_its_revisions() {
    let mut world = podinfo();
    let mut target = world.get(kinds::DEPLOYMENT, "podinfo");
    world.remove(kinds::DEPLOYMENT, "podinfo");
    target["kind"] = json!("DaemonSet");
    target["spec"].as_object_mut().unwrap().remove("replicas");
    world.put(&target);
    world.canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    crate::world::initialize(&mut world);
    // As the controller keeps it: whole, and taken to zero already.
    let mut template = world.get(kinds::DAEMON_SET, "podinfo")["spec"]["template"].clone();
    assert!(template["spec"]["nodeSelector"].is_object(), "{template}");
    template["$patch"] = json!("replace");
    template["metadata"]["creationTimestamp"] = Value::Null;
    let owner = world.get(kinds::DAEMON_SET, "podinfo")["metadata"]["uid"].clone();
    world.put(&json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
        "metadata": {"name": "podinfo-6b7", "namespace": "test", "labels": {"app": "podinfo", "controller-revision-hash": "6b7"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "podinfo", "uid": owner, "controller": true}]},
        "data": {"spec": {"template": template}},
    }));
    world.edit(kinds::DAEMON_SET, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!("podinfo:2");
    });
    world.remove(kinds::DAEMON_SET, "podinfo-primary");
    let wanted = serin_canary::objects::further_interests(&world.observed(), &world.typed(), &world.settings);
    assert!(format!("{wanted:?}").contains("ControllerRevision"), "{wanted:?}");
    let made = world.ask(|target| target.create().unwrap()).unwrap();
    world.apply_all(made.writes);
    let primary = world.get(kinds::DAEMON_SET, "podinfo-primary");
    let template = &primary["spec"]["template"];
    assert_eq!((&template["spec"]["containers"][0]["image"], made.warning), (&json!("podinfo:1"), None));
    assert_eq!((&template["$patch"], &template["spec"]["nodeSelector"]), (&Value::Null, &Value::Null));
}

#[test]
fn when_nobody_knows_what_was_promoted_it_is_made_of_the_target_and_that_is_said() {
    let warning = "podinfo-primary.test is gone and what it ran is not known: it is made again from podinfo.test as it is \
                   now, which may never have been analysed";
    let mut world = initialized();
    set_image(&mut world, "podinfo:2");
    remember(&mut world);
    assert_eq!(rebuild(&mut world), (json!("podinfo:2"), Some(warning.to_owned())));
    // A hash that Flagger left says nothing.
    world.canary["status"]["lastPromotedSpec"] = json!("5978589476");
    assert_eq!(rebuild(&mut world).1.as_deref(), Some(warning));
    // A ReplicaSet of somebody else does not count.
    let mut world = initialized();
    remember(&mut world);
    let set = world.objects.keys().find(|key| key.kind == kinds::REPLICA_SET).unwrap().name.clone();
    world.edit(kinds::REPLICA_SET, &set, |it| it["metadata"]["ownerReferences"][0]["uid"] = json!("another"));
    set_image(&mut world, "podinfo:2");
    assert_eq!(rebuild(&mut world).1.as_deref(), Some(warning));
}

#[test]
fn a_rebuilt_primary_reads_the_configuration_that_was_promoted_with_it() {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "configMap": {"name": "c"}}]);
    });
    world.put(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "test"}, "data": {"a": "1"}}));
    crate::world::initialize(&mut world);
    remember(&mut world);
    // The next version reads another one, and the first is changed.
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "configMap": {"name": "d"}}]);
    });
    world.put(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d", "namespace": "test"}, "data": {}}));
    world.edit(kinds::CONFIG_MAP, "c", |it| it["data"]["a"] = json!("2"));
    assert_eq!(rebuild(&mut world).1, None);
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert_eq!(primary["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"], "c-primary");
    assert_eq!(world.get(kinds::CONFIG_MAP, "c-primary")["data"]["a"], "1");
}

#[test]
fn users_are_never_left_without_pods_by_a_promotion() {
    let mut world = initialized();
    set_image(&mut world, "podinfo:2");
    assert!(world.ask(|target| target.is_zero()).unwrap());
    world.run(|target| target.promote().unwrap());
    assert_eq!(world.get(kinds::DEPLOYMENT, "podinfo-primary")["spec"]["replicas"], 2);
    assert_eq!(image(&world, "podinfo-primary"), "podinfo:2");
}

#[test]
fn a_scaler_alone_decides_how_large_a_promoted_primary_is() {
    for (scaler, expected) in [(false, 5), (true, 2)] {
        let mut world = initialized();
        if scaler {
            world.canary["spec"]["autoscalerRef"] =
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "h"});
        }
        world.edit(kinds::DEPLOYMENT, "podinfo", |it| it["spec"]["replicas"] = json!(5));
        world.run(|target| target.promote().unwrap());
        assert_eq!(world.get(kinds::DEPLOYMENT, "podinfo-primary")["spec"]["replicas"], expected);
    }
}

#[test]
fn fields_that_a_version_no_longer_has_go() {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
        it["spec"]["minReadySeconds"] = json!(5);
        it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
    });
    crate::world::initialize(&mut world);
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert_eq!(
        primary["metadata"]["annotations"],
        json!({"a": "b"}),
        "its own controller counts its revisions"
    );
    world.edit(kinds::DEPLOYMENT, "podinfo-primary", |it| {
        it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
    });
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["strategy"] = json!({"type": "Recreate"});
        it["spec"].as_object_mut().unwrap().remove("minReadySeconds");
    });
    world.run(|target| target.promote().unwrap());
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert_eq!(primary["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(primary["spec"]["minReadySeconds"], Value::Null);
    assert_eq!(primary["metadata"]["annotations"], json!({"deployment.kubernetes.io/revision": "1"}));
}

#[test]
fn flux_never_finds_its_own_marks_on_a_primary() {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/checksum"] = json!("x");
        it["spec"]["template"]["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = json!("x");
        it["spec"]["template"]["metadata"]["annotations"] = json!({"helm.toolkit.fluxcd.io/x": "x"});
    });
    world.settings.include_labels = vec!["*".to_owned()];
    crate::world::initialize(&mut world);
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert!(!primary.to_string().contains("toolkit.fluxcd.io"), "{primary}");
    assert_eq!(primary["metadata"]["labels"], json!({"team": "blue", "app": "podinfo-primary"}));
}

#[test]
fn the_label_of_the_target_counts_not_its_name_and_its_name_in_rules_that_keep_pods_apart() {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["selector"]["matchLabels"]["app"] = json!("web");
        it["spec"]["template"]["metadata"]["labels"]["app"] = json!("web");
        let term = |key: &str, values: Value| json!({"labelSelector": {"matchExpressions": [{"key": key, "operator": "In", "values": values}]}});
        it["spec"]["template"]["spec"]["affinity"] = json!({
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                term("app", json!(["x", "podinfo", "podinfo"])), term("other", json!(["podinfo"])), term("app", json!(["web"]))]},
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term("app", json!(["podinfo"]))]},
        });
    });
    crate::world::initialize(&mut world);
    let primary = world.get(kinds::DEPLOYMENT, "podinfo-primary");
    assert_eq!(primary["spec"]["selector"]["matchLabels"], json!({"app": "web-primary"}));
    let affinity = &primary["spec"]["template"]["spec"]["affinity"];
    let values = |of: &str, index: usize| {
        affinity[of]["requiredDuringSchedulingIgnoredDuringExecution"][index]["labelSelector"]["matchExpressions"][0]["values"].clone()
    };
    assert_eq!(values("podAntiAffinity", 0), json!(["x", "podinfo-primary", "podinfo"]), "the first of each");
    assert_eq!(values("podAntiAffinity", 1), json!(["podinfo"]), "another label");
    assert_eq!(values("podAntiAffinity", 2), json!(["web"]), "another name");
    assert_eq!(values("podAffinity", 0), json!(["podinfo"]));
}

#[test]
fn a_daemon_set_that_is_not_rolled_is_refused() {
    let mut world = podinfo();
    let mut body = world.get(kinds::DEPLOYMENT, "podinfo");
    world.remove(kinds::DEPLOYMENT, "podinfo");
    world.canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    body["kind"] = json!("DaemonSet");
    body["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    world.put(&body);
    assert_eq!(
        world.ask(|target| target.create().unwrap_err().to_string()).unwrap(),
        "createPrimaryDaemonSet failed: daemonset podinfo.test must have RollingUpdate strategy but have OnDelete"
    );
}

#[test]
fn a_primary_by_another_hand_counts_as_promoted_when_it_runs_the_same() {
    let mut world = initialized();
    world.edit(kinds::DEPLOYMENT, "podinfo-primary", |it| {
        it["spec"]["template"]["metadata"]["annotations"] = json!({"flagger-id": "another"});
        it["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
        it["spec"]["replicas"] = json!(9);
    });
    assert!(world.ask(|target| target.is_promoted()).unwrap());
    set_image(&mut world, "podinfo:2");
    assert!(!world.ask(|target| target.is_promoted()).unwrap());
    world.remove(kinds::DEPLOYMENT, "podinfo-primary");
    assert!(!world.ask(|target| target.is_promoted()).unwrap());
}
