use proptest::prelude::*;
use serin_kernel::{Call, Moment, Reply};

use super::*;
use crate::provider::{Place, prometheus_at};

const QUERY: &str =
    r#" sum( rate( http_requests_total{ ns="shop", pod=~"web-[0-9a-z]+", code!~"5.*" }[1m] ) )"#;

fn step_of(query: &str, bodies: &[&str]) -> Step<Option<String>> {
    let (provider, place) = (prometheus_at("http://p"), Place::default());
    let inquiry = Inquiry {
        provider: &provider,
        secret: None,
        place: &place,
        query,
        interval: "1m",
        now: Moment::from_secs(10_000),
    };
    let replies: Vec<Answer> = bodies
        .iter()
        .map(|body| Answer::Reply(Reply { status: 200, body: (*body).to_owned(), attempts: 1 }))
        .collect();
    explain(&inquiry, &replies)
}

fn asked(step: Step<Option<String>>) -> Call {
    match step {
        Step::Ask(Question::Call(call)) => call,
        other => panic!("{other:?}"),
    }
}

fn query_of(call: &Call) -> String {
    let url = url::Url::parse(&call.url).unwrap();
    url.query_pairs()
        .find(|(name, _)| name == "query")
        .map(|(_, query)| query.into_owned())
        .unwrap_or_default()
}

