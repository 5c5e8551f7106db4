//! Whatever fails, its object alone is held up, and not for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{future::BoxFuture, stream::BoxStream};
use serde_json::{Value, json};
use serin_cluster::{Api, Call, Failure, Listed, Scope, Seen};
use serin_kernel::Key;
use serin_memory::MemoryApi;
use tokio::time::{Instant, sleep};

use crate::{
    planners::{PART, TOY},
    world::{World, parts, sized, toy},
};

/// Panics in the middle of the first changes, as a defect outside every planner would.
struct Trapdoor {
    api: MemoryApi,
    opens: AtomicU32,
}

impl Api for Trapdoor {
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>> {
        self.api.list(scope, next)
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        self.api.watch(scope, since, patience)
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        self.api.read(key)
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        let opens = self.opens.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        assert!(call.target.kind != PART || opens.is_err(), "the floor gives way");
        self.api.call(call)
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_object_is_frozen_says_so_and_thaws_when_it_is_changed() {
    for (mood, says) in [("panic", "a toy breaks"), ("storm", "Storm"), ("ask", "Endless")] {
        let world = World::new(|api| {
            api.put(&toy("bad"), json!({"spec": {"mood": mood}}));
            api.put(&toy("good"), sized(2));
        });
        let frozen = |toy: &Value| toy["status"]["frozen"].as_str().is_some_and(|cause| cause.contains(says));
        world.until(mood, &toy("bad"), frozen).await;
        world.until("the good one is served", &toy("good"), |toy| parts(toy) == Some(2)).await;
        let (requests, plans) = world.rest().await;
        assert!(requests.iter().all(|request| request.starts_with("watch ")), "{mood}: {requests:?}");
        assert_eq!(plans, 0, "{mood}");
        assert!(world.engine.snapshot().objects[&toy("bad")].frozen);
        world.api.edit(&toy("bad"), |toy| toy["spec"] = json!({"size": 1}));
        world.until("mended", &toy("bad"), |toy| parts(toy) == Some(1)).await;
        assert!(!world.engine.snapshot().objects[&toy("bad")].frozen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_outside_planning_does_not_hold_an_object_up_for_ever() {
    let world = World::behind(
        |api| api.put(&toy("a"), sized(2)),
        |api| Arc::new(Trapdoor { api, opens: AtomicU32::new(3) }),
    );
    world.until("tried again", &toy("a"), |toy| parts(toy) == Some(2)).await;
    let stats = world.engine.snapshot();
    assert_eq!((stats.objects[&toy("a")].errors, stats.kinds["toys"].running), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_planner_hears_of_a_servers_error_that_lasts() {
    let webhook =
        |code| Failure::Unreachable { code, message: "failed calling webhook".to_owned(), retry_after: None };
    for (case, failure, times, told) in [
        ("a hiccup", webhook(500), 4, false),
        ("a webhook that is down", webhook(500), 5, true),
        ("a server that is not there", webhook(503), 9, false),
        ("no answer", Failure::unreachable("cut"), 9, false),
    ] {
        let world = World::new(|_| ());
        world.cluster.ensure(PART);
        sleep(Duration::from_secs(1)).await;
        world.api.fail_calls("parts", failure, times);
        world.api.put(&toy("a"), sized(2));
        let done = world.until(case, &toy("a"), |toy| parts(toy) == Some(2)).await;
        let problem = done["status"].get("problem");
        assert_eq!(problem, told.then_some(&json!("failed calling webhook")), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_survived() {
    let refusal =
        Failure::Refused { code: 403, reason: "Forbidden".to_owned(), message: "not you".to_owned() };
    let slow = Failure::Unreachable {
        code: 429,
        message: "later".to_owned(),
        retry_after: Some(Duration::from_secs(7)),
    };
    for (case, failure, times, at_least) in [
        ("conflict", Failure::Conflict { message: "changed".to_owned() }, 5, Duration::ZERO),
        ("refusal", refusal.clone(), 9, Duration::from_secs(1)),
        ("cut", Failure::unreachable("cut"), 9, Duration::from_secs(1)),
        ("retry after", slow, 2, Duration::from_secs(14)),
        ("not found", Failure::NotFound { message: "namespace gone".to_owned() }, 5, Duration::ZERO),
    ] {
        let world = World::new(|_| ());
        world.cluster.ensure(PART);
        sleep(Duration::from_secs(1)).await;
        world.api.fail_calls("parts", failure, times);
        let start = Instant::now();
        world.api.put(&toy("a"), sized(2));
        let done = world.until(case, &toy("a"), |toy| parts(toy) == Some(2)).await;
        assert!(
            at_least <= start.elapsed() && start.elapsed() < Duration::from_mins(2),
            "{case} {:?}",
            start.elapsed()
        );
        if case == "refusal" {
            assert_eq!(done["status"]["problem"], json!("not you"), "the planner hears of it");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn watches_may_be_cut_and_history_forgotten() {
    let world = World::new(|api| api.put(&toy("a"), sized(1)));
    world.until("start", &toy("a"), |toy| parts(toy) == Some(1)).await;
    for round in 2..20 {
        world.api.cut_watches();
        if round % 3 == 0 {
            sleep(Duration::from_millis(100)).await;
            world.api.put(&toy(&format!("new-{round}")), sized(1));
            world.api.take(&toy(&format!("new-{}", round - 3)));
            world.api.forget_history();
        }
        world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(round));
        world.until("grown", &toy("a"), |toy| parts(toy) == Some(round)).await;
    }
    sleep(Duration::from_mins(2)).await;
    assert_eq!(world.cluster.all(TOY).len(), 2, "deletions are found by listing again");
    assert_eq!(world.engine.snapshot().objects.len(), 2, "and forgotten");
}
