use std::collections::BTreeMap;

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
        asker: "test/podinfo/m",
        query,
        interval: "1m",
        now: Moment::from_secs(10_000),
    };
    let replies: Vec<Answer> = bodies.iter().map(|body| Answer::Reply(Reply::new(200, *body))).collect();
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
        "there is no metric http_requests_total; names like it are http_request_total and http_requests"
    );
    let one = r#"{"status":"success","data":["http_request_total","up"]}"#;
    assert_eq!(
        said(QUERY, &[&none, one]),
        "there is no metric http_requests_total; a name like it is http_request_total"
    );
    let others = r#"{"status":"success","data":["up"]}"#;
    assert_eq!(
        said(QUERY, &[&none, others]),
        "there is no metric http_requests_total, and none with a name like it"
    );
    let nothing = r#"{"status":"success","data":[]}"#;
    assert_eq!(said(QUERY, &[&none, nothing]), "there is no metric http_requests_total, and no other either");
    let gone = r#"{"status":"success","data":["http_request_total","http_requests_total"]}"#;
    assert_eq!(
        said(QUERY, &[&none, gone]),
        "http_requests_total was there within the last hour, and is there no more"
    );
    // Who answers this question with series does not answer it.
    let odd = vector(&[("", 1)]);
    assert_eq!(step_of(QUERY, &[&none, &odd]), Step::Done(None));
}

