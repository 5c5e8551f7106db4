use serin_kernel::Moment;

use super::*;
use crate::{
    MetricLook,
    hold::{Cause, Verdict},
    policy::{Metric, Step},
};

fn policy() -> Policy {
    let metric = Metric::guard("errors");
    Policy {
        block: 15,
        alpha: 0.05,
        beta: 0.05,
        steps: vec![Step { weight: 1000, minimum: 0 }],
        deadline: 3600,
        minimum_exposure: 50,
        blackhole: 60,
        split: None,
        metrics: vec![metric],
    }
}

fn look(harm: f64, verdict: Verdict) -> Look {
    let metric = MetricLook {
        harm,
        no_worse: -1.0,
        phi: 1.0,
        spread: 0.1,
        canary_pods: 3.0,
        stable_pods: 10.0,
        hold: None,
        lines: Vec::new(),
    };
    Look {
        at: Moment::from_secs(15),
        step: 0,
        verdict,
        metrics: vec![metric],
        split: None,
        step_seconds: 15,
        is_past_deadline: false,
    }
}

#[test]
fn on_the_bar_the_records_verdict_holds_and_beside_it_it_does_not() {
    let bar = crate::decide::harm_bar(0.05, 1.0, 1.0);
    let fail = || Verdict::Fail(vec![Cause::Evidence { metric: 0 }]);
    let step = 1.0 / f64::from(1u32 << 30);
    let is_tie = |stored: &Look, recomputed: &Look| tie(0, stored, recomputed, &policy()).is_some();
    let stored = |harm: f64| rounded(&look(harm, Verdict::Pass)).unwrap();
    assert!(is_tie(&stored(bar), &look(bar, fail())));
    assert!(is_tie(&stored(bar + 0.5 * step), &look(bar + 0.5 * step, fail())));
    assert!(!is_tie(&stored(bar + 3.0 * step), &look(bar + 3.0 * step, fail())));
    assert!(!is_tie(&rounded(&look(bar, fail())).unwrap(), &look(bar, fail())), "the same is no tie");
    let mut other = stored(bar);
    other.metrics[0].no_worse = -0.5;
    assert!(!is_tie(&other, &look(bar, fail())), "a look that differs elsewhere is no tie");
}

#[test]
fn what_differs_is_told_with_its_path() {
    let mut found = Vec::new();
    let (a, b) =
        (serde_json::json!({"x": [1, {"y": 2}], "z": 1}), serde_json::json!({"x": [1, {"y": 3}, 4]}));
    compare("looks".to_owned(), &a, &b, &mut found);
    let told: Vec<String> = found.iter().map(Difference::to_string).collect();
    assert_eq!(
        told,
        [
            "looks.x.length: stored 2, recomputed 3",
            "looks.x[1].y: stored 2, recomputed 3",
            "looks.z: stored 1, recomputed null"
        ]
    );
}
