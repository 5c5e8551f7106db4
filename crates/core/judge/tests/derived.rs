//! Chosen runs with what Kayenta's judge answered (each quirk by its name), and how it makes pairs of series, where they lie
//! beside the repository.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::panic)] // tests read files

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_judge::source::mix::{Series, mix};
use serin_judge::{Input, PairResult, judge};

/// The rows of one kind; none without the recordings.
fn rows(kind: &str) -> Option<Vec<Value>> {
    let path = serin_needs::shared("vectors/kayenta/derived.json")?;
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    Some(all[kind].as_array().unwrap().clone())
}

fn number(value: &Value) -> f64 {
    if value == "NaN" { f64::NAN } else { value.as_f64().unwrap_or_else(|| panic!("{value} is no number")) }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[track_caller]
fn near(id: &Value, what: &str, got: f64, wanted: &Value) {
    let wanted = number(wanted);
    let is_near = (got - wanted).abs() <= 1e-12 * wanted.abs() || got.is_nan() && wanted.is_nan();
    assert!(is_near, "{id}: {what} is {got}, Kayenta's {wanted}");
}

fn input(inputs: &Value) -> Input {
    let metrics = inputs["metrics"].as_array().unwrap();
    let metric = |m: &Value| json!({"name": m["name"], "groups": m["groups"], "analysisConfigurations": {"canary": m["canary"]}});
    let pair = |m: &Value| json!({"name": m["name"], "values": {"experiment": m["experiment"], "control": m["control"]}});
    serde_json::from_value(json!({
        "canaryConfig": {
            "metrics": metrics.iter().map(metric).collect::<Vec<_>>(),
            "classifier": {"groupWeights": inputs["groupWeights"]},
        },
        "scoreThresholds": inputs["thresholds"],
        "metricSetPairList": metrics.iter().map(pair).collect::<Vec<_>>(),
    }))
    .unwrap()
}

fn same_pair(id: &Value, got: &PairResult, wanted: &Value) {
    assert_eq!(got.found.label.as_str(), wanted["classification"], "{id}");
    assert_eq!(got.found.critical, wanted["critical"], "{id}");
    assert_eq!(got.muted, wanted["muted"], "{id}");
    assert_eq!(json!(got.reason()), wanted["classificationReason"], "{id}");
    for (side, wanted) in
        [(got.experiment, &wanted["experimentStats"]), (got.control, &wanted["controlStats"])]
    {
        assert_eq!(json!(side.count), wanted["count"], "{id}");
        for (what, got) in [("min", side.min), ("max", side.max), ("mean", side.mean), ("std", side.std)] {
            near(id, what, got, &wanted[what]);
        }
    }
    match (got.found.ratio, wanted.get("ratio")) {
        (Some(ratio), Some(wanted)) => near(id, "ratio", ratio, wanted),
        (ratio, wanted) => assert!(ratio.is_none() && wanted.is_none(), "{id}: {ratio:?} {wanted:?}"),
    }
    if let (Some(compared), Some(ends)) = (&got.found.compared, wanted.get("_ci")) {
        near(id, "the lower end", compared.interval.lower, &ends[0]);
        near(id, "the upper end", compared.interval.upper, &ends[1]);
        near(id, "the estimate", compared.interval.estimate, &wanted["_estimate"]);
    }
}

#[test]
fn every_chosen_run_ends_as_kayentas_did() {
    let Some(rows) = rows("judge") else { return };
    for row in &rows {
        let (id, wanted) = (&row["id"], &row["expected"]);
        let judged = judge(&input(&row["inputs"])).unwrap();
        let results = wanted["results"].as_array().unwrap();
        assert_eq!(judged.results.len(), results.len(), "{id}");
        for (got, wanted) in judged.results.iter().zip(results) {
            same_pair(id, got, wanted);
        }
        let group = |g: &Value| (g["name"].as_str().unwrap().to_owned(), number(&g["score"]));
        let groups: BTreeMap<_, _> = wanted["groupScores"].as_array().unwrap().iter().map(group).collect();
        let got: BTreeMap<_, _> =
            judged.score.groups.iter().map(|g| (g.name.clone().unwrap(), g.score)).collect();
        assert_eq!(got, groups, "{id}");
        assert_eq!(json!(judged.score.score), wanted["score"], "{id}");
        assert_eq!(judged.score.verdict.as_str(), wanted["classification"], "{id}");
        assert_eq!(judged.score.reason, wanted["classificationReason"], "{id}");
    }
    assert_eq!(rows.len(), 40);
}

#[test]
fn every_mixing_of_one_series_a_side_is_kayentas() {
    let Some(rows) = rows("mixing") else { return };
    let mut held = 0;
    for row in &rows {
        let (id, wanted, inputs) = (&row["id"], &row["expected"], &row["inputs"]);
        let (control, experiment) = (&inputs["control"], &inputs["experiment"]);
        // Here both sides have the name of one metric, and a side without a series is one without data.
        if control["name"] != experiment["name"] || control["name"].is_null() {
            continue;
        }
        let series = |side: &Value| {
            let tags = serde_json::from_value(side["tags"].clone()).unwrap_or_default();
            Series { tags, values: side.get("values").map(numbers).unwrap_or_default() }
        };
        let expected = |side: &Value| {
            let span = side["end"].as_u64().unwrap_or_default() - side["start"].as_u64().unwrap_or_default();
            usize::try_from(span / side["step"].as_u64().unwrap_or(1)).unwrap()
        };
        let name = control["name"].as_str().unwrap();
        let sides = [vec![series(control)], vec![series(experiment)]];
        match mix(name, sides, [expected(control), expected(experiment)]) {
            Err(error) => {
                assert!(error.to_string().contains(wanted["error"].as_str().unwrap()), "{id}: {error}");
            }
            Ok(mixed) => {
                let [pair] = &*mixed.pairs else { panic!("{id}: {:?}", mixed.pairs) };
                let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                for (got, side) in [(&pair.control, "control"), (&pair.experiment, "experiment")] {
                    assert_eq!(
                        bits(got.as_deref().unwrap()),
                        bits(&numbers(&wanted["values"][side])),
                        "{id} {side}"
                    );
                }
            }
        }
        held += 1;
    }
    assert_eq!(held, 4);
}
