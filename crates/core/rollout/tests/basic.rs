//! A canary without a router, from the first deploy to the next version.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::Key;
use world::World;

fn rollout(replicas: i64, canary: Value) -> Value {
    json!({
        "metadata": {"name": "demo"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "demo"}},
            "template": {
                "metadata": {"labels": {"app": "demo"}},
                "spec": {"containers": [{"name": "web", "image": "demo:blue"}]},
            },
            "strategy": {"canary": canary},
        },
    })
}

fn image(world: &mut World, key: &Key, image: &str) {
    let template = json!({"spec": {"containers": [{"name": "web", "image": image}]}});
    world.patch(key, &json!({"spec": {"template": template}}));
}

fn phase(world: &World, key: &Key) -> (String, String) {
    let status = &world.get(key)["status"];
    let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
    (text("phase"), text("message"))
}

fn is_phase(world: &World, key: &Key, wanted: &str) -> bool {
    let status = &world.get(key)["status"];
    let generation = world.get(key)["metadata"]["generation"].to_string();
    phase(world, key).0 == wanted && status["observedGeneration"] == generation
}

/// Pods per revision, from the first on.
fn pods(world: &World) -> Vec<u64> {
    let mut sets: Vec<(i64, u64)> = world
        .all(kinds::REPLICA_SET)
        .into_iter()
        .map(|set| {
            let revision = &set["metadata"]["annotations"]["rollout.argoproj.io/revision"];
            (revision.as_str().unwrap().parse().unwrap(), set["spec"]["replicas"].as_u64().unwrap())
        })
        .collect();
    sets.sort_unstable();
    sets.into_iter().map(|(_, replicas)| replicas).collect()
}

fn reasons(world: &World) -> Vec<&str> {
    world.heard.iter().map(|(_, reason, _)| reason.as_str()).collect()
}

#[test]
fn abort_retry_and_promotion_tell_what_argo_tells() {
    let mut world = World::new();
    let steps = json!({"steps": [{"setWeight": 50}, {"pause": {"duration": "3s"}}]});
    let key = world.create(kinds::ROLLOUT, rollout(1, steps));
    world.until("healthy", |w| is_phase(w, &key, "Healthy"));
    image(&mut world, &key, "demo:yellow");
    world.until("paused", |w| is_phase(w, &key, "Paused"));
    assert_eq!(pods(&world), [1, 1]);
    world.patch(&key, &json!({"status": {"abort": true}}));
    world.until("degraded", |w| is_phase(w, &key, "Degraded"));
    world.until("no canary", |w| pods(w) == [1, 0]);
    world.patch(&key, &json!({"status": {"abort": false}}));
    world.until("paused", |w| is_phase(w, &key, "Paused"));
    assert_eq!(pods(&world), [1, 1]);
    world.until("healthy", |w| is_phase(w, &key, "Healthy"));
    assert_eq!(pods(&world), [0, 1]);
    assert_eq!(
        reasons(&world),
        [
            "RolloutAddedToInformer",
            "RolloutUpdated",
            "NewReplicaSetCreated",
            "RolloutNotCompleted",
            "ScalingReplicaSet",
            "RolloutCompleted",
            "RolloutUpdated",
            "NewReplicaSetCreated",
            "RolloutNotCompleted",
            "ScalingReplicaSet",
            "RolloutStepCompleted",
            "RolloutPaused",
            "ScalingReplicaSet",
            "RolloutAborted",
            "ScalingReplicaSet",
            "RolloutStepCompleted",
            "RolloutPaused",
            "RolloutStepCompleted",
            "RolloutResumed",
            "ScalingReplicaSet",
            "RolloutCompleted",
        ]
    );
}

#[test]
fn one_update_of_the_benchmark_costs_at_most_33_requests() {
    let mut world = World::new();
    let pause = json!({"pause": {"duration": "5s"}});
    let steps = json!({"steps": [{"setWeight": 50}, pause, {"setWeight": 100}, pause]});
    let key = world.create(kinds::ROLLOUT, rollout(1, steps));
    world.until("healthy", |w| is_phase(w, &key, "Healthy"));
    world.wait(60);
    let before = world.requests;
    image(&mut world, &key, "demo:yellow");
    world.until("healthy", |w| is_phase(w, &key, "Healthy"));
    world.wait(60);
    let requests = world.requests - before;
    assert!(requests <= 33, "{requests} requests");
    eprintln!("{requests} requests");
}
