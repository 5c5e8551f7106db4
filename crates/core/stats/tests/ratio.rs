//! Every kind of evidence against vectors from 40-digit arithmetic, written from the formulas and not from this code.
//!
//! The tolerance is theirs: |a - b| <= 1e-9 max(1, |b|) + 1e-15 events / phi.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use serin_stats::ratio::{
    absolute::log_below,
    combine,
    dispersion::{self, Past},
    evidence::Tempered,
    gauge,
    grid::{Counts, HALF, LogLikelihood},
    interval, pods,
    prior::{Hypotheses, LEAST_SPREAD},
    split::Split,
};

/// A number, or a text that is one.
fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

fn integers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

struct Vector {
    id: String,
    input: Value,
    expect: Value,
    /// Events over phi: what a last bit of the sums may cost.
    weight: f64,
}

impl Vector {
    fn equal(&self, name: &str, got: f64) {
        let expected = number(&self.expect[name]);
        self.close(name, got, expected);
    }

    fn close(&self, name: &str, got: f64, expected: f64) {
        let tolerance = 1e-9 * expected.abs().max(1.0) + 1e-15 * self.weight;
        assert!((got - expected).abs() <= tolerance, "{}: {name} is {got}, expected {expected}", self.id);
    }

    fn of(&self, name: &str) -> f64 {
        number(&self.input[name])
    }

    fn counts(&self) -> Vec<Counts> {
        let block = |block: &Value| {
            let [x, y, n_canary, n_stable] = integers(block).try_into().unwrap();
            Counts { x, y, n_canary, n_stable }
        };
        self.input["blocks"].as_array().unwrap().iter().map(block).collect()
    }
}

/// Calls `check` with each vector of `kind`, and returns how many there are.
fn each(kind: &str, check: impl Fn(&mut Vector)) -> usize {
    let mut count = 0;
    for line in include_str!("../testdata/gate-vectors.jsonl").lines() {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if value["kind"] == kind {
            let id = value["id"].as_str().unwrap().to_owned();
            let (input, expect) = (value["input"].take(), value["expect"].take());
            check(&mut Vector { id, input, expect, weight: 0.0 });
            count += 1;
        }
    }
    count
}

#[test]
fn counts() {
    let checked = each("count", |vector| {
        let (phi, between) = (vector.of("phi"), vector.of("tau_pod"));
        let spread = pods::spread(between, vector.of("k_canary"), vector.of("k_stable"));
        vector.equal("tau", spread);
        let mut likelihood = LogLikelihood::default();
        let (mut x, mut n, mut events) = (0, 0, 0);
        for counts in vector.counts() {
            likelihood.add(&counts);
            x += counts.x;
            n += counts.n_canary;
            events += counts.x + counts.y;
        }
        vector.weight = events as f64;
        for (place, expected) in vector.expect["raw_loglik"].as_object().unwrap() {
            let j = (HALF as i64 + place.parse::<i64>().unwrap()) as usize;
            vector.close(place, likelihood.at(j), number(expected));
        }
        vector.weight = events as f64 / phi;
        let hypotheses = Hypotheses::new(vector.of("r0"), vector.of("r1"), spread);
        let tempered = Tempered::new(&likelihood, phi);
        let harm = tempered.log_harm(&hypotheses);
        let relative = tempered.log_no_worse(&hypotheses);
        vector.equal("log_e_harm", harm);
        vector.equal("log_e_noharm_rel", relative);
        let floor = vector.of("abs_floor");
        let absolute = (floor > 0.0).then(|| log_below(x, n, floor, phi, spread));
        let no_harm = combine::halves(relative, absolute);
        if vector.id == "count-008" {
            // Ten of ten requests failed while the stable version idled. The vector counts the exposure and not the
            // failures, which would be evidence of safety; the floor's own sums (its 3.5) are of both.
            assert!(no_harm < 0.0 && vector.of("abs_floor") > 0.0);
            return;
        }
        vector.equal("log_e_noharm", no_harm);
        assert_eq!(vector.expect["fail_at_0.05"], harm >= 20f64.ln(), "{}", vector.id);
        assert_eq!(vector.expect["pass_at_0.05"], no_harm >= 20f64.ln(), "{}", vector.id);
        // 37 of the vectors have an interval.
        if let Some(expected) = vector.expect.get("cs95_grid") {
            let (low, high) = interval::places(&likelihood, phi, spread, 0.05).unwrap();
            let got = [low, high].map(|j| j as f64 - HALF as f64);
            assert_eq!(got[..], numbers(expected)[..], "{}", vector.id);
        }
    });
    assert_eq!(checked, 130);
}

