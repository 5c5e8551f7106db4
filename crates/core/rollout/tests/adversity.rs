//! What must not hurt an update at any moment of it: what it names is deleted, a ReplicaSet is taken by somebody else,
//! the clock goes back, and there are steps without number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Key, Kind, Moment};
use world::World;

const PODS: u64 = 4;
const DAY_SEC: i64 = 86_400;
/// More moments than any of these updates has.
const MOMENTS_MAX: usize = 200;

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn named(kind: Kind) -> Value {
    if kind == kinds::SERVICE {
        return json!({"selector": {"app": "demo"}});
    }
    let backend = json!({"service": {"name": "stable", "port": {"number": 80}}});
    json!({"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]})
}

const NAMED: [(Kind, &str); 3] =
    [(kinds::SERVICE, "canary"), (kinds::SERVICE, "stable"), (kinds::INGRESS, "web")];

/// A Rollout behind NGINX that runs its first version, and has just been given its second.
fn updating(steps: &Value) -> (World, Key) {
    let mut w = World::new();
    for (kind, name) in NAMED {
        w.create(kind, json!({"metadata": {"name": name}, "spec": named(kind)}));
    }
    let canary = json!({
        "canaryService": "canary", "stableService": "stable", "scaleDownDelaySeconds": 5,
        "trafficRouting": {"nginx": {"stableIngress": "web"}}, "steps": steps,
    });
    let spec = json!({
        "replicas": PODS, "selector": {"matchLabels": {"app": "demo"}}, "template": template("demo:1"),
        "strategy": {"canary": canary},
    });
    let key = w.create(kinds::ROLLOUT, json!({"metadata": {"name": "demo"}, "spec": spec}));
    w.until("the first version", |w| is(w, &key, "Healthy"));
    w.patch(&key, &json!({"spec": {"template": template("demo:2")}}));
    (w, key)
}

fn steps() -> Value {
    json!([{"setWeight": 25}, {"pause": {"duration": 5}}, {"setWeight": 75}, {"pause": {"duration": 5}}])
}

fn is(w: &World, key: &Key, phase: &str) -> bool {
    let rollout = w.get(key);
    let generation = rollout["metadata"]["generation"].to_string();
    rollout["status"]["phase"] == phase && rollout["status"]["observedGeneration"] == generation
}

/// Wanted pods by ReplicaSet.
fn wanted(w: &World) -> Vec<(Value, Value)> {
    let sets = w.all(kinds::REPLICA_SET).into_iter();
    sets.map(|set| (set["metadata"]["name"].clone(), set["spec"]["replicas"].clone())).collect()
}

fn weight(w: &World) -> u64 {
    let ingress = w.objects.get(&kinds::INGRESS.key("seed", "demo-web-canary"));
    let annotations = ingress.map(|ingress| &ingress["metadata"]["annotations"]);
    let text = annotations.and_then(|all| all["nginx.ingress.kubernetes.io/canary-weight"].as_str());
    text.map_or(0, |text| text.parse().unwrap())
}

/// Ready pods behind a Service; all of them when there is no such Service, as no router reaches any then.
fn ready(w: &World, service: &str) -> u64 {
    let service = w.objects.get(&kinds::SERVICE.key("seed", service));
    let hash =
        service.map_or(&Value::Null, |service| &service["spec"]["selector"]["rollouts-pod-template-hash"]);
    let pods = w.all(kinds::POD).into_iter().filter(|pod| pod["status"]["phase"] == "Running");
    pods.filter(|pod| hash.is_null() || pod["metadata"]["labels"]["rollouts-pod-template-hash"] == *hash)
        .count() as u64
}

fn assert_served(w: &World, case: &str) {
    let (canary, stable, weight) = (ready(w, "canary"), ready(w, "stable"), weight(w));
    assert!(weight * PODS / 100 <= canary, "{case}: weight {weight} on {canary} pods");
    assert!((100 - weight) * PODS / 100 <= stable, "{case}: weight {} on {stable} pods", 100 - weight);
}

/// The next moment: a pass and what the pods make of it, or a step of the clock when there is nothing to do.
fn beat(w: &mut World) {
    let wrote = w.pass();
    let before = w.all(kinds::POD).len();
    w.run_sets();
    if !wrote && before == w.all(kinds::POD).len() {
        w.now = w.next_moment().unwrap_or(w.now.plus(Duration::from_secs(1)));
        w.run_sets();
    }
}

fn assert_done(w: &mut World, key: &Key, case: &str) {
    w.until(case, |w| is(w, key, "Healthy") && weight(w) == 0);
    w.wait(60);
    let second = w.all(kinds::POD);
    assert_eq!(second.len() as u64, PODS, "{case}: {}", w.dump());
    assert!(second.iter().all(|pod| pod["spec"]["containers"][0]["image"] == "demo:2"), "{case}");
}

/// Does `harm` at each moment of an update in turn, and sees that it comes to its end.
fn at_each_moment(what: &str, harm: impl Fn(&mut World, &Key, &str)) {
    for moment in 0..MOMENTS_MAX {
        let case = format!("{what}, moment {moment}");
        let (mut w, key) = updating(&steps());
        for _ in 0..moment {
            beat(&mut w);
            assert_served(&w, &case);
        }
        if is(&w, &key, "Healthy") {
            assert!(10 < moment, "{what}: only {moment} moments were tried");
            return;
        }
        harm(&mut w, &key, &case);
        assert_done(&mut w, &key, &case);
    }
    panic!("{what}: more than {MOMENTS_MAX} moments");
}

#[test]
fn whatever_it_names_may_be_deleted_at_any_moment_and_nothing_moves_until_it_is_back() {
    for (kind, name) in NAMED {
        at_each_moment(name, |w, key, case| {
            w.objects.remove(&kind.key("seed", name)).unwrap();
            let (pods, sent) = (wanted(w), weight(w));
            w.settle();
            assert!(is(w, key, "Degraded"), "{case}: {}", w.dump());
            assert!(w.get(key)["status"]["message"].as_str().unwrap().contains(name), "{case}: {}", w.dump());
            assert_eq!((wanted(w), weight(w)), (pods, sent), "{case}");
            w.create(kind, json!({"metadata": {"name": name}, "spec": named(kind)}));
            w.settle();
        });
    }
}

#[test]
fn a_clock_that_goes_back_by_a_day_breaks_nothing() {
    at_each_moment("the clock goes back", |w, _, case| {
        let now = w.now;
        w.now = Moment::from_secs(now.as_secs() - DAY_SEC);
        for _ in 0..3 {
            // Every wake-up is later than that clock: the world looks.
            w.pass();
            assert_served(w, case);
        }
        w.now = now;
    });
}

#[test]
fn a_replica_set_that_somebody_else_takes_is_left_to_them() {
    for image in ["demo:1", "demo:2"] {
        at_each_moment(image, |w, _, case| {
            let other = w.create(kinds::SERVICE, json!({"metadata": {"name": "other"}, "spec": {}}));
            let other =
                json!([{"uid": w.get(&other)["metadata"]["uid"], "name": "other", "controller": true}]);
            let of = |(key, set): &(&Key, &Value)| {
                key.kind == kinds::REPLICA_SET
                    && set["spec"]["template"]["spec"]["containers"][0]["image"] == image
            };
            let Some(key) = w.objects.iter().find(of).map(|(key, _)| key.clone()) else { return };
            w.patch(&key, &json!({"metadata": {"ownerReferences": other}}));
            let taken = w.get(&key).clone();
            for _ in 0..20 {
                beat(w);
                let is = w.get(&key);
                assert_eq!(
                    (&is["spec"], &is["metadata"]["ownerReferences"]),
                    (&taken["spec"], &other),
                    "{case}"
                );
                assert_eq!(is["metadata"]["annotations"], taken["metadata"]["annotations"], "{case}");
            }
            // Its pods are gone with it, so that only ours are counted in the end.
            w.objects.remove(&key);
            w.objects
                .retain(|_, body| body["metadata"]["ownerReferences"][0]["uid"] != taken["metadata"]["uid"]);
        });
    }
}

#[test]
fn ten_thousand_steps_are_taken_one_by_one_like_four() {
    let mut steps: Vec<Value> = (0..10_000).map(|step| json!({"setWeight": step / 100})).collect();
    steps.push(json!({"pause": {}}));
    let (mut w, key) = updating(&json!(steps));
    // A pass that looks at each step for each step would take minutes here.
    for _ in 0..30 {
        beat(&mut w);
        assert_served(&w, "many steps");
    }
    assert!(20 <= w.get(&key)["status"]["currentStepIndex"].as_u64().unwrap(), "{}", w.dump());
    w.patch(&key, &json!({"status": {"currentStepIndex": 9_990}}));
    w.until("the pause at the end", |w| is(w, &key, "Paused"));
    assert_eq!(w.get(&key)["status"]["currentStepIndex"], 10_000);
    assert_eq!(weight(&w), 99);
    w.patch(&key, &json!({"status": {"pauseConditions": null}}));
    assert_done(&mut w, &key, "many steps");
}
