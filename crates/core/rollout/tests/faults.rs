//! A controller that crashes between any two writes, sees old states, meets conflicts and has a skewed clock loses
//! nothing and harms nobody. Seeded: a failure names its seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Key, Tolerance};
use world::{World, route};

/// How many seeds each story is tried with.
const SEEDS: u64 = 8;
const PODS: u64 = 4;

/// Numbers that only look random (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % below
    }
}

fn seed(world: &mut World, canary: Value) -> Key {
    route(world);
    world.create(
        kinds::ROLLOUT,
        json!({
            "metadata": {"name": "demo"},
            "spec": {
                "replicas": PODS,
                "selector": {"matchLabels": {"app": "demo"}},
                "template": template("demo:1"),
                "strategy": {"canary": canary},
            },
        }),
    )
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn steps() -> Value {
    let pause = |seconds: &str| json!({"pause": {"duration": seconds}});
    json!([{"setWeight": 25}, pause("5s"), {"setWeight": 50}, pause("5s"), {"setWeight": 75}, pause("5s")])
}

fn routed() -> Value {
    json!({
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {"nginx": {"stableIngress": "web"}},
        "steps": steps(),
    })
}

fn hash_of<'w>(world: &'w World, service: &str) -> Option<&'w str> {
    world.get(&kinds::SERVICE.key("seed", service))["spec"]["selector"]["rollouts-pod-template-hash"].as_str()
}

/// Ready pods that a Service selects.
fn ready(world: &World, service: &str) -> u64 {
    let hash = hash_of(world, service);
    let of = |pod: &&Value| {
        hash.is_none_or(|hash| pod["metadata"]["labels"]["rollouts-pod-template-hash"] == hash)
    };
    let pods = world.all(kinds::POD).into_iter().filter(of);
    pods.filter(|pod| pod["status"]["phase"] == "Running").count() as u64
}

fn weight(world: &World) -> u64 {
    let ingress = world.objects.get(&kinds::INGRESS.key("seed", "demo-web-canary"));
    let text =
        ingress.map(|i| i["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].clone());
    text.and_then(|text| text.as_str().unwrap().parse().ok()).unwrap_or(0)
}

/// What must hold after every single write.
fn is_safe(world: &World) -> Result<(), String> {
    let (canary, stable, weight) = (ready(world, "canary"), ready(world, "stable"), weight(world));
    if canary < weight * PODS / 100 {
        return Err(format!("weight {weight} on {canary} ready canary pods"));
    }
    if stable < (100 - weight) * PODS / 100 {
        return Err(format!("weight {} on {stable} ready stable pods", 100 - weight));
    }
    Ok(())
}

fn image(world: &mut World, key: &Key, image: &str) {
    world.patch(key, &json!({"spec": {"template": template(image)}}));
}

/// One pass of everything, with faults.
fn faulty_pass(
    world: &mut World,
    past: &[BTreeMap<Key, Value>],
    dice: &mut Dice,
    check: bool,
) -> Result<(), String> {
    let planners = std::mem::take(&mut world.planners);
    let keys: Vec<Key> = world.objects.keys().cloned().collect();
    let now = world.now;
    for planner in &planners {
        for key in keys.iter().filter(|key| key.kind == planner.kind()) {
            let mut seen = world.objects.clone();
            for kind in [kinds::ROLLOUT, kinds::REPLICA_SET, kinds::SERVICE, kinds::INGRESS] {
                if let Some(old) = (dice.roll(4) == 0).then(|| past.get(dice.roll(3) as usize)).flatten() {
                    seen.retain(|key, _| key.kind != kind);
                    seen.extend(
                        old.iter().filter(|(key, _)| key.kind == kind).map(|(k, v)| (k.clone(), v.clone())),
                    );
                }
            }
            let Some(observed) = world.observe_in(&seen, planner.as_ref(), key) else { continue };
            if !planner.concerns(&observed.object) {
                continue;
            }
            world.now = Duration::from_secs(dice.roll(5))
                .checked_sub(Duration::from_secs(2))
                .map_or(now, |d| now.plus(d));
            let act = world.act(planner.as_ref(), &observed);
            world.now = now;
            let crash = if dice.roll(3) == 0 { dice.roll(6) as usize } else { usize::MAX };
            for write in act.writes.iter().take(crash) {
                let conflict = dice.roll(10) == 0;
                let refused = conflict || !world.apply(key, write);
                if refused && write.tolerance == Tolerance::None {
                    break;
                }
                if check {
                    is_safe(world).map_err(|error| format!("{error} after {write:#?}"))?;
                }
            }
        }
    }
    world.planners = planners;
    Ok(())
}

/// Plays `actions`, one every few seconds, under faults; then lets the world come to rest without faults.
fn play(seed_number: u64, strategy: Value, actions: &[&str], check: bool) -> Result<(World, Key), String> {
    let mut world = World::new();
    let mut dice = Dice(seed_number);
    let key = seed(&mut world, strategy);
    world.wait(30);
    let mut past: Vec<BTreeMap<Key, Value>> = Vec::new();
    for action in actions {
        match *action {
            "abort" => world.patch(&key, &json!({"status": {"abort": true}})),
            "retry" => world.patch(&key, &json!({"status": {"abort": false}})),
            "full" => world.patch(&key, &json!({"status": {"promoteFull": true}})),
            "resume" => world.patch(&key, &json!({"status": {"pauseConditions": null}})),
            name => image(&mut world, &key, name),
        }
        for _ in 0..dice.roll(24) {
            faulty_pass(&mut world, &past, &mut dice, check)?;
            past.insert(0, world.objects.clone());
            past.truncate(3);
            if dice.roll(2) == 0 {
                world.run_sets();
            }
            if check {
                is_safe(&world)?;
            }
            if dice.roll(3) == 0 {
                world.now = world.now.plus(Duration::from_secs(dice.roll(3)));
            }
        }
    }
    world.run_sets();
    Ok((world, key))
}

fn end(mut world: World, key: &Key, check: bool) -> Result<Value, String> {
    for _ in 0..400 {
        let mut quiet = 0;
        for _ in 0..50 {
            let wrote = world.pass();
            if check {
                is_safe(&world)?;
            }
            world.run_sets();
            // The ReplicaSet controller may have moved after the last quiet pass.
            quiet = if wrote { 0 } else { quiet + 1 };
            if quiet == 2 {
                break;
            }
        }
        let Some(next) = world.next_moment() else { break };
        world.now = next;
    }
    let status = &world.get(key)["status"];
    let sets: BTreeMap<&str, &Value> = world
        .all(kinds::REPLICA_SET)
        .into_iter()
        .map(|set| {
            let image = &set["spec"]["template"]["spec"]["containers"][0]["image"];
            (image.as_str().unwrap(), &set["spec"]["replicas"])
        })
        .collect();
    let conditions: BTreeMap<&str, (&Value, &Value)> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["type"].as_str().unwrap(), (&c["status"], &c["reason"])))
        .collect();
    Ok(json!({
        "phase": status["phase"],
        "message": status["message"],
        "index": status["currentStepIndex"],
        "sets": sets,
        "conditions": format!("{conditions:?}"),
        "weights": status["canary"]["weights"],
        "weight": weight(&world),
        "same": hash_of(&world, "stable") == hash_of(&world, "canary"),
    }))
}

