//! What would have changed the verdict, in sentences.

use serin_gate::{
    Word,
    policy::{Class, Kind},
    record::{PodWhatIf, Record},
};

use super::{Row, time};
use crate::judgement::say;

/// Pods that are told of: those with the most exposure.
const PODS_MAX: usize = 10;

/// Sentences about one metric.
pub(super) fn of(record: &Record, row: &Row) -> Vec<String> {
    let Some(found) = record.what_if.as_ref().and_then(|what_if| what_if.metrics.get(row.place)) else {
        return Vec::new();
    };
    if row.metric.class == Class::Note {
        return Vec::new();
    }
    let hundredths = |value: u32| say::number(f64::from(value) / 100.0);
    let block = u64::from(record.opening.policy.block);
    let wait =
        |blocks: u32| format!("{blocks} more blocks ({})", time(u64::from(blocks).saturating_mul(block)));
    let mut said = Vec::new();
    let is_guard = row.metric.class == Class::Guard;
    match (found.blocks_to_pass, found.blocks_to_fail) {
        (Some(0), _) | (_, Some(0)) => {}
        (Some(blocks), _) => said.push(format!("if all goes on like this it passes after {}", wait(blocks))),
        (None, Some(blocks)) => {
            said.push(format!("if all goes on like this it fails after {}", wait(blocks)));
        }
        (None, None) if is_guard => {
            said.push(
                "if all goes on like this it neither passes nor fails, however long it lasts".to_owned(),
            );
        }
        (None, None) => {}
    }
    if is_guard {
        match found.passing_margin {
            Some(margin) => said.push(format!("these data pass a margin of {} or more", hundredths(margin))),
            None => said.push("these data pass no margin".to_owned()),
        }
        if let Some(pods @ 1..) = found.pods_to_pass {
            said.push(format!("the same data from {pods} pods of the canary would pass"));
        }
    }
    match found.failing_tolerated {
        Some(tolerated) if row.is_harmed() => {
            said.push(format!("it would still fail if up to {} times were tolerated", hundredths(tolerated)));
        }
        Some(tolerated) => {
            said.push(format!("it would fail if only {} were tolerated", hundredths(tolerated)));
        }
        None => {}
    }
    if let Some(bursts) = found.bursts_to_hold {
        said.push(format!("it would hold if its events came in bursts {} times larger", hundredths(bursts)));
    }
    let verdict = super::word(record);
    if found.without != verdict {
        said.push(format!("without it the verdict would be {}", found.without.as_str()));
    }
    if matches!(row.metric.kind, Kind::Gauge { .. }) && is_guard && row.look.hold.is_none() && said.is_empty()
    {
        said.push("nothing simple would change it".to_owned());
    }
    said
}

/// Sentences about the pods of the canary.
pub(super) fn pods(record: &Record) -> Vec<String> {
    let Some(what_if) = &record.what_if else { return Vec::new() };
    let roster = record.roster();
    let name = |pod: u32| {
        roster.pods.get(pod as usize).map_or_else(|| format!("number {pod}"), |pod| say::clean(&pod.name))
    };
    let metric = |place: usize| say::clean(&serin_gate::record::metric_name(&record.opening.policy, place));
    let sentence = |pod: &PodWhatIf| {
        let (name, metric) = (name(pod.pod), metric(pod.metric));
        let share = say::number(f64::from(pod.share) / 10.0);
        let verdict = if pod.without == Word::Fail {
            "without it the verdict is FAIL too".to_owned()
        } else {
            format!("without it the verdict would be {}", pod.without.as_str())
        };
        format!("pod {name} carries {share} % of the evidence of {metric}; {verdict}")
    };
    // Those that carry most first. Shares need not add up: without one pod the others' evidence weighs otherwise.
    let mut pods: Vec<&PodWhatIf> = what_if.pods.iter().collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.share));
    pods.into_iter().take(PODS_MAX).map(sentence).collect()
}
