//! Objects of any shape: a sentence that names the field, never a panic.

use serde_json::{Value, json};
use serin_api::kinds;
use serin_canary::objects::{Readiness, Release, further_interests, interests};
use serin_kernel::{Interest, Moment};

use crate::world::{World, initialize, initialized, podinfo};

/// Everything that can be asked of a target. The answers do not matter here, only that there are some.
fn ask_everything(world: &World) {
    let (observed, canary) = (world.observed(), world.typed());
    let _ = interests(&canary);
    let _ = further_interests(&observed, &canary, &world.settings);
    let _ = world.ask(|target| {
        let _ = (target.revision(), target.is_promoted(), target.is_zero(), target.to_zero(), target.up());
        let _ =
            (target.configs().map(|configs| (configs.checksums(), configs.changed(None))), target.create());
        let _ = (target.promote(), target.services(), target.apex());
        let _ = (target.create_scaler(), target.sync_scaler(), target.pause_scaler(), target.resume_scaler());
        let now = Moment::from_secs(0);
        let _: (Readiness, Readiness, Release) =
            (target.primary_ready(now), target.canary_ready(now), target.release(now));
    });
}

#[test]
fn a_target_that_is_not_there_is_told_as_recorded() {
    let mut world = podinfo();
    world.remove(kinds::DEPLOYMENT, "podinfo");
    let text = |world: &World| world.ask(|_| ()).unwrap_err().to_string();
    assert_eq!(
        text(&world),
        r#"deployment podinfo.test get query error: deployments.apps "podinfo" not found"#
    );
    world.canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    assert_eq!(
        text(&world),
        r#"daemonset podinfo.test get query error: daemonsets.apps "podinfo" not found"#
    );
    world.canary["spec"]["targetRef"] = json!({"apiVersion": "v1", "kind": "Service", "name": "podinfo"});
    assert_eq!(text(&world), r#"service podinfo.test get query error: services "podinfo" not found"#);
    world.canary["spec"]["targetRef"]["kind"] = json!("StatefulSet");
    assert_eq!(
        text(&world),
        r#"spec.targetRef.kind: "StatefulSet" must be Deployment, DaemonSet or Service"#
    );
}

#[test]
fn a_target_without_a_known_label_is_told_as_recorded() {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["selector"] = json!({"matchLabels": {"other": "x"}});
    });
    assert_eq!(
        world.ask(|_| ()).unwrap_err().to_string(),
        "getSelectorLabel failed: deployment podinfo.test spec.selector.matchLabels must contain one of \
         [app name app.kubernetes.io/name]"
    );
}

#[test]
fn the_first_label_of_the_settings_that_a_target_has_is_taken() {
    let mut world = podinfo();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["selector"] = json!({"matchLabels": {"app.kubernetes.io/name": "long", "name": "short"}});
    });
    let label = world.ask(|target| (target.label().to_owned(), target.label_value().to_owned())).unwrap();
    assert_eq!(label, ("name".to_owned(), "short".to_owned()));
}

#[test]
fn fields_that_are_missing_or_odd_are_named() {
    type Row = (&'static str, Value, &'static str);
    let rows: [Row; 4] = [
        (
            "/spec",
            json!(null),
            "getSelectorLabel failed: deployment podinfo.test spec.selector.matchLabels must contain one of [app name app.kubernetes.io/name]",
        ),
        (
            "/spec/selector",
            json!([1]),
            "getSelectorLabel failed: deployment podinfo.test spec.selector.matchLabels must contain one of [app name app.kubernetes.io/name]",
        ),
        ("/spec/template", json!(null), "deployment podinfo.test spec.template must be a pod template"),
        ("/spec/template", json!("x"), "deployment podinfo.test spec.template must be a pod template"),
    ];
    for (pointer, value, text) in rows {
        let mut world = podinfo();
        world.edit(kinds::DEPLOYMENT, "podinfo", |it| *it.pointer_mut(pointer).unwrap() = value);
        assert_eq!(world.ask(|_| ()).unwrap_err().to_string(), text, "{pointer}");
        ask_everything(&world);
    }
    for (service, text) in [
        (json!(null), "spec.service is missing: name the port of the Services"),
        (json!({"port": 0}), "spec.service.port: 0 must be from 1 to 65535"),
        (json!({"port": 65_536}), "spec.service.port: 65536 must be from 1 to 65535"),
    ] {
        let mut world = podinfo();
        world.canary["spec"]["service"] = service;
        assert_eq!(world.ask(|target| target.services()).unwrap().unwrap_err().to_string(), text);
        assert_eq!(world.ask(|target| target.apex()).unwrap().unwrap_err().to_string(), text);
    }
}

