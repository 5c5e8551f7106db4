//! The planner's times against simulation, and what it must say whatever the figures.

use serin_gate::plan::{Choice, Goal, Question, Service, Stage, Time, propose, table, time};

use crate::ground::metric;

/// Events per minute, weight, how many times worse (1: an equal release, for PASS), mean size of bursts, coefficient of
/// variation of pods; then φ and the spread between pods as measured from a simulated past, and the simulated median and 90th
/// percentile. Thirty pods in all, of which the canary has its share by weight; `bench/verdict planner` measures them again.
type Case = (f64, f64, f64, f64, f64, f64, f64, f64, f64);
const CASES: [Case; 23] = [
    (12.0, 0.05, 2.0, 1.0, 0.0, 1.09, 0.10, 27.0, 60.5),
    (6.0, 0.05, 3.0, 1.0, 0.0, 1.09, 0.12, 15.5, 36.5),
    (6.0, 0.05, 5.0, 1.0, 0.0, 1.09, 0.12, 5.8, 12.2),
    (12.0, 0.05, 1.0, 1.0, 0.0, 1.09, 0.10, 26.5, 64.2),
    (12.0, 0.1, 2.0, 1.0, 0.0, 1.08, 0.10, 15.0, 37.2),
    (6.0, 0.1, 3.0, 1.0, 0.0, 1.09, 0.12, 9.2, 20.2),
    (6.0, 0.1, 5.0, 1.0, 0.0, 1.09, 0.12, 2.8, 6.8),
    (12.0, 0.1, 1.0, 1.0, 0.0, 1.08, 0.10, 13.8, 32.5),
    (12.0, 0.25, 2.0, 1.0, 0.0, 1.10, 0.10, 8.8, 17.2),
    (6.0, 0.25, 3.0, 1.0, 0.0, 1.10, 0.12, 4.0, 9.0),
    (6.0, 0.25, 5.0, 1.0, 0.0, 1.10, 0.12, 1.5, 3.0),
    (12.0, 0.25, 1.0, 1.0, 0.0, 1.10, 0.10, 7.8, 16.8),
    (12.0, 0.5, 2.0, 1.0, 0.0, 1.11, 0.11, 6.5, 13.2),
    (6.0, 0.5, 3.0, 1.0, 0.0, 1.13, 0.13, 3.0, 6.2),
    (6.0, 0.5, 5.0, 1.0, 0.0, 1.13, 0.13, 1.2, 2.2),
    (12.0, 0.5, 1.0, 1.0, 0.0, 1.11, 0.11, 6.2, 13.5),
    (36.0, 0.1, 2.0, 3.0, 0.0, 5.38, 0.11, 26.2, 65.0),
    (18.0, 0.1, 5.0, 3.0, 0.0, 5.40, 0.13, 5.0, 9.8),
    (36.0, 0.1, 1.0, 3.0, 0.0, 5.38, 0.11, 22.8, 51.5),
    (6.0, 0.25, 3.0, 1.0, 0.3, 1.10, 0.27, 4.8, 11.0),
    (6.0, 0.25, 5.0, 1.0, 0.3, 1.10, 0.27, 1.8, 3.8),
    (12.0, 0.5, 1.0, 1.0, 0.3, 1.10, 0.28, 7.0, 18.8),
    (12.0, 0.5, 2.0, 1.0, 0.3, 1.10, 0.28, 8.8, 39.0),
];

fn service(
    events: f64,
    phi: f64,
    likely_phi: f64,
    between_pods: f64,
    variation: f64,
    stable_pods: f64,
) -> Service {
    Service {
        exposure: 6000.0,
        rate: events / 6000.0,
        phi,
        likely_phi,
        between_pods,
        likely_between_pods: (1.0 + variation * variation).ln().sqrt(),
        stable_pods,
    }
}

fn ask(service: &Service, weight: f64, canary_pods: f64, goal: Goal) -> Time {
    let (metric, stages) = (metric("errors"), [Stage { weight, minutes: f64::INFINITY }]);
    let question =
        Question { metric: &metric, service, stages: &stages, canary_pods, bar: 20f64.ln(), block: 0.25 };
    time(&question, goal)
}

