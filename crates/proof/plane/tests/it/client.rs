//! Through `kube::Client` in this process, under paused time.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use serin_plane::{Options, Plane};

fn plane() -> (Plane, Client) {
    let plane = Plane::new(Options { seed: Some(1), ..Options::default() });
    let client = plane.client();
    (plane, client)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn config_map(name: &str) -> ConfigMap {
    read(json!({ "metadata": { "name": name }, "data": { "a": "b" } }))
}

fn deployment(name: &str) -> Deployment {
    read(json!({
        "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "web:1" }] },
            },
        },
    }))
}

#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> u16 {
    match result.unwrap_err() {
        kube::Error::Api(status) => status.code,
        other => panic!("not a Status: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_created_object_is_read_listed_changed_and_deleted() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let made = api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());
    assert_eq!(code(api.create(&PostParams::default(), &config_map("one")).await), 409);
    let patch = json!({ "data": { "a": null, "c": "d" } });
    let patched = api.patch("one", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert_eq!(patched.data, Some(BTreeMap::from([("c".into(), "d".into())])));
    assert_eq!(code(api.replace("one", &PostParams::default(), &made).await), 409);
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 1);
    api.delete("one", &DeleteParams::default()).await.unwrap();
    assert_eq!(code(api.get("one").await), 404);
}

#[tokio::test(start_paused = true)]
async fn generation_counts_changes_of_the_spec_alone() {
    let (_plane, client) = plane();
    let api: Api<Deployment> = Api::default_namespaced(client);
    let made = api.create(&PostParams::default(), &deployment("web")).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.spec.replicas, Some(1));
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    let one = api.patch("web", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    assert_eq!(one.metadata.generation, Some(1));
    let scale = json!({ "spec": { "replicas": 3 } });
    let two = api.patch_scale("web", &PatchParams::default(), &Patch::Merge(scale)).await.unwrap();
    assert_eq!(two.spec.unwrap().replicas, Some(3));
    let status = json!({ "status": { "replicas": 3 }, "spec": { "replicas": 9 } });
    let three =
        api.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    assert_eq!(three.metadata.generation, Some(2));
    assert_eq!(three.spec.replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_each_change_once_and_in_order() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let start = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let params = WatchParams::default().timeout(5);
    let mut watch = api.watch(&params, &start).await.unwrap().boxed();
    api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    api.delete("one", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next().await.unwrap() {
        seen.push(match event {
            WatchEvent::Added(_) => "added",
            WatchEvent::Modified(_) => "modified",
            WatchEvent::Deleted(_) => "deleted",
            WatchEvent::Bookmark(_) => "bookmark",
            WatchEvent::Error(_) => "error",
        });
    }
    assert_eq!(seen, ["added", "deleted", "bookmark"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_node_goes_at_once_and_one_with_a_node_waits_for_its_kubelet() {
    let (_plane, client) = plane();
    let api: Api<Pod> = Api::default_namespaced(client);
    let pod: Pod = read(json!({
        "metadata": { "name": "one" },
        "spec": { "nodeName": "n", "containers": [{ "name": "main", "image": "web:1" }] },
    }));
    api.create(&PostParams::default(), &pod).await.unwrap();
    api.delete("one", &DeleteParams::default()).await.unwrap();
    let going = api.get("one").await.unwrap();
    assert_eq!(going.metadata.deletion_grace_period_seconds, Some(30));
    api.delete("one", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert_eq!(code(api.get("one").await), 404);
}
