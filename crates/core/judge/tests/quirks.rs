//! The quirks of Kayenta's rule, one by one: each is kept, and each that may hurt a user raises a finding.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};
use serin_judge::{Finding, Input, Judgement, Label, Rule, Verdict, judge};

/// Judges one metric `m` in one group of weight 100, at 95 and 75.
fn run(canary: &Value, experiment: &[f64], control: &[f64]) -> Judgement {
    let value = |v: &f64| if v.is_nan() { json!("NaN") } else { json!(v) };
    let side = |values: &[f64]| values.iter().map(value).collect::<Vec<_>>();
    judge(&input(
        &json!([{"name": "m", "groups": ["g"], "analysisConfigurations": {"canary": canary}}]),
        &json!([{"name": "m", "id": "p", "values": {"experiment": side(experiment), "control": side(control)}}]),
        &json!({"g": 100}),
    ))
    .unwrap()
}

fn input(metrics: &Value, pairs: &Value, weights: &Value) -> Input {
    serde_json::from_value(json!({
        "canaryConfig": {"metrics": metrics, "classifier": {"groupWeights": weights}},
        "scoreThresholds": {"pass": 95, "marginal": 75},
        "metricSetPairList": pairs,
    }))
    .unwrap()
}

fn kinds(judgement: &Judgement) -> Vec<&'static str> {
    judgement.results[0].evidence.findings.iter().map(Finding::kind).collect()
}

#[track_caller]
fn holds(judgement: &Judgement, label: Label, rule: Rule, score: f64, findings: &[&str]) {
    let found = &judgement.results[0].found;
    assert_eq!((found.label, found.rule), (label, rule));
    assert!((judgement.score.score - score).abs() < 1e-12, "{}", judgement.score.score);
    assert_eq!(kinds(judgement), findings);
}

/// `failing` points of 1 among 60, the others 0.
fn errors(failing: usize) -> Vec<f64> {
    (0..60).map(|i| if i < failing { 1.0 } else { 0.0 }).collect()
}

#[test]
fn more_errors_can_pass_where_fewer_fail() {
    let increase = json!({"direction": "increase"});
    for (failing, label) in [
        (25, Label::Pass),
        (28, Label::High),
        (29, Label::High),
        (30, Label::Pass),
        (35, Label::Pass),
        (40, Label::High),
        (59, Label::High),
    ] {
        let judged = run(&increase, &errors(failing), &[0.0; 60]);
        assert_eq!(judged.results[0].found.label, label, "{failing} failing points");
        assert!(kinds(&judged).contains(&"noRatio"), "{failing}: the effect's thresholds do nothing");
    }
}

#[test]
fn two_points_can_fail_a_metric() {
    let judged = run(&json!({}), &[10.0], &[1.0, 2.0]);
    holds(&judged, Label::High, Rule::Higher, 0.0, &["tooFewPoints"]);
}

#[test]
fn one_point_each_is_an_error_and_scores_100() {
    let judged = run(&json!({}), &[21.0], &[0.0; 60]);
    holds(
        &judged,
        Label::Error,
        Rule::AllTied,
        100.0,
        &["constantSeries", "errorNotCounted", "groupWithoutEffect"],
    );
    assert_eq!(judged.score.verdict, Verdict::Pass);
}

#[test]
fn the_unit_of_the_data_decides() {
    let base: Vec<f64> = (0..30).map(|i| 1.0 + f64::from(i % 7) / 10.0).collect();
    let more: Vec<f64> = base.iter().map(|v| v * 1.6).collect();
    let scaled = |by: f64| {
        let scale = |values: &[f64]| values.iter().map(|v| v * by).collect::<Vec<_>>();
        run(&json!({"direction": "increase"}), &scale(&more), &scale(&base))
    };
    let (seconds, tiny) = (scaled(1.0), scaled(1e-5));
    assert_eq!(seconds.results[0].found.label, Label::High);
    assert_eq!(tiny.results[0].found.label, Label::Pass, "the same data in another unit");
    assert!(!kinds(&seconds).contains(&"unitTooSmall"));
    assert!(kinds(&tiny).contains(&"unitTooSmall"));
}

