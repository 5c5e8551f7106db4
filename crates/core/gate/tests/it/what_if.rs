//! What would have changed the verdict, against the same found the long way: the judgement made again with the other
//! number, or one number tried after the other.

use serin_gate::{
    Block, Gate, Look, Policy, Seen, Shelf, Value, Word,
    decide::{harm_bar, pass_bar, reaches},
    record::{MetricWhatIf, Opening, WhatIf},
};
use serin_stats::ratio::{
    dispersion::{self, Measured, PRIOR_EVENTS, Past, Running},
    grid::{Counts, LogLikelihood},
    pods,
    worst::Worst,
};

use crate::{
    ground::{STABLE_PODS, block, cells, metric, policy, steady},
    record::{begun, blocks, judged, opening},
};

fn last_look(opening: &Opening, blocks: &[Block]) -> (Gate, Look) {
    let (mut gate, _) = begun(opening);
    let mut shelf = Shelf::default();
    let looks: Vec<Look> = blocks.iter().map(|block| gate.look(block, &mut shelf)).collect();
    (gate, looks.into_iter().next_back().unwrap())
}

/// The last look under a policy that `change` made of the one that was kept.
fn under(opening: &Opening, blocks: &[Block], change: impl Fn(&mut Policy)) -> Look {
    let mut other = opening.clone();
    change(&mut other.policy);
    last_look(&other, blocks).1
}

fn what_if(opening: &Opening, blocks: &[Block]) -> WhatIf {
    judged(opening, blocks).what_if.unwrap()
}

fn of_one(opening: &Opening, blocks: &[Block]) -> MetricWhatIf {
    what_if(opening, blocks).metrics.remove(0)
}

fn quick() -> Policy {
    let mut policy = policy(vec![metric("errors")]);
    policy.steps[0].minimum = 0;
    policy
}

/// Equal releases, better and worse ones, seen for a short and a long time.
fn worlds() -> Vec<Vec<Block>> {
    [(3, 4), (12, 4), (40, 4), (12, 1), (40, 2), (30, 3), (20, 100)]
        .map(|(count, every)| blocks(count, every, 1))
        .to_vec()
}

#[test]
fn the_passing_margin_is_the_first_under_which_the_judgement_made_again_passes() {
    let opening = opening(quick());
    for blocks in worlds() {
        let found = of_one(&opening, &blocks).passing_margin;
        let margins = (111..=1600).step_by(if found.is_some() { 1 } else { 7 });
        let passes = |margin: &u32| {
            let look = under(&opening, &blocks, |policy| {
                policy.metrics[0].margin = f64::from(*margin) / 100.0;
            });
            reaches(look.metrics[0].no_worse, pass_bar(0.05))
        };
        match found {
            Some(margin) => {
                assert!(passes(&margin), "{margin}");
                // Near below it, and far below it.
                let below =
                    margins.filter(|other| *other < margin && (margin - other < 5 || other % 50 == 0));
                below.for_each(|other| assert!(!passes(&other), "{other} passes, below {margin}"));
            }
            None => assert!(!margins.into_iter().step_by(30).any(|margin| passes(&margin))),
        }
    }
}

#[test]
fn the_failing_tolerated_ratio_is_the_last_under_which_the_judgement_made_again_fails() {
    let opening = opening(quick());
    let mut found_some = 0;
    for blocks in worlds() {
        let fails = |tolerated: u32| {
            let look = under(&opening, &blocks, |policy| {
                let metric = &mut policy.metrics[0];
                (metric.tolerated, metric.margin) = (f64::from(tolerated) / 100.0, 16.0);
            });
            reaches(look.metrics[0].harm, harm_bar(0.05, 1.0, 1.0))
        };
        match of_one(&opening, &blocks).failing_tolerated {
            Some(tolerated) => {
                found_some += 1;
                assert!(fails(tolerated) && !fails(tolerated + 1) && !fails(tolerated + 30), "{tolerated}");
            }
            None => assert!(!fails(100)),
        }
    }
    assert!(found_some >= 2);
}

/// The evidence of one step without the engine: from the counts of the blocks with the formulas that it is made of.
struct Plainly {
    past: Measured,
    running: Running,
    worst: Worst,
    likelihood: LogLikelihood,
    pods: (f64, f64),
}

fn counts(block: &Block) -> Vec<(u32, u64, u64)> {
    let Seen::Cells(cells) = &block.metrics[0] else { panic!("there are cells") };
    let count = |value: &Value| if let Value::Count { x, n } = value { (*x, *n) } else { (0, 0) };
    cells.iter().map(|cell| (cell.pod, count(&cell.value).0, count(&cell.value).1)).collect()
}

