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
    // Few requests: one block may be one clump of failures, two are not. Many: at once.
    for (failed, of, blocks) in [(5, 7, 2), (35, 50, 1)] {
        let canary = move |_| (failed, of);
        let failing =
            move |number| block(number, vec![cells(|pod| (steady(number, pod, 4), 50), Some(&canary))]);
        let (played, look) = play(policy(vec![metric("errors")]), 100, failing);
        assert_eq!((played, look.verdict.word()), (blocks, Word::Fail), "{failed} of {of}");
        let Verdict::Fail(causes) = look.verdict else { panic!() };
        assert!(causes.iter().any(|cause| matches!(cause, Cause::Failing { metric: 0, .. })), "{causes:?}");
    }
}

#[test]
fn a_canary_that_is_sent_traffic_and_answers_nothing_fails_when_it_must_have_had_some() {
    // At 10 % beside ten pods: with 50 requests each the canary misses 55 a block, with one each it misses about one, and
    // twelve have to be missed.
    for (requests, blocks, word) in [(50, 4, Word::Fail), (1, 11, Word::Fail)] {
        let silent = move |number| Block {
            weight: Some(1000),
            ..block(number, vec![cells(|_| (0, requests), Some(&|_| (0, 0)))])
        };
        let mut policy = policy(vec![metric("errors")]);
        policy.split = Some(0);
        let (played, look) = play(policy, blocks, silent);
        assert_eq!((played, look.verdict.word()), (blocks, word), "{requests}: {:?}", look.verdict);
    }
}