#[test]
fn constant_series_differ_however_little_and_then_the_noise_decides() {
    let judged = run(&json!({"direction": "increase"}), &[101.0; 60], &[100.0; 60]);
    holds(&judged, Label::High, Rule::Higher, 0.0, &["constantSeries"]);
    let allowed = json!({"direction": "increase", "effectSize": {"allowedIncrease": 1.05}});
    holds(
        &run(&allowed, &[101.0; 60], &[100.0; 60]),
        Label::Pass,
        Rule::EffectAllowed,
        100.0,
        &["constantSeries"],
    );
    let near = run(&json!({"direction": "increase"}), &[100.0005; 60], &[100.0; 60]);
    assert_eq!(kinds(&near), ["constantSeries", "noiseDecides"]);
    assert_eq!(
        near,
        run(&json!({"direction": "increase"}), &[100.0005; 60], &[100.0; 60]),
        "always the same draw"
    );
}

#[test]
fn missing_data_is_a_label_and_sometimes_a_success() {
    let (some, none) = ([1.0, 2.0, 3.0], [f64::NAN; 3]);
    let judged = |canary: Value| run(&canary, &[], &some);
    holds(
        &judged(json!({})),
        Label::Nodata,
        Rule::Missing,
        0.0,
        &["missingNotCounted", "groupWithoutEffect"],
    );
    holds(&judged(json!({"mustHaveData": true})), Label::NodataFailMetric, Rule::MissingFails, 0.0, &[]);
    let both = judged(json!({"mustHaveData": true, "critical": true}));
    holds(&both, Label::Nodata, Rule::Missing, 0.0, &["groupWithoutEffect"]);
    assert_eq!(both.score.reason, "Canary Failed: Missing data for m");
    let replaced = judged(json!({"nanStrategy": "replace", "mustHaveData": true, "critical": true}));
    holds(&replaced, Label::Pass, Rule::MissingReplaced, 100.0, &["missingCountsAsPass"]);
    let holes = run(&json!({"nanStrategy": "replace"}), &none, &none);
    holds(&holes, Label::Pass, Rule::Identical, 100.0, &["allZero", "holesAsZero"]);
}

#[test]
fn a_critical_metric_that_misses_its_critical_effect_is_an_ordinary_failure() {
    let base: Vec<f64> = (0..30).map(|i| 10.0 + f64::from(i % 5)).collect();
    let more: Vec<f64> = base.iter().map(|v| v * 1.5).collect();
    let canary = |critical: f64| json!({"critical": true, "effectSize": {"criticalIncrease": critical}});
    let ordinary = run(&canary(2.0), &more, &base);
    assert!(!ordinary.results[0].found.critical && kinds(&ordinary).contains(&"criticalNotReached"));
    assert!(run(&canary(1.2), &more, &base).results[0].found.critical);
}

#[test]
fn a_weight_without_results_is_lost() {
    let pair =
        |name: &str| json!({"name": name, "id": name, "values": {"experiment": [1, 2], "control": [2, 1]}});
    let metric = |name: &str, group: &str, muted: bool| json!({"name": name, "groups": [group], "analysisConfigurations": {"canary": {"muted": muted}}});
    let judged = judge(&input(
        &json!([metric("a", "light", true), metric("b", "heavy", false)]),
        &json!([pair("a"), pair("b")]),
        &json!({"light": 10, "heavy": 90}),
    ))
    .unwrap();
    assert!((judged.score.score - 90.0).abs() < 1e-12);
    assert_eq!(kinds(&judged), ["groupWithoutEffect", "weightsSum"], "the muted metric's group");
}

/// The findings about a metric `m` of `groups` that passes, and the score.
fn of_weights(groups: &Value, weights: &Value) -> (Vec<&'static str>, f64) {
    let judged = judge(&input(
        &json!([{"name": "m", "groups": groups}]),
        &json!([{"name": "m", "values": {"experiment": [1, 2], "control": [2, 1]}}]),
        weights,
    ))
    .unwrap();
    (kinds(&judged), judged.score.score)
}

