//! A run without values says why: in a second event, in the condition and in the alert, and writes no more for that.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Seen},
    course::{Course, Deed},
};

const WHY: &str = "No values for metric request-success-rate: there is no metric istio_requests_total; a name like it is \
    istio_request_total";
const PROGRESSING: &str = "New revision detected, progressing canary analysis.";
const FAILED: &str = "Canary analysis failed, Deployment scaled to zero.";

/// A run that has values only at first, on a Prometheus with these metrics.
fn run(names: &[&'static str], meanwhile: impl FnOnce(&mut Cluster)) -> Option<Seen> {
    let mut course = Course::begin("istio/no-values")?;
    course.cluster.servers.names = names.to_vec();
    course.act(Deed::Phase(&["Initialized"]));
    course.cluster.servers.rate = None;
    course.act(Deed::Patch);
    meanwhile(&mut course.cluster);
    course.act(Deed::Phase(&["Failed", "Succeeded"]));
    course.act(Deed::Wait(60));
    Some(course.cluster.seen)
}

fn fields(alert: &Value) -> Vec<(&str, &str)> {
    let fields = alert["fields"].as_array().into_iter().flatten();
    fields.map(|it| (it["title"].as_str().unwrap(), it["value"].as_str().unwrap())).collect()
}

fn alert_of_failure(seen: &Seen) -> &Value {
    seen.alerts.iter().find(|alert| alert["color"] == "danger").unwrap()
}

#[test]
fn why_there_were_no_values_is_told_in_three_places() {
    let Some(seen) = run(&["istio_request_total", "up"], |_| {}) else { return };
    let told = seen.events.iter().filter(|event| event.ends_with(WHY)).count();
    assert_eq!(told, 2, "{:#?}", seen.events);
    let [.., failing, failed] = &seen.conditions[..] else { panic!("{:#?}", seen.conditions) };
    assert_eq!((failing, failed), (&format!("{PROGRESSING} {WHY}"), &format!("{FAILED} {WHY}")));
    let alert = alert_of_failure(&seen);
    assert_eq!(alert["text"], json!("Failed checks threshold reached 2"));
    assert_eq!(fields(alert), [("Reason", WHY)]);
    let others = seen.alerts.iter().filter(|alert| alert["color"] != "danger");
    assert!(others.flat_map(fields).all(|(title, _)| title != "Reason"));
}

#[test]
fn without_an_explanation_everything_is_as_it_was() {
    let Some(seen) = run(&[], |_| {}) else { return };
    let [.., progressing, failed] = &seen.conditions[..] else { panic!("{:#?}", seen.conditions) };
    assert_eq!((progressing.as_str(), failed.as_str()), (PROGRESSING, FAILED));
    assert!(fields(alert_of_failure(&seen)).is_empty());
    let explained = run(&["istio_request_total", "up"], |_| {}).unwrap();
    assert_eq!(explained.writes, seen.writes, "an explanation is written with what is written anyway");
    assert_eq!(explained.statuses, seen.statuses);
}

/// The controller begins anew with every single pass: what it has learnt stands in the object.
#[test]
fn a_restart_forgets_no_explanation() {
    let Some(plain) = run(&["istio_request_total"], |_| {}) else { return };
    for restart in 0..plain.passes {
        let mut course = Course::begin("istio/no-values").unwrap();
        course.cluster.restart = Some(restart);
        course.cluster.servers.names = vec!["istio_request_total"];
        course.act(Deed::Phase(&["Initialized"]));
        course.cluster.servers.rate = None;
        course.act(Deed::Patch);
        course.act(Deed::Phase(&["Failed"]));
        assert_eq!(fields(alert_of_failure(&course.cluster.seen)), [("Reason", WHY)], "{restart}");
    }
}

#[test]
fn an_explanation_goes_when_it_is_true_no_more() {
    let back = |cluster: &mut Cluster| {
        let is_explained = |it: &Cluster| it.seen.conditions.last().is_some_and(|text| text.ends_with(WHY));
        assert!(cluster.until(std::time::Duration::from_secs(200), is_explained));
        cluster.servers.rate = Some(100.0);
    };
    let Some(seen) = run(&["istio_request_total"], back) else { return };
    let at = seen.conditions.iter().position(|text| text.ends_with(WHY)).unwrap();
    assert_eq!(seen.conditions[at + 1], PROGRESSING);
    assert!(seen.conditions[at + 1..].iter().all(|text| !text.contains(WHY)), "{:#?}", seen.conditions);
    // Another reason to fail is not that one.
    let worse = |cluster: &mut Cluster| {
        back(cluster);
        cluster.servers.rate = Some(50.0);
    };
    let seen = run(&["istio_request_total"], worse).unwrap();
    assert_eq!(seen.conditions.last().map(String::as_str), Some(FAILED));
    assert!(fields(alert_of_failure(&seen)).is_empty());
}
