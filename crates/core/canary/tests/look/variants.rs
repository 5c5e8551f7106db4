//! One Canary, several analyses.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;

use crate::{
    cluster::Cluster,
    world::{merge, podinfo},
};

const VARIANTS: &str = "serin.dev/analysis-variants";
const CHOICE: &str = "serin.dev/analysis-variant";

/// The Canary of all environments, in a namespace with this label, and the variants for two of them.
fn cluster(label: &Value, variants: &str) -> Cluster {
    let mut world = podinfo();
    let hook = |name: &str, kind: &str| json!({"name": name, "type": kind, "url": format!("http://127.0.0.1:19190/hook/n/{name}")});
    merge(
        &mut world.canary,
        &json!({
            "metadata": {"annotations": {VARIANTS: variants}},
            "spec": {"provider": "kubernetes", "metricsServer": "http://127.0.0.1:19190/p/n", "analysis": {
                "iterations": 3, "threshold": 2,
                "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
                "webhooks": [hook("acceptance", "pre-rollout"), hook("load", "rollout")],
            }},
        }),
    );
    world.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test", "labels": {CHOICE: label}}}));
    let variant = |name: &str, spec: Value| json!({"apiVersion": "serin.dev/v1alpha1", "kind": "AnalysisVariant", "metadata": {"name": name, "namespace": "test"}, "spec": spec});
    world.put(&variant(
        "acceptance-only",
        json!({"iterations": 1, "metrics": {"keep": []}, "webhooks": {"keep": ["acceptance"]}}),
    ));
    world.put(&variant("plus-load", json!({"iterations": 2, "metrics": {"drop": ["request-success-rate"]}})));
    Cluster::new(world)
}

const ALL: &str = "development=acceptance-only, staging=plus-load, production=";

fn until(cluster: &mut Cluster, phase: &str) {
    let is_there = cluster.until(Duration::from_mins(5), |it| it.phase() == phase);
    assert!(is_there, "{phase}: {} {:#?}", cluster.status(), cluster.seen.events);
}

fn release(cluster: &mut Cluster, image: &str) {
    cluster.world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        it["metadata"]["generation"] = json!(it["metadata"]["generation"].as_i64().unwrap() + 1);
    });
}

fn condition(cluster: &Cluster, kind: &str) -> String {
    let conditions = cluster.status()["conditions"].as_array().into_iter().flatten();
    let message = |it: &Value| it["message"].as_str().unwrap().to_owned();
    conditions.filter(|it| it["type"] == kind).map(message).collect()
}

fn told(cluster: &Cluster, words: &str) -> Vec<String> {
    cluster.seen.events.iter().filter(|event| event.contains(words)).cloned().collect()
}

#[test]
fn one_canary_has_the_analysis_of_its_environment() {
    let by = "by the label serin.dev/analysis-variant of the namespace";
    for (label, analysis, hooks, iterations, metrics) in [
        ("development", "AnalysisVariant acceptance-only", "acceptance", 1, false),
        ("staging", "AnalysisVariant plus-load", "acceptance load", 2, false),
        ("production", "spec.analysis as it is", "acceptance load", 3, true),
    ] {
        let mut cluster = cluster(&json!(label), ALL);
        until(&mut cluster, "Initialized");
        assert_eq!(condition(&cluster, "AnalysisVariant"), format!("{label}: {analysis}, {by}"));
        release(&mut cluster, "podinfo:2");
        until(&mut cluster, "Succeeded");
        let asked: Vec<&str> = cluster.servers.asked.keys().map(String::as_str).collect();
        assert_eq!(asked.join(" "), hooks, "{label}");
        let last = format!("canary iteration {iterations}/{iterations}");
        assert_eq!(told(&cluster, &last).len(), 1, "{label}: {:#?}", cluster.seen.events);
        let queries = cluster.servers.questions - cluster.servers.asked.values().sum::<usize>();
        assert_eq!(1 < queries, metrics, "{label}: {queries}");
        let news = format!("Normal Progressing Analysis variant {label} for podinfo.test: {analysis}");
        assert_eq!(told(&cluster, "Analysis variant"), [news]);
    }
}

#[test]
fn without_a_label_or_an_annotation_nothing_is_changed() {
    let mut cluster = cluster(&json!(""), ALL);
    until(&mut cluster, "Initialized");
    let text = "spec.analysis as it is: the label serin.dev/analysis-variant of the namespace says nothing";
    assert_eq!(condition(&cluster, "AnalysisVariant"), text);
    cluster.world.canary["metadata"]["annotations"] = json!({});
    cluster.live(Duration::from_secs(20));
    assert_eq!(condition(&cluster, "AnalysisVariant"), "");
    release(&mut cluster, "podinfo:2");
    until(&mut cluster, "Succeeded");
    assert_eq!(told(&cluster, "Analysis variant"), Vec::<String>::new());
    assert_eq!(told(&cluster, "canary iteration 3/3").len(), 1);
}

