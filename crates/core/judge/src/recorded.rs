//! What Kayenta's own classes answered to single functions of the judge, exactly.
//!
//! `testdata/kayenta-unit.jsonl` is a sample of the recorded answers; the whole set is used when it lies beside the
//! repository, and with it what was recorded of examples that others chose.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // tests read files

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use serin_stats::describe::Summary;

use crate::classify::{Bar, Classification, Label, Memory, Rule, classify_at};
use crate::config::Metric;
use crate::evidence::Evidence;
use crate::input::Thresholds;
use crate::mean::mean_inequality;
use crate::options::Options;
use crate::order;
use crate::preprocess::preprocess;
use crate::result::PairResult;
use crate::score::{Verdict, score};

/// Rows `{id, input: {op, …}, expected}`.
fn rows() -> Vec<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(here.join("testdata/kayenta-unit.jsonl")).unwrap();
    let mut chosen = Vec::new();
    if let Some(whole) = serin_needs::shared("vectors/kayenta/open-unit.jsonl.gz") {
        let file = std::fs::File::open(&whole).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let all = std::fs::read_to_string(whole.with_file_name("derived.json")).unwrap();
        let all: Value = serde_json::from_str(&all).unwrap();
        chosen.extend(all["unit"].as_array().unwrap().iter().filter_map(chosen_row));
    }
    let own = text.lines().map(|line| serde_json::from_str(line).unwrap());
    own.chain(chosen).collect()
}