#[test]
fn no_field_of_any_object_can_make_it_panic() {
    let mut world = initialized();
    world.canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "s"});
    world.canary["spec"]["service"]["portDiscovery"] = json!(true);
    world.put(&json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "s", "namespace": "test"},
        "spec": {"scaleTargetRef": {"name": "podinfo"}, "triggers": [{"name": "a", "metadata": {"query": "podinfo"}}]},
    }));
    initialize(&mut world);
    let odd =
        [json!(null), json!(7), json!(-1.5), json!("x"), json!([1, [2], {}]), json!({"a": 1}), json!(true)];
    let mut asked = 0;
    for key in world.objects.keys().cloned().collect::<Vec<_>>() {
        let whole = world.objects[&key].clone();
        let mut places = Vec::new();
        pointers(&whole, String::new(), &mut places);
        for place in places.iter().filter(|place| !place.starts_with("/metadata") && !place.is_empty()) {
            for value in &odd {
                let mut changed = whole.clone();
                *changed.pointer_mut(place).unwrap() = value.clone();
                world.objects.insert(key.clone(), changed);
                ask_everything(&world);
                asked += 1;
            }
        }
        world.objects.insert(key, whole);
    }
    assert!(500 < asked, "{asked}");
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                pointers(inner, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                pointers(inner, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

#[test]
fn thousands_of_variables_are_looked_through_once() {
    let mut world = podinfo();
    let env: Vec<Value> = (0..20_000)
        .map(|n| json!({"name": format!("V{n}"), "valueFrom": {"configMapKeyRef": {"name": format!("c{}", n % 500), "key": "k", "optional": true}}}))
        .collect();
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["env"] = json!(env);
    });
    let wanted = further_interests(&world.observed(), &world.typed(), &world.settings);
    assert_eq!(wanted.len(), 1000, "each ConfigMap and its copy, once");
    ask_everything(&world);
}

#[test]
fn what_must_be_seen_is_named_by_the_canary_and_then_by_its_target() {
    let mut world = podinfo();
    world.canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "autoscaling/v2beta2", "kind": "HorizontalPodAutoscaler", "name": "h"});
    let names = |wanted: Vec<Interest>| {
        let text = |interest: Interest| match interest {
            Interest::Named(key) => format!("{}/{}", key.kind.kind, key.name),
            other => format!("{other:?}"),
        };
        wanted.into_iter().map(text).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(interests(&world.typed())),
        "Deployment/podinfo Deployment/podinfo-primary Service/podinfo-canary Service/podinfo-primary Service/podinfo \
         HorizontalPodAutoscaler/h-primary HorizontalPodAutoscaler/h"
    );
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": "s"}}]);
    });
    let further =
        |world: &World| names(further_interests(&world.observed(), &world.typed(), &world.settings));
    assert_eq!(further(&world), "Secret/s-primary Secret/s");
    world.settings.track_configs = false;
    assert_eq!(further(&world), "");
    // A primary that was promoted and is gone.
    world.canary["status"]["lastPromotedSpec"] = json!("s1abc");
    assert!(further(&world).contains("ReplicaSet"), "{}", further(&world));
    world.canary["spec"]["targetRef"] = json!({"apiVersion": "v1", "kind": "Service", "name": "podinfo"});
    world.canary["spec"]["autoscalerRef"] = json!(null);
    assert_eq!(
        names(interests(&world.typed())),
        "Service/podinfo Service/podinfo-primary Service/podinfo-canary"
    );
    world.canary["spec"]["targetRef"]["apiVersion"] = json!("serving.knative.dev/v1");
    assert_eq!(names(interests(&world.typed())), "Service/podinfo");
}