impl Plainly {
    fn new(opening: &Opening, blocks: &[Block]) -> Self {
        let of_pod = |pod: u32| opening.history.iter().map(move |block| counts(block)[pod as usize]);
        let events: Vec<Vec<u64>> =
            (0..STABLE_PODS).map(|pod| of_pod(pod).map(|(_, x, _)| x).collect()).collect();
        let exposures: Vec<u64> = (0..STABLE_PODS).map(|pod| of_pod(pod).map(|(.., n)| n).sum()).collect();
        let (mut running, mut worst) = (Running::default(), Worst::default());
        let mut likelihood = LogLikelihood::default();
        let mut exposed = vec![0; counts(&blocks[0]).len()];
        for block in blocks {
            let cells = counts(block);
            let (stable, canary) = cells.split_at(STABLE_PODS as usize);
            let sum = |cells: &[(u32, u64, u64)]| {
                cells.iter().fold((0, 0), |(events, all), (_, x, n)| (events + x, all + n))
            };
            let ((y, n_stable), (x, n_canary)) = (sum(stable), sum(canary));
            let block = Counts { x, y, n_canary, n_stable };
            running.add(&block, &canary.iter().map(|(_, x, n)| (*x, *n)).collect::<Vec<_>>());
            worst.add(&block, 1.1);
            likelihood.add(&block);
            for (pod, _, n) in &cells {
                exposed[*pod as usize] += n;
            }
        }
        let (stable, canary) = exposed.split_at(STABLE_PODS as usize);
        let effective = |exposed: &[u64]| pods::effective(exposed.iter().copied());
        Self {
            past: dispersion::measure(&Past { counts: &events, exposures: &exposures }),
            running,
            worst,
            likelihood,
            pods: (effective(canary), effective(stable)),
        }
    }

    /// Harm and no harm when the data so far come `times` over, with other pods and bursts.
    fn evidence(&self, times: f64, pods_canary: f64, bursts: f64) -> (f64, f64) {
        let mut grown = LogLikelihood::default();
        let values: [f64; 321] = std::array::from_fn(|j| self.likelihood.at(j) * times);
        grown.add_terms(&values);
        let spread = pods::spread(self.past.between_pods, pods_canary, self.pods.1);
        let hypotheses = Shelf::default().get(1.1, 2.0, spread);
        let phi = self.running.phi(self.past.phi, PRIOR_EVENTS) * bursts;
        let cautious = self.running.cautious_phi(self.past.slow_phi(), PRIOR_EVENTS) * bursts;
        let harm = self.worst.without(&grown, phi).log_harm(&hypotheses);
        (harm, self.worst.again(&grown, cautious).log_no_worse(&hypotheses))
    }
}

