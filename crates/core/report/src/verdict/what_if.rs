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
    let verdict = |without: Word| {
        if without == Word::Fail {
            "without it the verdict is FAIL too".to_owned()
        } else {
            format!("without it the verdict would be {}", without.as_str())
        }
    };
    let shared = shared(&what_if.pods);
    let sentence = |(pod, share): &(&PodWhatIf, u32)| {
        let (name, metric) = (name(pod.pod), metric(pod.metric));
        let share = match share {
            0 => "none".to_owned(),
            tenths => format!("{} %", say::number(f64::from(*tenths) / 10.0)),
        };
        format!("pod {name} carries {share} of the evidence of {metric}; {}", verdict(pod.without))
    };
    let mut said: Vec<String> = shared.iter().take(PODS_MAX).map(sentence).collect();
    let others = shared.get(PODS_MAX..).unwrap_or_default();
    if !others.is_empty() {
        let rest: u32 = others.iter().map(|(_, share)| share).sum();
        said.push(format!(
            "{} more pods carry {} % of it",
            others.len(),
            say::number(f64::from(rest) / 10.0)
        ));
    }
    said
}

/// Each pod with its share of the evidence in thousandths, those with most first. What goes with a pod when it is left out
/// does not add up to the whole, since the others weigh otherwise then: here it is a share of what goes with all of them, and
/// the shares add up. A pod without which there is more evidence has none.
fn shared(pods: &[PodWhatIf]) -> Vec<(&PodWhatIf, u32)> {
    const WHOLE: u64 = 1000;
    let goes = |pod: &PodWhatIf| u64::try_from(pod.share).unwrap_or(0);
    let all: u64 = pods.iter().map(goes).sum();
    let mut shared: Vec<(&PodWhatIf, u32)> =
        pods.iter().map(|pod| (pod, (goes(pod) * WHOLE).checked_div(all).unwrap_or(0) as u32)).collect();
    // What was lost in rounding goes to those that lost most.
    let lost = WHOLE - shared.iter().map(|(_, share)| u64::from(*share)).sum::<u64>();
    let mut by_rest: Vec<usize> = (0..pods.len()).collect();
    by_rest
        .sort_by_key(|place| std::cmp::Reverse((goes(&pods[*place]) * WHOLE).checked_rem(all).unwrap_or(0)));
    if 0 < all {
        by_rest.into_iter().take(lost as usize).for_each(|place| shared[place].1 += 1);
    }
    shared.sort_by_key(|(pod, share)| (std::cmp::Reverse(*share), std::cmp::Reverse(pod.share)));
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shares: &[i32]) -> Vec<(u32, u32)> {
        let pod = |(pod, share): (usize, &i32)| PodWhatIf {
            pod: pod as u32,
            metric: 0,
            share: *share,
            without: Word::Fail,
        };
        let pods: Vec<PodWhatIf> = shares.iter().enumerate().map(pod).collect();
        shared(&pods).iter().map(|(pod, share)| (pod.pod, *share)).collect()
    }

    #[test]
    fn shares_of_pods_are_sorted_and_add_up() {
        assert_eq!(of(&[100, 400, 100]), [(1, 667), (0, 167), (2, 166)]);
        // More than the whole, and pods that speak against it.
        assert_eq!(of(&[900, -200, 900, 0]), [(0, 500), (2, 500), (3, 0), (1, 0)]);
        assert_eq!(of(&[7; 7]).iter().map(|(_, share)| share).sum::<u32>(), 1000);
        assert_eq!(of(&[0, -3]), [(0, 0), (1, 0)]);
        assert_eq!(of(&[]), []);
    }
}
