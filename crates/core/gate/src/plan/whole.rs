//! A plan for all metrics together: PASS waits for the slowest guard.

use serde::Serialize;

use super::{Ask, Proposal, Row, Skipped, Stage, Subject, Time, pods_needed, propose, row, table};
use crate::policy::Class;

/// One line of evidence with its times.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// One row for each weight.
    pub rows: Vec<Row>,
    /// Times over the schedule, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Row>,
    /// For each weight at which PASS cannot be shown with these pods: the pods that would do, if any number does.
    pub pods_needed: Vec<Option<u32>>,
}

/// When PASS comes at one weight, and whose evidence it waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Together {
    /// The canary's share of traffic.
    pub weight: f64,
    /// The slowest guard, by its place; none without a guard.
    pub slowest: Option<usize>,
    /// Its time.
    pub pass: Time,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// How many times worse, one for each column.
    pub ratios: Vec<f64>,
    /// Every line of evidence.
    pub metrics: Vec<Planned>,
    /// All guards together, at each weight.
    pub together: Vec<Together>,
    /// The stages of the schedule; the last one lasts for ever.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// All guards together, over the schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Together>,
    /// Minutes in which PASS is wanted.
    pub deadline: f64,
    /// What suffices for that; none when nothing does.
    pub proposal: Option<Proposal>,
    /// What is said of metrics that are not planned for as they are.
    pub notes: Vec<Skipped>,
}

/// The times of one line.
#[must_use]
pub fn planned(subject: &Subject, ask: &Ask) -> Planned {
    let rows = table(subject, ask);
    let needed = |row: &Row| row.pass.p90.is_none().then(|| pods_needed(subject, ask, row.weight)).flatten();
    Planned {
        pods_needed: rows.iter().map(needed).collect(),
        rows,
        schedule: (!ask.schedule.is_empty()).then(|| row(subject, ask, &ask.schedule)),
        subject: subject.clone(),
    }
}

impl Plan {
    /// Joins the lines.
    #[must_use]
    pub fn of(metrics: Vec<Planned>, notes: Vec<Skipped>, ask: &Ask) -> Self {
        let guards = || metrics.iter().filter(|planned| planned.subject.metric.class == Class::Guard);
        let slowest = |weight: f64, of: &dyn Fn(&Planned) -> Option<Time>| {
            let late = |time: Time| time.p90.unwrap_or(f64::INFINITY);
            let guard = |(place, planned): (usize, &Planned)| {
                let is_guard = planned.subject.metric.class == Class::Guard;
                Some((place, of(planned)?)).filter(|_| is_guard)
            };
            let times = metrics.iter().enumerate().filter_map(guard);
            // The first of equally late ones.
            let last = times.rev().max_by(|a, b| late(a.1).total_cmp(&late(b.1)));
            let never = Time { median: None, p90: None };
            Together { weight, slowest: last.map(|last| last.0), pass: last.map_or(never, |last| last.1) }
        };
        let at = |(place, weight): (usize, &f64)| {
            slowest(*weight, &|planned| planned.rows.get(place).map(|row| row.pass))
        };
        let last = ask.schedule.last();
        let over = |planned: &Planned| planned.schedule.as_ref().map(|row| row.pass);
        let subjects: Vec<&Subject> = guards().map(|planned| &planned.subject).collect();
        Self {
            ratios: ask.ratios.clone(),
            together: ask.weights.iter().enumerate().map(at).collect(),
            stages: ask.schedule.clone(),
            schedule: last.map(|stage| slowest(stage.weight, &over)),
            deadline: ask.deadline,
            proposal: if subjects.is_empty() { None } else { propose(&subjects, ask) },
            notes,
            metrics,
        }
    }
}
