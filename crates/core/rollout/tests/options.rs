//! Options of the canary strategy, each in a story where it matters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Change, Key, Refused};
use world::{World, routed};

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn rollout(world: &mut World, replicas: i64, canary: Value, more: Value) -> Key {
    let mut body = json!({
        "metadata": {"name": "demo"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "demo"}},
            "template": template("demo:1"),
            "strategy": {"canary": canary},
        },
    });
    world::merge(&mut body["spec"], &more);
    world.create(kinds::ROLLOUT, body)
}

fn image(world: &mut World, key: &Key, image: &str) {
    world.patch(key, &json!({"spec": {"template": template(image)}}));
}

fn is(world: &World, key: &Key, phase: &str) -> bool {
    let rollout = world.get(key);
    rollout["status"]["phase"] == phase
        && rollout["status"]["observedGeneration"].as_str()
            == Some(&*rollout["metadata"]["generation"].to_string())
}

fn set<'w>(world: &'w World, image: &str) -> &'w Value {
    let of = |set: &&Value| set["spec"]["template"]["spec"]["containers"][0]["image"] == image;
    world.all(kinds::REPLICA_SET).into_iter().find(of).unwrap_or_else(|| panic!("no {image}"))
}

/// Wanted pods of the version with this image.
fn pods(world: &World, image: &str) -> u64 {
    set(world, image)["spec"]["replicas"].as_u64().unwrap()
}

fn hash<'w>(world: &'w World, image: &str) -> &'w Value {
    &set(world, image)["metadata"]["labels"]["rollouts-pod-template-hash"]
}

fn weight(world: &World) -> String {
    let ingress = world.objects.get(&kinds::INGRESS.key("seed", "demo-web-canary"));
    let text =
        ingress.map(|i| i["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].clone());
    text.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
}

fn selected<'w>(world: &'w World, service: &str) -> &'w Value {
    &world.get(&kinds::SERVICE.key("seed", service))["spec"]["selector"]["rollouts-pod-template-hash"]
}

fn resume(world: &mut World, key: &Key) {
    world.patch(key, &json!({"status": {"pauseConditions": null}}));
}

fn refused(target: &Key, code: u16, reason: &str) -> Refused {
    Refused { target: target.clone(), code, reason: reason.to_owned(), message: "not now".to_owned() }
}

