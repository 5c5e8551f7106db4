//! What happens to the things of a Canary in mid-course: nobody is left without pods, it is told, and it goes on by itself.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;

use crate::{cluster::Cluster, rivals::settled, world::podinfo};

/// A run at its first weight.
fn at_ten() -> Cluster {
    let mut cluster = settled(&json!({"spec": {
        "provider": "istio", "analysis": {"iterations": null, "stepWeight": 10, "maxWeight": 30},
    }}));
    release(&mut cluster);
    let is_at = cluster.until(Duration::from_mins(2), |it| it.status()["canaryWeight"] == 10);
    assert!(is_at, "{:#?}", cluster.seen.events);
    cluster
}

fn release(cluster: &mut Cluster) {
    cluster.world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!("podinfo:2");
        it["metadata"]["generation"] = json!(it["metadata"]["generation"].as_i64().unwrap() + 1);
    });
}

fn ends_well(cluster: &mut Cluster) {
    let is_over = cluster.until(Duration::from_mins(10), |it| it.phase() == "Succeeded");
    assert!(is_over, "{} {:#?}", cluster.status(), cluster.seen.events);
}

fn told(cluster: &Cluster, words: &str) -> usize {
    cluster.seen.events.iter().filter(|event| event.contains(words)).count()
}

fn routes(cluster: &Cluster) -> String {
    crate::cluster::weights(&cluster.world.get(kinds::ISTIO_VIRTUAL_SERVICE, "podinfo"))
}

#[test]
fn a_route_that_is_deleted_in_mid_run_is_made_again_and_the_run_begins_at_nothing() {
    let mut cluster = at_ten();
    cluster.world.remove(kinds::ISTIO_VIRTUAL_SERVICE, "podinfo");
    let is_there = cluster.until(Duration::from_secs(20), |it| !routes(it).is_empty());
    assert!(is_there);
    ends_well(&mut cluster);
    assert_eq!(routes(&cluster), "podinfo-primary:100 podinfo-canary:0");
    assert_eq!(told(&cluster, "New revision detected"), 1);
}

#[test]
fn a_route_that_is_edited_in_mid_run_is_mended_and_keeps_its_weights() {
    let mut cluster = at_ten();
    cluster
        .world
        .edit(kinds::ISTIO_VIRTUAL_SERVICE, "podinfo", |it| it["spec"]["hosts"] = json!(["by-hand"]));
    cluster.live(Duration::from_secs(10));
    let route = cluster.world.get(kinds::ISTIO_VIRTUAL_SERVICE, "podinfo");
    assert_eq!(route["spec"]["hosts"], json!(["podinfo"]));
    assert_eq!(routes(&cluster), "podinfo-primary:80 podinfo-canary:20", "one step further");
    ends_well(&mut cluster);
    assert_eq!(told(&cluster, "Starting canary analysis"), 1);
}

#[test]
fn at_rest_nothing_is_looked_at_and_what_is_edited_is_mended_within_an_interval() {
    let mut cluster = settled(&json!({"spec": {"provider": "istio"}}));
    cluster.live(Duration::from_secs(20));
    let passes = cluster.seen.passes;
    cluster.live(Duration::from_hours(1));
    // The end of each wait asks, and a look follows for having been asked.
    assert!(cluster.seen.passes - passes <= 3, "{}", cluster.seen.passes - passes);
    cluster
        .world
        .edit(kinds::ISTIO_VIRTUAL_SERVICE, "podinfo", |it| it["spec"]["hosts"] = json!(["by-hand"]));
    cluster.live(Duration::from_secs(10));
    let route = cluster.world.get(kinds::ISTIO_VIRTUAL_SERVICE, "podinfo");
    assert_eq!(route["spec"]["hosts"], json!(["podinfo"]));
    release(&mut cluster);
    ends_well(&mut cluster);
}

