//! Giving everything back.

use serde_json::json;
use serin_api::kinds;
use serin_canary::objects::Release;
use serin_kernel::Moment;

use crate::world::{World, initialized, podinfo};

/// What comes next.
fn next(world: &World) -> Release {
    world.ask(|target| target.release(Moment::from_secs(0))).unwrap()
}

/// A Deployment whose pods are there.
fn settle(world: &mut World) {
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        let pods = it["spec"]["replicas"].clone();
        it["status"] = json!({"observedGeneration": 9, "replicas": pods, "updatedReplicas": pods, "availableReplicas": pods});
    });
}

/// Gives everything back, pods at once.
pub(crate) fn release(world: &mut World) {
    for _ in 0..5 {
        settle(world);
        match next(world) {
            Release::Write(writes) => world.apply_all(writes),
            Release::Wait(text) | Release::Late(text) => panic!("{text}"),
            Release::Done => return,
        }
    }
    panic!("never done");
}

#[test]
fn pods_come_back_before_a_service_leads_to_them() {
    let mut world = podinfo();
    world.put(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"selector": {"app": "podinfo"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 9898}]},
    }));
    crate::world::initialize(&mut world);
    world.edit(kinds::DEPLOYMENT, "podinfo-primary", |it| it["spec"]["replicas"] = json!(5));
    let selector = |world: &World| world.get(kinds::SERVICE, "podinfo")["spec"]["selector"]["app"].clone();
    assert_eq!(selector(&world), "podinfo-primary");

    let Release::Write(writes) = next(&world) else { panic!("{:?}", next(&world)) };
    world.apply_all(writes);
    assert_eq!(world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"], 5, "as many as the primary has");
    let Release::Wait(text) = next(&world) else { panic!("{:?}", next(&world)) };
    assert!(text.starts_with("canary deployment podinfo.test not ready: waiting for rollout"), "{text}");
    assert_eq!(selector(&world), "podinfo-primary");
    settle(&mut world);
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["status"]["conditions"] =
            json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    });
    let Release::Late(text) = next(&world) else { panic!("{:?}", next(&world)) };
    assert!(text.ends_with("exceeded its progress deadline"), "{text}");

    release(&mut world);
    let service = world.get(kinds::SERVICE, "podinfo");
    assert_eq!(
        service["spec"],
        json!({"selector": {"app": "podinfo"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 9898}]})
    );
    assert!(
        service["metadata"]["annotations"].as_object().is_none_or(serde_json::Map::is_empty),
        "{service}"
    );
    assert_eq!(next(&world), Release::Done, "once is enough");
}

#[test]
fn services_of_the_canarys_own_go_with_it() {
    let mut world = initialized();
    let before = world.get(kinds::SERVICE, "podinfo");
    release(&mut world);
    assert_eq!(world.get(kinds::SERVICE, "podinfo"), before);
    assert_eq!(world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"], 2);
}

#[test]
fn a_service_that_flagger_led_is_given_back_as_far_as_it_is_known() {
    let led = |annotations: serde_json::Value| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "podinfo", "namespace": "test", "annotations": annotations},
            "spec": {
                "selector": {"app": "podinfo-primary"},
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 9898}],
            },
        })
    };
    let mut marks = json!({
        "kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled", "mine": "x",
    });
    let mut world = initialized();
    world.put(&led(marks.clone()));
    release(&mut world);
    let service = world.get(kinds::SERVICE, "podinfo");
    assert_eq!(service["spec"]["selector"], json!({"app": "podinfo"}));
    assert_eq!(service["metadata"]["annotations"], json!({"mine": "x"}), "GitOps tools may repair it again");

    // kubectl knows more.
    let applied = json!({"spec": {"selector": {"app": "podinfo", "tier": "web"}, "ports": [{"name": "web", "port": 80}, {"name": "b", "port": 81}]}});
    marks["kubectl.kubernetes.io/last-applied-configuration"] = json!(applied.to_string());
    let mut world = initialized();
    world.put(&led(marks));
    release(&mut world);
    let spec = world.get(kinds::SERVICE, "podinfo")["spec"].clone();
    assert_eq!(spec["selector"], json!({"app": "podinfo", "tier": "web"}));
    assert_eq!(spec["ports"], json!([{"name": "web", "port": 80}, {"name": "b", "port": 81}]));
}

#[test]
fn a_port_that_came_later_stays() {
    let mut world = podinfo();
    world.put(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"selector": {"app": "podinfo"}, "ports": [{"name": "web", "port": 80}]},
    }));
    crate::world::initialize(&mut world);
    world.edit(kinds::SERVICE, "podinfo", |it| {
        it["spec"]["ports"].as_array_mut().unwrap().push(json!({"name": "new", "port": 90}));
    });
    assert_eq!(world.ask(|target| target.apex().unwrap()).unwrap(), []);
    release(&mut world);
    let ports = &world.get(kinds::SERVICE, "podinfo")["spec"]["ports"];
    assert_eq!(*ports, json!([{"name": "web", "port": 80}, {"name": "new", "port": 90}]));
}

#[test]
fn another_canarys_service_is_not_ours_to_give_back() {
    let mut world = initialized();
    world
        .edit(kinds::SERVICE, "podinfo", |it| it["metadata"]["ownerReferences"][0]["uid"] = json!("another"));
    let before = world.get(kinds::SERVICE, "podinfo");
    release(&mut world);
    assert_eq!(world.get(kinds::SERVICE, "podinfo"), before);
}

#[test]
fn a_scaler_that_works_again_is_not_worked_against() {
    let mut world = podinfo();
    world.canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "so"});
    world.put(&json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "so", "namespace": "test"},
        "spec": {"scaleTargetRef": {"name": "podinfo"}},
    }));
    crate::world::initialize(&mut world);
    world.edit(kinds::DEPLOYMENT, "podinfo-primary", |it| it["spec"]["replicas"] = json!(7));
    release(&mut world);
    assert_eq!(world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"], 7);
    assert!(world.get(kinds::SCALED_OBJECT, "so")["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"].is_null());
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| it["spec"]["replicas"] = json!(3));
    settle(&mut world);
    assert_eq!(next(&world), Release::Done, "the scaler has decided on 3");
}
