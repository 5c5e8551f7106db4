//! The exact interval against two programs of others: R's `wilcox.test` and `SciPy`'s `mannwhitneyu`.
//!
//! `testdata/intervals.jsonl` was printed by R 4.2.2 (`conf.int = TRUE, correct = TRUE, tol.root = 1e-9`) and by a scan of all
//! shifts with the p-values of `SciPy` 1.17.1 (`exact` or `asymptotic` with continuity correction).

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // tests read files

use serde_json::Value;
use serin_stats::exact;

/// R finds its bounds with a solver where it has no exact distribution; ours are differences of the data.
const SOLVER: f64 = 1e-6;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn bounds_and_estimates_are_those_of_r_and_scipy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/intervals.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut held = 0;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let confidence = row["confidence"].as_f64().unwrap();
        let got = exact::interval(&numbers(&row["x"]), &numbers(&row["y"]), confidence).unwrap();
        let by_solver = row["id"].as_str().unwrap().starts_with('R') && row["exact"] == false;
        let slack = if by_solver { SOLVER } else { 1e-12 };
        let near = |what: &str, got: f64| {
            let wanted = row[what].as_f64().unwrap();
            assert!((got - wanted).abs() <= slack, "{}: {what} is {got}, there {wanted}", row["id"]);
        };
        near("lower", got.lower);
        near("upper", got.upper);
        // Without an exact distribution R's estimate is the root of a score, not the median difference.
        if !by_solver {
            near("estimate", got.estimate);
        }
        held += 1;
    }
    assert_eq!(held, 82, "rows");
}