#[test]
fn services_and_the_primary_that_are_deleted_in_mid_run_come_back() {
    for (kind, name) in [
        (kinds::SERVICE, "podinfo-canary"),
        (kinds::SERVICE, "podinfo-primary"),
        (kinds::SERVICE, "podinfo"),
        (kinds::DEPLOYMENT, "podinfo-primary"),
        (kinds::ISTIO_DESTINATION_RULE, "podinfo-canary"),
    ] {
        let mut cluster = at_ten();
        cluster.is_guarded = false;
        cluster.world.remove(kind, name);
        let is_there = cluster.until(Duration::from_secs(20), |it| !it.world.get(kind, name).is_null());
        assert!(is_there, "{name}");
        ends_well(&mut cluster);
    }
}

const SCALED_UP: &str = "podinfo-primary.test not ready: it was scaled to zero, and is scaled up again";

fn scale_primary_to_zero(cluster: &mut Cluster) {
    cluster.world.edit(kinds::DEPLOYMENT, "podinfo-primary", |it| {
        it["spec"]["replicas"] = json!(0);
        it["metadata"]["generation"] = json!(it["metadata"]["generation"].as_i64().unwrap() + 1);
    });
}

fn primary_pods(cluster: &Cluster) -> Value {
    cluster.world.get(kinds::DEPLOYMENT, "podinfo-primary")["spec"]["replicas"].clone()
}

/// Users are never led back to a primary without pods, however the run ends.
#[test]
fn a_primary_that_is_scaled_to_zero_in_mid_run_is_scaled_up_again() {
    let metrics = json!([{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}]);
    for (canary, rate, end) in [
        (json!({"analysis": {"metrics": metrics}}), Some(100.0), "Succeeded"),
        (json!({"analysis": {"metrics": metrics}}), Some(1.0), "Failed"),
        (json!({"skipAnalysis": true}), Some(100.0), "Succeeded"),
    ] {
        let mut cluster = at_ten();
        // Somebody else has left those without pods who are at the primary; that is not made worse, and mended.
        cluster.is_guarded = false;
        crate::world::merge(&mut cluster.world.canary["spec"], &canary);
        cluster.servers.rate = rate;
        scale_primary_to_zero(&mut cluster);
        let before = routes(&cluster);
        let is_up = cluster.until(Duration::from_secs(20), |it| primary_pods(it) != json!(0));
        assert!(is_up, "{canary} {}: {:#?}", cluster.status(), cluster.seen.events);
        assert_eq!((primary_pods(&cluster), routes(&cluster)), (json!(2), before), "{canary}");
        assert_eq!(told(&cluster, SCALED_UP), 1);
        cluster.is_guarded = true;
        let is_over = cluster.until(Duration::from_mins(10), |it| it.phase() == end);
        assert!(is_over, "{canary} {}: {:#?}", cluster.status(), cluster.seen.events);
        assert_eq!((told(&cluster, SCALED_UP), primary_pods(&cluster)), (1, json!(2)));
    }
}

/// Work that comes seldom: while there is none, nobody is to be served, and no run waits for some.
#[test]
fn a_primary_that_its_scaler_takes_to_zero_holds_no_run_up() {
    for (kind, spec, is_wanted) in [
        (kinds::SCALED_OBJECT, json!({"maxReplicaCount": 4}), true),
        (kinds::SCALED_OBJECT, json!({"minReplicaCount": 2, "maxReplicaCount": 4}), false),
        (kinds::HORIZONTAL_POD_AUTOSCALER, json!({"minReplicas": 0, "maxReplicas": 4}), true),
        (kinds::HORIZONTAL_POD_AUTOSCALER, json!({"maxReplicas": 4}), false),
    ] {
        let mut world = podinfo();
        world.canary["spec"]["provider"] = json!("istio");
        world.canary["spec"]["autoscalerRef"] =
            json!({"apiVersion": kind.api_version(), "kind": kind.kind, "name": "podinfo"});
        let mut scaler = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": "podinfo", "namespace": "test"}, "spec": spec,
        });
        scaler["spec"]["scaleTargetRef"] = json!({"kind": "Deployment", "name": "podinfo"});
        world.put(&scaler);
        let mut cluster = Cluster::new(world);
        assert!(cluster.until(Duration::from_mins(1), |it| it.phase() == "Initialized"));
        release(&mut cluster);
        assert!(cluster.until(Duration::from_mins(1), |it| it.phase() == "Progressing"));
        cluster.is_guarded = false;
        scale_primary_to_zero(&mut cluster);
        ends_well(&mut cluster);
        assert_eq!(told(&cluster, SCALED_UP), usize::from(!is_wanted), "{} {spec}", kind.kind);
        let least = spec["minReplicaCount"].as_i64().unwrap_or(1);
        assert_eq!(primary_pods(&cluster), json!(if is_wanted { 0 } else { least }), "{} {spec}", kind.kind);
    }
}

