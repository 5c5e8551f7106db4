//! What other writers do to the objects of a Canary.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::Kind;

use crate::{cluster::Cluster, rivals::settled};

const LABEL: &str = "mesh.example.com/injected";

/// Lives for three minutes in which `kind` `podinfo` gets the label whenever it is not there, as a web hook does; in how many
/// looks that was so.
fn labelled(cluster: &mut Cluster, kind: Kind, until: u32) -> u32 {
    let mut set = 0;
    for _ in 0..18 {
        let key = cluster.world.key(kind, "podinfo");
        let object = cluster.world.objects.get_mut(&key).unwrap();
        if object["metadata"]["labels"][LABEL].is_null() && set < until {
            object["metadata"]["labels"][LABEL] = json!("yes");
            set += 1;
        }
        cluster.live(Duration::from_secs(10));
    }
    set
}

fn said(cluster: &Cluster) -> Vec<&String> {
    cluster.seen.events.iter().filter(|event| event.contains(LABEL)).collect()
}

#[test]
fn a_foreign_label_goes_and_one_that_is_set_again_and_again_is_its_setters() {
    let istio = json!({"spec": {"provider": "istio", "service": {"apex": {"labels": {"team": "blue"}}}, "analysis": {"iterations": null, "stepWeight": 50}}});
    for (patch, kind) in
        [(istio.clone(), kinds::ISTIO_VIRTUAL_SERVICE), (istio, kinds::SERVICE), (json!({}), kinds::SERVICE)]
    {
        let mut cluster = settled(&patch);
        assert_eq!(labelled(&mut cluster, kind, 1), 1);
        assert_eq!(
            cluster.world.get(kind, "podinfo")["metadata"]["labels"][LABEL],
            Value::Null,
            "{kind:?}: gone"
        );
        assert_eq!(said(&cluster), Vec::<&String>::new());

        let writes = cluster.seen.writes;
        assert_eq!(labelled(&mut cluster, kind, u32::MAX), 4, "{kind:?}: taken off three times");
        assert_eq!(cluster.world.get(kind, "podinfo")["metadata"]["labels"][LABEL], "yes");
        assert_eq!(cluster.seen.writes - writes, 3, "{kind:?}");
        let text = format!(
            "Warning Initialized {} podinfo metadata.labels \"{LABEL}\" comes back whenever it is taken off: it is left to \
             whoever sets it",
            kind.kind
        );
        assert_eq!(said(&cluster), [&text]);

        // What is ours is mended all the same.
        cluster.world.edit(kind, "podinfo", |it| it["spec"] = json!({}));
        cluster.live(Duration::from_secs(10));
        assert_ne!(cluster.world.get(kind, "podinfo")["spec"], json!({}));
        assert_eq!(cluster.world.get(kind, "podinfo")["metadata"]["labels"][LABEL], "yes");
    }
}

#[test]
fn a_label_that_its_author_takes_out_of_the_canary_goes() {
    let mut cluster = settled(&json!({"spec": {"service": {"apex": {"labels": {"team": "blue"}}}}}));
    for round in 0..6 {
        let team = json!(["blue", "red"][round % 2]);
        cluster.world.canary["spec"]["service"]["apex"]["labels"] = json!({"team": team});
        cluster.live(Duration::from_secs(10));
        assert_eq!(cluster.world.get(kinds::SERVICE, "podinfo")["metadata"]["labels"]["team"], team);
        cluster.world.canary["spec"]["service"]["apex"]["labels"] = json!({});
        cluster.live(Duration::from_secs(10));
        assert_eq!(cluster.world.get(kinds::SERVICE, "podinfo")["metadata"]["labels"]["team"], Value::Null);
    }
    assert!(!cluster.seen.events.iter().any(|event| event.contains("comes back")));
}

#[test]
fn a_refused_write_is_told() {
    let mut cluster = settled(&json!({}));
    cluster.world.remove(kinds::SERVICE, "podinfo-canary");
    cluster.refuse = Some(cluster.seen.writes);
    cluster.live(Duration::from_secs(30));
    let told = cluster.seen.events.iter().filter(|event| event.contains("cannot be written"));
    let told: Vec<_> = told.collect();
    assert_eq!(told, ["Warning Initialized Service podinfo-canary cannot be written: no"]);
    assert_ne!(
        cluster.world.get(kinds::SERVICE, "podinfo-canary"),
        Value::Null,
        "tried again at the next look"
    );
}