fn converges(name: &str, strategy: impl Fn() -> Value, actions: &[&str], check: bool, wanted: &Value) {
    for seed_number in 0..SEEDS {
        let played =
            play(seed_number, strategy(), actions, check).and_then(|(world, key)| end(world, &key, check));
        let end = played.unwrap_or_else(|error| panic!("{name}, seed {seed_number}: {error}"));
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&end[field], value, "{name}, seed {seed_number}: {field} of {end:#}");
        }
    }
}

#[test]
fn a_routed_update_survives_crashes_conflicts_and_stale_views() {
    let done = json!({"phase": "Healthy", "index": 6, "sets": {"demo:1": 0, "demo:2": 4}, "weight": 0, "same": true});
    converges("update", routed, &["demo:2"], true, &done);
}

#[test]
fn an_abort_under_faults_ends_with_the_stable_version() {
    let done = json!({
        "phase": "Degraded", "index": 0, "sets": {"demo:1": 4, "demo:2": 0}, "weight": 0, "same": true,
        "message": "RolloutAborted: Rollout aborted update to revision 2",
    });
    converges("abort", || with_endless_pause(routed()), &["demo:2", "abort"], true, &done);
}

/// A pause at the end that only a person ends, so that an abort always comes in time.
fn with_endless_pause(mut strategy: Value) -> Value {
    strategy["steps"].as_array_mut().unwrap().push(json!({"pause": {}}));
    strategy
}

#[test]
fn any_mixture_of_what_people_do_ends_with_the_last_version() {
    let done = json!({"phase": "Healthy", "sets": {"demo:1": 0, "demo:2": 0, "demo:3": 4}, "weight": 0, "same": true});
    let actions =
        ["demo:2", "abort", "retry", "demo:1", "demo:2", "resume", "demo:3", "abort", "retry", "full"];
    converges("mixture", routed, &actions, true, &done);
}

#[test]
fn a_dynamic_stable_version_is_never_too_small_for_its_traffic() {
    let strategy = || {
        let mut strategy = routed();
        strategy["dynamicStableScale"] = json!(true);
        strategy
    };
    let done = json!({"phase": "Healthy", "index": 6, "sets": {"demo:1": 0, "demo:2": 4}, "weight": 0, "same": true});
    converges("dynamic", strategy, &["demo:2"], true, &done);
    let aborted = json!({"phase": "Degraded", "sets": {"demo:1": 4, "demo:2": 0}, "weight": 0, "same": true});
    converges("dynamic abort", || with_endless_pause(strategy()), &["demo:2", "abort"], true, &aborted);
}

#[test]
fn an_update_without_a_router_survives_them_too() {
    let done = json!({"phase": "Healthy", "index": 6, "sets": {"demo:1": 0, "demo:2": 4}});
    let strategy = || json!({"steps": steps(), "maxSurge": 1, "maxUnavailable": 0});
    converges("basic", strategy, &["demo:2"], false, &done);
}
