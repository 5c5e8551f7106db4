//! The three verdicts, and each reason that none is given.

use serin_gate::{
    Block, Cause, Cell, Flags, Hold, Seen, Trouble, Value, Verdict, Word,
    policy::{Kind, Metric},
};

use crate::ground::{CANARY_PODS, STABLE_PODS, block, cells, metric, play, policy, steady};

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

/// A histogram's cells, of which some lack the middle edge.
fn histogram(number: i64, canary_lacks: bool) -> Block {
    let cell = |pod: u32, tail: u64, lacks: bool| Cell {
        pod,
        flags: Flags { lost: u32::from(lacks) << 1, ..Flags::default() },
        value: Value::Latency { n: 50, above: if lacks { vec![20, tail] } else { vec![20, 20, tail] } },
    };
    let stable = (0..STABLE_PODS).map(|pod| cell(pod, steady(number, pod, 4), false));
    let canary = (0..CANARY_PODS).map(|pod| cell(STABLE_PODS + pod, 5, canary_lacks));
    block(number, vec![Seen::Cells(stable.chain(canary).collect())])
}

#[test]
fn an_edge_that_the_canary_lacks_is_left_out_and_the_others_are_judged() {
    let edges = Kind::Latency { edges: vec![0.1, 0.2, 0.5], thresholds: Vec::new() };
    let policy = policy(vec![Metric { kind: edges, is_share: false, ..metric("latency") }]);
    for lacks in [false, true] {
        let (blocks, look) = play(policy.clone(), 40, |number| histogram(number, lacks));
        assert_eq!(look.verdict.word(), Word::Fail, "lacks {lacks}: {:?}", look.verdict);
        assert!(blocks < 10 && look.metrics[0].lines.len() == 3);
        let said = look.metrics[0].lines[1].harm;
        assert!(if lacks { said.abs() < 1e-12 } else { said < -0.5 }, "lacks {lacks}: {said}");
    }
}

#[test]
fn a_step_that_the_plan_does_not_have_is_no_verdict() {
    for step in [1, 7, u32::MAX] {
        let (_, look) =
            play(policy(vec![metric("errors")]), 60, |number| Block { step, ..canary_every(4)(number) });
        assert_eq!(
            look.verdict,
            Verdict::Hold(Hold::NoSuchStep { step: step.saturating_add(1), planned: 1 })
        );
    }
}

#[test]
fn a_block_that_cannot_be_read_does_not_count_the_one_before_again() {
    let mut policy = policy(vec![metric("errors")]);
    policy.split = Some(0);
    let silent =
        |number| Block { weight: Some(1000), ..block(number, vec![cells(|_| (0, 50), Some(&|_| (0, 0)))]) };
    let outage = |number| Block {
        weight: Some(1000),
        ..block(number, vec![Seen::Trouble(Trouble::Provider("503".to_owned()))])
    };
    let (played, look) = play(policy, 40, |number| if number < 3 { silent(number) } else { outage(number) });
    assert_eq!((played, look.verdict.word()), (40, Word::Hold), "{:?}", look.verdict);
}

#[test]
fn least_exposure_is_the_canarys_also_where_fewer_is_worse() {
    let mut policy = policy(vec![Metric { down_is_bad: true, is_share: false, ..metric("orders") }]);
    policy.minimum_exposure = 1_000_000;
    let (_, look) = play(policy, 60, canary_every(4));
    let Verdict::Hold(Hold::UnderExposed { have, .. }) = look.verdict else { panic!("{:?}", look.verdict) };
    assert_eq!(have, 60 * 50 * u64::from(CANARY_PODS));
}

#[test]
fn absurd_counts_are_summed_without_a_panic() {
    let absurd =
        |number| block(number, vec![cells(|_| (u64::MAX, u64::MAX), Some(&|_| (u64::MAX, u64::MAX)))]);
    let (_, look) = play(policy(vec![metric("errors")]), 3, absurd);
    assert_ne!(look.verdict.word(), Word::Pass);
}