#[test]
fn a_label_that_keeps_the_series_away_is_told_with_what_it_is() {
    let first = counted(&[("everything", 9), ("1", 4), ("2", 2)]);
    let query = query_of(&asked(step_of(QUERY, &[&first])));
    assert_eq!(
        query,
        r#"topk(100, count by (pod) (http_requests_total{ns="shop",code!~"5.*"})) or topk(20, count without (le) (http_requests_total{ns="shop",code!~"5.*"}))"#
    );
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

/// A Prometheus that has these series, and answers what is asked to explain.
struct Store(Vec<BTreeMap<String, String>>);

impl Store {
    fn matching(&self, selector: &Selector) -> Vec<&BTreeMap<String, String>> {
        let is_one = |labels: &&BTreeMap<String, String>| {
            let of = |label: &str| labels.get(label).map_or("", String::as_str);
            Some(of("__name__")) == selector.metric()
                && selector.matchers.iter().all(|matcher| near::fits(matcher, of(&matcher.label)))
        };
        self.0.iter().filter(is_one).collect()
    }

    fn answer(&self, call: &Call) -> String {
        if call.url.contains("/label/__name__/values") {
            let mut names: Vec<&str> = self.0.iter().map(|labels| &*labels["__name__"]).collect();
            names.sort_unstable();
            names.dedup();
            return serde_json::json!({"status": "success", "data": names}).to_string();
        }
        let query = query_of(call);
        let mut series = Vec::new();
        for part in query.split(" or ") {
            let expr = promql::parse(part).unwrap();
            let found = self.matching(expr.selectors()[0]);
            let word =
                |before: &str| part.split_once(before).and_then(|(_, rest)| rest.split(['"', ')']).next());
            if let (Some(which), Some(without)) =
                (word("\"serin_selector\", \""), word("\"serin_without\", \""))
            {
                let labels = format!("\"{WHICH}\":\"{which}\",\"{WITHOUT}\":\"{without}\"");
                series.extend((!found.is_empty()).then_some((labels, found.len() as u64)));
                continue;
            }
            let by: Option<Vec<&str>> = word("count by (").map(|labels| labels.split(", ").collect());
            let kept = |label: &str| match &by {
                Some(by) => by.contains(&label),
                None => !["__name__", "le"].contains(&label),
            };
            let mut groups: BTreeMap<String, u64> = BTreeMap::new();
            for labels in found {
                let kept = labels.iter().filter(|(label, _)| kept(label));
                let text: Vec<String> = kept.map(|(label, value)| format!("{label:?}:{value:?}")).collect();
                *groups.entry(text.join(",")).or_default() += 1;
            }
            series.extend(groups);
        }
        vector(&series.iter().map(|(labels, count)| (labels.as_str(), *count)).collect::<Vec<_>>())
    }

    /// What is said of an empty answer.
    fn said(&self, query: &str) -> String {
        let mut bodies: Vec<String> = Vec::new();
        loop {
            let texts: Vec<&str> = bodies.iter().map(String::as_str).collect();
            match step_of(query, &texts) {
                Step::Done(sentence) => return sentence.unwrap(),
                Step::Ask(Question::Call(call)) => bodies.push(self.answer(&call)),
                Step::Ask(other) | Step::Share(other) => panic!("{other:?}"),
            }
            assert!(bodies.len() <= 2, "{bodies:?}");
        }
    }
}

/// A histogram as Istio's proxies of a workload show it.
fn istio(
    metric: &str,
    workload: (&str, &str),
    namespace: &str,
    pods: usize,
) -> Vec<BTreeMap<String, String>> {
    let mut series = Vec::new();
    for pod in 0..pods {
        for le in ["25", "50", "+Inf"] {
            let pod = format!("podinfo-7d9c5f9b8-{pod}");
            let host = format!("podinfo-canary.{namespace}.svc.cluster.local");
            let labels = [
                ("__name__", metric),
                ("reporter", "destination"),
                ("destination_workload_namespace", namespace),
                workload,
                ("destination_service", &*host),
                ("destination_version", "unknown"),
                ("response_code", "200"),
                ("source_workload", "istio-ingressgateway"),
                ("kubernetes_pod_name", &*pod),
                ("le", le),
            ];
            series.push(labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into());
        }
    }
    series
}

/// A release whose requests' duration has no series, for each of the reasons that people meet.
#[test]
fn a_person_reads_what_a_mesh_calls_otherwise() {
    const DURATION: &str = "histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ \
        reporter=\"destination\", destination_workload_namespace=\"test\", destination_workload=~\"podinfo\" }[30s] ) ) by (le) )";
    let workload = ("destination_workload", "podinfo");
    let metric = "istio_request_duration_milliseconds_bucket";
    let mut others = istio("istio_requests_total", workload, "test", 1);
    others.extend(istio("envoy_cluster_upstream_rq_time_bucket", workload, "test", 1));
    let said =
        |series: Vec<BTreeMap<String, String>>| Store([others.clone(), series].concat()).said(DURATION);
    for (series, wanted) in [
        (
            istio("istio_request_duration_seconds_bucket", workload, "test", 2),
            "there is no metric istio_request_duration_milliseconds_bucket; a name like it is \
             istio_request_duration_seconds_bucket",
        ),
        (
            istio(metric, ("destination_service_name", "podinfo"), "test", 2),
            "6 series of istio_request_duration_milliseconds_bucket would match, but have no label \
             destination_workload, where destination_workload=~\"podinfo\" is asked for; they have \
             destination_service_name=\"podinfo\"",
        ),
        (
            istio(metric, workload, "staging", 2),
            "6 series of istio_request_duration_milliseconds_bucket would match but for \
             destination_workload_namespace=\"test\": there, destination_workload_namespace is \"staging\"",
        ),
        (
            istio(metric, ("destination_workload", "podinfo-primary"), "test", 1),
            "3 series of istio_request_duration_milliseconds_bucket would match but for \
             destination_workload=~\"podinfo\": there, destination_workload is \"podinfo-primary\"",
        ),
        (
            istio(metric, workload, "test", 1),
            "3 series match istio_request_duration_milliseconds_bucket{reporter=\"destination\",\
             destination_workload_namespace=\"test\",destination_workload=~\"podinfo\"}, but no value over 30s: a \
             window needs two scrapes of one series, and requests in it",
        ),
        (
            Vec::new(),
            "there is no metric istio_request_duration_milliseconds_bucket, and none with a name like it",
        ),
    ] {
        assert_eq!(said(series), wanted);
    }
    let nothing = Store(Vec::new()).said(DURATION);
    assert_eq!(nothing, "there is no metric istio_request_duration_milliseconds_bucket, and no other either");
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
    let inquiry = Inquiry {
        provider: &provider,
        secret: None,
        place: &place,
        asker: "test/podinfo/m",
        query: QUERY,
        interval: "1m",
        now,
    };
    assert_eq!(explain(&inquiry, &[]), Step::Done(None));
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