fn said(query: &str, bodies: &[&str]) -> String {
    match step_of(query, bodies) {
        Step::Done(Some(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

/// An answer with these series: labels in JSON, and a number.
fn vector(series: &[(&str, u64)]) -> String {
    let items: Vec<String> = series
        .iter()
        .map(|(labels, value)| format!(r#"{{"metric":{{{labels}}},"value":[1,"{value}"]}}"#))
        .collect();
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, items.join(","))
}

/// The answer to the first question: how many are left when that is left out.
fn counted(counts: &[(&str, u64)]) -> String {
    let labels: Vec<(String, u64)> = counts
        .iter()
        .map(|(without, count)| (format!(r#""serin_selector":"0","serin_without":"{without}""#), *count))
        .collect();
    vector(&labels.iter().map(|(labels, count)| (labels.as_str(), *count)).collect::<Vec<_>>())
}

#[test]
fn one_question_counts_what_each_label_keeps_away() {
    let query = query_of(&asked(step_of(QUERY, &[])));
    for part in [
        r#"count(http_requests_total{ns="shop",pod=~"web-[0-9a-z]+",code!~"5.*"})"#,
        r#"count(http_requests_total{pod=~"web-[0-9a-z]+",code!~"5.*"})"#,
        r#"count(http_requests_total{ns="shop",code!~"5.*"})"#,
        r#"count(http_requests_total{ns="shop",pod=~"web-[0-9a-z]+"})"#,
        "count(http_requests_total)",
    ] {
        assert!(query.contains(part), "{part}: {query}");
    }
    promql::parse(&query).unwrap();
}

#[test]
fn a_metric_that_is_not_there_is_told_with_names_like_it() {
    let none = vector(&[]);
    let call = asked(step_of(QUERY, &[&none]));
    assert_eq!(call.url, "http://p/api/v1/label/__name__/values?start=6400&end=10000");
    let names = r#"{"status":"success","data":["http_request_total","http_requests","up","node_load1"]}"#;
    assert_eq!(
        said(QUERY, &[&none, names]),
        "there is no metric http_requests_total; names like it are http_request_total, http_requests"
    );
    let others = r#"{"status":"success","data":["up"]}"#;
    assert_eq!(
        said(QUERY, &[&none, others]),
        "there is no metric http_requests_total, and none with a name like it"
    );
}

#[test]
fn a_label_that_keeps_the_series_away_is_told_with_what_it_is() {
    let first = counted(&[("everything", 9), ("1", 4), ("2", 2)]);
    let query = query_of(&asked(step_of(QUERY, &[&first])));
    assert_eq!(query, r#"topk(100, count by (pod) (http_requests_total{ns="shop",code!~"5.*"}))"#);
    let values = vector(&[(r#""pod":"web-canary-1""#, 3), (r#""pod":"db-0""#, 1)]);
    assert_eq!(
        said(QUERY, &[&first, &values]),
        r#"4 series of http_requests_total would match but for pod=~"web-[0-9a-z]+": there, pod is "web-canary-1" or "db-0""#
    );
    assert_eq!(
        said(QUERY, &[&first, &vector(&[("", 4)])]),
        r#"4 series of http_requests_total would match, but have no label pod, where pod=~"web-[0-9a-z]+" is asked for"#
    );
    // One that says what is not wanted is blamed when no other is.
    let first = counted(&[("everything", 9), ("2", 1)]);
    let sentence = said(QUERY, &[&first, &vector(&[(r#""code":"503""#, 1)])]);
    assert_eq!(
        sentence,
        r#"1 series of http_requests_total would match but for code!~"5.*": there, code is "503""#
    );
}

#[test]
fn when_several_labels_differ_the_nearest_series_is_told() {
    let first = counted(&[("everything", 2)]);
    let query = query_of(&asked(step_of(QUERY, &[&first])));
    assert_eq!(query, "topk(100, count by (ns, pod, code) (http_requests_total))");
    let values = vector(&[
        (r#""ns":"other","pod":"x","code":"500""#, 1),
        (r#""namespace":"shop","pod":"x","code":"200""#, 1),
    ]);
    assert_eq!(
        said(QUERY, &[&first, &values]),
        r#"2 series of http_requests_total, of which none matches; the nearest has no label ns, where ns="shop" is asked for, and pod="x", where pod=~"web-[0-9a-z]+" is asked for"#
    );
}

#[test]
fn series_that_are_there_are_told_with_their_window() {
    let sentence = said(QUERY, &[&counted(&[("nothing", 3), ("everything", 9)])]);
    assert!(sentence.starts_with("3 series match http_requests_total{ns=\"shop\""), "{sentence}");
    assert!(sentence.contains("no value over 1m0s: a window needs two scrapes"), "{sentence}");
    let sentence = said("up > 5", &[&counted(&[("nothing", 1), ("everything", 1)])]);
    assert_eq!(sentence, "1 series matches up, but what the query does with them leaves nothing");
}

#[test]
fn what_cannot_be_explained_is_left_alone() {
    for query in ["", "sum(", "1 + 1", "{job=\"a\"}", "a offset 1h", "{__name__=~\"a.*\"}", "{\"a b\"}"] {
        assert_eq!(step_of(query, &[]), Step::Done(None), "{query}");
    }
    for body in ["<html>", "{}", "", r#"{"status":"error","error":"busy"}"#] {
        assert_eq!(step_of(QUERY, &[body]), Step::Done(None), "{body}");
    }
    let provider =
        serin_api::flagger::MetricTemplateProvider { kind: "datadog".into(), ..prometheus_at("http://d") };
    let place = Place::default();
    let now = Moment::EPOCH;
    let inquiry =
        Inquiry { provider: &provider, secret: None, place: &place, query: QUERY, interval: "1m", now };
    assert_eq!(explain(&inquiry, &[]), Step::Done(None));
}

#[test]
fn a_sentence_stands_behind_its_reason() {
    let have = explained(Sample::none(), Some("there is no metric m"));
    assert_eq!(have, Sample::NoValues("no values found: there is no metric m".into()));
    assert_eq!(explained(Sample::none(), None), Sample::none());
    assert_eq!(explained(Sample::Value(1.0), Some("x")), Sample::Value(1.0));
}

#[test]
fn a_hostile_answer_costs_bounded_words() {
    let none = vector(&[]);
    let long = "x".repeat(5 << 20);
    let names = format!(
        r#"{{"status":"success","data":["{long}",{}"http_requests_totals"]}}"#,
        "\"up\",".repeat(50_000)
    );
    assert!(said(QUERY, &[&none, &names]).len() < 500);
    let first = counted(&[("everything", 9), ("1", 4)]);
    let labels = format!(r#""pod":"{long}""#);
    assert!(said(QUERY, &[&first, &vector(&[(&labels, 1)])]).len() < 1500);
    let query = format!("a{{b=~\"{}\",c=\"d\"}}", "(x{1,100}){1,100}".repeat(20));
    let _ = step_of(&query, &[&counted(&[("everything", 1)]), &vector(&[(r#""b":"y","c":"e""#, 1)])]);
}

proptest! {
    #[test]
    fn no_query_and_no_answer_makes_it_panic(query in "[a-z]{1,3}\\{[a-z=~!\",.*\\[\\]]{0,20}\\}", body in "[\\[\\]{}\":,0-9a-z ]{0,60}") {
        let _ = step_of(&query, &[]);
        let _ = step_of(&query, &[&body]);
        let _ = step_of(&query, &[&vector(&[]), &body]);
        let _ = step_of(&query, &[&counted(&[("everything", 2)]), &body]);
    }
}
