//! The three verdicts, and each reason that none is given.

use serin_gate::{Block, Cause, Hold, Verdict, Word};

use crate::ground::{block, cells, metric, play, policy, steady};

/// A canary with an error of each pod every so many blocks, beside stable pods with one every four.
fn canary_every(every: i64) -> impl Fn(i64) -> Block {
    move |number| {
        let canary = move |pod: u32| (steady(number, pod, every), 50);
        block(number, vec![cells(|pod| (steady(number, pod, 4), 50), Some(&canary))])
    }
}

#[test]
fn an_equal_release_passes_and_not_before_its_time() {
    let (blocks, look) = play(policy(vec![metric("errors")]), 400, canary_every(4));
    assert_eq!(look.verdict, Verdict::Pass, "{look:?}");
    assert!(blocks >= 40, "passed after {blocks} blocks, before ten minutes");
}

#[test]
fn a_release_four_times_worse_fails_within_minutes() {
    let (blocks, look) = play(policy(vec![metric("errors")]), 400, canary_every(1));
    assert_eq!(look.verdict, Verdict::Fail(vec![Cause::Evidence { metric: 0 }]), "{look:?}");
    assert!(blocks <= 20, "only after {blocks} blocks");
}

#[test]
fn a_silent_canary_holds_for_want_of_exposure() {
    let silent = |number| block(number, vec![cells(|pod| (steady(number, pod, 4), 50), Some(&|_| (0, 0)))]);
    let (_, look) = play(policy(vec![metric("errors")]), 100, silent);
    assert_eq!(look.verdict, Verdict::Hold(Hold::NoExposure { metric: 0 }));
}

#[test]
fn half_of_the_requests_failing_needs_no_statistics() {
    let failing = |number| block(number, vec![cells(|pod| (steady(number, pod, 4), 50), Some(&|_| (5, 7)))]);
    let (blocks, look) = play(policy(vec![metric("errors")]), 100, failing);
    assert_eq!((blocks, look.verdict.word()), (1, Word::Fail));
    let Verdict::Fail(causes) = look.verdict else { panic!() };
    assert!(causes.contains(&Cause::Failing { metric: 0, failed: 15, of: 21 }), "{causes:?}");
}