/// A chosen example in the form of the others, with what Kayenta answered to it; none for another crate's.
fn chosen_row(row: &Value) -> Option<Value> {
    let kind = row["kind"].as_str().unwrap();
    let param = |name: &str| row["params"][name].clone();
    let mut input: Map<String, Value> = row["inputs"].as_object().unwrap().clone();
    input.extend(row["params"].as_object().unwrap().clone());
    let op = match kind {
        "mannWhitneyClassify" | "meanInequality" => "classify",
        "score" => "score",
        "transform" if param("op") == "removeNaN" => "removeNaNs",
        "transform" if param("op") == "replaceNaN" => "replaceNaNs",
        _ => return None,
    };
    input.insert("op".to_owned(), json!(op));
    input.insert("value".to_owned(), param("with"));
    input.insert("confLevel".to_owned(), param("confidenceLevel"));
    if kind == "meanInequality" {
        input.insert("classifier".to_owned(), json!(kind));
    }
    Some(json!({"id": row["id"], "input": input, "expected": row["real"]}))
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn options(input: &Value) -> Options {
    let mut effect = Map::new();
    for name in ["measure", "allowedIncrease", "allowedDecrease", "criticalIncrease", "criticalDecrease"] {
        effect.extend(input.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let mut canary: Map<String, Value> = Map::new();
    for name in ["direction", "nanStrategy", "critical", "mustHaveData"] {
        canary.extend(input.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    canary.insert("effectSize".to_owned(), Value::Object(effect));
    let metric: Metric =
        serde_json::from_value(json!({"analysisConfigurations": {"canary": canary}})).unwrap();
    Options::of(&metric).unwrap()
}

fn classified(id: &Value, input: &Value, expected: &Value) {
    let options = options(input);
    let (x, y) = (numbers(&input["experiment"]), numbers(&input["control"]));
    let name = input["metricName"].as_str().unwrap_or("m");
    let (label, critical, ratio, reason) = if input["classifier"] == "meanInequality" {
        let found = mean_inequality(&x, &y, &options);
        (found.label, found.critical, Some(found.ratio), found.reason.map(str::to_owned))
    } else {
        let bar = Bar { confidence: number(&input["confLevel"]), tolerance: number(&input["tolerance"]) };
        let mut memory = Memory::default();
        (memory.experiment, memory.control) = (x, y);
        let found = classify_at(bar, &mut memory, &options, || 1);
        // Where noise was drawn, only the label can be compared.
        let has_noise = found.compared.is_some_and(|compared| compared.has_noise);
        (found.label, found.critical, found.ratio.filter(|_| !has_noise), found.reason(name))
    };
    assert_eq!(label.as_str(), expected["classification"], "{id}");
    assert_eq!(critical, expected["critical"], "{id}");
    assert_eq!(json!(reason), expected["reason"], "{id}");
    if let Some(ratio) = ratio {
        let wanted = number(&expected["deviation"]);
        let is_near = (ratio - wanted).abs() <= 1e-12 * wanted.abs();
        assert!(
            is_near || ratio.to_bits() == wanted.to_bits() || ratio.is_nan() && wanted.is_nan(),
            "{id}: {ratio}"
        );
    }
}

fn preprocessed(id: &Value, input: &Value, expected: &Value, strategy: &str) {
    let options = options(&json!({"nanStrategy": strategy}));
    let mut kept = Vec::new();
    let _gone = preprocess(&numbers(&input["values"]), &options, &mut kept).unwrap();
    let wanted = numbers(&expected["values"]);
    assert!(kept.iter().map(|v| v.to_bits()).eq(wanted.iter().map(|v| v.to_bits())), "{id}: {kept:?}");
}

/// A result of which nothing counts but what the score looks at.
fn result(row: &Value) -> PairResult {
    let labels = [Label::Pass, Label::High, Label::Low, Label::Nodata, Label::NodataFailMetric, Label::Error];
    let label = *labels.iter().find(|label| label.as_str() == row["classification"]).unwrap();
    let critical = row["critical"] == true;
    PairResult {
        name: row["name"].as_str().unwrap().to_owned(),
        id: None,
        tags: None,
        groups: serde_json::from_value(row["groups"].clone()).unwrap(),
        found: Classification { label, rule: Rule::Within, critical, ratio: None, compared: None },
        experiment: Summary::default(),
        control: Summary::default(),
        muted: row["muted"] == true,
        evidence: Evidence { options: options(&json!({})), what_if: None, findings: Vec::new() },
    }
}

fn scored(id: &Value, input: &Value, expected: &Value) {
    let results: Vec<PairResult> = input["results"].as_array().unwrap().iter().map(result).collect();
    let weights: IndexMap<String, _> = serde_json::from_value(input["groupWeights"].clone()).unwrap();
    let got = score(&results, &weights, Thresholds::default());
    assert_eq!(json!(got.score), expected["summaryScore"], "{id}");
    // The reason quotes that of a result, which a made-up result has none of.
    match expected["reason"].as_str() {
        None => assert_eq!(got.reason, "", "{id}"),
        Some(wanted) if wanted.contains("NODATA") => assert_eq!(got.reason, wanted, "{id}"),
        Some(_) => assert!(got.reason.starts_with("Canary Failed: "), "{id}: {}", got.reason),
    }
    let mentioned = || got.groups.iter().map(|group| group.name.as_deref());
    let names: Vec<_> = mentioned().collect();
    let wanted: Vec<_> =
        expected["groupScores"].as_array().unwrap().iter().map(|g| g["name"].as_str()).collect();
    assert_eq!(
        order::of_groups(mentioned()).into_iter().map(|place| names[place]).collect::<Vec<_>>(),
        wanted,
        "{id}"
    );
    let groups: BTreeMap<_, _> =
        got.groups.iter().map(|g| (g.name.clone(), (g.score, !g.has_data))).collect();
    let group =
        |g: &Value| (g["name"].as_str().map(str::to_owned), (number(&g["score"]), g["noData"] == true));
    let wanted: BTreeMap<_, _> = expected["groupScores"].as_array().unwrap().iter().map(group).collect();
    assert_eq!(groups, wanted, "{id}");
}

#[test]
fn every_function_of_the_judge_answers_as_kayenta_did() {
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows() {
        let (id, input, expected) = (&row["id"], &row["input"], &row["expected"]);
        let name = match input["op"].as_str().unwrap() {
            "classify" => {
                classified(id, input, expected);
                if input["classifier"] == "meanInequality" { "meanInequality" } else { "classify" }
            }
            "removeNaNs" => {
                preprocessed(id, input, expected, "remove");
                "removeNaNs"
            }
            // The judge puts nothing but 0 there.
            "replaceNaNs" if number(&input["value"]) == 0.0 => {
                preprocessed(id, input, expected, "replace");
                "replaceNaNs"
            }
            "threshold" => {
                let at = |name: &str| number(&input[name]);
                let thresholds = Thresholds { pass: at("pass"), marginal: at("marginal") };
                let verdict = Verdict::of(at("score"), thresholds);
                assert_eq!(verdict.as_str(), expected["classification"], "{id}");
                "threshold"
            }
            "score" => {
                scored(id, input, expected);
                "score"
            }
            // Those of serin-stats: its own tests hold them.
            _ => continue,
        };
        *held.entry(name).or_default() += 1;
    }
    println!("{held:?}");
    assert_eq!(held.len(), 6, "a function has no recorded answer: {held:?}");
    assert!(held.values().all(|count| 8 <= *count), "{held:?}");
}
