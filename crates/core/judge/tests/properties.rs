//! What holds for all data, and that hostile data end in a label or an error: never a panic, a hang or a silent label.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value)]

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_judge::{Finding, Input, Judge, Label, Pair, PairResult, Rule};

fn input(canary: Value, experiment: Vec<f64>, control: Vec<f64>) -> Input {
    let mut input: Input = serde_json::from_value(json!({
        "canaryConfig": {
            "metrics": [{"name": "m", "groups": ["g"], "analysisConfigurations": {"canary": canary}}],
            "classifier": {"groupWeights": {"g": 100}},
        },
        "scoreThresholds": {"pass": 95, "marginal": 75},
    }))
    .unwrap();
    let sides = (Some(experiment), Some(control));
    input.metric_set_pair_list =
        Some(vec![Pair { name: "m".to_owned(), experiment: sides.0, control: sides.1, ..Pair::default() }]);
    input
}

fn one(canary: Value, experiment: &[f64], control: &[f64]) -> PairResult {
    let judged = serin_judge::judge(&input(canary, experiment.to_vec(), control.to_vec())).unwrap();
    judged.results.into_iter().next().unwrap()
}

fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        Just(5e-324),
        Just(1e308),
        Just(-1e308),
        -2.0..2.0_f64,
        (-3..3_i32).prop_map(f64::from),
        any::<f64>(),
    ]
}

fn calm() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        proptest::collection::vec((1..400_i32).prop_map(|i| f64::from(i) / 8.0), 5..80),
        proptest::collection::vec(1.0..50.0_f64, 5..80),
    ]
}

fn options() -> impl Strategy<Value = Value> {
    let factor = prop_oneof![Just(3.0), Just(1e-300), Just(1e300)];
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), factor).prop_map(
        |(replace, remove, cles, critical, factor)| {
            json!({
                "nanStrategy": if replace { "replace" } else { "remove" },
                "outliers": {"strategy": if remove { "remove" } else { "keep" }, "outlierFactor": factor},
                "effectSize": {"measure": if cles { "cles" } else { "meanRatio" }},
                "critical": critical,
            })
        },
    )
}

proptest! {
    #[test]
    fn hostile_numbers_end_in_a_label(
        experiment in proptest::collection::vec(hostile(), 0..24),
        control in proptest::collection::vec(hostile(), 0..24),
        canary in options(),
    ) {
        let result = one(canary, &experiment, &control);
        let infinite = [result.experiment, result.control].iter().any(|side| side.max.is_infinite() || side.min.is_infinite());
        if infinite && result.found.compared.is_some() {
            prop_assert!(result.evidence.findings.contains(&Finding::Infinite));
        }
        // What is written can be read again.
        let judged = serin_judge::judge(&input(json!({}), experiment, control)).unwrap();
        prop_assert!(serde_json::to_string(&judged).unwrap().contains("\"classification\""));
    }

    /// The order of the points does not count; only the last bits of the means depend on it.
    #[test]
    fn the_order_of_points_does_not_count(experiment in calm(), control in calm(), turn in 0..80_usize) {
        let turned = |values: &[f64]| {
            let mut values = values.to_vec();
            let by = turn % values.len();
            values.rotate_left(by);
            values.reverse();
            values
        };
        let (a, b) = (one(json!({}), &experiment, &control), one(json!({}), &turned(&experiment), &turned(&control)));
        prop_assert_eq!(a.found.label, b.found.label);
        prop_assert_eq!(a.found.rule, b.found.rule);
        let ends = |result: &PairResult| result.found.compared.map(|c| (c.interval.lower.to_bits(), c.interval.upper.to_bits()));
        prop_assert_eq!(ends(&a), ends(&b));
    }

    /// Swapped arms mirror High and Low, unless a bound lies within the solver's tolerance of the margin.
    #[test]
    fn swapped_arms_mirror_the_label(experiment in calm(), control in calm()) {
        let (a, b) = (one(json!({}), &experiment, &control), one(json!({}), &control, &experiment));
        let near = |result: &PairResult| result.found.compared.is_none_or(|compared| {
            let (interval, slack) = (compared.interval, 0.01);
            (interval.lower - compared.margin).abs() < slack || (interval.upper + compared.margin).abs() < slack
                || interval.estimate.abs() < slack
        });
        // With ties the path of the solver decides, which is not the same from the other side.
        let mut all = [experiment, control].concat();
        all.sort_unstable_by(f64::total_cmp);
        let tied = all.windows(2).any(|pair| pair[0].to_bits() == pair[1].to_bits());
        if !near(&a) && !near(&b) && !tied && a.found.rule != Rule::EffectAllowed && b.found.rule != Rule::EffectAllowed {
            let mirrored = match a.found.label {
                Label::High => Label::Low,
                Label::Low => Label::High,
                other => other,
            };
            prop_assert_eq!(b.found.label, mirrored);
        }
    }

    /// What the JSON reader takes is judged or refused, and what it does not take is an error with a place.
    #[test]
    fn broken_json_is_an_error_with_a_place(cut in 0..400_usize, byte in any::<u8>(), at in 0..400_usize) {
        let whole = json!({
            "canaryConfig": {"name": "c", "metrics": [{"name": "m", "groups": ["g"], "analysisConfigurations":
                {"canary": {"direction": "increase", "effectSize": {"allowedIncrease": 1.2}}}}],
                "classifier": {"groupWeights": {"g": 100}}},
            "scoreThresholds": {"pass": 95, "marginal": 75},
            "metricSetPairList": [{"name": "m", "id": "p", "tags": {"zone": "a"},
                "values": {"experiment": [1, 2, "NaN", null], "control": [1, 2, 3]}}],
        });
        let mut bytes = whole.to_string().into_bytes();
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(len - cut % len);
        match serde_json::from_slice::<Input>(&bytes) {
            Ok(input) => drop(Judge::default().judge(&input)),
            Err(error) => prop_assert!(0 < error.line(), "{}", error),
        }
    }
}

#[test]
fn a_million_points_and_ten_thousand_metrics_are_judged() {
    let noise = |i: u64| ((i.wrapping_mul(6_364_136_223_846_793_005) >> 33) % 100_003) as f64 / 7.0;
    let many = |salt: u64| (0..1_000_000).map(|i| noise(i + salt)).collect::<Vec<_>>();
    let result = one(json!({}), &many(1), &many(2));
    assert_eq!(result.found.label, Label::Pass);
    assert_eq!((result.experiment.count, result.control.count), (1_000_000, 1_000_000));

    let mut endless = many(1);
    (endless[0], endless[1]) = (f64::INFINITY, f64::NEG_INFINITY);
    let result = one(json!({}), &endless, &many(2));
    assert!(result.evidence.findings.contains(&Finding::Infinite), "{:?}", result.found);

    let metric = |i: usize| json!({"name": format!("m{i}"), "groups": [format!("g{}", i % 100)]});
    let pair = |i: usize| json!({"name": format!("m{i}"), "id": "p", "values": {"experiment": [1, 2, 3], "control": [i, 2, 1]}});
    let wide: Input = serde_json::from_value(json!({
        "canaryConfig": {"metrics": (0..10_000).map(metric).collect::<Vec<_>>(), "classifier": {}},
        "scoreThresholds": {"pass": 95, "marginal": 75},
        "metricSetPairList": (0..10_000).map(pair).collect::<Vec<_>>(),
    }))
    .unwrap();
    let judged = serin_judge::judge(&wide).unwrap();
    assert_eq!((judged.results.len(), judged.score.groups.len()), (10_000, 100));
}
