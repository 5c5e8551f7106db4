//! Looks that were not carried out to their end: they are told and counted once they are, and not before.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    course::{
        Course,
        Deed::{Patch, Phase, Rate, Wait},
    },
    rivals::settled,
};

/// What the chat was told since `from`.
fn alerts(cluster: &Cluster, from: usize) -> Vec<String> {
    let text = |alert: &Value| alert["text"].as_str().unwrap_or_default().to_owned();
    cluster.seen.alerts[from..].iter().map(text).collect()
}

/// A release that ends well or badly in which one write is refused: what the chat was told, ends that were counted, writes.
fn play(rate: f64, refuse: Option<usize>) -> Option<(Vec<String>, usize, usize)> {
    let mut course = Course::begin("istio/success")?;
    for deed in [Phase(&["Initialized"]), Wait(1), Rate(rate)] {
        course.act(deed);
    }
    let (told, first) = (course.cluster.seen.alerts.len(), course.cluster.seen.writes);
    course.cluster.refuse = refuse.map(|more| first + more);
    for deed in [Patch, Phase(&["Succeeded", "Failed"]), Wait(60)] {
        course.act(deed);
    }
    let seen = &course.cluster.seen;
    Some((alerts(&course.cluster, told), seen.counts, seen.writes - first))
}

#[test]
fn a_refused_write_neither_silences_an_alert_nor_counts_an_end_twice() {
    for rate in [100.0, 1.0] {
        let Some((told, counts, writes)) = play(rate, None) else { return };
        assert_eq!(counts, 1);
        for refused in 0..writes {
            let Some(again) = play(rate, Some(refused)) else { return };
            assert_eq!((&again.0, again.1), (&told, 1), "rate {rate}, write {refused}");
        }
    }
}

#[test]
fn what_is_told_once_is_told_when_the_look_is_carried_out() {
    let mut cluster = settled(&json!({}));
    cluster.refuse = Some(cluster.seen.writes);
    cluster.world.canary["spec"]["analysis"]["stepWeights"] = json!([20, 10]);
    cluster.live(Duration::from_mins(1));
    assert_eq!(cluster.refuse.map(|it| it < cluster.seen.writes), Some(true), "the status was refused");
    let told = cluster.seen.events.iter().filter(|it| it.contains("is invalid: ")).count();
    assert_eq!(told, 1, "{:#?}", cluster.seen.events);
}
