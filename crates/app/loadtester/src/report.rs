//! What became of tasks: the last ones in full, and all of them counted.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use serin_server::Exposition;

/// Results that are kept: some hours of a busy cluster, at most 1 MB with their outputs.
const KEPT_MAX: usize = 100;
/// Characters of a command or an output that are kept with a result; the log has more.
const TEXT_MAX: usize = 4096;

/// How one task went.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) started: Timestamp,
    pub(crate) name: String,
    pub(crate) namespace: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) what: String,
    pub(crate) seconds: f64,
    pub(crate) succeeded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) load: Option<Value>,
}

/// What all tasks came to.
#[derive(Debug, Default)]
pub(crate) struct Reports(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: VecDeque<Report>,
    /// By type and outcome.
    counts: BTreeMap<(&'static str, &'static str), u64>,
    /// Requests of loads, by outcome.
    requests: BTreeMap<&'static str, u64>,
}

impl Reports {
    pub(crate) fn add(&self, mut report: Report) {
        report.what = cut(&report.what);
        report.output = cut(&report.output);
        let mut inner = self.0.lock();
        let outcome = if report.succeeded { "succeeded" } else { "failed" };
        *inner.counts.entry((report.kind, outcome)).or_default() += 1;
        if inner.last.len() == KEPT_MAX {
            inner.last.pop_front();
        }
        inner.last.push_back(report);
    }

    /// Counts a task that was not run.
    pub(crate) fn passed_over(&self, kind: &'static str, outcome: &'static str) {
        *self.0.lock().counts.entry((kind, outcome)).or_default() += 1;
    }

    /// Counts requests of a load.
    pub(crate) fn requests(&self, outcome: &'static str, count: u64) {
        *self.0.lock().requests.entry(outcome).or_default() += count;
    }

    /// The last results that `lets_in` their namespace, the newest first, as JSON.
    pub(crate) fn json(&self, lets_in: impl Fn(&str) -> bool) -> String {
        let inner = self.0.lock();
        let last: Vec<&Report> =
            inner.last.iter().rev().filter(|report| lets_in(&report.namespace)).collect();
        serde_json::to_string(&last).unwrap_or_default()
    }

    /// The text of `/metrics` about tasks, of which `running` are being done.
    pub(crate) fn metrics(&self, running: usize) -> String {
        let inner = self.0.lock();
        let mut out = Exposition::default();
        out.family("serin_loadtester_tasks_running", "gauge", "Tasks that are being done");
        out.sample("serin_loadtester_tasks_running", &[], running as f64);
        out.family("serin_loadtester_tasks_total", "counter", "Tasks so far, by type and outcome");
        for ((kind, outcome), count) in &inner.counts {
            let labels = [("type", *kind), ("outcome", *outcome)];
            out.sample("serin_loadtester_tasks_total", &labels, *count as f64);
        }
        out.family("serin_loadtester_requests_total", "counter", "Requests of loads so far, by outcome");
        for (outcome, count) in &inner.requests {
            out.sample("serin_loadtester_requests_total", &[("outcome", outcome)], *count as f64);
        }
        out.text()
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_results_are_kept_and_all_are_counted() {
        let reports = Reports::default();
        for number in 0..KEPT_MAX + 5 {
            reports.add(Report {
                started: Timestamp::UNIX_EPOCH,
                name: number.to_string(),
                namespace: if number % 2 == 0 { "even" } else { "odd" }.to_owned(),
                kind: "cmd",
                what: "é".repeat(TEXT_MAX + 1),
                seconds: 0.5,
                succeeded: true,
                error: None,
                output: String::new(),
                load: None,
            });
        }
        reports.passed_over("cmd", "skipped");
        let all: Value = serde_json::from_str(&reports.json(|_| true)).unwrap();
        assert_eq!((all.as_array().unwrap().len(), all[0]["name"].as_str()), (KEPT_MAX, Some("104")));
        assert_eq!(all[0]["what"].as_str().unwrap().chars().count(), TEXT_MAX + 1);
        let odd: Value = serde_json::from_str(&reports.json(|namespace| namespace == "odd")).unwrap();
        assert_eq!(odd.as_array().unwrap().len(), KEPT_MAX / 2);
        let metrics = reports.metrics(3);
        for line in [
            "serin_loadtester_tasks_running 3",
            "serin_loadtester_tasks_total{type=\"cmd\",outcome=\"skipped\"} 1",
            "serin_loadtester_tasks_total{type=\"cmd\",outcome=\"succeeded\"} 105",
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
        }
    }
}