#[test]
fn a_weight_that_is_lost_or_left_over_or_below_zero_is_said() {
    let both = json!(["a", "b"]);
    assert_eq!(of_weights(&both, &json!({"a": 60})), (vec![], 100.0), "b has what is left");
    assert_eq!(
        of_weights(&both, &json!({"a": 100})),
        (vec!["groupWithoutEffect"], 100.0),
        "nothing is left for b"
    );
    assert_eq!(of_weights(&both, &json!({"a": 150})), (vec!["negativeWeight"], 100.0), "b weighs -50");
    let lost = of_weights(&both, &json!({"a": 30, "ghost": 30}));
    assert_eq!(lost, (vec!["weightsSum"], 70.0), "the weight of a group that is not here");
    assert_eq!(of_weights(&json!(["a"]), &json!({"a": 120})), (vec!["weightsSum"], 120.0));
}

#[test]
fn a_few_points_do_not_show_autocorrelation() {
    let ramp = |n: i32| (0..n).map(|i| f64::from(i / 2)).collect::<Vec<_>>();
    let said = |n| kinds(&run(&json!({}), &ramp(n), &ramp(n + 1))).contains(&"autocorrelated");
    assert!(!said(6), "two standard errors are 0.8");
    assert!(said(30));
}

#[test]
fn autocorrelation_is_measured_and_said() {
    let walk: Vec<f64> = (0..60).map(|i| 10.0 + (f64::from(i) / 9.0).sin()).collect();
    let other: Vec<f64> = (0..60).map(|i| 10.0 + (f64::from(i) / 9.0 + 1.0).sin()).collect();
    let judged = run(&json!({}), &walk, &other);
    let found = judged.results[0].evidence.findings.iter().find_map(|finding| match finding {
        Finding::Autocorrelated { lag_one, false_alarm_percent } => Some((*lag_one, *false_alarm_percent)),
        _ => None,
    });
    let (lag_one, percent) = found.unwrap();
    assert!(0.9 < lag_one && 48.0 < percent, "{lag_one} {percent}");
}

#[test]
fn what_would_have_changed_the_label_does_change_it() {
    let base: Vec<f64> = (0..30).map(|i| 10.0 + f64::from(i % 5)).collect();
    let more: Vec<f64> = base.iter().map(|v| v * 1.5).collect();
    let high = run(&json!({"direction": "increase"}), &more, &base);
    let text = high.results[0].evidence.what_if.unwrap().to_string();
    assert_eq!(text, "Pass if effectSize.allowedIncrease > 1.500000");
    let allowed = json!({"direction": "increase", "effectSize": {"allowedIncrease": 1.500_001}});
    let pass = run(&allowed, &more, &base);
    assert_eq!(pass.results[0].found.label, Label::Pass);
    let text = pass.results[0].evidence.what_if.unwrap().to_string();
    assert_eq!(text, "High if effectSize.allowedIncrease <= 1.500000");
    // What is shown is rounded, and is true all the same.
    for (factor, direction, option, other) in [
        (1.200_000_4, "increase", "allowedIncrease", 2.0),
        (1.200_000_6, "increase", "allowedIncrease", 2.0),
        (0.800_000_4, "decrease", "allowedDecrease", 0.5),
        (0.800_000_6, "decrease", "allowedDecrease", 0.5),
    ] {
        let changed: Vec<f64> = base.iter().map(|v| v * factor).collect();
        let judged =
            |effect: &Value| run(&json!({"direction": direction, "effectSize": effect}), &changed, &base);
        for effect in [json!({}), json!({option: other})] {
            let what_if = judged(&effect).results[0].evidence.what_if.unwrap();
            let text = what_if.to_string();
            let shown: f64 = text.rsplit(' ').next().unwrap().parse().unwrap();
            let setting = match () {
                () if text.contains("> ") => shown + 1e-9,
                () if text.contains("< ") => shown - 1e-9,
                () => shown,
            };
            let label = judged(&json!({option: setting})).results[0].found.label;
            assert_eq!(label, what_if.label, "{factor} {text}");
        }
    }
    let other_way = run(&json!({"direction": "decrease"}), &more, &base);
    assert_eq!(
        other_way.results[0].evidence.what_if.unwrap().to_string(),
        "High if direction were \"either\""
    );
}
