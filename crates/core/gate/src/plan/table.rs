//! The plan as a table: weights against how long each verdict takes, and what it costs.

use serde::Serialize;

use super::{Goal, Question, Stage, Time, time};

/// What a plan is made for.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// The question; its stages are replaced by each weight.
    pub question: Question<'a>,
    /// Weights to compare, each above 0 and below 1.
    pub weights: &'a [f64],
    /// How many times worse a bad release may be, each above 1.
    pub ratios: &'a [f64],
    /// The bar for PASS; the question's own is that for FAIL.
    pub pass_bar: f64,
    /// Least minutes before PASS.
    pub minimum: f64,
}

/// One weight.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The canary's share of traffic.
    pub weight: f64,
    /// PASS of an equal release.
    pub pass: Time,
    /// FAIL at each ratio.
    pub fail: Vec<Time>,
    /// Requests that fail because of the release until FAIL, at each ratio, at the median.
    pub bad_requests: Vec<Option<f64>>,
    /// Hours of canary pods until PASS, at the median.
    pub pod_hours: Option<f64>,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// How many times worse, one for each column.
    pub ratios: Vec<f64>,
    /// One for each weight.
    pub rows: Vec<Row>,
}

/// Times for every weight and ratio.
#[must_use]
pub fn table(choice: &Choice) -> Table {
    let row = |weight: &f64| {
        let stages = [Stage { weight: *weight, minutes: f64::INFINITY }];
        let fail_question = Question { stages: &stages, ..choice.question.clone() };
        let pass_question = Question { bar: choice.pass_bar, ..fail_question.clone() };
        let pass = time(&pass_question, Goal::Pass);
        let not_before = |at: Option<f64>| at.map(|minutes| minutes.max(choice.minimum));
        let pass = Time { median: not_before(pass.median), p90: not_before(pass.p90) };
        let fail: Vec<Time> =
            choice.ratios.iter().map(|ratio| time(&fail_question, Goal::Fail(*ratio))).collect();
        let service = choice.question.service;
        let exposed = |(at, ratio): (&Time, &f64)| {
            at.median.map(|minutes| weight * service.exposure * minutes * service.rate * (ratio - 1.0))
        };
        let bad_requests = fail.iter().zip(choice.ratios).map(exposed).collect();
        let pod_hours = pass.median.map(|minutes| minutes / 60.0 * choice.question.canary_pods);
        Row { weight: *weight, pass, fail, bad_requests, pod_hours }
    };
    Table { ratios: choice.ratios.to_vec(), rows: choice.weights.iter().map(row).collect() }
}

/// The smallest weight, and for it the fewest canary pods up to `most`, with which nine of ten equal releases PASS within
/// `deadline` minutes; none when no weight does.
#[must_use]
pub fn propose(choice: &Choice, deadline: f64, most: u32) -> Option<(f64, u32)> {
    let mut weights = choice.weights.to_vec();
    weights.sort_by(f64::total_cmp);
    let in_time = |weight: f64, pods: u32| {
        let stages = [Stage { weight, minutes: f64::INFINITY }];
        let question = Question {
            stages: &stages,
            canary_pods: f64::from(pods),
            bar: choice.pass_bar,
            ..choice.question.clone()
        };
        time(&question, Goal::Pass).p90.is_some_and(|minutes| minutes.max(choice.minimum) <= deadline)
    };
    let fewest = choice.question.canary_pods.max(1.0) as u32;
    let weight = weights.into_iter().find(|weight| in_time(*weight, most.max(fewest)))?;
    // More pods never slow a verdict down, so the fewest are found by halving.
    let (mut low, mut high) = (fewest, most.max(fewest));
    while low < high {
        let middle = u32::midpoint(low, high);
        if in_time(weight, middle) { high = middle } else { low = middle + 1 }
    }
    Some((weight, high))
}
