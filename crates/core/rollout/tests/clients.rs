//! What clients write, what they listen to, and updates that have to go on whatever was there before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Answers, Change, Key, Object, Observed, Plan};
use world::{World, routed};

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn rollout(world: &mut World, first: &str, canary: Value) -> Key {
    let body = json!({
        "metadata": {"name": "demo"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "demo"}},
            "template": template(first),
            "strategy": {"canary": canary},
        },
    });
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

fn is_at(world: &World, key: &Key, phase: &str, index: i64) -> bool {
    is(world, key, phase) && world.get(key)["status"]["currentStepIndex"] == index
}

/// How often an event of this reason was heard.
fn heard(world: &World, reason: &str) -> usize {
    world.heard.iter().filter(|(_, heard, _)| heard == reason).count()
}

#[test]
fn a_skipped_pause_takes_no_later_one_with_it() {
    let both = json!({"status": {"pauseConditions": null, "currentStepIndex": 1}});
    // What `promote` writes when it skips a step, and what `promote --skip-current-step` writes.
    for (skip, resumed) in [(both, 0), (json!({"status": {"currentStepIndex": 1}}), 1)] {
        let mut w = World::new();
        let steps = json!([{"pause": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 75}]);
        let key = rollout(&mut w, "demo:1", json!({"steps": steps}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:2");
        w.until("paused", |w| is_at(w, &key, "Paused", 0));
        w.patch(&key, &skip);
        w.until("paused again", |w| is_at(w, &key, "Paused", 2));
        w.wait(60);
        assert!(is_at(&w, &key, "Paused", 2));
        assert_eq!(heard(&w, "RolloutResumed"), resumed, "{skip}");
        assert_eq!(heard(&w, "RolloutPaused"), 2, "{skip}");
        // To the end, whatever pause is left.
        w.patch(&key, &json!({"status": {"currentStepIndex": 4}}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        assert_eq!(heard(&w, "RolloutResumed"), resumed + 1, "{skip}");
        assert!(w.get(&key)["status"]["controllerPause"].is_null());
    }
}

#[test]
fn a_pause_that_ends_otherwise_than_by_a_person_is_told() {
    let promoted = json!({"status": {"promoteFull": true}});
    let template = |image: &str| json!({"spec": {"template": template(image)}});
    let steps = json!({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 75}, {"pause": {}}]}}}});
    let rows = [
        ("resumed by a person", json!({"status": {"pauseConditions": null}}), 0),
        ("aborted", json!({"status": {"abort": true}}), 0),
        ("promoted in full", promoted, 1),
        ("another template", template("demo:3"), 1),
        ("back to the stable template", template("demo:1"), 1),
        ("other steps", steps, 1),
    ];
    for (case, change, times) in rows {
        let mut w = World::new();
        let key = rollout(&mut w, "demo:1", json!({"steps": [{"setWeight": 50}, {"pause": {}}]}));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:2");
        w.until("paused", |w| is(w, &key, "Paused"));
        w.patch(&key, &change);
        w.wait(60);
        assert_eq!(heard(&w, "RolloutResumed"), times, "{case}: {:?}", w.heard);
    }
}

