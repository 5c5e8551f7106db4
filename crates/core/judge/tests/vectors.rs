//! What Kayenta's judge answered to whole runs: labels, critical flags, reasons and scores exactly, bounds to the last bit.
//!
//! `testdata/kayenta-judge.jsonl` is a sample of every family; the whole set is used when it lies beside the repository.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::panic)] // tests read files

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use serin_judge::{Input, Judge, Judgement};

/// A sample, and all the rest where they are.
fn rows() -> Vec<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(here.join("testdata/kayenta-judge.jsonl")).unwrap();
    if let Some(whole) = serin_needs::shared("vectors/kayenta/open-judge.jsonl.gz") {
        let file = std::fs::File::open(whole).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

fn near(got: &Value, wanted: &Value, slack: f64) -> Result<(), String> {
    let (a, b) = (number(got), number(wanted));
    let close = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a - b).abs() <= slack * b.abs();
    if close { Ok(()) } else { Err(format!("{got} is not {wanted}")) }
}

fn equal(what: &str, got: &Value, wanted: &Value) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what}: {got} is not {wanted}")) }
}

/// Labels with "!" for critical, and the verdict: how the recordings name the outcome of a run with noise.
fn outcome(result: &Value) -> String {
    let label = |r: &Value| {
        format!("{}{}", r["classification"].as_str().unwrap(), if r["critical"] == true { "!" } else { "" })
    };
    let mut words: Vec<String> = result["results"].as_array().unwrap().iter().map(label).collect();
    let score = &result["score"];
    words.push(format!("{} {}", score["score"], score["classification"].as_str().unwrap()));
    words.join(",")
}

fn sorted_groups(result: &Value) -> BTreeMap<String, Value> {
    let groups = result["groupScores"].as_array().unwrap();
    groups.iter().map(|group| (group["name"].to_string(), group.clone())).collect()
}

fn compare(got: &Value, expected: &Value) -> Result<(), String> {
    let wanted = &expected["result"];
    let random = expected["randomNoise"] == true;
    if let Some(seen) = expected["outcomesSeen"].as_object()
        && 1 < seen.len()
    {
        return if seen.contains_key(&outcome(got)) {
            Ok(())
        } else {
            Err(format!("{} of {seen:?}", outcome(got)))
        };
    }
    let (a, b) = (got["results"].as_array().unwrap(), wanted["results"].as_array().unwrap());
    equal("results", &json!(a.len()), &json!(b.len()))?;
    for (a, b) in a.iter().zip(b) {
        for field in
            ["name", "tags", "id", "classification", "classificationReason", "groups", "critical", "muted"]
        {
            equal(field, &a[field], &b[field])?;
        }
        for side in ["experimentMetadata", "controlMetadata"] {
            let (a, b) = (&a[side]["stats"], &b[side]["stats"]);
            equal("count", &a["count"], &b["count"])?;
            for (field, slack) in [("min", 0.0), ("max", 0.0), ("mean", 1e-12), ("std", 1e-12)] {
                near(&a[field], &b[field], slack).map_err(|e| format!("{side} {field}: {e}"))?;
            }
        }
        let (a, b) = (&a["resultMetadata"]["ratio"], &b["resultMetadata"]["ratio"]);
        equal("has a ratio", &json!(a.is_null()), &json!(b.is_null()))?;
        if !b.is_null() {
            near(a, b, if random { 1e-4 } else { 1e-12 }).map_err(|e| format!("ratio: {e}"))?;
        }
    }
    equal("groupScores", &json!(sorted_groups(got)), &json!(sorted_groups(wanted)))?;
    equal("score", &got["score"], &wanted["score"])
}

/// The numbers behind the labels, to the last bit.
fn trace(got: &Judgement, expected: &Value) -> Result<usize, String> {
    let mut held = 0;
    for (result, trace) in got.results.iter().zip(expected["trace"].as_array().unwrap()) {
        if trace["path"].is_null() {
            continue;
        }
        equal("experimentCount", &json!(result.experiment.count), &trace["experimentCount"])?;
        equal("controlCount", &json!(result.control.count), &trace["controlCount"])?;
        if trace["path"] != "compare" {
            continue;
        }
        let Some(compared) = &result.found.compared else {
            equal("exception", &json!(true), &json!(trace.get("exception").is_some()))?;
            continue;
        };
        let interval = &compared.interval;
        for (name, value) in [
            ("lowerConfidence", interval.lower),
            ("upperConfidence", interval.upper),
            ("estimate", interval.estimate),
        ] {
            let wanted = number(&trace[name]);
            if value.to_bits() != wanted.to_bits() && !(value.is_nan() && wanted.is_nan()) {
                return Err(format!("{name}: {value:?} is not {wanted:?}"));
            }
        }
        held += 1;
    }
    Ok(held)
}

#[test]
fn every_run_ends_as_kayentas_did() {
    let (mut judge, mut families, mut bounds) = (Judge::default(), BTreeMap::<String, usize>::new(), 0);
    let mut wrong = Vec::new();
    for row in rows() {
        let expected = &row["expected"];
        let read = serde_json::from_value::<Input>(row["input"].clone());
        let held = match (read, expected["stage"].as_str()) {
            (Err(_), Some("decode")) => Ok(0),
            (Err(error), stage) => Err(format!("cannot be read ({error}), where Kayenta said {stage:?}")),
            (Ok(_), Some("decode")) => Err("was read, which Kayenta refused".to_owned()),
            (Ok(input), stage) => match (judge.judge(&input), stage) {
                (Err(_), Some(_)) => Ok(0),
                (Err(error), None) => Err(format!("is refused: {error}")),
                (Ok(_), Some(stage)) => Err(format!("was judged, where Kayenta failed at {stage}")),
                (Ok(judgement), None) => {
                    let got = serde_json::to_value(&judgement).unwrap();
                    compare(&got, expected).and_then(|()| trace(&judgement, expected))
                }
            },
        };
        match held {
            Ok(count) => bounds += count,
            Err(why) => wrong.push(format!("{}: {why}", row["id"])),
        }
        *families.entry(row["family"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    println!("{families:?}; bounds of {bounds} comparisons to the last bit");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(families.len(), 22, "a family has no recorded run");
    assert!(400 < bounds, "only {bounds} comparisons");
}