#[test]
fn times_are_those_of_the_simulation_within_a_fifth_and_a_block() {
    let mut misses = Vec::new();
    for (events, weight, ratio, burst, variation, phi, between_pods, median, p90) in CASES {
        let canary_pods = (30.0 * weight).round();
        // Geometric clumps of a mean size m have φ = 2m - 1.
        let service = service(events, phi, 2.0 * burst - 1.0, between_pods, variation, 30.0 - canary_pods);
        let goal = if ratio > 1.0 { Goal::Fail(ratio) } else { Goal::Pass };
        let got = ask(&service, weight, canary_pods, goal);
        for (name, got, simulated) in [("median", got.median, median), ("90th", got.p90, p90)] {
            let got = got.unwrap();
            if (got - simulated).abs() > 0.2 * simulated + 0.25 {
                misses.push(format!(
                    "{events}/min at {weight}, ratio {ratio}: {name} {got:.1} for {simulated}"
                ));
            }
        }
    }
    // One known miss: a 90th percentile of six minutes, at half of the traffic.
    assert!(misses.len() <= 1, "{misses:#?}");
}

#[test]
fn what_the_pods_cannot_support_takes_for_ever() {
    let differing = service(12.0, 1.1, 1.0, 0.6, 0.6, 29.0);
    assert_eq!(ask(&differing, 0.1, 1.0, Goal::Pass).p90, None);
    assert!(ask(&service(12.0, 1.1, 1.0, 0.1, 0.0, 20.0), 0.1, 10.0, Goal::Pass).p90.is_some());
}

#[test]
fn more_weight_is_never_slower_and_worse_releases_are_found_sooner() {
    let service = service(12.0, 1.1, 1.0, 0.1, 0.0, 20.0);
    let fail = |weight: f64, ratio: f64| ask(&service, weight, 5.0, Goal::Fail(ratio)).median.unwrap();
    for pair in [0.05, 0.1, 0.25, 0.5].windows(2) {
        assert!(fail(pair[1], 2.0) < fail(pair[0], 2.0), "{pair:?}");
    }
    for pair in [1.5, 2.0, 3.0, 5.0, 10.0].windows(2) {
        assert!(fail(0.1, pair[1]) < fail(0.1, pair[0]), "{pair:?}");
    }
}

#[test]
fn an_early_stage_counts_for_harm_and_not_for_safety() {
    let (service, metric) = (service(12.0, 1.1, 1.0, 0.1, 0.0, 20.0), metric("errors"));
    let at = |stages: &[Stage], goal: Goal| {
        let question = Question {
            metric: &metric,
            service: &service,
            stages,
            canary_pods: 5.0,
            bar: 20f64.ln(),
            block: 0.25,
        };
        time(&question, goal).median.unwrap()
    };
    let last = Stage { weight: 0.25, minutes: f64::INFINITY };
    let staged = [Stage { weight: 0.05, minutes: 20.0 }, last];
    assert!(at(&staged, Goal::Pass) > 20.0 + 0.8 * at(&[last], Goal::Pass));
    let (staged_fail, alone) = (at(&staged, Goal::Fail(2.0)), at(&[last], Goal::Fail(2.0)));
    assert!(staged_fail < 20.0 + 1.5 * alone && staged_fail > alone, "{staged_fail} and {alone}");
}

#[test]
fn the_proposal_is_the_smallest_weight_and_the_fewest_pods_in_time() {
    let (service, metric) = (service(12.0, 1.1, 1.0, 0.3, 0.3, 20.0), metric("errors"));
    let bar = 20f64.ln();
    let question =
        Question { metric: &metric, service: &service, stages: &[], canary_pods: 1.0, bar, block: 0.25 };
    let choice = Choice {
        question,
        weights: &[0.5, 0.05, 0.25, 0.1],
        ratios: &[2.0, 5.0],
        pass_bar: bar,
        minimum: 5.0,
    };
    let (weight, pods) = propose(&choice, 60.0, 20).unwrap();
    let p90 = |weight: f64, pods: f64| ask(&service, weight, pods, Goal::Pass).p90;
    assert!(p90(weight, f64::from(pods)).unwrap() <= 60.0);
    assert!(p90(weight, f64::from(pods - 1)).is_none_or(|minutes| minutes > 60.0), "{weight} {pods}");
    assert!(
        [0.05, 0.1, 0.25]
            .iter()
            .filter(|w| **w < weight)
            .all(|w| p90(*w, 20.0).is_none_or(|minutes| minutes > 60.0))
    );
    let made = table(&choice);
    assert_eq!((made.rows.len(), made.rows[0].fail.len()), (4, 2));
    assert!(made.rows.iter().all(|row| row.pass.median.is_none_or(|minutes| minutes >= 5.0)));
}