#[test]
fn further_blocks_pods_and_bursts_are_the_first_that_do_when_tried_one_by_one() {
    let equal_pods = opening(quick());
    // A service whose pods differ: three of the canary cannot show the margin, more can.
    let mut unlike_pods = opening(quick());
    let seen = |number: i64| cells(|pod| (steady(number, pod, if pod < 5 { 6 } else { 2 }), 50), None);
    unlike_pods.history = (-240..0).map(|number| block(number, vec![seen(number)])).collect();
    let (harm, pass) = (harm_bar(0.05, 1.0, 1.0), pass_bar(0.05));
    let mut seen = [0; 4];
    let unlike = [(unlike_pods, blocks(200, 4, 1))];
    for (opening, blocks) in worlds().into_iter().map(|blocks| (equal_pods.clone(), blocks)).chain(unlike) {
        let found = of_one(&opening, &blocks);
        let plainly = Plainly::new(&opening, &blocks);
        let look = last_look(&opening, &blocks).1.metrics.remove(0);
        assert_eq!(plainly.pods, (look.canary_pods, look.stable_pods));
        let (canary, as_it_is) = (plainly.pods.0, plainly.evidence(1.0, plainly.pods.0, 1.0));
        assert!((as_it_is.0 - look.harm).abs() + (as_it_is.1 - look.no_worse).abs() < 1e-9, "{as_it_is:?}");
        let after = |more: u32| 1.0 + f64::from(more) / blocks.len() as f64;
        let first = |most: u32, holds: &dyn Fn(u32) -> bool| (0..most).find(|number| holds(*number));
        let until_pass = first(2000, &|more| reaches(plainly.evidence(after(more), canary, 1.0).1, pass));
        let until_fail = first(2000, &|more| reaches(plainly.evidence(after(more), canary, 1.0).0, harm));
        assert_eq!(found.blocks_to_pass.filter(|blocks| *blocks < 2000), until_pass);
        assert_eq!(found.blocks_to_fail.filter(|blocks| *blocks < 2000), until_fail);
        let enough = |pods: u32| reaches(plainly.evidence(1.0, f64::from(pods), 1.0).1, pass);
        let pods = if until_pass == Some(0) { Some(0) } else { (4..1001).find(|pods| enough(*pods)) };
        assert_eq!(found.pods_to_pass, pods);
        let holds = |bursts: u32| !reaches(plainly.evidence(1.0, canary, f64::from(bursts) / 100.0).0, harm);
        let bursts = (100..10_001).find(|bursts| holds(*bursts)).filter(|_| until_fail == Some(0));
        assert_eq!(found.bursts_to_hold, bursts);
        let nonzero = |value: Option<u32>| usize::from(value.is_some_and(|value| value > 0));
        for (seen, value) in seen.iter_mut().zip([until_pass, until_fail, pods, bursts]) {
            *seen += nonzero(value);
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "a kind was never seen: {seen:?}");
}

#[test]
fn the_minimum_time_and_the_minimum_exposure_are_waited_for() {
    let blocks = blocks(30, 4, 1);
    let mut opening = opening(quick());
    assert!(of_one(&opening, &blocks).blocks_to_pass.unwrap() < 30);
    opening.policy.steps[0].minimum = 15 * 100;
    assert_eq!(of_one(&opening, &blocks).blocks_to_pass, Some(70));
    // 123 requests of the canary in each block.
    (opening.policy.steps[0].minimum, opening.policy.minimum_exposure) = (0, 123 * 90 + 1);
    assert_eq!(of_one(&opening, &blocks).blocks_to_pass, Some(61));
}

/// Several metrics of different quality, of which each is left out in turn.
#[test]
fn without_a_metric_the_verdict_is_that_of_the_judgement_without_it() {
    let mut names = vec![metric("errors"), metric("timeouts"), metric("noted")];
    names[2].class = serin_gate::policy::Class::Note;
    let mut all = policy(names);
    all.steps[0].minimum = 300;
    let seen = |number: i64, every: i64| {
        let canary = move |pod: u32| (steady(number, pod, every), 50);
        cells(|pod| (steady(number, pod, 4), 50), Some(&canary))
    };
    let silent = |number: i64| cells(|pod| (steady(number, pod, 4), 50), Some(&|_| (0, 0)));
    let worlds: [&dyn Fn(i64) -> Vec<Seen>; 4] = [
        &|number| vec![seen(number, 1), seen(number, 4), seen(number, 4)],
        &|number| vec![seen(number, 4), seen(number, 4), seen(number, 1)],
        &|number| vec![seen(number, 4), silent(number), seen(number, 4)],
        &|number| vec![seen(number, 4), seen(number, 4), silent(number)],
    ];
    let mut said = Vec::new();
    for world in worlds {
        for count in [10, 200] {
            let blocks: Vec<Block> = (0..count).map(|number| block(number, world(number))).collect();
            let opening = opening(all.clone());
            let found = what_if(&opening, &blocks);
            for (place, found) in found.metrics.iter().enumerate() {
                let mut other = opening.clone();
                other.policy.metrics.remove(place);
                let less = |block: &Block| {
                    let mut block = block.clone();
                    block.metrics.remove(place);
                    block
                };
                other.history = opening.history.iter().map(less).collect();
                let blocks: Vec<Block> = blocks.iter().map(less).collect();
                let word = last_look(&other, &blocks).1.verdict.word();
                assert_eq!(found.without, word, "without {place} after {count} blocks");
                said.push(word);
            }
        }
    }
    assert!([Word::Pass, Word::Fail, Word::Hold].iter().all(|word| said.contains(word)));
}

#[test]
fn the_pod_that_carries_the_evidence_is_named() {
    let opening = opening(quick());
    let bad = |number: i64| {
        let canary = move |pod: u32| if pod == 2 { (6, 50) } else { (steady(number, pod, 4), 50) };
        block(number, vec![cells(|pod| (steady(number, pod, 4), 50), Some(&canary))])
    };
    let blocks: Vec<Block> = (0..12).map(bad).collect();
    let pods = what_if(&opening, &blocks).pods;
    assert_eq!(pods.len(), 3);
    let of = |pod: u32| pods.iter().find(|found| found.pod == pod).unwrap();
    assert!(of(12).share > 900 && of(12).without == Word::Hold, "{pods:?}");
    assert!(of(10).share < 100 && of(10).without == Word::Fail, "{pods:?}");
    assert_eq!(what_if(&opening, &blocks_of_an_equal()).pods, []);
}

fn blocks_of_an_equal() -> Vec<Block> {
    blocks(12, 4, 1)
}