#[test]
fn no_run_begins_with_an_analysis_that_cannot_be_told() {
    let at = "metadata.annotations[serin.dev/analysis-variants]: ";
    let broken = |spec: Value| Some(json!({ "spec": spec }));
    for (label, variants, variant, words) in [
        ("staging", "staging", None, format!("{at}Invalid value: \"staging\": \"staging\" must be ENVIRONMENT=NAME")),
        ("stagign", ALL, None, format!("{at}has no variant for \"stagign\", which the label serin.dev/analysis-variant of the namespace says, but for development, production, staging: add stagign=")),
        ("staging", "staging=gone", None, format!("{at}AnalysisVariant gone is not there: create it in namespace test")),
        ("staging", ALL, broken(json!({"webhooks": {"keep": ["laod"]}})), "AnalysisVariant plus-load spec.webhooks.keep[0]: Unsupported value: \"laod\": supported values: \"acceptance\", \"load\"".to_owned()),
        ("staging", ALL, broken(json!({"webhook": {}})), "AnalysisVariant plus-load spec.webhook: Forbidden: there is no such field".to_owned()),
        ("staging", ALL, Some(json!({"spec": null})), "AnalysisVariant plus-load spec: Required value: changes nothing: ".to_owned()),
        ("staging", ALL, broken(json!({"threshold": "many"})), "AnalysisVariant plus-load spec.threshold: Invalid value: \"many\"".to_owned()),
        ("staging", ALL, broken(json!({"iterations": null, "stepWeights": [20, 10]})), "with AnalysisVariant plus-load: spec.analysis.stepWeights[1]: Invalid value: 10".to_owned()),
    ] {
        let mut cluster = cluster(&json!("production"), ALL);
        until(&mut cluster, "Initialized");
        let key = kinds::ANALYSIS_VARIANT.key("test", "plus-load");
        let good = cluster.world.objects[&key].clone();
        if let Some(broken) = &variant {
            merge(cluster.world.objects.get_mut(&key).unwrap(), broken);
        }
        cluster.world.canary["metadata"]["annotations"][VARIANTS] = json!(variants);
        let label_it = |cluster: &mut Cluster, label: &str| {
            let namespace = cluster.world.objects.get_mut(&kinds::NAMESPACE.key("", "test")).unwrap();
            namespace["metadata"]["labels"][CHOICE] = json!(label);
        };
        label_it(&mut cluster, label);
        release(&mut cluster, "podinfo:2");
        cluster.live(Duration::from_mins(1));
        assert_eq!(cluster.phase(), "Initialized", "{words}");
        assert!(condition(&cluster, "Invalid").starts_with(&words), "{words}\n{}", condition(&cluster, "Invalid"));
        assert_eq!(condition(&cluster, "AnalysisVariant"), "");
        assert_eq!(told(&cluster, &words).len(), 1, "{:#?}", cluster.seen.events);
        // Mended, it goes on by itself.
        cluster.world.objects.insert(key, good);
        cluster.world.canary["metadata"]["annotations"][VARIANTS] = json!(ALL);
        label_it(&mut cluster, "staging");
        until(&mut cluster, "Succeeded");
        assert_eq!(condition(&cluster, "Invalid"), "");
    }
}

#[test]
fn a_variant_that_changes_in_mid_run_is_an_edit_of_the_analysis() {
    let mut cluster = cluster(&json!("staging"), ALL);
    until(&mut cluster, "Initialized");
    release(&mut cluster, "podinfo:2");
    assert!(cluster.until(Duration::from_mins(1), |it| it.status()["iterations"] == 1));
    let key = kinds::ANALYSIS_VARIANT.key("test", "plus-load");
    cluster.world.objects.get_mut(&key).unwrap()["spec"]["iterations"] = json!(4);
    until(&mut cluster, "Succeeded");
    assert_eq!(told(&cluster, "canary iteration 1/2").len(), 1, "{:#?}", cluster.seen.events);
    for iteration in 2..=4 {
        assert_eq!(told(&cluster, &format!("canary iteration {iteration}/4")).len(), 1);
    }
}

#[test]
fn what_a_variant_adds_is_seen_with_its_secrets() {
    let mut cluster = cluster(&json!("staging"), ALL);
    let meta = |name: &str| json!({"name": name, "namespace": "test"});
    cluster.world.put(&json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": meta("errors"),
        "spec": {"provider": {"type": "prometheus", "address": "http://127.0.0.1:19190/p/n", "secretRef": {"name": "token"}}, "query": "vector(1)"},
    }));
    cluster.world.put(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("token"), "data": {"token": "dA=="}}),
    );
    let key = kinds::ANALYSIS_VARIANT.key("test", "plus-load");
    cluster.world.objects.get_mut(&key).unwrap()["spec"]["metrics"] = json!({
        "keep": [], "set": [{"name": "errors", "interval": "1m", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 5}}],
    });
    until(&mut cluster, "Initialized");
    release(&mut cluster, "podinfo:2");
    until(&mut cluster, "Succeeded");
    assert_eq!(told(&cluster, "not found"), Vec::<String>::new());
}
