//! What people and clusters do to Rollouts, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Key, Refused};
use world::{World, routed};

fn rollout(replicas: i64, canary: Value, more: Value) -> Value {
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
    body
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn image(world: &mut World, key: &Key, image: &str) {
    world.patch(key, &json!({"spec": {"template": template(image)}}));
}

fn is(world: &World, key: &Key, phase: &str) -> bool {
    let status = &world.get(key)["status"];
    status["phase"] == phase
        && status["observedGeneration"].as_str()
            == Some(&*world.get(key)["metadata"]["generation"].to_string())
}

/// Wanted pods of the version with this image.
fn pods(world: &World, image: &str) -> u64 {
    let of = |set: &&Value| set["spec"]["template"]["spec"]["containers"][0]["image"] == image;
    world
        .all(kinds::REPLICA_SET)
        .into_iter()
        .filter(of)
        .map(|set| set["spec"]["replicas"].as_u64().unwrap())
        .sum()
}

fn condition(world: &World, key: &Key, kind: &str) -> Option<(String, String, String)> {
    let conditions = world.get(key)["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}

#[test]
fn a_paused_canary_follows_the_size_of_the_rollout() {
    let mut w = World::new();
    let key =
        w.create(kinds::ROLLOUT, rollout(1, json!({"steps": [{"setWeight": 25}, {"pause": {}}]}), json!({})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("paused", |w| is(w, &key, "Paused"));
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (1, 1));
    for (replicas, canary, stable) in [(8, 2, 6), (4, 1, 3)] {
        w.patch(&key, &json!({"spec": {"replicas": replicas}}));
        w.wait(20);
        assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (canary, stable), "of {replicas}");
        assert!(is(&w, &key, "Paused"));
    }
}

#[test]
fn a_rollout_held_by_its_spec_follows_its_size_but_starts_nothing() {
    let mut w = World::new();
    let key =
        w.create(kinds::ROLLOUT, rollout(4, json!({"steps": [{"setWeight": 25}, {"pause": {}}]}), json!({})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.patch(&key, &json!({"spec": {"paused": true}}));
    image(&mut w, &key, "demo:2");
    w.wait(20);
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (0, 4), "A12.22a");
    w.patch(&key, &json!({"spec": {"replicas": 8}}));
    w.wait(20);
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (0, 8), "A12.22a");
    w.patch(&key, &json!({"spec": {"paused": false}}));
    w.until("paused", |w| w.get(&key)["status"]["currentStepIndex"] == 1);
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (2, 6));
}

#[test]
fn a_late_update_is_reported_and_recovers_or_is_aborted_when_asked() {
    for (abort, phase_index) in [(false, 0), (true, 0)] {
        let mut w = World::new();
        let more = json!({"progressDeadlineSeconds": 10, "progressDeadlineAbort": abort});
        let canary = json!({"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 25}, {"pause": {}}]});
        let key = w.create(kinds::ROLLOUT, rollout(4, canary, more));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        image(&mut w, &key, "demo:bad");
        w.until("degraded", |w| is(w, &key, "Degraded"));
        let (_, reason, message) = condition(&w, &key, "Progressing").unwrap();
        assert_eq!(w.get(&key)["status"]["currentStepIndex"], phase_index);
        if abort {
            assert_eq!(reason, "RolloutAborted");
            assert!(
                message.starts_with("Rollout aborted update to revision 2: ReplicaSet \"demo-"),
                "{message}"
            );
            w.wait(60);
            assert_eq!((pods(&w, "demo:bad"), pods(&w, "demo:1")), (0, 4));
        } else {
            assert_eq!(reason, "ProgressDeadlineExceeded");
            image(&mut w, &key, "demo:3");
            w.until("paused", |w| is(w, &key, "Paused"));
            assert_eq!((pods(&w, "demo:bad"), pods(&w, "demo:3")), (0, 1));
        }
    }
}

#[test]
fn an_invalid_rollout_says_so_and_goes_on_when_it_is_mended() {
    let mut w = World::new();
    let canary = json!({"canaryService": "canary", "stableService": "stable", "steps": [{"setWeight": 25}, {"pause": {}}]});
    let key = w.create(kinds::ROLLOUT, rollout(2, canary, json!({})));
    w.settle();
    assert!(is(&w, &key, "Degraded"));
    let (_, _, message) = condition(&w, &key, "InvalidSpec").unwrap();
    let wanted = "The Rollout \"demo\" is invalid: spec.strategy.canary.stableService: Invalid value: \"stable\": service \"stable\" not found";
    assert_eq!(message, wanted);
    for name in ["canary", "stable"] {
        w.create(kinds::SERVICE, json!({"metadata": {"name": name}, "spec": {"selector": {"app": "demo"}}}));
    }
    w.until("healthy", |w| is(w, &key, "Healthy"));
    assert_eq!(condition(&w, &key, "InvalidSpec"), None);

    image(&mut w, &key, "demo:2");
    w.until("paused", |w| is(w, &key, "Paused"));
    let service = kinds::SERVICE.key("seed", "canary");
    let body = w.objects.remove(&service).unwrap();
    w.settle();
    assert!(is(&w, &key, "Degraded"));
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (1, 2), "pods stay");
    w.create(kinds::SERVICE, json!({"metadata": {"name": "canary"}, "spec": body["spec"]}));
    w.settle();
    assert!(is(&w, &key, "Paused"), "{}", w.dump());
}

#[test]
fn an_empty_selector_claims_nothing() {
    let mut w = World::new();
    let labels = json!({"app": "other"});
    let set = json!({
        "metadata": {"name": "other", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    });
    let set = w.create(kinds::REPLICA_SET, set);
    let mut body = rollout(1, json!({}), json!({}));
    body["spec"]["selector"] = json!({});
    let key = w.create(kinds::ROLLOUT, body);
    w.pass();
    assert!(is(&w, &key, "Degraded"));
    assert!(w.get(&set)["metadata"]["ownerReferences"].is_null());
}

#[test]
fn what_has_no_machine_yet_is_refused_by_name() {
    let mut w = World::new();
    let steps = json!({"steps": [{"analysis": {"templates": [{"templateName": "t"}]}}]});
    let key = w.create(kinds::ROLLOUT, rollout(2, steps, json!({})));
    w.settle();
    let (status, reason, message) = condition(&w, &key, "InvalidSpec").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("True", "InvalidSpec"));
    assert!(message.contains("spec.strategy.canary.steps[0].analysis"), "{message}");
    assert!(w.all(kinds::REPLICA_SET).is_empty());
}

#[test]
fn a_refused_replica_set_is_a_condition_and_is_tried_again() {
    let mut w = World::new();
    let key = w.create(kinds::ROLLOUT, rollout(2, json!({}), json!({})));
    w.refuse = Box::new(|write| {
        (write.target.kind == kinds::REPLICA_SET).then(|| Refused {
            target: write.target.clone(),
            code: 403,
            reason: "Forbidden".to_owned(),
            message: "exceeded quota".to_owned(),
        })
    });
    w.pass();
    w.pass();
    let (status, reason, message) = condition(&w, &key, "Progressing").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ReplicaSetCreateError"));
    assert!(message.contains("exceeded quota"), "{message}");
    w.refuse = Box::new(|_| None);
    w.until("healthy", |w| is(w, &key, "Healthy"));
}

#[test]
fn replica_sets_that_another_controller_left_are_adopted_and_keep_their_pods() {
    let mut w = World::new();
    let key =
        w.create(kinds::ROLLOUT, rollout(3, json!({"steps": [{"setWeight": 50}, {"pause": {}}]}), json!({})));
    let mut left = template("demo:1");
    left["metadata"]["labels"]["rollouts-pod-template-hash"] = json!("5f4dcc3b5");
    left["spec"]["containers"][0]["imagePullPolicy"] = json!("IfNotPresent");
    left["spec"]["restartPolicy"] = json!("Always");
    let labels = left["metadata"]["labels"].clone();
    w.create(
        kinds::REPLICA_SET,
        json!({
            "metadata": {"name": "demo-5f4dcc3b5", "labels": labels, "annotations": {"rollout.argoproj.io/revision": "7"}},
            "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": left},
        }),
    );
    let done = json!({
        "currentPodHash": "5f4dcc3b5", "stableRS": "5f4dcc3b5", "currentStepIndex": 2, "currentStepHash": "unknown",
        "observedGeneration": "1", "phase": "Healthy",
    });
    let mut body = w.get(&key).clone();
    body["status"] = done;
    w.objects.insert(key.clone(), body);
    w.run_sets();
    w.now = w.now.plus(std::time::Duration::from_secs(5));
    w.run_sets();
    let uids = |w: &World| {
        w.all(kinds::POD).into_iter().map(|pod| pod["metadata"]["uid"].clone()).collect::<Vec<_>>()
    };
    let before = uids(&w);
    assert_eq!(before.len(), 3);
    w.wait(60);
    assert_eq!(before, uids(&w), "no pod was restarted");
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 1);
    let status = &w.get(&key)["status"];
    assert_eq!((&status["stableRS"], &status["currentStepIndex"]), (&json!("5f4dcc3b5"), &json!(2)));
    let owner = &w.all(kinds::REPLICA_SET)[0]["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("Rollout"), &json!(true)));
    assert!(!w.heard.iter().any(|(_, reason, _)| reason == "RolloutNotCompleted"), "{:?}", w.heard);
}

#[test]
fn labels_and_annotations_of_a_role_follow_it() {
    let mut w = World::new();
    let canary = json!({
        "canaryMetadata": {"labels": {"role": "canary"}, "annotations": {"only": "canary"}},
        "stableMetadata": {"labels": {"role": "stable"}},
        "steps": [{"setWeight": 50}, {"pause": {}}],
    });
    let key = w.create(kinds::ROLLOUT, rollout(2, canary, json!({})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    let roles = |w: &World| {
        let pods = w.all(kinds::POD).into_iter();
        let mut roles: Vec<(String, String)> = pods
            .map(|pod| {
                let image = pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
                (image, pod["metadata"]["labels"]["role"].as_str().unwrap_or_default().to_owned())
            })
            .collect();
        roles.sort();
        roles.dedup();
        roles
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(roles(&w), [pair("demo:1", "stable")]);
    image(&mut w, &key, "demo:2");
    w.until("paused", |w| is(w, &key, "Paused"));
    assert_eq!(roles(&w), [pair("demo:1", "stable"), pair("demo:2", "canary")]);
    w.patch(&key, &json!({"status": {"pauseConditions": null}}));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.wait(30);
    assert_eq!(roles(&w), [pair("demo:2", "stable")]);
    assert!(w.all(kinds::POD).into_iter().all(|pod| pod["metadata"]["annotations"]["only"].is_null()));
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 2, "the same ReplicaSets");
}

#[test]
fn a_workload_that_is_referred_to_lends_its_template_and_is_scaled_down() {
    let mut w = World::new();
    let mut body = rollout(3, json!({}), json!({}));
    let spec = body["spec"].as_object_mut().unwrap();
    spec.shift_remove("template");
    spec.shift_remove("selector");
    spec.insert(
        "workloadRef".to_owned(),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "scaleDown": "onsuccess"}),
    );
    let key = w.create(kinds::ROLLOUT, body);
    w.settle();
    assert!(is(&w, &key, "Degraded"));
    let deployment = json!({"metadata": {"name": "d"}, "spec": {
        "replicas": 3, "selector": {"matchLabels": {"app": "demo"}}, "template": template("demo:1"),
    }});
    let deployment = w.create(kinds::DEPLOYMENT, deployment);
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.settle();
    assert_eq!(w.get(&deployment)["spec"]["replicas"], 0);
    assert_eq!(w.get(&key)["status"]["workloadObservedGeneration"], "2", "its size was changed once");
    assert!(w.get(&key)["spec"]["template"].is_null(), "never stored");
}

#[test]
fn a_service_is_let_go_when_its_rollout_is_gone() {
    let mut w = World::new();
    let service = w.create(kinds::SERVICE, json!({
        "metadata": {"name": "s", "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "demo"}},
        "spec": {"selector": {"app": "demo", "rollouts-pod-template-hash": "abc"}},
    }));
    let key = w.create(kinds::ROLLOUT, rollout(1, json!({"stableService": "s"}), json!({})));
    w.wait(10);
    assert!(
        w.get(&service)["metadata"]["annotations"]["argo-rollouts.argoproj.io/managed-by-rollouts"]
            .is_string()
    );
    w.objects.remove(&key);
    w.settle();
    assert_eq!(w.get(&service)["spec"]["selector"], json!({"app": "demo"}));
    assert_eq!(w.get(&service)["metadata"]["annotations"], json!({}));
}

#[test]
fn old_revisions_beyond_the_limit_go_the_oldest_first() {
    let mut w = World::new();
    let key = w.create(kinds::ROLLOUT, rollout(1, json!({}), json!({"revisionHistoryLimit": 2})));
    for number in 2..=6 {
        w.until("healthy", |w| is(w, &key, "Healthy"));
        w.wait(5);
        image(&mut w, &key, &format!("demo:{number}"));
    }
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.wait(5);
    let mut images: Vec<String> = w
        .all(kinds::REPLICA_SET)
        .into_iter()
        .map(|set| set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned())
        .collect();
    images.sort();
    assert_eq!(images, ["demo:4", "demo:5", "demo:6"]);
}

#[test]
fn ten_pods_move_one_by_one_and_never_fewer_than_ten_serve() {
    let mut w = World::new();
    let canary = json!({"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 20}, {"pause": {}}]});
    let key = w.create(kinds::ROLLOUT, rollout(10, canary, json!({})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    let within = |w: &World| {
        let pods = w.all(kinds::POD);
        let ready = pods.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        assert!(pods.len() <= 11 && ready >= 10, "{} pods, {ready} ready", pods.len());
    };
    w.until("paused", |w| {
        within(w);
        is(w, &key, "Paused")
    });
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (2, 8));
    w.patch(&key, &json!({"status": {"pauseConditions": null}}));
    w.until("healthy", |w| {
        within(w);
        is(w, &key, "Healthy")
    });
    assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (10, 0));
    let told: Vec<&str> = w.heard.iter().map(|(_, _, text)| text.as_str()).collect();
    assert!(told.contains(&"Rollout step 1/2 completed (setWeight: 20)"));
    assert!(told.last().unwrap().ends_with("Completed all 2 canary steps"), "{told:?}");
}

#[test]
fn two_pods_are_asked_for_where_two_are_the_least() {
    let mut w = World::new();
    let steps = json!([{"setWeight": 25}, {"pause": {}}, {"setCanaryScale": {"replicas": 3}}, {"pause": {}},
        {"setCanaryScale": {"matchTrafficWeight": true}}, {"pause": {}}]);
    let canary = routed(&mut w, json!({"minPodsPerReplicaSet": 2, "steps": steps}));
    let key = w.create(kinds::ROLLOUT, rollout(4, canary, json!({})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    for (index, wanted) in [(1, 2), (3, 3), (5, 2)] {
        w.until("paused", |w| is(w, &key, "Paused") && w.get(&key)["status"]["currentStepIndex"] == index);
        assert_eq!((pods(&w, "demo:2"), pods(&w, "demo:1")), (wanted, 4), "step {index}");
        w.patch(&key, &json!({"status": {"pauseConditions": null}}));
    }
    w.until("healthy", |w| is(w, &key, "Healthy"));
}

#[test]
fn old_pods_that_wait_or_end_slowly_make_no_finished_update_late() {
    let mut w = World::new();
    let canary = routed(&mut w, json!({"scaleDownDelaySeconds": 6}));
    let key = w.create(kinds::ROLLOUT, rollout(2, canary, json!({"progressDeadlineSeconds": 2})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    w.until("the delay is over", |w| pods(w, "demo:1") == 0 || w.next_moment().is_none());
    // Again, but the old pods take their time: nobody sees them go.
    image(&mut w, &key, "demo:3");
    w.until("healthy", |w| is(w, &key, "Healthy"));
    for _ in 0..12 {
        w.now = w.now.plus(std::time::Duration::from_secs(1));
        w.plan_out();
        assert!(is(&w, &key, "Healthy"), "{}", w.dump());
    }
    assert_eq!(pods(&w, "demo:2"), 0, "scaled down when the delay was over");
}

#[test]
fn a_status_that_cannot_be_read_is_written_anew_and_refuses_nothing() {
    for broken in [
        json!({"replicas": "two", "canary": {"weights": {"canary": {"weight": "x"}}}, "collisionCount": "no"}),
        json!({"conditions": "none", "pauseConditions": [{"reason": 5, "startTime": 7}], "abort": "perhaps"}),
        json!({"conditions": [{"type": 7}], "canary": 3, "blueGreen": []}),
        json!("nonsense"),
    ] {
        let mut w = World::new();
        let key = w.create(kinds::ROLLOUT, rollout(2, json!({}), json!({})));
        w.until("healthy", |w| is(w, &key, "Healthy"));
        let mut body = w.get(&key).clone();
        world::merge(&mut body, &json!({"status": broken}));
        w.objects.insert(key.clone(), body);
        w.until("healthy", |w| is(w, &key, "Healthy"));
        w.wait(60);
        let read = serin_api::lenient::<serin_api::rollout::Rollout>(w.get(&key).clone());
        assert_eq!(read.problems, [], "after {broken}");
        assert_eq!(condition(&w, &key, "InvalidSpec"), None, "after {broken}");
        assert_eq!(pods(&w, "demo:1"), 2);
    }
    // What the user wrote is refused as before.
    let mut w = World::new();
    let key = w.create(kinds::ROLLOUT, rollout(2, json!({"steps": [{"setWeight": "many"}]}), json!({})));
    w.settle();
    let (_, _, message) = condition(&w, &key, "InvalidSpec").unwrap();
    assert!(message.contains("spec.strategy.canary.steps[0].setWeight"), "{message}");
}

#[test]
fn living_pods_lose_the_labels_of_their_role_when_the_spec_names_none_any_more() {
    undressed(false);
    // Left by a controller that knows no such mark.
    undressed(true);
}

fn undressed(taken_over: bool) {
    let mut w = World::new();
    let canary = json!({
        "canaryMetadata": {"labels": {"role": "canary"}},
        "stableMetadata": {"labels": {"role": "stable"}, "annotations": {"note": "stable"}},
        "steps": [{"setWeight": 50}, {"pause": {}}],
    });
    let key = w.create(kinds::ROLLOUT, rollout(2, canary, json!({})));
    w.until("healthy", |w| is(w, &key, "Healthy"));
    image(&mut w, &key, "demo:2");
    w.until("paused", |w| is(w, &key, "Paused"));
    let uids = |w: &World| w.all(kinds::POD).iter().map(|p| p["metadata"]["uid"].clone()).collect::<Vec<_>>();
    let before = uids(&w);
    // A pod that cannot be written at first keeps the record, and so is tried again.
    w.refuse = Box::new(|write| {
        (write.target.kind == kinds::POD).then(|| Refused {
            target: write.target.clone(),
            code: 500,
            reason: "InternalError".to_owned(),
            message: "not now".to_owned(),
        })
    });
    if taken_over {
        w.patch(&key, &json!({"metadata": {"annotations": {"serin.dev/dressed": null}}}));
    }
    w.patch(
        &key,
        &json!({"spec": {"strategy": {"canary": {"canaryMetadata": null, "stableMetadata": null}}}}),
    );
    w.pass();
    w.pass();
    assert!(w.all(kinds::POD).iter().all(|pod| pod["metadata"]["labels"]["role"].is_string()));
    w.refuse = Box::new(|_| None);
    w.wait(30);
    assert_eq!(uids(&w), before, "no pod was restarted");
    for pod in w.all(kinds::POD) {
        assert_eq!(pod["metadata"]["labels"]["role"], json!(null), "{pod}");
        assert_eq!(pod["metadata"]["annotations"]["note"], json!(null), "{pod}");
    }
    for set in w.all(kinds::REPLICA_SET) {
        assert_eq!(set["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"], json!(null));
        assert_eq!(set["metadata"]["annotations"]["serin.dev/dressed"], json!(null));
    }
    assert!(
        w.get(&key)["metadata"]["annotations"]["serin.dev/dressed"].is_null(),
        "nothing is left to look at"
    );
    assert!(is(&w, &key, "Paused"));
}
