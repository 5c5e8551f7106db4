//! One suite for every [`Api`]: the double in memory, and a Kubernetes: the real API server that `SERIN_E2E_KUBECONFIG`
//! names, or else the embedded one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use serde_json::{Value, json};
use serin_cluster::{
    Api, Call, Cluster, Failure, KubeApi, Scope, Seen, Settings, State, Verb, Written, access::Access, clock,
};
use serin_kernel::{Change, Event, Key, Kind, Moment, Precondition, Propagation, Write};
use serin_memory::MemoryApi;
use serin_plane::Plane;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const CONFIG: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");
const EVENT: Kind = Kind::namespaced("", "v1", "Event", "events");
const NONE: Kind = Kind::namespaced("nowhere.example", "v1", "Nothing", "nothings");

/// A key of its own for each run, because a real cluster remembers the last one.
fn key(name: &str) -> Key {
    let run = std::process::id();
    CONFIG.key("default", format!("conformance-{name}-{run}"))
}

fn body(key: &Key, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key.name, "namespace": key.namespace}, "data": {"k": value}})
}

async fn call(api: &dyn Api, key: &Key, verb: Verb) -> Result<Value, Failure> {
    api.call(&Call { target: key.clone(), verb }).await
}

fn meta(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}

/// What every API must do.
async fn conforms(api: Arc<dyn Api>) {
    writes_are_guarded(&*api).await;
    lists_and_watches_tell_the_same_story(&*api).await;
    a_cluster_sees_its_own_writes_at_once(api).await;
}

