//! The three Services, beyond what was recorded.

use serde_json::{Value, json};
use serin_api::kinds;

use crate::world::{World, initialized, podinfo};

fn ports(world: &World, name: &str) -> Value {
    world.get(kinds::SERVICE, name)["spec"]["ports"].clone()
}

fn mend(world: &mut World) -> usize {
    world.run(|target| [target.services().unwrap(), target.apex().unwrap()].concat())
}

#[test]
fn ports_of_containers_are_found_and_none_comes_twice() {
    let mut world = podinfo();
    world.canary["spec"]["service"]["portDiscovery"] = json!(true);
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"] = json!([
            {"name": "podinfo", "ports": [
                {"containerPort": 9898, "name": "web"}, {"containerPort": 8080, "name": "http-metrics"}, {"containerPort": 8888},
                {"containerPort": 8888, "protocol": "UDP"}, {"containerPort": 80, "name": "plain"},
                {"containerPort": 7070, "name": "http"}, {"containerPort": 0}, {"name": "none"}, 7]},
            {"name": "istio-proxy", "ports": [{"containerPort": 15090}]},
            {"name": "envoy", "ports": [{"containerPort": 15000}]},
            {"name": "side", "ports": [{"containerPort": 9000, "name": "http-metrics"}]},
        ]);
    });
    mend(&mut world);
    let brief = |ports: Value| {
        let one = |port: &Value| {
            format!("{} {}->{}", port["name"].as_str().unwrap(), port["port"], port["targetPort"])
        };
        ports.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        brief(ports(&world, "podinfo")),
        "http 80->9898, http-metrics 8080->8080, tcp-podinfo-2 8888->8888, tcp-podinfo-5 7070->7070, tcp-side-0 9000->9000"
    );
    assert_eq!(mend(&mut world), 0);
    // A port by its name, and the port itself when nothing else is said.
    for (target, expected) in [(json!("web"), "http 80->\"web\""), (Value::Null, "http 80->80")] {
        let mut world = podinfo();
        world.canary["spec"]["service"] = json!({"port": 80, "targetPort": target, "portDiscovery": true});
        world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
            it["spec"]["template"]["spec"]["containers"][0]["ports"] =
                json!([{"containerPort": if target.is_null() { 80 } else { 9898 }, "name": "web"}]);
        });
        mend(&mut world);
        assert_eq!(brief(ports(&world, "podinfo")), expected);
    }
}

#[test]
fn services_of_ours_are_mended_but_for_what_others_manage() {
    let mut world = initialized();
    world.canary["spec"]["service"]["apex"] = json!({"labels": {"l": "1"}, "annotations": {"a": "1"}});
    world.canary["spec"]["service"]["unmanagedMetadata"] =
        json!({"labels": ["theirs"], "annotations": ["cloud", "a"]});
    assert_eq!(mend(&mut world), 1);
    world.edit(kinds::SERVICE, "podinfo", |it| {
        it["metadata"]["labels"] = json!({"theirs": "x", "stray": "x"});
        it["metadata"]["annotations"] = json!({"cloud": "lb", "stray": "x", "a": "2"});
        it["spec"]["selector"] = json!({"app": "wrong", "more": "x"});
        it["spec"]["ports"] = json!([{"name": "odd", "port": 1}]);
        it["spec"]["clusterIP"] = json!("10.0.0.1");
    });
    assert_eq!(mend(&mut world), 1);
    let service = world.get(kinds::SERVICE, "podinfo");
    assert_eq!(service["metadata"]["labels"], json!({"theirs": "x", "l": "1", "app": "podinfo"}));
    assert_eq!(
        service["metadata"]["annotations"],
        json!({
            "cloud": "lb", "a": "2",
            "kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled",
        })
    );
    assert_eq!(service["spec"]["selector"], json!({"app": "podinfo-primary"}));
    assert_eq!(
        (&service["spec"]["ports"][0]["port"], &service["spec"]["clusterIP"]),
        (&json!(80), &json!("10.0.0.1"))
    );
    assert_eq!(mend(&mut world), 0);
}

#[test]
fn the_order_of_ports_and_what_the_nodes_gave_them_are_no_difference() {
    let mut world = podinfo();
    world.canary["spec"]["service"]["portDiscovery"] = json!(true);
    world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["ports"] =
            json!([{"containerPort": 9797, "name": "metrics"}]);
    });
    mend(&mut world);
    world.edit(kinds::SERVICE, "podinfo", |it| {
        it["spec"]["type"] = json!("NodePort");
        let list = it["spec"]["ports"].as_array_mut().unwrap();
        list.reverse();
        list[0]["nodePort"] = json!(30_001);
        list[1]["nodePort"] = json!(30_002);
    });
    assert_eq!(mend(&mut world), 0);
    world.canary["spec"]["service"]["port"] = json!(8080);
    assert_eq!(mend(&mut world), 3);
    let numbers = |port: &Value| (port["port"].clone(), port["nodePort"].clone());
    let ports = ports(&world, "podinfo");
    assert_eq!(numbers(&ports[0]), (json!(8080), json!(30_002)), "by its name");
    assert_eq!(numbers(&ports[1]), (json!(9797), json!(30_001)));
}

#[test]
fn a_service_of_another_keeps_its_ports_each_with_a_name() {
    let mut world = podinfo();
    world.put(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test", "labels": {"mine": "yes"}, "annotations": {"helm.toolkit.fluxcd.io/driftDetection": "enabled"}},
        "spec": {"selector": {"app": "podinfo", "tier": "web"}, "ports": [
            {"name": "http", "port": 8080, "protocol": "TCP", "targetPort": 8080}, {"port": 53, "protocol": "UDP", "targetPort": 53},
            {"name": "web", "port": 80, "protocol": "TCP", "targetPort": 1}]},
    }));
    let before = world.get(kinds::SERVICE, "podinfo");
    crate::world::initialize(&mut world);
    let service = world.get(kinds::SERVICE, "podinfo");
    assert_eq!(
        service["spec"],
        json!({"selector": {"app": "podinfo-primary"}, "ports": [
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 9898},
            {"name": "http-8080", "port": 8080, "protocol": "TCP", "targetPort": 8080},
            {"name": "port-53", "port": 53, "protocol": "UDP", "targetPort": 53}]})
    );
    assert_eq!(service["metadata"]["labels"], json!({"mine": "yes"}));
    assert_eq!(service["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(service["metadata"]["annotations"]["helm.toolkit.fluxcd.io/driftDetection"], "disabled");
    assert_eq!(mend(&mut world), 0);
    // Changed in between: what it was at first is what is kept.
    world.edit(kinds::SERVICE, "podinfo", |it| it["spec"]["selector"] = json!({"app": "wrong"}));
    assert_eq!(mend(&mut world), 1);
    crate::release::release(&mut world);
    assert_eq!(world.get(kinds::SERVICE, "podinfo"), before);
}

#[test]
fn a_service_may_have_no_address_and_may_prefer_endpoints() {
    let mut world = podinfo();
    world.canary["spec"]["service"]["headless"] = json!(true);
    world.canary["spec"]["service"]["trafficDistribution"] = json!("PreferClose");
    mend(&mut world);
    let spec = world.get(kinds::SERVICE, "podinfo-canary")["spec"].clone();
    assert_eq!((&spec["clusterIP"], &spec["trafficDistribution"]), (&json!("None"), &json!("PreferClose")));
    // Neither can be changed later.
    world.canary["spec"]["service"]["headless"] = json!(false);
    world.canary["spec"]["service"]["trafficDistribution"] = json!("");
    assert_eq!(mend(&mut world), 0);
}