#[test]
fn pods_are_kept_off_the_nodes_of_the_stable_version_for_as_long_as_there_are_two() {
    let rows = [
        (json!({"requiredDuringSchedulingIgnoredDuringExecution": {}}), "required"),
        (json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 7}}), "preferred"),
    ];
    for (rule, list) in rows {
        let mut w = World::new();
        let canary = json!({"antiAffinity": rule, "steps": [{"setWeight": 50}, {"pause": {}}]});
        let key = rollout(&mut w, 2, canary, json!({}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        let affinity = |w: &World, image: &str| set(w, image)["spec"]["template"]["spec"]["affinity"].clone();
        assert_eq!(affinity(&w, "demo:1"), json!(null), "nobody to keep off");
        image(&mut w, &key, "demo:2");
        w.until("paused", |w| is(w, &key, "Paused"));
        let terms = affinity(&w, "demo:2")["podAntiAffinity"]
            [format!("{list}DuringSchedulingIgnoredDuringExecution")][0]
            .clone();
        let term = if list == "preferred" { &terms["podAffinityTerm"] } else { &terms };
        assert_eq!(
            term["labelSelector"]["matchExpressions"][0]["values"],
            json!([hash(&w, "demo:1")]),
            "{terms}"
        );
        assert_eq!(term["namespaces"], json!(["seed"]));
        resume(&mut w, &key);
        w.until("healthy", |w| is(w, &key, "Healthy"));
        w.wait(60);
        assert_eq!(affinity(&w, "demo:2"), json!(null), "it is the stable version now");
        assert_eq!(w.all(kinds::REPLICA_SET).len(), 2);
        assert_eq!(w.all(kinds::POD).len(), 2);
    }
}

#[test]
fn going_back_within_the_window_needs_no_steps_and_beyond_it_does() {
    for (window, straight) in [(1, false), (2, true)] {
        let mut w = World::new();
        let more = json!({"rollbackWindow": {"revisions": window}});
        let key = rollout(&mut w, 2, json!({"steps": [{"setWeight": 50}, {"pause": {}}]}), more);
        for number in 2..=3 {
            w.until("healthy", |w| is(w, &key, "Healthy"));
            w.wait(5);
            image(&mut w, &key, &format!("demo:{number}"));
            w.until("paused", |w| is(w, &key, "Paused"));
            resume(&mut w, &key);
        }
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:1");
        if straight {
            w.until("healthy", |w| {
                assert!(!is(w, &key, "Paused"), "within {window}");
                is(w, &key, "Healthy")
            });
        } else {
            w.until("paused", |w| is(w, &key, "Paused"));
        }
    }
}

#[test]
fn so_many_available_pods_as_are_said_to_be_enough_are_enough() {
    let rows = [
        (json!({"type": "Percent", "value": 50}), true),
        (json!({"type": "Pods", "value": 1}), true),
        (json!({"type": "Percent", "value": 51}), false),
        (json!({"type": "Pods", "value": 2}), false),
        (json!(null), false),
    ];
    for (threshold, goes_on) in rows {
        let mut w = World::new();
        let more =
            json!({"replicaProgressThreshold": threshold, "steps": [{"setWeight": 50}, {"pause": {}}]});
        let canary = routed(&mut w, more);
        let key = rollout(&mut w, 4, canary, json!({}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:2");
        w.plan_out();
        w.run_sets();
        // One of the two canary pods never gets ready.
        let of = |(key, body): &(&Key, &Value)| {
            key.kind == kinds::POD && body["spec"]["containers"][0]["image"] == "demo:2"
        };
        let pod = w.objects.iter().find(of).unwrap().0.clone();
        w.patch(&pod, &json!({"spec": template("demo:bad")["spec"]}));
        w.wait(30);
        assert_eq!(is(&w, &key, "Paused"), goes_on, "{threshold}: {}", w.dump());
        assert_eq!(weight(&w) == "50", goes_on, "{threshold}: weight {}", weight(&w));
    }
}

#[test]
fn a_dynamic_stable_version_takes_traffic_back_only_when_its_pods_are_there() {
    let mut w = World::new();
    let canary =
        routed(&mut w, json!({"dynamicStableScale": true, "steps": [{"setWeight": 25}, {"pause": {}}]}));
    let key = rollout(&mut w, 4, canary, json!({}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("paused", |w| is(w, &key, "Paused"));
    w.until("the stable version is smaller", |w| pods(w, "demo:1") == 3);
    assert_eq!((pods(&w, "demo:2"), weight(&w)), (1, "25".to_owned()));
    let withdrawn = hash(&w, "demo:2").clone();
    image(&mut w, &key, "demo:1");
    w.plan_out();
    w.run_sets();
    w.plan_out();
    assert_eq!((pods(&w, "demo:1"), pods(&w, "demo:2")), (4, 1), "the fourth is not ready");
    let weights = &w.get(&key)["status"]["canary"]["weights"];
    assert_eq!(
        (&weights["canary"]["weight"], &weights["canary"]["podTemplateHash"]),
        (&json!(25), &withdrawn)
    );
    assert_eq!(weight(&w), "25");
    w.until("all traffic is back", |w| weight(w) == "0");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.wait(60);
    assert_eq!((pods(&w, "demo:1"), pods(&w, "demo:2")), (4, 0));
    assert_eq!(selected(&w, "stable"), hash(&w, "demo:1"));
    assert_eq!(selected(&w, "canary"), hash(&w, "demo:1"));
}

const LOST_RECORD: &str = "the canary has no pod, and a crash lost the record of its weight";

#[test]
fn traffic_leaves_a_canary_that_should_not_have_it_although_the_stable_version_lacks_pods() {
    // A2.8. Whether it was aborted, how many stable pods are lost, and the weight then.
    for (case, aborts, lost, then) in [
        ("the canary has no pod", false, 1, "0"),
        (LOST_RECORD, false, 1, "0"),
        ("the canary has no pod, and nobody else has", false, 4, "50"),
        ("aborted", true, 1, "0"),
        ("aborted, with one pod left", true, 3, "0"),
        ("aborted, and nobody can take it", true, 4, "50"),
    ] {
        let mut w = World::new();
        let canary = routed(&mut w, json!({"steps": [{"setWeight": 50}, {"pause": {}}]}));
        let key = rollout(&mut w, 4, canary, json!({}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        w.wait(2000);
        image(&mut w, &key, "demo:2");
        w.until("paused", |w| is(w, &key, "Paused"));
        assert_eq!(weight(&w), "50", "{case}");
        // From now on a stable pod takes long to be ready, and without an abort a canary pod never is.
        w.ready_after = Box::new(move |image| match image {
            "demo:1" => Some(1000),
            _ => aborts.then_some(1),
        });
        let stable = w
            .objects
            .iter()
            .filter(|(key, pod)| key.kind == kinds::POD && pod["spec"]["containers"][0]["image"] == "demo:1");
        let stable: Vec<Key> = stable.map(|(key, _)| key.clone()).take(lost).collect();
        for pod in &stable {
            w.objects.remove(pod);
        }
        w.run_sets();
        if aborts {
            w.patch(&key, &json!({"status": {"abort": true}}));
        }
        if case == LOST_RECORD {
            w.patch(&key, &json!({"status": {"canary": {"weights": null}}}));
        }
        w.settle();
        assert_eq!(weight(&w), then, "{case}");
        assert_eq!(pods(&w, "demo:2"), 2, "{case}: they stay until the stable version is whole");
        w.until("the stable version is whole again", |w| weight(w) == "0");
    }
}

#[test]
fn an_aborted_canary_keeps_its_pods_as_long_as_it_is_told_to() {
    for (delay, kept, gone) in [(0, 5000, None), (1000, 990, Some(1010)), (3, 2, Some(10))] {
        let mut w = World::new();
        let more = json!({"abortScaleDownDelaySeconds": delay, "steps": [{"setWeight": 50}, {"pause": {}}]});
        let canary = routed(&mut w, more);
        let key = rollout(&mut w, 4, canary, json!({}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:2");
        w.until("paused", |w| is(w, &key, "Paused"));
        w.patch(&key, &json!({"status": {"abort": true}}));
        w.settle();
        assert_eq!(weight(&w), "0");
        w.wait(kept);
        assert_eq!(pods(&w, "demo:2"), 2, "delay {delay}, after {kept}");
        let deadline = &set(&w, "demo:2")["metadata"]["annotations"]["scale-down-deadline"];
        assert_eq!(deadline.is_null(), gone.is_none(), "delay {delay}");
        if let Some(gone) = gone {
            w.wait(gone - kept);
            assert_eq!(pods(&w, "demo:2"), 0, "A12.2: delay {delay}, after {gone}");
        }
        assert_eq!(pods(&w, "demo:1"), 4);
    }
}

#[test]
fn a_restart_takes_no_more_pods_than_may_be_missing_and_waits_for_budgets() {
    let mut w = World::new();
    let key = rollout(&mut w, 4, json!({"maxUnavailable": 2, "maxSurge": 0}), json!({}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.wait(10);
    let uids = |w: &World| w.all(kinds::POD).iter().map(|p| p["metadata"]["uid"].clone()).collect::<Vec<_>>();
    let before = uids(&w);
    let at = w.now.to_string();
    w.refuse = Box::new(|write| {
        (write.change == Change::Evict).then(|| refused(&write.target, 429, "TooManyRequests"))
    });
    w.patch(&key, &json!({"spec": {"restartAt": at}}));
    w.wait(100);
    assert_eq!(uids(&w), before, "the budget refuses");
    assert_eq!(w.get(&key)["status"]["message"], "rollout is restarting");
    w.refuse = Box::new(|_| None);
    w.until("restarted", |w| {
        let ready = w.all(kinds::POD).iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        assert!(2 <= ready, "{ready} ready");
        w.get(&key)["status"]["restartedAt"] == *at
    });
    assert!(uids(&w).iter().all(|uid| !before.contains(uid)), "all are new");
    w.until("healthy", |w| is(w, &key, "Healthy"));
}

#[test]
fn a_restart_takes_no_old_version_away_that_waits_for_its_end() {
    // A17.9
    let mut w = World::new();
    let canary = routed(&mut w, json!({"scaleDownDelaySeconds": 100}));
    let key = rollout(&mut w, 1, canary, json!({}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.wait(10);
    let wanted = |w: &World| set(w, "demo:1")["spec"]["replicas"].clone();
    assert_eq!(wanted(&w), 1);
    let at = w.now.to_string();
    w.patch(&key, &json!({"spec": {"restartAt": at}}));
    w.until("restarted", |w| {
        assert_eq!(wanted(w), 1, "{}", w.dump());
        w.get(&key)["status"]["restartedAt"] == *at
    });
    let made = |pod: &&Value| pod["metadata"]["creationTimestamp"].as_str() < Some(at.as_str());
    assert_eq!(w.all(kinds::POD).iter().filter(|pod| made(pod)).count(), 0, "its last pod was replaced");
    w.wait(60);
    assert_eq!(wanted(&w), 1);
    w.until("its end", |w| wanted(w) == 0);
}

#[test]
fn a_workload_is_scaled_down_as_it_is_told_to_be() {
    for (mode, half_way, end) in [("never", 4, 4), ("onsuccess", 4, 0), ("progressively", 2, 0)] {
        let mut w = World::new();
        let reference =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "scaleDown": mode});
        let spec = json!({"template": null, "selector": null, "workloadRef": reference});
        let body = json!({"metadata": {"name": "d"}, "spec": {
            "replicas": 4, "selector": {"matchLabels": {"app": "demo"}}, "template": template("demo:1"),
        }});
        let deployment = w.create(kinds::DEPLOYMENT, body);
        let key = rollout(&mut w, 4, json!({}), spec);
        let size = |w: &World| w.get(&deployment)["spec"]["replicas"].clone();
        w.plan_out();
        w.run_sets();
        w.plan_out();
        assert_eq!(size(&w), 4, "{mode}: nothing is ready yet");
        let two: Vec<Key> = w.objects.keys().filter(|key| key.kind == kinds::POD).take(2).cloned().collect();
        for (name, wanted) in [("demo:bad", half_way), ("demo:1", end)] {
            for pod in &two {
                w.patch(pod, &json!({"spec": template(name)["spec"]}));
            }
            w.run_sets();
            w.wait(30);
            assert_eq!(size(&w), wanted, "{mode}, two pods of {name}");
        }
        assert!(is(&w, &key, "Healthy"));
    }
}

#[test]
fn replica_sets_that_the_selector_no_longer_matches_are_let_go() {
    let mut w = World::new();
    let key = rollout(&mut w, 2, json!({}), json!({}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    let first = w.all(kinds::REPLICA_SET)[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let first = kinds::REPLICA_SET.key("seed", first);
    let labels = json!({"app": "demo", "tier": "web"});
    let moved = json!({"metadata": {"labels": labels}});
    w.patch(&key, &json!({"spec": {"selector": {"matchLabels": labels}, "template": moved}}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    assert_eq!(w.get(&first)["metadata"]["ownerReferences"], json!([]));
    assert_eq!(w.get(&first)["spec"]["replicas"], 2, "its pods stay");
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 2);
    assert_eq!(w.get(&key)["status"]["replicas"], 2, "they do not count any more");
}

#[test]
fn an_autoscaler_is_followed_while_a_person_holds_an_update() {
    let mut w = World::new();
    let steps = json!({"steps": [{"setWeight": 25}, {"pause": {"duration": "30s"}}, {"setWeight": 50}]});
    let key = rollout(&mut w, 4, steps, json!({}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("paused", |w| is(w, &key, "Paused"));
    w.patch(&key, &json!({"spec": {"paused": true}}));
    for (replicas, canary, stable) in [(8, 2, 6), (12, 3, 9), (4, 1, 3)] {
        w.patch(&key, &json!({"spec": {"replicas": replicas}}));
        w.wait(60);
        assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (canary, stable), "A12.22a: of {replicas}");
        assert_eq!(w.get(&key)["status"]["currentStepIndex"], 1, "no step is done");
    }
    w.patch(&key, &json!({"spec": {"paused": false}}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (4, 0));
}