#[test]
fn a_target_that_is_gone_is_told_and_the_run_goes_on_when_it_is_there_again() {
    let mut cluster = at_ten();
    let key = cluster.world.key(kinds::DEPLOYMENT, "podinfo");
    let target = cluster.world.objects.remove(&key).unwrap();
    cluster.is_guarded = false;
    let before = routes(&cluster);
    cluster.live(Duration::from_secs(30));
    let text = r#"deployment podinfo.test get query error: deployments.apps "podinfo" not found"#;
    assert_eq!(told(&cluster, text), 3, "once a look: {:#?}", cluster.seen.events);
    assert_eq!((routes(&cluster), cluster.phase()), (before, "Progressing"));
    cluster.world.objects.insert(key, target);
    ends_well(&mut cluster);
}

#[test]
fn a_target_of_another_name_is_taken_up_and_users_of_the_old_one_are_served() {
    let mut cluster = at_ten();
    let mut other = podinfo().get(kinds::DEPLOYMENT, "podinfo");
    other["metadata"]["name"] = json!("renamed");
    other["metadata"]["uid"] = json!("uid-of-renamed");
    for place in ["/spec/selector/matchLabels/app", "/spec/template/metadata/labels/app"] {
        *other.pointer_mut(place).unwrap() = json!("renamed");
    }
    cluster.world.put(&other);
    cluster.world.canary["spec"]["targetRef"]["name"] = json!("renamed");
    cluster.is_guarded = false;
    let primary = cluster.world.get(kinds::DEPLOYMENT, "podinfo-primary");
    ends_well(&mut cluster);
    assert_eq!(cluster.world.get(kinds::DEPLOYMENT, "podinfo-primary")["spec"], primary["spec"], "as it was");
    assert_eq!(cluster.world.get(kinds::SERVICE, "podinfo")["spec"]["selector"]["app"], "podinfo-primary");
    assert_ne!(cluster.world.get(kinds::DEPLOYMENT, "renamed-primary"), Value::Null);
}

#[test]
fn an_autoscaler_that_is_missing_is_waited_for() {
    let mut world = podinfo();
    world.canary["spec"]["provider"] = json!("kubernetes");
    world.canary["spec"]["autoscalerRef"] =
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"});
    let mut cluster = Cluster::new(world);
    cluster.live(Duration::from_secs(40));
    assert_eq!(cluster.phase(), "Initializing");
    let text = r#"HorizontalPodAutoscaler podinfo.test get query error: horizontalpodautoscalers.autoscaling "podinfo" not found"#;
    assert!(0 < told(&cluster, text), "{:#?}", cluster.seen.events);
    assert_eq!(
        cluster.world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"],
        2,
        "users have their pods"
    );
    cluster.world.put(&json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "podinfo"}, "maxReplicas": 4},
    }));
    assert!(cluster.until(Duration::from_secs(30), |it| it.phase() == "Initialized"), "{}", cluster.status());
    assert_ne!(cluster.world.get(kinds::HORIZONTAL_POD_AUTOSCALER, "podinfo-primary"), Value::Null);
}
