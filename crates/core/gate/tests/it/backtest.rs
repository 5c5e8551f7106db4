//! The gate on its own past.

use serin_gate::{
    Arm, Block, Roster, Shelf, Word,
    backtest::{Past, Release, Tally, judge_release, judge_slice, slices},
};
use serin_kernel::Moment;

use crate::ground::{BLOCK, STABLE_PODS, block, cells, metric, policy, roster};

/// A fixed mixing of bits (Steele, Lea & Flood 2014), so that the counts look like chance and are always the same.
fn mixed(number: i64, pod: u32) -> u64 {
    let mut z = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(pod).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A day of ten stable pods: an error in every fourth of their blocks.
fn day(blocks: i64) -> Vec<Block> {
    let seen = |number: i64| cells(|pod| (u64::from(mixed(number, pod).is_multiple_of(4)), 50), None);
    (0..blocks).map(|number| block(number, vec![seen(number)])).collect()
}

fn stable_only() -> Roster {
    Roster { pods: roster().pods.into_iter().filter(|pod| pod.arm == Arm::Stable).collect() }
}

#[test]
fn every_pod_plays_the_canary_and_none_that_was_not_there_throughout() {
    let (mut blocks, roster, policy) = (day(1200), stable_only(), policy(vec![metric("errors")]));
    // Pod 3 is gone for the first half.
    for block in &mut blocks[..600] {
        let serin_gate::Seen::Cells(cells) = &mut block.metrics[0] else { panic!() };
        cells.retain(|cell| cell.pod != 3);
    }
    let past = Past { blocks: &blocks, roster: &roster, policy: &policy, history: 240, horizon: 120 };
    let made = slices(&past, 3, 40);
    let early = made.iter().filter(|slice| slice.from + 120 <= 1000);
    assert!(early.clone().count() > 10);
    assert!(made.iter().filter(|slice| slice.from < 800).all(|slice| !slice.canary.contains(&3)), "{made:?}");
    let played: std::collections::BTreeSet<u32> =
        made.iter().flat_map(|slice| slice.canary.clone()).collect();
    assert_eq!(played.len(), STABLE_PODS as usize, "{played:?}");
    assert!(slices(&past, 10, 40).is_empty(), "nobody is left to compare with");
}

#[test]
fn pods_of_the_stable_version_pass_and_a_defect_put_into_them_is_found() {
    let (blocks, roster, policy) = (day(1600), stable_only(), policy(vec![metric("errors")]));
    let past = Past { blocks: &blocks, roster: &roster, policy: &policy, history: 240, horizon: 240 };
    let made = slices(&past, 3, 60);
    let mut priors = Shelf::default();
    let mut tally = |factor: f64| {
        let judged: Vec<_> =
            made.iter().map(|slice| judge_slice(&past, slice, factor, &mut priors).unwrap()).collect();
        Tally::of(&judged)
    };
    let (same, twice, fivefold) = (tally(1.0), tally(2.0), tally(5.0));
    assert!(same.trials >= 15 && same.failed == 0 && same.passed * 2 > same.trials, "{same:?}");
    assert!(twice.failed * 2 > twice.trials, "{twice:?}");
    assert_eq!(fivefold.failed, fivefold.trials, "{fivefold:?}");
    assert!(fivefold.blocks_to_fail.last() < twice.blocks_to_fail.last(), "{fivefold:?} {twice:?}");
}

#[test]
fn a_release_that_happened_is_judged_with_its_own_arms_and_the_delay_is_told() {
    let (blocks, roster) = (day(240), roster());
    let mut blocks = blocks;
    let canary = |number: i64| move |pod: u32| (1 + mixed(number, 50 + pod) % 2, 50);
    blocks.extend((240..480).map(|number| {
        block(
            number,
            vec![cells(|pod| (u64::from(mixed(number, pod).is_multiple_of(4)), 50), Some(&canary(number)))],
        )
    }));
    let policy = policy(vec![metric("errors")]);
    let past = Past { blocks: &blocks, roster: &roster, policy: &policy, history: 240, horizon: 240 };
    let incident = Moment::from_secs(blocks[240].start.as_secs());
    let release = Release { from: 240, until: 480, incident: Some(incident) };
    let judged = judge_release(&past, &release, &mut Shelf::default()).unwrap().unwrap();
    assert_eq!(judged.outcome.word, Word::Fail);
    assert_eq!(judged.delay, Some(i64::from(judged.outcome.blocks * BLOCK)));
    assert_eq!(
        judge_release(&past, &Release { from: 900, until: 950, incident: None }, &mut Shelf::default()),
        Ok(None)
    );
}

#[test]
fn a_release_whose_early_step_passes_is_judged_to_its_last() {
    let (mut blocks, roster) = (day(240), roster());
    let canary = |number: i64| move |pod: u32| (u64::from(mixed(number, 50 + pod).is_multiple_of(4)), 50);
    blocks.extend((240..640).map(|number| {
        let stable = |pod| (u64::from(mixed(number, pod).is_multiple_of(4)), 50);
        let seen = cells(stable, Some(&canary(number)));
        Block { step: u32::from(number >= 440), ..block(number, vec![seen]) }
    }));
    let mut policy = policy(vec![metric("errors")]);
    policy.steps = vec![policy.steps[0].clone(); 2];
    let past = Past { blocks: &blocks, roster: &roster, policy: &policy, history: 240, horizon: 400 };
    let judge = |until: usize| {
        let release = Release { from: 240, until, incident: None };
        judge_release(&past, &release, &mut Shelf::default()).unwrap().unwrap().outcome
    };
    assert_eq!(judge(440).word, Word::Hold, "only the first step was played");
    let whole = judge(640);
    assert!(whole.word == Word::Pass && whole.blocks > 200, "{whole:?}");
}