#[test]
fn that_an_update_has_begun_is_told_once_until_one_is_completed() {
    let mut w = World::new();
    let key = rollout(&mut w, "demo:1", json!({"steps": [{"setWeight": 50}, {"pause": {}}]}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    for (number, wanted) in [(2, 2), (3, 2), (4, 2)] {
        image(&mut w, &key, &format!("demo:{number}"));
        w.until("paused", |w| is(w, &key, "Paused"));
        assert_eq!(heard(&w, "RolloutNotCompleted"), wanted, "demo:{number}");
    }
    // Back to the stable version and away again.
    image(&mut w, &key, "demo:1");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:5");
    w.until("paused", |w| is(w, &key, "Paused"));
    assert_eq!(heard(&w, "RolloutNotCompleted"), 3);
}

#[test]
fn without_steps_the_router_sends_nothing_before_the_promotion() {
    let mut w = World::new();
    let canary = routed(&mut w, json!({}));
    let key = rollout(&mut w, "demo:1", canary);
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.wait(60);
    assert!(!w.heard.iter().any(|(_, _, text)| text.contains("'100'")), "{:?}", w.heard);
    assert_eq!(heard(&w, "RolloutCompleted"), 2);
}

#[test]
fn a_stable_version_without_pods_holds_no_update_up() {
    let timed = json!([{"setWeight": 50}, {"pause": {"duration": 5}}]);
    for (steps, in_full) in
        [(timed, false), (json!([]), false), (json!([{"setWeight": 50}, {"pause": {}}]), true)]
    {
        let mut w = World::new();
        let canary = routed(&mut w, json!({"steps": steps}));
        let key = rollout(&mut w, "demo:bad", canary);
        w.wait(60);
        image(&mut w, &key, "demo:2");
        if in_full {
            w.until("paused", |w| is(w, &key, "Paused"));
            w.patch(&key, &json!({"status": {"promoteFull": true}}));
        }
        w.until("healthy", |w| is(w, &key, "Healthy"));
        w.wait(60);
        let status = &w.get(&key)["status"];
        assert_eq!(status["stableRS"], status["currentPodHash"], "{steps}");
        assert_eq!(status["replicas"], 4, "{steps}");
    }
}

#[test]
fn a_size_that_nobody_wrote_is_written_for_autoscalers() {
    let mut w = World::new();
    let key = rollout(&mut w, "demo:1", json!({}));
    w.patch(&key, &json!({"spec": {"replicas": null}}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    assert_eq!(w.get(&key)["spec"]["replicas"], 1);
    assert_eq!(w.get(&key)["spec"]["template"], template("demo:1"), "nothing else is");
}

#[test]
fn pods_move_in_as_few_steps_as_argo_takes() {
    let mut w = World::new();
    let key = rollout(&mut w, "demo:1", json!({"steps": [{"setWeight": 50}, {"pause": {"duration": 5}}]}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.heard.clear();
    image(&mut w, &key, "demo:2");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    let scaled = w.heard.iter().filter(|(_, reason, _)| reason == "ScalingReplicaSet");
    let moves: Vec<&str> =
        scaled.map(|(_, _, text)| text.rsplit_once("from ").map_or("", |(_, counts)| counts)).collect();
    // A quarter may be too many or too few: room first, then all that fits into it.
    assert_eq!(moves, ["4 to 3", "0 to 2", "3 to 2", "2 to 1", "2 to 4", "1 to 0"]);
}

#[test]
fn a_pod_that_ends_slowly_holds_no_restart_up() {
    let mut w = World::new();
    let key = rollout(&mut w, "demo:1", json!({"maxUnavailable": 1}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    let at = w.now.plus(std::time::Duration::from_secs(10));
    w.now = at.plus(std::time::Duration::from_secs(10));
    w.patch(&key, &json!({"spec": {"restartAt": at}}));
    let planner = &w.planners[0];
    let mut seen: Vec<Value> =
        w.observe(planner.as_ref(), &key).unwrap().all(kinds::POD).map(Object::value).collect();
    assert_eq!(seen.len(), 4);
    let mut leaving = seen[0].clone();
    leaving["metadata"]["name"] = json!("leaving");
    leaving["metadata"]["deletionTimestamp"] = json!(at);
    for leaves in [false, true] {
        if leaves {
            seen.push(leaving.clone());
        }
        let pods = seen.iter().map(|pod| Object::new(kinds::POD, pod).unwrap());
        let sets =
            w.all(kinds::REPLICA_SET).into_iter().map(|set| Object::new(kinds::REPLICA_SET, set).unwrap());
        let observed = Observed::new(w.object(&key).unwrap(), pods.chain(sets).collect::<Vec<_>>());
        let Plan::Act(act) = planner.plan(&observed, &Answers::default(), w.now) else { panic!("asks") };
        let evicted = act.writes.iter().filter(|write| matches!(write.change, Change::Evict)).count();
        assert_eq!(evicted, 1, "with one that leaves: {leaves}");
        assert!(w.get(&key)["status"]["restartedAt"].is_null());
    }
}

#[test]
fn a_template_beside_a_workload_is_told_before_that_the_workload_is_missing() {
    let mut w = World::new();
    let key = rollout(&mut w, "demo:1", json!({}));
    let workload = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "nowhere"});
    w.patch(&key, &json!({"spec": {"workloadRef": workload}}));
    w.wait(1);
    let told = |w: &World| w.get(&key)["status"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(told(&w).ends_with("template must be empty for workload reference rollout"), "{}", told(&w));
    w.patch(&key, &json!({"spec": {"template": null}}));
    w.wait(1);
    assert!(told(&w).ends_with("deployments.apps \"nowhere\" not found"), "{}", told(&w));
}

#[test]
fn a_step_down_takes_the_traffic_before_the_pods() {
    for dynamic in [false, true] {
        let mut w = World::new();
        let steps = json!([{"setWeight": 100}, {"pause": {}}, {"setWeight": 25}, {"pause": {}}, {"setWeight": 0}, {"pause": {}}]);
        let mut canary = routed(&mut w, json!({"steps": steps}));
        canary["dynamicStableScale"] = json!(dynamic);
        let key = rollout(&mut w, "demo:1", canary);
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:2");
        for index in [1, 3, 5] {
            w.until("paused", |w| {
                carries(w);
                is_at(w, &key, "Paused", index)
            });
            w.patch(&key, &json!({"status": {"pauseConditions": null}}));
        }
        w.until("healthy", |w| is(w, &key, "Healthy"));
    }
}

/// Asserts that the canary has the pods for its share of the traffic of 4.
fn carries(world: &World) {
    let ingress = &world.objects[&kinds::INGRESS.key("seed", "demo-web-canary")];
    let weight = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].as_str();
    let share: u64 = weight.unwrap().parse().unwrap();
    let is_canary = |set: &&Value| set["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:2";
    let sets = world.all(kinds::REPLICA_SET);
    let pods = sets.into_iter().find(is_canary).map_or(0, |set| set["spec"]["replicas"].as_u64().unwrap());
    assert!(share <= pods * 25, "{share} for {pods} pods");
}

#[test]
fn what_is_not_there_yet_is_a_condition_and_what_is_gone_is_news_too() {
    let mut w = World::new();
    let canary = routed(&mut w, json!({}));
    let service = kinds::SERVICE.key("seed", "stable");
    let body = w.objects.remove(&service).unwrap();
    let key = rollout(&mut w, "demo:1", canary);
    w.wait(60);
    assert!(is(&w, &key, "Degraded"));
    assert_eq!(w.heard.len(), 1, "added, and nothing else: {:?}", w.heard);
    w.objects.insert(service.clone(), body);
    w.until("healthy", |w| is(w, &key, "Healthy"));
    assert_eq!(heard(&w, "InvalidSpec"), 0);
    w.objects.remove(&service);
    w.wait(60);
    assert_eq!(heard(&w, "InvalidSpec"), 1);
}
