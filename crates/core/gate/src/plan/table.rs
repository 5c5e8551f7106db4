//! The plan as a table: weights against how long each verdict takes, and what it costs.

use serde::Serialize;

use super::{Goal, Question, Service, Stage, Subject, Time, passage, time};

/// What is asked about every subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Weights to compare, each above 0 and below 1.
    pub weights: Vec<f64>,
    /// How many times worse a bad release may be, each above 1.
    pub ratios: Vec<f64>,
    /// Pods of the canary; none for as many as the weight gives, at least one.
    pub canary_pods: Option<f64>,
    /// Minutes of a block.
    pub block: f64,
    /// Least minutes of a step before PASS.
    pub minimum: f64,
    /// Minutes in which PASS is wanted.
    pub deadline: f64,
    /// Pods that the canary may have at the most.
    pub most_pods: u32,
    /// The stages of a rollout; empty for none.
    pub schedule: Vec<Stage>,
}

/// One weight, or one schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The canary's share of traffic, in the last stage.
    pub weight: f64,
    /// Pods of the canary, in the last stage.
    pub canary_pods: f64,
    /// PASS of an equal release.
    pub pass: Time,
    /// FAIL at each ratio.
    pub fail: Vec<Time>,
    /// Events that happen because of the release until FAIL, at each ratio, at the median.
    pub bad_requests: Vec<Option<f64>>,
    /// Hours of canary pods until PASS, at the median.
    pub pod_hours: Option<f64>,
}

/// The smallest weight and the fewest pods that suffice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The canary's share of traffic.
    pub weight: f64,
    /// Pods of the canary.
    pub canary_pods: u32,
}

/// Pods beyond which nobody is told that they would do.
const MOST_PODS: u32 = 1000;

impl Ask {
    /// Pods of the canary at this weight: of a service with a router, beside all pods of the stable version.
    fn pods(&self, weight: f64, service: &Service) -> f64 {
        // A share such as 0.1 of 30 is 3, whatever its last bit.
        self.canary_pods.unwrap_or_else(|| (weight * service.stable_pods - 1e-9).ceil()).max(1.0)
    }
}

/// How long the verdicts take on these stages, at least one.
#[must_use]
pub fn row(subject: &Subject, ask: &Ask, stages: &[Stage]) -> Row {
    let weight = stages.last().map_or(0.5, |stage| stage.weight);
    let canary_pods = ask.pods(weight, &subject.service);
    let pass = asked(subject, ask, stages, canary_pods, Goal::Pass, time);
    let before: f64 = stages.iter().rev().skip(1).map(|stage| stage.minutes).sum();
    let not_before = |at: Option<f64>| at.map(|minutes| minutes.max(before + ask.minimum));
    let pass = Time { median: not_before(pass.median), p90: not_before(pass.p90) };
    let goal = |ratio: &f64| asked(subject, ask, stages, canary_pods, Goal::Fail(*ratio), time);
    let fail: Vec<Time> = ask.ratios.iter().map(goal).collect();
    let service = &subject.service;
    let exposed = |(at, ratio): (&Time, &f64)| {
        let more = if subject.metric.down_is_bad { 1.0 - 1.0 / ratio } else { ratio - 1.0 };
        let of_stage =
            |(stage, minutes): (&Stage, f64)| stage.weight * service.exposure * minutes * service.rate * more;
        at.median.map(|until| lasted(stages, until).map(of_stage).sum())
    };
    let hours = |until: f64| {
        let of_stage = |(stage, minutes): (&Stage, f64)| ask.pods(stage.weight, service) * minutes / 60.0;
        lasted(stages, until).map(of_stage).sum()
    };
    Row {
        weight,
        canary_pods,
        pass,
        bad_requests: fail.iter().zip(&ask.ratios).map(exposed).collect(),
        fail,
        pod_hours: pass.median.map(hours),
    }
}

/// The stages with how long each has lasted after so many minutes; the last one lasts on.
fn lasted(stages: &[Stage], until: f64) -> impl Iterator<Item = (&Stage, f64)> {
    let mut left = until;
    stages.iter().enumerate().map(move |(place, stage)| {
        let minutes = if place + 1 == stages.len() { left } else { left.min(stage.minutes) };
        left -= minutes;
        (stage, minutes)
    })
}

/// Asks about a subject. Where fewer is worse, the arms change places: a canary with a third of the orders is a stable version
/// with three times as many. Where the exposure is the pods' time, the canary's share of it is its share of the pods.
fn asked<T>(
    subject: &Subject,
    ask: &Ask,
    stages: &[Stage],
    canary_pods: f64,
    goal: Goal,
    of: impl Fn(&Question, Goal) -> T,
) -> T {
    let (mut service, mut canary_pods) = (subject.service.clone(), canary_pods);
    let mut stages = stages.to_vec();
    if service.is_per_pod {
        let all = service.stable_pods + canary_pods;
        service.exposure *= all / service.stable_pods;
        for stage in &mut stages {
            stage.weight = canary_pods / all;
        }
    }
    if subject.metric.down_is_bad {
        for stage in &mut stages {
            stage.weight = 1.0 - stage.weight;
        }
        (service.stable_pods, canary_pods) = (canary_pods, service.stable_pods);
        if let Goal::Fail(ratio) = goal {
            service.rate /= ratio;
        }
    }
    let bar = if goal == Goal::Pass { subject.pass_bar } else { subject.fail_bar };
    let metric = &subject.metric;
    let question =
        Question { metric, service: &service, stages: &stages, canary_pods, bar, block: ask.block };
    of(&question, goal)
}

/// Times for every weight.
#[must_use]
pub fn table(subject: &Subject, ask: &Ask) -> Vec<Row> {
    ask.weights.iter().map(|weight| row(subject, ask, &constant(*weight))).collect()
}

fn constant(weight: f64) -> [Stage; 1] {
    [Stage { weight, minutes: f64::INFINITY }]
}

/// The fewest canary pods with which nine of ten equal releases PASS at this weight at any time; none when no number does:
/// then the margin is narrower than what the stable version's own pods differ by.
#[must_use]
pub fn pods_needed(subject: &Subject, ask: &Ask, weight: f64) -> Option<u32> {
    let can = |pods: u32| {
        asked(subject, ask, &constant(weight), f64::from(pods), Goal::Pass, |question, goal| {
            passage::comes(question, goal)
        })
    };
    fewest(1, MOST_PODS, can)
}

/// The smallest weight, and for it the fewest canary pods up to the most there may be, with which nine of ten equal releases
/// PASS in time for all these subjects; none when no weight does.
#[must_use]
pub fn propose(subjects: &[&Subject], ask: &Ask) -> Option<Proposal> {
    let mut weights = ask.weights.clone();
    weights.sort_by(f64::total_cmp);
    let in_time = |weight: f64, pods: u32| {
        subjects.iter().all(|subject| {
            let pass = asked(subject, ask, &constant(weight), f64::from(pods), Goal::Pass, time);
            pass.p90.is_some_and(|minutes| minutes.max(ask.minimum) <= ask.deadline)
        })
    };
    weights.into_iter().find_map(|weight| {
        let canary_pods = fewest(1, ask.most_pods.max(1), |pods| in_time(weight, pods))?;
        Some(Proposal { weight, canary_pods })
    })
}

/// More pods never slow a verdict down, so the fewest are found by halving.
fn fewest(from: u32, most: u32, suffice: impl Fn(u32) -> bool) -> Option<u32> {
    if !suffice(most) {
        return None;
    }
    let (mut low, mut high) = (from, most);
    while low < high {
        let middle = u32::midpoint(low, high);
        if suffice(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}
