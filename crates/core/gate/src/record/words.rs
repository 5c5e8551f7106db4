//! Verdicts and their reasons in words.

use crate::{
    block::Part,
    hold::{Cause, Hold, Lack, Verdict},
    policy::Policy,
};

/// The name of the metric at a place.
#[must_use]
pub fn metric_name(policy: &Policy, place: usize) -> String {
    policy.metrics.get(place).map_or_else(|| format!("number {place}"), |metric| metric.name.clone())
}

/// Why that verdict, in sentences.
#[must_use]
pub fn reasons(verdict: &Verdict, policy: &Policy) -> Vec<String> {
    match verdict {
        Verdict::Pass => vec!["every guard metric is shown to be no worse than its margin".to_owned()],
        Verdict::Fail(causes) => causes.iter().map(|each| cause(each, policy)).collect(),
        Verdict::Hold(reason) => vec![hold(reason, policy)],
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

/// What is missing for a verdict.
#[must_use]
pub fn hold(hold: &Hold, policy: &Policy) -> String {
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
            format!("{}: nothing was counted, in one version or in both", name(*metric))
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
            format!("{}: the source's clock is {seconds} s ahead of the gate's", name(*metric))
        }
        Hold::MinimumTime { have, need } => format!("{have} s of the step's {need} s have passed"),
    }
}
