//! Capacity when the world is seen late or a record was lost: what no single look at a status may give away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::Key;
use world::{World, routed};

fn rollout(world: &mut World, replicas: i64, canary: Value) -> Key {
    world.create(
        kinds::ROLLOUT,
        json!({
            "metadata": {"name": "demo"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "demo"}},
                "template": {
                    "metadata": {"labels": {"app": "demo"}},
                    "spec": {"containers": [{"name": "web", "image": "demo:1"}]},
                },
                "strategy": {"canary": canary},
            },
        }),
    )
}

fn image(world: &mut World, key: &Key, image: &str) {
    let template = json!({"spec": {"containers": [{"name": "web", "image": image}]}});
    world.patch(key, &json!({"spec": {"template": template}}));
}

fn is_phase(world: &World, key: &Key, wanted: &str) -> bool {
    let rollout = world.get(key);
    let generation = rollout["metadata"]["generation"].to_string();
    rollout["status"]["phase"] == wanted && rollout["status"]["observedGeneration"] == generation
}

/// Available pods that the wanted numbers promise to keep.
fn kept(world: &World) -> u64 {
    let count = |set: &Value, field: &str| set.pointer(field).and_then(Value::as_u64).unwrap_or(0);
    let sets = world.all(kinds::REPLICA_SET).into_iter();
    sets.map(|set| count(set, "/spec/replicas").min(count(set, "/status/availableReplicas"))).sum()
}

/// Found by world 4: an undo at a pause scaled the withdrawn version down twice on one status.
#[test]
fn pods_that_were_given_up_already_are_no_reserve_for_draining() {
    let mut world = World::new();
    let steps = json!([{"setWeight": 30}, {"pause": {}}]);
    let key = rollout(&mut world, 5, json!({"maxSurge": 1, "maxUnavailable": 0, "steps": steps}));
    world.until("the first version", |world| is_phase(world, &key, "Healthy"));
    image(&mut world, &key, "demo:2");
    world.until("the pause", |world| is_phase(world, &key, "Paused"));
    image(&mut world, &key, "demo:1");
    for pass in 1..=5 {
        // The ReplicaSet controller sleeps: every pass sees the statuses of before.
        world.pass();
        assert!(5 <= kept(&world), "{} pods are kept after pass {pass}: {}", kept(&world), world.dump());
    }
    world.until("the first version again", |world| is_phase(world, &key, "Healthy"));
}

