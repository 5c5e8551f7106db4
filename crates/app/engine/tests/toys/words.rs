//! Questions and messages: who is asked, who is answered, and who waits meanwhile.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use serin_cluster::Failure;
use serin_engine::Options;
use serin_memory::MemoryApi;
use tokio::time::{sleep, timeout};

use crate::{
    planners::{PART, TOY},
    world::{World, parts, sized, toy},
};

#[tokio::test(start_paused = true)]
async fn a_message_that_asks_for_it_is_answered_once_and_one_that_is_not_answered_holds_nobody_up() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "talk", "size": 1}})));
    let heard = |toy: &Value| toy["status"]["heard"] == json!("a word: a word back");
    world.until("the answer", &toy("a"), heard).await;
    world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(2));
    world.until("what was edited", &toy("a"), |toy| parts(toy) == Some(2)).await;
    assert_eq!(world.rest().await.1, 0, "an answer is given once");
    // An object that is gone is not woken by an answer, and is not planned again.
    world.api.take(&toy("a"));
    assert_eq!(world.rest().await.1, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_pass_has_said_and_counted_is_said_and_counted_when_it_is_carried_out() {
    let refused =
        || Failure::Refused { code: 403, reason: "Forbidden".to_owned(), message: "not you".to_owned() };
    let world = World::new(|_| ());
    world.cluster.ensure(TOY);
    sleep(Duration::from_secs(1)).await;
    world.api.fail_calls("toys", refused(), 3);
    world.api.put(&toy("a"), json!({"spec": {"mood": "talk", "size": 1}}));
    let heard = |toy: &Value| toy["status"]["heard"] == json!("a word: a word back");
    world.until("the answer", &toy("a"), heard).await;

    world.api.fail_calls("toys", refused(), 3);
    world.api.put(&toy("b"), json!({"spec": {"mood": "count"}}));
    world.until("the end", &toy("b"), |toy| parts(toy) == Some(0)).await;
    sleep(Duration::from_secs(1)).await;
    let measured = world.engine.snapshot().measured.series;
    let shown = |name: &str| measured[name].values().next().cloned();
    // The echo of the write is a pass more.
    assert_eq!(shown("toys_done"), Some(serin_engine::MeasuredValue::Counter(2.0)));
    assert_eq!(shown("toys_now"), Some(serin_engine::MeasuredValue::Gauge(1.0)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_heard_at_once_though_all_is_settled() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "settled-talk"}})));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(world.api.get(&toy("a")).unwrap()["status"]["heard"], json!("a word: a word back"));
    let plans = world.plans.load(Ordering::Acquire);
    world.api.edit(&toy("a"), |toy| toy["status"]["of"] = json!("others"));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(world.plans.load(Ordering::Acquire), plans, "and then nothing again");
}

#[tokio::test(start_paused = true)]
async fn endless_questions_are_answered_so_many_times() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "ask"}})));
    world.until("endless", &toy("a"), |toy| toy["status"]["frozen"].is_string()).await;
    let answered = world.api.requests().iter().filter(|request| *request == "get parts x").count();
    assert_eq!(
        answered,
        serin_kernel::ROUNDS_MAX as usize,
        "an answer that nobody will hear is not asked for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_past_the_cache() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "ask-once"}})));
    world.until("no such part", &toy("a"), |toy| toy["status"]["seen"] == json!(false)).await;
    world.api.put(&PART.key("n", "x"), json!({}));
    world.api.edit(&toy("a"), |toy| toy["spec"]["again"] = json!(1));
    world.until("the part", &toy("a"), |toy| toy["status"]["seen"] == json!(true)).await;
}

#[tokio::test]
async fn a_file_of_the_controllers_own_is_an_answer() {
    let path = std::env::temp_dir().join(format!("serin-engine-{}", std::process::id()));
    std::fs::write(&path, "token").unwrap();
    let asking = |path: &str| json!({"spec": {"mood": "ask-file", "path": path}});
    let world = World::new(|api| api.put(&toy("a"), asking(path.to_str().unwrap())));
    let has = |text: &'static str| {
        move |toy: &Value| toy["status"]["answer"].as_str().is_some_and(|answer| answer.starts_with(text))
    };
    world.until("the text", &toy("a"), has("Text(\"token\")")).await;
    std::fs::remove_file(&path).unwrap();
    world.api.edit(&toy("a"), |toy| toy["spec"]["again"] = json!(1));
    world.until("why there is none", &toy("a"), has("Failed(")).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_does_not_hold_up_the_end() {
    for halts in [false, true] {
        let asking = json!({"spec": {"size": 1, "mood": "ask-others"}});
        let world = World::new(|api| api.put(&toy("a"), asking));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(
            (world.plans.load(Ordering::Acquire), world.engine.snapshot().kinds["toys"].running),
            (1, 1)
        );
        if halts {
            world.engine.halt();
        } else {
            world.stop.cancel();
        }
        timeout(Duration::from_secs(5), world.task).await.expect("it ends").unwrap();
        assert!(
            world.api.get(&toy("a")).unwrap()["status"].is_null(),
            "an unanswered question decides nothing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_others_servers_leaves_the_place_to_others_as_many_as_may() {
    for (asking, waiting, is_done) in [(0, 1, false), (2, 3, false), (3, 3, true), (9, 3, true)] {
        let prepare = |api: &MemoryApi| {
            for name in ["a", "b", "c"] {
                api.put(&toy(name), json!({"spec": {"mood": "ask-others"}}));
            }
        };
        let options = Options { workers: 1, asking, ..Options::default() };
        let world = World::run(prepare, |api| Arc::new(api), &options);
        sleep(Duration::from_secs(1)).await;
        world.api.put(&toy("d"), sized(2));
        sleep(Duration::from_mins(1)).await;
        let running = world.engine.snapshot().kinds["toys"].running;
        assert_eq!((running, world.plans.load(Ordering::Acquire) > 3), (waiting, is_done), "{asking}");
        assert_eq!(parts(&world.api.get(&toy("d")).unwrap()), is_done.then_some(2), "{asking}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_got_an_answer_goes_on_when_a_place_is_free() {
    let options = Options { workers: 1, asking: 5, ..Options::default() };
    let prepare = |api: &MemoryApi| {
        for index in 0..20 {
            api.put(&toy(&format!("t-{index}")), json!({"spec": {"mood": "ask-echo", "size": 1}}));
        }
    };
    let world = World::run(prepare, |api| Arc::new(api), &options);
    for index in 0..20 {
        world.until("answered", &toy(&format!("t-{index}")), |toy| parts(toy) == Some(1)).await;
    }
    assert_eq!(world.engine.snapshot().kinds["toys"].running, 0);
}
