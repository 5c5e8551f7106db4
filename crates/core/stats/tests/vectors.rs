//! What Kayenta's own classes answered to single functions, bit for bit where that can be asked.
//!
//! `testdata/kayenta-unit.jsonl` is a sample of the recorded answers; the whole set is used when it lies beside the
//! repository.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::panic)] // tests read files

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use serin_stats::{compatible, describe, effect, normal, outliers};

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
    text.lines().map(|line| serde_json::from_str(line).unwrap()).chain(chosen).collect()
}

/// An example that others chose, in the form of the rest, with what Kayenta answered to it; none for the judge's.
fn chosen_row(row: &Value) -> Option<Value> {
    let mut input = row["inputs"].as_object().unwrap().clone();
    input.extend(row["params"].as_object().unwrap().clone());
    let rename = |from: &str, to: &str, input: &mut serde_json::Map<String, Value>| {
        if let Some(value) = input.get(from).cloned() {
            input.insert(to.to_owned(), value);
        }
    };
    let detector = input.get("detector").and_then(Value::as_str).map(str::to_owned);
    let op = match (row["kind"].as_str().unwrap(), detector.as_deref()) {
        ("mannWhitneyCI", _) => {
            rename("experiment", "x", &mut input);
            rename("control", "y", &mut input);
            "mannWhitney"
        }
        ("mannWhitneyIntermediate", _) => "mannWhitney",
        ("wilcoxonDiff", _) => "wilcoxonDiff",
        ("summary", _) => "stats",
        ("percentile", _) => "percentile",
        ("meanRatio" | "cles" | "cohenD", _) => {
            rename("second", "experiment", &mut input);
            rename("first", "control", &mut input);
            "effect"
        }
        ("normalQuantile", _) => "normalQuantile",
        ("detect" | "transform", Some("iqr")) => "iqr",
        ("detect" | "transform", Some("ksigma")) => "ksigma",
        _ => return None,
    };
    rename("confidenceLevel", "confLevel", &mut input);
    input.insert("op".to_owned(), op.into());
    Some(serde_json::json!({"id": row["id"], "input": input, "expected": row["real"]}))
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

#[track_caller]
fn same(id: &Value, what: &str, got: f64, wanted: &Value, slack: f64) {
    let wanted = number(wanted);
    let close = got.to_bits() == wanted.to_bits()
        || (got.is_nan() && wanted.is_nan())
        || (got - wanted).abs() <= slack * wanted.abs();
    assert!(close, "{id}: {what} is {got:?}, Kayenta's {wanted:?}");
}

/// The text of the refusal that was recorded, if it was one.
fn refusal(expected: &Value) -> Option<&str> {
    expected["exception"]["message"].as_str()
}

fn interval(id: &Value, input: &Value, expected: &Value) {
    let (x, y) = (numbers(&input["x"]), numbers(&input["y"]));
    let got = compatible::interval(&x, &y, number(&input["confLevel"]));
    match (got, refusal(expected)) {
        (Err(error), Some(text)) => assert_eq!(error.to_string(), text, "{id}"),
        (Ok(got), None) => {
            same(id, "the lower end", got.lower, &expected["lowerConfidence"], 0.0);
            same(id, "the upper end", got.upper, &expected["upperConfidence"], 0.0);
            same(id, "the estimate", got.estimate, &expected["estimate"], 0.0);
        }
        other => panic!("{id}: {other:?}"),
    }
}

fn marked(id: &Value, values: &[f64], got: Result<Vec<bool>, outliers::Refused>, expected: &Value) {
    match (got, refusal(expected)) {
        (Err(error), Some(text)) => assert_eq!(error.to_string(), text, "{id}"),
        (Ok(marks), None) => {
            assert_eq!(serde_json::json!(marks), expected["outliers"], "{id}");
            let kept: Vec<f64> =
                values.iter().zip(&marks).filter(|(_, mark)| !**mark).map(|(v, _)| *v).collect();
            let wanted = numbers(&expected["values"]);
            assert!(kept.iter().map(|v| v.to_bits()).eq(wanted.iter().map(|v| v.to_bits())), "{id}");
        }
        other => panic!("{id}: {other:?}"),
    }
}

fn stats(id: &Value, values: &[f64], expected: &Value) {
    let got = describe::Summary::of(values);
    assert_eq!(got.count as u64, expected["count"].as_u64().unwrap(), "{id}");
    same(id, "min", got.min, &expected["min"], 0.0);
    same(id, "max", got.max, &expected["max"], 0.0);
    same(id, "mean", got.mean, &expected["mean"], 1e-12);
    same(id, "std", got.std, &expected["std"], 1e-12);
    if !values.is_empty() {
        same(id, "median", describe::median(values), &expected["median"], 0.0);
    }
    for (p, wanted) in expected["percentiles"].as_object().unwrap() {
        same(id, p, describe::percentile(values, p.parse().unwrap()).unwrap(), wanted, 0.0);
    }
}

#[test]
fn every_function_answers_as_kayenta_did() {
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows() {
        let (id, input, expected) = (&row["id"], &row["input"], &row["expected"]);
        let op = input["op"].as_str().unwrap();
        let values = || numbers(&input["values"]);
        match op {
            "mannWhitney" => interval(id, input, expected),
            "wilcoxonDiff" => {
                let (x, y) = (numbers(&input["x"]), numbers(&input["y"]));
                let got = compatible::score(&x, &y, number(&input["mu"]), number(&input["quantile"]));
                same(id, "the score", got.unwrap(), &expected["value"], 0.0);
            }
            "stats" => stats(id, &values(), expected),
            "percentile" => match (describe::percentile(&values(), number(&input["p"])), refusal(expected)) {
                (Err(error), Some(text)) => assert_eq!(error.to_string(), text, "{id}"),
                (Ok(got), None) => same(id, "the percentile", got, &expected["value"], 0.0),
                other => panic!("{id}: {other:?}"),
            },
            "effect" => {
                let (x, y) = (numbers(&input["experiment"]), numbers(&input["control"]));
                same(id, "meanRatio", effect::mean_ratio(&x, &y), &expected["meanRatio"], 1e-12);
                same(id, "cles", effect::common_language(&x, &y), &expected["cles"], 0.0);
                same(id, "cohenD", effect::cohen_d(&x, &y), &expected["cohenD"], 1e-12);
            }
            "iqr" => {
                let reduce = input["reduceSensitivity"].as_bool().unwrap();
                let got = outliers::interquartile(&values(), number(&input["factor"]), reduce);
                marked(id, &values(), got, expected);
            }
            "ksigma" => marked(id, &values(), outliers::k_sigma(&values(), number(&input["k"])), expected),
            "normalQuantile" => {
                same(id, "the quantile", normal::quantile(number(&input["p"])), &expected["value"], 0.0);
            }
            // The judge's: its own tests hold them.
            _ => continue,
        }
        *held.entry(op.to_owned()).or_default() += 1;
    }
    println!("{held:?}");
    assert_eq!(held.len(), 8, "a function has no recorded answer: {held:?}");
}
