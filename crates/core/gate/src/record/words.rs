//! Verdicts and their reasons in words.

use crate::{
    block::{Arm, Block, Part, Roster, Seen, Trouble, Value},
    hold::{Cause, Hold, Lack, Verdict},
    policy::Policy,
};

/// The name of the metric at a place.
#[must_use]
pub fn metric_name(policy: &Policy, place: usize) -> String {
    policy.metrics.get(place).map_or_else(|| format!("number {place}"), |metric| metric.name.clone())
}

/// The versions in which nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// The canary alone.
    Canary,
    /// The stable version alone.
    Stable,
    /// Both.
    Both,
}

/// The versions of which a block has nothing for a metric, pods that are warming up left out; none where both have something,
/// or the metric could not be read.
#[must_use]
pub fn silent(block: &Block, roster: &Roster, metric: usize) -> Option<Silent> {
    let cells = match block.metrics.get(metric) {
        None | Some(Seen::Trouble(Trouble::Absent(Part::All))) => return Some(Silent::Both),
        Some(Seen::Trouble(_)) => return None,
        Some(Seen::Cells(cells)) => cells,
    };
    let has = |arm: Arm| {
        let is_of = |pod: u32| roster.pods.get(pod as usize).is_some_and(|pod| pod.arm == arm);
        cells.iter().filter(|cell| !cell.flags.warm && is_of(cell.pod)).any(|cell| match &cell.value {
            Value::Count { n, .. } | Value::Latency { n, .. } => 0 < *n,
            Value::Gauge { .. } => true,
        })
    };
    match (has(Arm::Canary), has(Arm::Stable)) {
        (true, true) => None,
        (false, true) => Some(Silent::Canary),
        (true, false) => Some(Silent::Stable),
        (false, false) => Some(Silent::Both),
    }
}

/// Why that verdict, in sentences; `silent` tells of a metric what [`silent()`] does.
#[must_use]
pub fn reasons(verdict: &Verdict, policy: &Policy, silent: impl Fn(usize) -> Option<Silent>) -> Vec<String> {
    match verdict {
        Verdict::Pass => vec!["every guard metric is shown to be no worse than its margin".to_owned()],
        Verdict::Fail(causes) => causes.iter().map(|each| cause(each, policy)).collect(),
        Verdict::Hold(reason) => {
            let silent = if let Hold::NoExposure { metric } = reason { silent(*metric) } else { None };
            vec![hold(reason, policy, silent)]
        }
    }
}

/// What says FAIL.
#[must_use]
pub fn cause(cause: &Cause, policy: &Policy) -> String {
    match cause {
        Cause::Evidence { metric } => {
            let tolerated = policy.metrics.get(*metric).map_or(1.0, |metric| metric.tolerated);
            format!(
                "{}: it is worse than the tolerated ratio of {tolerated}, beyond reasonable doubt",
                metric_name(policy, *metric)
            )
        }
        Cause::Failing { metric, failed, of } => format!(
            "{}: {failed} of the canary's last {of} failed while the stable version is well",
            metric_name(policy, *metric)
        ),
        Cause::Crashing { pods, of } => format!("{pods} of {of} pods of the canary cannot stay up"),
        Cause::Blackhole { seconds } => format!(
            "the canary is sent traffic and has answered nothing for {seconds} s, while the stable version answers"
        ),
    }
}

/// What is missing for a verdict; `silent` is where nothing was counted.
#[must_use]
pub fn hold(hold: &Hold, policy: &Policy, silent: Option<Silent>) -> String {
    let name = |place: usize| metric_name(policy, place);
    let share = |parts: u32| format!("{}.{:02} %", parts / 100, parts % 100);
    match hold {
        Hold::ProviderError { metric, error } => format!("{}: the source fails: {error}", name(*metric)),
        Hold::ArmsMixed { metric, labels } => {
            format!("{}: a series belongs to no version, to both, or is there twice: {labels}", name(*metric))
        }
        Hold::Stale { metric } => {
            format!("{}: its newest data are too old, or too much came too late", name(*metric))
        }
        Hold::WindowOverlap => "a block overlaps one that was judged, or goes back in time".to_owned(),
        Hold::NoSuchStep { step, planned } => {
            format!(
                "the data name step {step} of a plan of {planned}: mend the data or add the step to gate.yaml"
            )
        }
        Hold::SeriesAbsent { metric, part } => {
            let what = match part {
                Part::NumeratorNeverSeen => {
                    "its events were never seen, for any version: is the query right?"
                }
                Part::Denominator => "what its events are counted against is not there",
                Part::Edges => "its histograms have fewer than two edges in common",
                Part::All => "it has no series at all",
            };
            format!("{}: {what}", name(*metric))
        }
        Hold::NoExposure { metric } => {
            let what = match silent {
                Some(Silent::Canary) => "in the canary: does it get traffic?",
                Some(Silent::Stable) => "in the stable version: does it still get traffic?",
                Some(Silent::Both) => "in either version: is there traffic, and are the data of this time?",
                None => "in one version or in both",
            };
            format!("{}: nothing was counted {what}", name(*metric))
        }
        Hold::SplitWrong { observed, intended } => format!(
            "the canary gets {} of the requests, and should get {}: the router does not do what it was told",
            share(*observed),
            share(*intended)
        ),
        Hold::Warming => "every pod of the canary is younger than the warm-up".to_owned(),
        Hold::UnderExposed { metric, have, need } => {
            format!("{}: the canary has seen {have} in this step, and {need} are needed", name(*metric))
        }
        Hold::UnderPowered { metric, lacks } => {
            let what = match lacks {
                Lack::Requests => {
                    "more requests to the canary are needed: time, or a higher weight".to_owned()
                }
                Lack::Events => {
                    "its events are rare: more time is needed, or a wider margin, or a floor".to_owned()
                }
                Lack::Pods { have, need: Some(need) } => format!(
                    "pods differ too much for {}.{:02} pods of the canary; {need} suffice",
                    have / 100,
                    have % 100
                ),
                Lack::Pods { need: None, .. } => "no number of pods can show a margin this narrow".to_owned(),
                Lack::History => "without the stable version's past its noise is unknown".to_owned(),
                Lack::Guard => "there is no guard metric, and without one nothing passes".to_owned(),
            };
            metric.map_or(what.clone(), |metric| format!("{}: {what}", name(metric)))
        }
        Hold::ClockSkew { metric, seconds } => {
            let side = if *seconds < 0 { "behind" } else { "ahead of" };
            format!("{}: the source's clock is {} s {side} the gate's", name(*metric), seconds.unsigned_abs())
        }
        Hold::MinimumTime { have, need } => format!("{have} s of the step's {need} s have passed"),
    }
}
