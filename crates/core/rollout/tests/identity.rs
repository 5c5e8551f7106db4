//! One template, one ReplicaSet: whatever becomes of the first in the API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]

mod world;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Key, Refused};
use world::World;

fn template(container: Value) -> Value {
    let mut web = json!({"name": "web", "image": "demo:1"});
    world::merge(&mut web, &container);
    json!({"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": [web]}})
}

fn rollout(world: &mut World, template: Value) -> Key {
    world.create(
        kinds::ROLLOUT,
        json!({
            "metadata": {"name": "demo"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "demo"}},
                "template": template,
                "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "5s"}}]}},
            },
        }),
    )
}

fn healthy(world: &mut World, key: &Key) {
    world.until("healthy", |w| {
        let rollout = w.get(key);
        let generation = rollout["metadata"]["generation"].to_string();
        rollout["status"]["phase"] == "Healthy" && rollout["status"]["observedGeneration"] == generation
    });
    world.wait(30);
}

/// As the API server does it: what it does not know is dropped, what is absent is filled in.
fn normalise(kind: serin_kernel::Kind, body: &mut Value) {
    if kind != kinds::REPLICA_SET {
        return;
    }
    let web = body["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap();
    web.shift_remove("imagePullPolcy");
    web.insert("imagePullPolicy".to_owned(), json!("IfNotPresent"));
    // And a webhook of tomorrow.
    web.insert("pinnedBy".to_owned(), json!("policy"));
}

#[test]
fn what_the_api_server_makes_of_a_template_makes_no_second_replica_set() {
    let mut w = World::new();
    w.normalise = Box::new(normalise);
    let key = rollout(&mut w, template(json!({"imagePullPolcy": "Never"})));
    healthy(&mut w, &key);
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 1);
    let second = template(json!({"imagePullPolcy": "Never", "image": "demo:2"}));
    w.patch(&key, &json!({"spec": {"template": second}}));
    healthy(&mut w, &key);
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 2);
    assert!(w.get(&key)["status"]["collisionCount"].is_null());
    // And back: the first one again, also after somebody has raised the count.
    w.patch(&key, &json!({"status": {"collisionCount": 3}}));
    w.patch(&key, &json!({"spec": {"template": template(json!({"imagePullPolcy": "Never"}))}}));
    healthy(&mut w, &key);
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 2, "{}", w.dump());
}

#[test]
fn a_name_that_somebody_else_has_is_not_used_and_the_count_says_so() {
    let mut w = World::new();
    let key = rollout(&mut w, template(json!({})));
    // Not ours, and not shown by the caches: its labels are others.
    let name = {
        let act = w.plans().into_iter().find(|(found, _)| *found == key).unwrap().1;
        let create = act.writes.iter().find(|write| write.target.kind == kinds::REPLICA_SET).unwrap();
        create.target.name.clone()
    };
    let labels = json!({"app": "other"});
    let other = w.create(
        kinds::REPLICA_SET,
        json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "o", "image": "o:1"}]}}},
        }),
    );
    healthy(&mut w, &key);
    assert_eq!(w.get(&key)["status"]["collisionCount"], 1);
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 2);
    assert_eq!(w.get(&other)["spec"]["replicas"], 1, "untouched");
}

#[test]
fn our_own_replica_set_that_the_caches_do_not_show_yet_is_waited_for() {
    let mut w = World::new();
    let key = rollout(&mut w, template(json!({})));
    let create = |w: &World| {
        let act = w.plans().into_iter().find(|(found, _)| *found == key).unwrap().1;
        act.writes.into_iter().find(|write| write.target.kind == kinds::REPLICA_SET)
    };
    let made = create(&w).unwrap();
    assert!(w.apply(&key, &made));
    let refused = Refused {
        target: made.target.clone(),
        code: 409,
        reason: "AlreadyExists".to_owned(),
        message: "already exists".to_owned(),
    };
    // The cache is behind: the ReplicaSet is there for who asks, and not among what is seen.
    let planner = w.planners.iter().find(|planner| planner.kind() == kinds::ROLLOUT).unwrap();
    let mut seen = w.objects.clone();
    seen.retain(|key, _| key.kind != kinds::REPLICA_SET);
    let mut observed = w.observe_in(&seen, planner.as_ref(), &key).unwrap();
    observed.refused = Some(refused);
    let act = w.act(planner.as_ref(), &observed);
    assert!(act.writes.is_empty(), "{act:?}");
    assert!(act.wake.is_some());
    healthy(&mut w, &key);
    assert_eq!(w.all(kinds::REPLICA_SET).len(), 1);
    assert!(w.get(&key)["status"]["collisionCount"].is_null());
}