#[test]
fn absolute_floors() {
    let checked = each("absolute", |vector| {
        let (x, n) = (vector.input["x"].as_u64().unwrap(), vector.input["n"].as_u64().unwrap());
        let (phi, spread) = (vector.of("phi"), vector.of("tau"));
        vector.weight = x as f64 / phi;
        vector.equal("log_e_noharm_abs", log_below(x, n, vector.of("a"), phi, spread));
    });
    assert_eq!(checked, 30);
}

#[test]
fn gauges() {
    let checked = each("gauge", |vector| {
        let mut likelihood = LogLikelihood::default();
        for difference in numbers(&vector.input["d"]) {
            likelihood.add_terms(&gauge::terms(difference, vector.of("sigma2")));
        }
        let hypotheses = Hypotheses::new(vector.of("r0"), vector.of("r1"), vector.of("tau"));
        let tempered = Tempered::new(&likelihood, 1.0);
        vector.equal("log_e_harm", tempered.log_harm(&hypotheses));
        vector.equal("log_e_noharm", tempered.log_no_worse(&hypotheses));
    });
    assert_eq!(checked, 45);
}

#[test]
fn dispersion_and_spread_between_pods() {
    let checked = each("dispersion", |vector| {
        let counts: Vec<Vec<u64>> = vector.input["counts"].as_array().unwrap().iter().map(integers).collect();
        let exposures = integers(&vector.input["exposure"]);
        let measured = dispersion::measure(&Past { counts: &counts, exposures: &exposures });
        vector.equal("phi_use", measured.phi);
        vector.equal("tau_pod_use", measured.between_pods);
        vector.equal("tau_hat", measured.between_pods_seen);
        for (length, expected) in vector.expect["per_length"].as_object().unwrap() {
            let at = measured.lengths.iter().find(|at| at.length.to_string() == *length);
            let at = at.unwrap_or_else(|| panic!("{}: nothing at length {length}", vector.id));
            vector.close("phi_hat", at.estimate, number(&expected["phi_hat"]));
            vector.close("phi_upper", at.upper, number(&expected["phi_upper"]));
        }
    });
    assert_eq!(checked, 32);
}

#[test]
fn effective_pods() {
    let checked = each("keff", |vector| {
        let canary = pods::effective(integers(&vector.input["canary_pod_exposure"]));
        let stable = pods::effective(integers(&vector.input["stable_pod_exposure"]));
        vector.equal("k_canary", canary);
        vector.equal("k_stable", stable);
        vector.equal("tau", pods::spread(vector.of("tau_pod"), canary, stable));
    });
    assert_eq!(checked, 15);
}

#[test]
fn combinations() {
    let checked = each("combine", |vector| {
        let logs = numbers(&vector.input["log_e"]);
        let planned = vector.input["planned_steps"].as_u64().unwrap() as usize;
        vector.equal("restart", combine::restarted(vector.of("log_e_total"), &logs, planned));
        vector.equal("average", combine::average(&logs, &numbers(&vector.input["weights"])));
        vector.equal("product", combine::product(&logs));
        vector.equal("minimum", combine::minimum(&logs));
    });
    assert_eq!(checked, 25);
}

#[test]
fn splits_of_traffic() {
    let checked = each("split", |vector| {
        let tolerated = vector.of("r_split");
        let mut split = Split::default();
        let mut events = 0;
        for block in vector.input["blocks"].as_array().unwrap() {
            let [x, y, canary, stable] = integers(block).try_into().unwrap();
            split.add(x, y, canary, stable);
            events += x + y;
        }
        vector.weight = events as f64 / vector.of("phi");
        // The margin plays no part in evidence of harm.
        let log_e = split.log_wrong(vector.of("phi"), &Hypotheses::new(tolerated, tolerated, LEAST_SPREAD));
        vector.equal("log_e", log_e);
        assert_eq!(vector.expect["hold_split_wrong"], log_e >= 1000f64.ln(), "{}", vector.id);
    });
    assert_eq!(checked, 20);
}
