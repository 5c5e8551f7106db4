//! One story, with a crash around each of its writes in turn: nothing is sampled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::json;
use serin_world::{
    Finale, Plot,
    deed::Deed,
    fault::{Rates, Side},
    feature::Features,
    play,
    seed::Seed,
    shape::Shape,
    world::Beginning,
};

/// A first deploy, and one update behind NGINX with two weights and a pause after each.
fn story() -> Plot {
    let pause = json!({"pause": {"duration": 5}});
    let shape = Shape {
        replicas: 4,
        routed: true,
        surge: 1,
        unavailable: 0,
        steps: json!([{"setWeight": 25}, pause, {"setWeight": 50}, pause]),
        extras: json!({"scaleDownDelaySeconds": 10}),
        spec: json!({}),
        features: Features::default(),
    };
    Plot {
        seed: Seed::root(0),
        beginning: Beginning { shape, rates: Rates::default(), crash_at: None, pods_fail: false },
        deeds: vec![(Duration::from_secs(30), Deed::Image("app:v1".to_owned()))],
        nature: Vec::new(),
        finale: Finale::Nothing,
    }
}

#[test]
fn a_crash_on_either_side_of_any_write_changes_nothing_about_the_end() {
    let whole = play(&story()).unwrap_or_else(|broken| panic!("without a crash:\n{broken}"));
    assert_eq!(whole.state["phase"], "Healthy", "{}", whole.state);
    assert_eq!(whole.state["stable"], "app:v1", "{}", whole.state);
    assert!(15 <= whole.writes, "only {} writes: the story is not told", whole.writes);
    let next = AtomicU64::new(0);
    let broken = parking_lot::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (write, side) =
                        (number / 2, if number.is_multiple_of(2) { Side::Before } else { Side::After });
                    if whole.writes <= write {
                        return;
                    }
                    let told = match play(&story().with_crash(write, side)) {
                        Err(why) => format!("{why}"),
                        Ok(ending) if !ending.trace.iter().any(|line| line.contains("crash")) => {
                            "it did not crash".to_owned()
                        }
                        Ok(ending) if ending.state != whole.state => {
                            format!("{}\nand not\n{}", ending.state, whole.state)
                        }
                        Ok(_) => continue,
                    };
                    broken.lock().push(format!("a crash {side:?} write {write}: {told}"));
                }
            });
        }
    });
    let broken = broken.into_inner();
    assert!(broken.is_empty(), "{} of {} crashes:\n{}", broken.len(), whole.writes * 2, broken.join("\n"));
}
