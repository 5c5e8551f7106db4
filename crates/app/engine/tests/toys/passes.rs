//! What leads to a pass, and what a pass sees and does.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;
use serin_cluster::Failure;
use tokio::time::{sleep, timeout};

use crate::{
    planners::{ALARM, PART},
    world::{POLL, START, World, parts, sized, toy},
};

#[tokio::test(start_paused = true)]
async fn a_toy_becomes_what_it_should_be_and_then_costs_nothing() {
    let world = World::new(|api| api.put(&toy("a"), sized(3)));
    world.until("three parts", &toy("a"), |toy| parts(toy) == Some(3)).await;
    world.api.put(&toy("b"), sized(1));
    world.until("one part", &toy("b"), |toy| parts(toy) == Some(1)).await;
    world.api.take(&PART.key("n", "a-1"));
    let wait = async {
        while world.api.get(&PART.key("n", "a-2")).is_none() || world.api.all(PART).len() != 4 {
            sleep(POLL).await;
        }
    };
    timeout(Duration::from_mins(1), wait)
        .await
        .expect_err("a-2 exists, so creating it is refused, not doubled");
    world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(2));
    world.until("two parts", &toy("a"), |toy| parts(toy) == Some(2)).await;
    let (requests, plans) = world.rest().await;
    assert!(requests.iter().all(|request| request.starts_with("watch ")), "{requests:?}");
    assert_eq!(plans, 0);
    let (told, dropped) = world.cluster.events();
    assert_eq!((told.len(), dropped), (2, 0), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn two_writes_of_one_pass_to_one_object_do_not_conflict() {
    let world = World::new(|api| api.put(&toy("a"), sized(0)));
    world.until("both writes", &toy("a"), |toy| parts(toy) == Some(0)).await;
    let patches = world.api.requests().iter().filter(|request| request.starts_with("patch")).count();
    assert_eq!((patches, world.engine.snapshot().conflicts), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_timer_rings_at_its_time_and_a_second_kind_needs_nothing_of_the_engine() {
    let world = World::new(|api| {
        api.put(&ALARM.key("n", "late"), json!({"spec": {"at": START + 600}}));
        api.put(&ALARM.key("n", "soon"), json!({"spec": {"at": START + 60}}));
        api.put(&ALARM.key("n", "past"), json!({"spec": {"at": START - 60}}));
        api.put(
            &ALARM.key("n", "foreign"),
            json!({"metadata": {"labels": {"others": ""}}, "spec": {"at": START}}),
        );
    });
    for (name, at) in [("past", START), ("soon", START + 60), ("late", START + 600)] {
        let alarm =
            world.until("ring", &ALARM.key("n", name), |alarm| alarm["status"]["rang"].is_i64()).await;
        assert_eq!(alarm["status"]["rang"], json!(at), "{name}");
    }
    let lateness = &world.engine.snapshot().kinds["alarms"].lateness;
    assert_eq!((lateness.total(), lateness.counts[0]), (2, 2), "{lateness:?}");
    assert!(world.api.get(&ALARM.key("n", "foreign")).unwrap().get("status").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_hears_of_nothing_but_its_time_and_what_is_wanted_of_it() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "settled"}})));
    let plans = async || {
        sleep(Duration::from_mins(1)).await;
        world.plans.load(Ordering::Acquire)
    };
    assert_eq!(plans().await, 1);
    let owner = json!([{"uid": world.api.get(&toy("a")).unwrap()["metadata"]["uid"], "controller": true}]);
    world.api.put(&PART.key("n", "p"), json!({"metadata": {"ownerReferences": owner}}));
    world.api.edit(&toy("a"), |toy| toy["status"] = json!({"of": "others"}));
    assert_eq!(plans().await, 1, "a part, and a status");
    world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(1));
    assert_eq!(plans().await, 2, "something else is wanted");
    sleep(Duration::from_hours(1)).await;
    assert_eq!(plans().await, 3, "its time has come");
}

#[tokio::test(start_paused = true)]
async fn what_is_named_by_what_is_named_is_seen_as_deep_as_the_planner_says() {
    for depth in 1..=3 {
        let world = World::new(|api| {
            for (name, next) in [("a", "b"), ("b", "c"), ("c", "d")] {
                api.put(&PART.key("n", name), json!({"spec": {"next": next}}));
            }
            api.put(&toy("t"), json!({"spec": {"mood": "chain", "next": "a", "depth": depth}}));
        });
        world.until("seen", &toy("t"), |toy| toy["status"]["seen"] == json!(depth)).await;
        // What is seen deep below wakes the planner too.
        if depth == 3 {
            world.api.edit(&PART.key("n", "b"), |part| part["spec"]["next"] = json!("none"));
            world.until("the chain is shorter", &toy("t"), |toy| toy["status"]["seen"] == 2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_installed_counts_as_empty_until_it_is() {
    let world = World::new(|api| {
        api.set_absent(PART, true);
        api.put(&toy("a"), sized(0));
    });
    world.until("planned without parts", &toy("a"), |toy| parts(toy) == Some(0)).await;
    world.api.put(&PART.key("n", "old"), json!({}));
    world.api.set_absent(PART, false);
    sleep(Duration::from_mins(20)).await;
    assert_eq!(world.cluster.all(PART).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_planned_before_all_that_is_needed_is_known() {
    let world = World::new(|api| {
        api.put(&toy("a"), sized(1));
        api.put(
            &PART.key("n", "a-0"),
            json!({"metadata": {"ownerReferences": [{"uid": "uid-1", "controller": true}]}}),
        );
        api.fail_calls("parts", Failure::unreachable("starting"), 3);
    });
    world.until("after a while", &toy("a"), |toy| parts(toy) == Some(1)).await;
    let requests = world.api.requests();
    assert!(!requests.contains(&"create parts a-0".to_owned()), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_finishes_the_passes_and_halting_ends_them() {
    let world = World::new(|api| api.put(&toy("a"), sized(1)));
    world.until("start", &toy("a"), |toy| parts(toy) == Some(1)).await;
    world.stop.cancel();
    timeout(Duration::from_secs(5), world.task).await.expect("it ends").unwrap();
    let world = World::new(|_| ());
    sleep(Duration::from_secs(1)).await;
    world.engine.halt();
    timeout(Duration::from_secs(5), world.task).await.expect("it ends").unwrap();
}