async fn writes_are_guarded(api: &dyn Api) {
    let key = key("guard");
    assert!(matches!(api.read(&key).await, Err(Failure::NotFound { .. })), "nothing there yet");
    let first = call(api, &key, Verb::Create(body(&key, "1"))).await.expect("created");
    let again = call(api, &key, Verb::Create(body(&key, "1"))).await.unwrap_err();
    assert!(
        matches!(&again, Failure::Refused { code: 409, reason, .. } if reason == "AlreadyExists"),
        "{again:?}"
    );

    let second = call(api, &key, Verb::Merge(json!({"data": {"k": "2", "l": "x"}}))).await.expect("patched");
    assert_eq!(second["data"], json!({"k": "2", "l": "x"}));
    let same = call(api, &key, Verb::Merge(json!({"data": {"k": "2"}}))).await.expect("patched");
    assert_eq!(
        meta(&same, "resourceVersion"),
        meta(&second, "resourceVersion"),
        "nothing changed, so no new version"
    );
    let removed = call(api, &key, Verb::Merge(json!({"data": {"l": null}}))).await.expect("patched");
    assert_eq!(removed["data"], json!({"k": "2"}));

    let stale = json!({"metadata": {"resourceVersion": meta(&first, "resourceVersion")}, "data": {"k": "3"}});
    let other = json!({"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}, "data": {"k": "3"}});
    for (case, patch) in [("an old version", stale), ("another uid", other)] {
        let refused = call(api, &key, Verb::Merge(patch)).await.unwrap_err();
        assert!(matches!(refused, Failure::Conflict { .. }), "{case}: {refused:?}");
    }
    let mut replacement = removed.clone();
    replacement["data"]["k"] = json!("4");
    let replaced = call(api, &key, Verb::Replace(replacement)).await.expect("replaced");
    let refused = call(api, &key, Verb::Replace(removed)).await.unwrap_err();
    assert!(matches!(refused, Failure::Conflict { .. }), "{refused:?}");

    let wrong = Precondition {
        uid: Some("00000000-0000-0000-0000-000000000000".to_owned()),
        ..Precondition::default()
    };
    let refused = call(api, &key, Verb::Delete(Propagation::Background, wrong)).await.unwrap_err();
    assert!(matches!(refused, Failure::Conflict { .. }), "{refused:?}");
    let right = Precondition { uid: Some(meta(&replaced, "uid")), ..Precondition::default() };
    call(api, &key, Verb::Delete(Propagation::Background, right.clone())).await.expect("deleted");
    for verb in [Verb::Delete(Propagation::Background, right), Verb::Merge(json!({"data": {"k": "5"}}))] {
        let refused = call(api, &key, verb).await.unwrap_err();
        assert!(matches!(refused, Failure::NotFound { .. }), "{refused:?}");
    }
}

async fn lists_and_watches_tell_the_same_story(api: &dyn Api) {
    let key = key("story");
    let scope = Scope { kind: CONFIG, namespace: Some("default".to_owned()), selector: None };
    let listed = api.list(&scope, None).await.expect("listed");
    assert!(!listed.items.iter().any(|item| meta(item, "name") == key.name));
    let mut watch = api.watch(&scope, &listed.version, Duration::from_mins(1)).await.expect("watching");
    call(api, &key, Verb::Create(body(&key, "1"))).await.expect("created");
    call(api, &key, Verb::Merge(json!({"data": {"k": "2"}}))).await.expect("patched");
    call(api, &key, Verb::Delete(Propagation::Background, Precondition::default())).await.expect("deleted");
    let mut story = Vec::new();
    while story.len() < 3 {
        let seen = timeout(Duration::from_secs(30), watch.next())
            .await
            .expect("in time")
            .expect("open")
            .expect("seen");
        match seen {
            Seen::Set(value) if meta(&value, "name") == key.name => story.push(value["data"]["k"].clone()),
            Seen::Deleted(value) if meta(&value, "name") == key.name => story.push(json!("gone")),
            _ => {}
        }
    }
    assert_eq!(story, ["1", "2", "gone"]);
}

async fn a_cluster_sees_its_own_writes_at_once(api: Arc<dyn Api>) {
    let stop = CancellationToken::new();
    let cluster = Cluster::new(api.clone(), Settings::new(clock::system()), stop.clone());
    cluster.ensure(CONFIG);
    wait("the first list", || cluster.ensure(CONFIG) == State::Synced).await;
    let key = key("own");
    for round in 0..5 {
        let created = cluster.write(&Write::new(key.clone(), Change::Create(body(&key, "0")))).await;
        let Written::Done(Some(object)) = created else { panic!("{created:?}") };
        assert_eq!(cluster.get(&key).as_ref(), Some(&object), "round {round}");
        let patch = Write::unchanged(&object, Change::Merge(json!({"data": {"k": round.to_string()}})));
        let patched = cluster.write(&patch).await;
        let expected = if round == 0 { Written::Skipped } else { patched.clone() };
        assert_eq!(patched, expected, "a patch that changes nothing is not sent");
        assert_eq!(cluster.get(&key).unwrap().value()["data"]["k"], json!(round.to_string()));
        if round != 0 {
            let stale =
                cluster.write(&Write::unchanged(&object, Change::Merge(json!({"data": {"k": "9"}})))).await;
            assert!(matches!(stale, Written::Conflict(_)), "{stale:?}");
        }
        let deleted = cluster.write(&Write::same(&object, Change::Delete(Propagation::Background))).await;
        assert_eq!(deleted, Written::Done(None));
        assert_eq!(cluster.get(&key), None, "round {round}");
    }
    let other = cluster.write(&Write::new(key.clone(), Change::Delete(Propagation::Background))).await;
    assert_eq!(other, Written::Done(None), "what is gone already is gone");
    wait("the watch to catch up", || cluster.get(&key).is_none()).await;

    cluster.ensure(NONE);
    wait("the kind to be absent", || cluster.ensure(NONE) == State::Absent).await;

    let subject = Write::new(key.clone(), Change::Create(body(&key, "e")));
    let Written::Done(Some(object)) = cluster.write(&subject).await else { panic!() };
    for _ in 0..3 {
        cluster.tell(Event::normal(object.reference(), "Tested", "A message"));
    }
    cluster.events_sent(Duration::from_secs(30)).await;
    let scope = Scope { kind: EVENT, namespace: Some("default".to_owned()), selector: None };
    let events = api.list(&scope, None).await.expect("events").items;
    let ours: Vec<&Value> =
        events.iter().filter(|event| event["involvedObject"]["uid"] == object.meta().uid.as_str()).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!((&ours[0]["count"], &ours[0]["reason"]), (&json!(3), &json!("Tested")));
    cluster.write(&Write::same(&object, Change::Delete(Propagation::Background))).await;
    stop.cancel();
}

const DEFINITION: Kind =
    Kind::cluster("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
const METRIC: Kind = Kind::namespaced("metrics.keptn.sh", "v1", "KeptnMetric", "keptnmetrics");

/// Objects of kinds that are asked for by name alone: one that is there, one that is not, and a kind that nobody serves.
async fn what_nobody_watches_is_read_past_the_cache(api: Arc<dyn Api>) {
    let stop = CancellationToken::new();
    let cluster = Cluster::new(api.clone(), Settings::new(clock::system()), stop.clone());
    let key = METRIC.key("default", format!("conformance-metric-{}", std::process::id()));
    assert_eq!(cluster.read(&key).await, Ok(None), "its kind is not served");
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let definition = json!({
        "apiVersion": DEFINITION.api_version(), "kind": "CustomResourceDefinition",
        "metadata": {"name": "keptnmetrics.metrics.keptn.sh"},
        "spec": {
            "group": "metrics.keptn.sh", "scope": "Namespaced",
            "names": {"kind": "KeptnMetric", "plural": "keptnmetrics", "singular": "keptnmetric", "listKind": "KeptnMetricList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    });
    let definition_key = DEFINITION.key("", "keptnmetrics.metrics.keptn.sh");
    call(&*api, &definition_key, Verb::Create(definition)).await.expect("defined");
    let object = json!({
        "apiVersion": METRIC.api_version(), "kind": "KeptnMetric",
        "metadata": {"name": key.name, "namespace": "default"}, "status": {"value": "0.5"},
    });
    // A kind is served a moment after it is defined.
    let created = async {
        while call(&*api, &key, Verb::Create(object.clone())).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), created).await.expect("the kind is served");
    let found = cluster.read(&key).await.expect("an answer").expect("an object");
    assert_eq!(found.value()["status"]["value"], json!("0.5"));
    assert_eq!(cluster.read(&METRIC.key("default", "another")).await, Ok(None));
    call(&*api, &definition_key, Verb::Delete(Propagation::Background, Precondition::default()))
        .await
        .expect("removed");
    stop.cancel();
}

async fn wait(what: &str, test: impl Fn() -> bool) {
    let reached = async {
        while !test() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_mins(1), reached).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

#[tokio::test(start_paused = true)]
async fn the_double_in_memory_conforms() {
    let api = MemoryApi::new();
    api.set_absent(NONE, true);
    conforms(Arc::new(api)).await;
}

/// The real API server, or the embedded one, which lives in virtual time.
#[tokio::test]
async fn a_kubernetes_conforms() {
    let api = if let Some(path) = serin_needs::real_server() {
        let access = Access { kubeconfig: Some(path), ..Access::default() };
        KubeApi::new(access.connect("serin-conformance").await.expect("connection").client)
    } else {
        tokio::time::pause();
        let clock = clock::from_start(Moment::from_secs(1_700_000_000));
        let options = serin_plane::Options {
            clock: Arc::new(move || clock().timestamp()),
            ..serin_plane::Options::default()
        };
        KubeApi::new(Plane::new(options).client())
    };
    let api = Arc::new(api);
    conforms(api.clone()).await;
    what_nobody_watches_is_read_past_the_cache(api).await;
}