/// Found by world 1014: with `minReadySeconds`, available pods went in the place of ready ones, one with each look.
#[test]
fn ready_pods_of_an_old_version_are_not_drained_beyond_the_reserve() {
    let mut world = World::new();
    let steps = json!([{"setWeight": 80}, {"pause": {}}]);
    let key = rollout(&mut world, 5, json!({"maxSurge": 1, "maxUnavailable": 0, "steps": steps}));
    world.until("the first version", |world| is_phase(world, &key, "Healthy"));
    image(&mut world, &key, "demo:2");
    world.until("the pause", |world| is_phase(world, &key, "Paused"));
    image(&mut world, &key, "demo:3");
    let second = |world: &World| {
        let mut sets = world.all(kinds::REPLICA_SET).into_iter();
        let of = |set: &&Value| set["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:2";
        sets.find(of).cloned().unwrap()
    };
    let set = second(&world);
    let name = set["metadata"]["name"].as_str().unwrap().to_owned();
    let status = json!({"status": {"availableReplicas": 3, "readyReplicas": 4}});
    assert_eq!(set["spec"]["replicas"], 4);
    world.patch(&kinds::REPLICA_SET.key("seed", name), &status);
    for _ in 0..3 {
        world.pass();
    }
    assert_eq!(second(&world)["spec"]["replicas"], 4, "{}", world.dump());
}

/// Found by world 18: the record of the weights was lost with its write.
#[test]
fn a_dynamic_stable_version_is_whole_while_no_weight_is_recorded() {
    let mut world = World::new();
    let steps = json!([{"setWeight": 50}, {"pause": {}}]);
    let canary = routed(&mut world, json!({"dynamicStableScale": true, "steps": steps}));
    let key = rollout(&mut world, 4, canary);
    world.until("the first version", |world| is_phase(world, &key, "Healthy"));
    world.patch(&key, &json!({"status": {"canary": {"weights": null}}}));
    image(&mut world, &key, "demo:2");
    world.pass();
    // The record is lost again before the next look.
    world.patch(&key, &json!({"status": {"canary": {"weights": null}}}));
    world.pass();
    let stable = world
        .all(kinds::REPLICA_SET)
        .into_iter()
        .find(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:1");
    assert_eq!(stable.unwrap()["spec"]["replicas"], 4, "{}", world.dump());
    world.until("the pause", |world| is_phase(world, &key, "Paused"));
}

/// A controller that has lost its lease still holds the Rollout as it was before its successor took traffic back.
#[test]
fn a_dynamic_stable_version_is_not_scaled_down_by_an_old_look_at_the_rollout() {
    let mut world = World::new();
    let steps = json!([{"setWeight": 75}, {"pause": {}}]);
    let canary = routed(&mut world, json!({"dynamicStableScale": true, "steps": steps}));
    let key = rollout(&mut world, 4, canary);
    world.until("the first version", |world| is_phase(world, &key, "Healthy"));
    image(&mut world, &key, "demo:2");
    world.until("the pause", |world| is_phase(world, &key, "Paused"));
    world.wait(30);
    let old = world.get(&key).clone();
    world.patch(&key, &json!({"status": {"abort": true}}));
    world.until("the stable version again", |world| {
        is_phase(world, &key, "Degraded") && kept(world) == 4 && world.all(kinds::POD).len() == 4
    });
    let planner = world.planners.iter().find(|planner| planner.kind() == kinds::ROLLOUT).unwrap();
    let mut seen = world.objects.clone();
    seen.insert(key.clone(), old);
    let observed = world.observe_in(&seen, planner.as_ref(), &key).unwrap();
    let act = world.act(planner.as_ref(), &observed);
    for write in &act.writes {
        world.apply(&key, write);
    }
    assert_eq!(kept(&world), 4, "{act:#?}");
}

/// Found by world 303: another image in mid-update takes all traffic back to the stable version, whose record still
/// says that it has half of it.
#[test]
fn a_dynamic_stable_version_is_not_scaled_down_while_traffic_comes_back_to_it() {
    let mut world = World::new();
    let steps = json!([{"setWeight": 50}, {"pause": {}}]);
    let canary = routed(&mut world, json!({"dynamicStableScale": true, "steps": steps}));
    let key = rollout(&mut world, 4, canary);
    world.until("the first version", |world| is_phase(world, &key, "Healthy"));
    image(&mut world, &key, "demo:2");
    // The weight is sent and recorded; the stable version has not been made smaller yet.
    world.until("half", |world| world.get(&key)["status"]["canary"]["weights"]["canary"]["weight"] == 50);
    let stable = |world: &World| {
        let sets = world.all(kinds::REPLICA_SET).into_iter();
        let mut of = sets.filter(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:1");
        of.next().unwrap()["spec"]["replicas"].as_u64().unwrap()
    };
    let name = world
        .all(kinds::REPLICA_SET)
        .into_iter()
        .find(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:1");
    let name = kinds::REPLICA_SET.key("seed", name.unwrap()["metadata"]["name"].as_str().unwrap());
    let whole = json!({"spec": {"replicas": 4}, "status": {"replicas": 4, "readyReplicas": 4, "availableReplicas": 4}});
    world.patch(&name, &whole);
    image(&mut world, &key, "demo:3");
    for pass in 1..=4 {
        world.pass();
        assert_eq!(stable(&world), 4, "after pass {pass}: {}", world.dump());
    }
    world.until("the pause", |world| is_phase(world, &key, "Paused"));
}
