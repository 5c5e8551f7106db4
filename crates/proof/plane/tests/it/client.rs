//! Through `kube::Client` in this process, under paused time.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    DeleteParams, EvictParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
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
    let three = api.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    assert_eq!(three.metadata.generation, Some(2));
    assert_eq!(three.spec.replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_custom_object_is_read_only_where_it_has_one() {
    let (_plane, client) = plane();
    let scale = json!({ "specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n" });
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let definition = json!({
        "metadata": { "name": "sizes.example.io" },
        "spec": {
            "group": "example.io", "scope": "Namespaced", "names": { "plural": "sizes", "kind": "Size" },
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": { "scale": scale },
                "schema": { "openAPIV3Schema": open },
            }],
        },
    });
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &read(definition)).await.unwrap();
    let kind = kube::core::GroupVersionKind::gvk("example.io", "v1", "Size");
    let resource = kube::core::ApiResource::from_gvk_with_plural(&kind, "sizes");
    let api: Api<kube::core::DynamicObject> = Api::default_namespaced_with(client, &resource);
    let one =
        json!({ "apiVersion": "example.io/v1", "kind": "Size", "metadata": { "name": "one" }, "spec": {} });
    api.create(&PostParams::default(), &read(one)).await.unwrap();
    assert_eq!(code(api.get_scale("one").await), 500);
    let two = json!({ "spec": { "replicas": 2 } });
    api.patch_scale("one", &PatchParams::default(), &Patch::Merge(two)).await.unwrap();
    assert_eq!(api.get_scale("one").await.unwrap().spec.unwrap().replicas, Some(2));
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

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_forgotten_version_gets_410() {
    let plane = Plane::new(Options { history_max: 4, ..Options::default() });
    let api: Api<ConfigMap> = Api::default_namespaced(plane.client());
    let first = api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    for count in 0..9 {
        let patch = json!({ "data": { "count": count.to_string() } });
        api.patch("one", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
    let version = first.metadata.resource_version.unwrap();
    let mut watch = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    match watch.try_next().await.unwrap() {
        Some(WatchEvent::Error(status)) => assert_eq!(status.code, 410),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_reflector_follows_by_list_and_by_streaming() {
    use kube::runtime::{WatchStreamExt as _, reflector, watcher};
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let (_plane, client) = plane();
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        api.create(&PostParams::default(), &config_map("one")).await.unwrap();
        let (reader, writer) = reflector::store();
        let mut events = reflector(writer, watcher(api.clone(), config)).applied_objects().boxed();
        assert_eq!(events.try_next().await.unwrap().unwrap().metadata.name.unwrap(), "one");
        api.create(&PostParams::default(), &config_map("two")).await.unwrap();
        assert_eq!(events.try_next().await.unwrap().unwrap().metadata.name.unwrap(), "two");
        assert_eq!(reader.state().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_is_idle_for_a_day_goes_on_where_it_was() {
    use kube::runtime::watcher::{self, Event};
    let plane = Plane::new(Options { history_max: 16, ..Options::default() });
    let client = plane.client();
    let others: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    others.create(&PostParams::default(), &config_map("busy")).await.unwrap();
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    let mut events = watcher::watcher(api.clone(), watcher::Config::default()).boxed();
    let told = |event: Event<ConfigMap>| match event {
        Event::Init => "init".to_owned(),
        Event::InitApply(object) => format!("has {}", object.metadata.name.unwrap()),
        Event::InitDone => "done".to_owned(),
        Event::Apply(object) => format!("apply {}", object.metadata.name.unwrap()),
        Event::Delete(object) => format!("delete {}", object.metadata.name.unwrap()),
    };
    for want in ["init", "has one", "done"] {
        assert_eq!(told(events.try_next().await.unwrap().unwrap()), want);
    }
    let day = async {
        // Another namespace overruns the history of the kind many times in that day.
        for hour in 0..24 * 6 {
            tokio::time::sleep(std::time::Duration::from_mins(10)).await;
            let patch = json!({ "data": { "hour": hour.to_string() } });
            others.patch("busy", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        }
        api.create(&PostParams::default(), &config_map("two")).await.unwrap();
        std::future::pending::<()>().await;
    };
    let event = tokio::select! { () = day => unreachable!(), event = events.try_next() => event };
    assert_eq!(told(event.unwrap().unwrap()), "apply two", "nothing was listed again");
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_gets_a_bookmark_each_minute_in_which_something_was_written() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client);
    let start = pods.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut watch = pods.watch(&WatchParams::default().timeout(290), &start).await.unwrap().boxed();
    let made = api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    let mut bookmarks = Vec::new();
    let begun = tokio::time::Instant::now();
    while let Some(event) = watch.try_next().await.unwrap() {
        let WatchEvent::Bookmark(mark) = event else { panic!("no pod changed: {event:?}") };
        bookmarks.push((begun.elapsed().as_secs(), mark.metadata.resource_version));
    }
    let version = made.metadata.resource_version.unwrap();
    assert_eq!(bookmarks, [(60, version.clone()), (290, version)]);
}

#[tokio::test(start_paused = true)]
async fn the_items_of_a_built_in_list_leave_their_kind_to_the_list() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    let get = async |path: &str| {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        client.request::<Value>(request).await.unwrap()
    };
    let list = get("/api/v1/namespaces/default/configmaps").await;
    assert_eq!(list["kind"], "ConfigMapList");
    let item = list["items"][0].as_object().unwrap();
    assert!(!item.contains_key("kind") && !item.contains_key("apiVersion"), "{item:?}");
    let one = get("/api/v1/namespaces/default/configmaps/one").await;
    assert_eq!(one["kind"], "ConfigMap");
}

#[tokio::test(start_paused = true)]
async fn what_a_secret_is_given_as_text_is_kept_encoded() {
    use k8s_openapi::api::core::v1::Secret;
    let (_plane, client) = plane();
    let api: Api<Secret> = Api::default_namespaced(client);
    let secret: Secret =
        read(json!({ "metadata": { "name": "a" }, "data": { "k": "b2xk" }, "stringData": { "k": "new" } }));
    let made = api.create(&PostParams::default(), &secret).await.unwrap();
    assert!(made.string_data.is_none());
    assert_eq!(made.data.unwrap()["k"].0, b"new");
}

#[tokio::test(start_paused = true)]
async fn pages_are_of_one_moment() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    for name in ["a", "b", "c"] {
        api.create(&PostParams::default(), &config_map(name)).await.unwrap();
    }
    let first = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(1));
    api.delete("c", &DeleteParams::default()).await.unwrap();
    api.create(&PostParams::default(), &config_map("d")).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let second = api.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    let names: Vec<_> = second.items.into_iter().filter_map(|one| one.metadata.name).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(first.metadata.resource_version, second.metadata.resource_version);
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_an_object_until_it_is_taken_away() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let mut held = config_map("one");
    held.metadata.finalizers = Some(vec!["example.io/held".into()]);
    api.create(&PostParams::default(), &held).await.unwrap();
    api.delete("one", &DeleteParams::default()).await.unwrap();
    assert!(api.get("one").await.unwrap().metadata.deletion_timestamp.is_some());
    let patch = json!({ "metadata": { "finalizers": null } });
    api.patch("one", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert_eq!(code(api.get("one").await), 404);
}

#[tokio::test(start_paused = true)]
async fn dependents_go_with_their_owner_or_are_orphaned() {
    for (params, kept) in [
        (DeleteParams::background(), false),
        (DeleteParams::foreground(), false),
        (DeleteParams::orphan(), true),
    ] {
        let (_plane, client) = plane();
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let owner = api.create(&PostParams::default(), &config_map("owner")).await.unwrap();
        let mut child = config_map("child");
        child.metadata.owner_references = Some(read(json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
            "uid": owner.metadata.uid, "blockOwnerDeletion": true,
        }])));
        api.create(&PostParams::default(), &child).await.unwrap();
        api.delete("owner", &params).await.unwrap();
        assert_eq!(code(api.get("owner").await), 404);
        match api.get_opt("child").await.unwrap() {
            Some(child) => assert!(kept && child.metadata.owner_references.is_none()),
            None => assert!(!kept, "{params:?} must keep the dependent"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreground_owner_waits_for_a_held_dependent() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let owner = api.create(&PostParams::default(), &config_map("owner")).await.unwrap();
    let mut child = config_map("child");
    child.metadata.finalizers = Some(vec!["example.io/held".into()]);
    child.metadata.owner_references = Some(read(json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid,
        "blockOwnerDeletion": true,
    }])));
    api.create(&PostParams::default(), &child).await.unwrap();
    api.delete("owner", &DeleteParams::foreground()).await.unwrap();
    assert!(api.get("owner").await.unwrap().metadata.deletion_timestamp.is_some());
    let patch = json!({ "metadata": { "finalizers": null } });
    api.patch("child", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert_eq!(code(api.get("owner").await), 404);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_when_it_is_empty_and_takes_nothing_new_meanwhile() {
    let (_plane, client) = plane();
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let made = read(json!({ "metadata": { "name": "gone" } }));
    namespaces.create(&PostParams::default(), &made).await.unwrap();
    let api: Api<ConfigMap> = Api::namespaced(client, "gone");
    let mut held = config_map("one");
    held.metadata.finalizers = Some(vec!["example.io/held".into()]);
    api.create(&PostParams::default(), &held).await.unwrap();
    namespaces.delete("gone", &DeleteParams::default()).await.unwrap();
    assert_eq!(code(api.create(&PostParams::default(), &config_map("two")).await), 403);
    let patch = json!({ "metadata": { "finalizers": null } });
    api.patch("one", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert_eq!(code(namespaces.get("gone").await), 404);
    assert_eq!(code(api.create(&PostParams::default(), &config_map("two")).await), 404);
}

#[tokio::test(start_paused = true)]
async fn an_eviction_spends_its_budget_and_is_refused_beyond_it() {
    use k8s_openapi::api::policy::v1::PodDisruptionBudget;
    let (_plane, client) = plane();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    for name in ["one", "two"] {
        let pod: Pod = read(json!({
            "metadata": { "name": name, "labels": { "app": "web" } },
            "spec": { "nodeName": "n", "containers": [{ "name": "main", "image": "web:1" }] },
        }));
        pods.create(&PostParams::default(), &pod).await.unwrap();
        let status = json!({ "status": {
            "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
        pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
    let budgets: Api<PodDisruptionBudget> = Api::default_namespaced(client);
    let budget: PodDisruptionBudget = read(json!({
        "metadata": { "name": "guard" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "web" } } },
    }));
    budgets.create(&PostParams::default(), &budget).await.unwrap();
    assert_eq!(code(pods.evict("one", &EvictParams::default()).await), 429);
    let status = json!({ "status": { "observedGeneration": 1, "disruptionsAllowed": 1,
        "desiredHealthy": 1, "currentHealthy": 2, "expectedPods": 2 } });
    budgets.patch_status("guard", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    pods.evict("one", &EvictParams::default()).await.unwrap();
    assert_eq!(code(pods.evict("two", &EvictParams::default()).await), 429);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_served_is_refused_by_name() {
    let (_plane, client) = plane();
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let apply = PatchParams::apply("me");
    let refused = api.patch("one", &apply, &Patch::Apply(config_map("one"))).await.unwrap_err();
    assert!(refused.to_string().contains("server-side apply"), "{refused}");
    let pods: Api<Pod> = Api::default_namespaced(client);
    let refused = pods.logs("one", &LogParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("pods/log"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused() {
    let plane = Plane::new(Options { body_bytes_max: 200, ..Options::default() });
    let api: Api<ConfigMap> = Api::default_namespaced(plane.client());
    let mut large = config_map("one");
    large.data = Some(BTreeMap::from([("a".into(), "x".repeat(300))]));
    assert_eq!(code(api.create(&PostParams::default(), &large).await), 413);
}