#[test]
fn what_is_not_done_as_it_is_said_is_told_once() {
    let cors = json!({"allowOrigin": ["https://a.test"], "allowOrigins": [{"prefix": "https://b"}]});
    let mut cluster = settled(&json!({"spec": {
        "provider": "gatewayapi:v1", "service": {"gatewayRefs": [{"name": "g"}], "corsPolicy": cors},
    }}));
    cluster.live(Duration::from_mins(3));
    let told = |cluster: &Cluster| {
        let told = cluster.seen.events.iter().filter(|event| event.contains("is run, but"));
        told.cloned().collect::<Vec<_>>()
    };
    let text = "The Canary \"podinfo\" is run, but spec.service.corsPolicy.allowOrigins: Forbidden: provider gatewayapi:v1 \
                cannot do it and it is not looked at: list the origins in allowOrigin";
    assert!(told(&cluster).len() == 1 && told(&cluster)[0].ends_with(text), "{:?}", told(&cluster));
    // Mended and done again, it is said again.
    let allow = cluster.world.canary["spec"]["service"]["corsPolicy"]["allowOrigins"].take();
    cluster.live(Duration::from_secs(20));
    cluster.world.canary["spec"]["service"]["corsPolicy"]["allowOrigins"] = allow;
    cluster.live(Duration::from_secs(20));
    assert_eq!(told(&cluster).len(), 2);
}

/// Who is not told finds out, also when nobody is to be told yet.
#[test]
fn what_is_named_and_cannot_be_used_is_told_once() {
    let alert = |name: &str| json!({"name": name, "severity": "info", "providerRef": {"name": name}});
    let metric =
        |name: &str| json!({"name": name, "thresholdRange": {"max": 1}, "templateRef": {"name": name}});
    let mut cluster = settled(&json!({"spec": {"analysis": {
        "alerts": (["typo", "sealed", "nowhere", "proxied", "fine"].map(alert)),
        "metrics": (["unasked", "mistyped", "good", "good"].map(metric)),
    }}}));
    let chat = |name: &str, spec: Value| json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": name, "namespace": "test"}, "spec": spec});
    let template = |name: &str, spec: Value| json!({"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": name, "namespace": "test"}, "spec": spec});
    let (address, prometheus) =
        ("https://hooks.test/x", json!({"type": "prometheus", "address": "http://p:9090"}));
    for object in [
        chat("sealed", json!({"type": "slack", "secretRef": {"name": "keys"}})),
        chat("nowhere", json!({"type": "slack"})),
        chat("proxied", json!({"type": "slack", "address": address, "proxy": "squid"})),
        chat("fine", json!({"type": "slack", "address": address})),
        template("unasked", json!({"provider": prometheus, "query": ""})),
        template(
            "mistyped",
            json!({"provider": {"type": "prometheus", "address": ["http://p:9090"]}, "query": "up"}),
        ),
        template("good", json!({"provider": prometheus, "query": "up"})),
    ] {
        cluster.world.put(&object);
    }
    let before = cluster.seen.events.len();
    cluster.live(Duration::from_mins(3));
    let typo = "alert \"typo\" reaches nobody: AlertProvider typo.test not found: create it";
    assert_eq!(cluster.seen.events.iter().filter(|event| event.ends_with(typo)).count(), 1);
    let told = cluster.seen.events[before..].iter().filter_map(|event| event.split(" is run, but ").nth(1));
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            "MetricTemplate mistyped.test: spec.provider.address: Invalid value: [\"http://p:9090\"]: must be a string",
            "MetricTemplate unasked.test: spec.query: Required value: say what is asked",
            "alert \"sealed\" reaches nobody: Secret keys.test not found: create it",
            "alert \"nowhere\" reaches nobody: AlertProvider nowhere.test: no address: give spec.address, or a Secret with the key address in spec.secretRef",
            "AlertProvider proxied.test: spec.proxy: Invalid value: \"...\": must be an address such as http://proxy.test:3128",
        ]
    );
}
