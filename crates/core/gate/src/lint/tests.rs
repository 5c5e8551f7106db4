use std::collections::BTreeMap;

use serin_kernel::Moment;

use super::*;
use crate::config::{Config, Overrides};
use crate::intake::Series;

const ARMS: &str = "arms: {stable: {track: stable}, canary: {track: canary}}\n";

/// A configuration with one metric on line 3.
fn config(keys: &str) -> Config {
    Config::read(&format!("{ARMS}metrics:\n- {{name: m, {keys}}}\n"), &Overrides::default()).unwrap()
}

fn names(findings: &[Finding]) -> String {
    let names: Vec<String> = findings
        .iter()
        .map(|finding| format!("{}:{} {}", finding.line, finding.field, finding.rule.name()))
        .collect();
    names.join(", ")
}

#[test]
fn each_rule_without_data_finds_what_it_is_for_and_nothing_else() {
    let good = "exposure: 'r_total{service=\"s\"}'";
    for (keys, wanted) in [
        (format!("events: 'r_total{{service=\"s\",code=~\"5..\"}}', {good}"), ""),
        ("events: k_total, perPodTime: true".to_owned(), ""),
        (format!("events: 'o_total{{service=\"s\"}}', {good}, maturity: 5m"), "3:events maturity"),
        (format!("events: 'o_total{{service=\"s\"}}', {good}, maturity: 0s"), ""),
        ("histogram: h, maturity: 5m".to_owned(), "3:histogram maturity"),
        ("histogram: h".to_owned(), ""),
        ("histogram: h_bucket".to_owned(), ""),
        ("gauge: g".to_owned(), ""),
        (format!("events: 'e_total{{', {good}"), "3:events not-promql"),
        (format!("events: 'rate(e_total[15s])', {good}"), "3:events rate-of-counts"),
        (format!("events: 'e_total[15s]', {good}"), "3:events not-raw"),
        (
            format!("events: 'increase(e_total[5m])', {good}"),
            "3:events rate-of-counts, 3:events window-overlap",
        ),
        (
            format!("events: 'max_over_time(e_total[5m:15s])', {good}"),
            "3:events subquery, 3:events window-overlap",
        ),
        (format!("events: 'sum(e_total) by (pod, track)', {good}"), "3:events summed"),
        (format!("events: 'e_total offset 1m', {good}"), "3:events shifted"),
        (format!("events: 'e_total + 0', {good}"), "3:events not-raw"),
        (format!("events: 'e_total / r_total', {good}"), "3:events ratio"),
        (format!("events: 'e_total{{track=\"canary\"}}', {good}"), "3:events one-arm"),
        (format!("events: 'e_total{{pod=\"a\"}}', {good}"), "3:events one-arm"),
        (format!("events: 'errors', {good}"), "3:events counter-name"),
        ("events: e_total".to_owned(), "3:exposure missing-denominator"),
        ("kind: count".to_owned(), "3:events missing-query"),
        ("kind: latency".to_owned(), "3:histogram missing-query"),
        ("events: r_total, exposure: r_total".to_owned(), "3:exposure same-query"),
        (
            "events: 'r_total{code=\"500\"}', exposure: 'r_total{service=\"s\"}'".to_owned(),
            "3:exposure not-a-part",
        ),
        ("events: 'r_total{code=\"500\"}', exposure: 'r_total{service=\"s\"}', share: false".to_owned(), ""),
        ("gauge: 'avg(g / h)'".to_owned(), "3:gauge average, 3:gauge ratio"),
        ("gauge: 'avg(a) / avg(b)'".to_owned(), "3:gauge ratio, 3:gauge average"),
        ("gauge: container_cpu_usage_seconds_total".to_owned(), "3:gauge counter-as-gauge"),
        ("gauge: 'histogram_quantile(0.99, g)'".to_owned(), "3:gauge average"),
        ("histogram: h_sum".to_owned(), "3:histogram histogram-part"),
        ("class: watch, gauge: g".to_owned(), "0:metrics no-guard"),
    ] {
        let findings = fixed(&config(&keys), true);
        assert_eq!(names(&findings), wanted, "{keys}");
        assert!(findings.iter().all(|finding| !finding.what.is_empty() && !finding.mend.is_empty()));
    }
    let text = format!("podStart: 'rate(a[1s])'\n{ARMS}metrics: [{{name: m, gauge: g}}]");
    let findings = fixed(&Config::read(&text, &Overrides::default()).unwrap(), true);
    assert_eq!(names(&findings), "1:podStart rate-of-counts");
    let summed = &fixed(&config("gauge: 'sum by (pod) (g)'"), true)[0];
    assert!(summed.what.contains("takes the label track away"), "{summed:?}");
}

fn series(labels: &str, values: &[f64]) -> Series {
    let labels: BTreeMap<String, String> = labels
        .split(',')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let samples = values.iter().enumerate().map(|(index, value)| (15_000 * index as i64, *value)).collect();
    Series { labels, samples, histograms: Vec::new() }
}

/// The findings when every question is answered with `series`.
fn shown(config: &Config, series: &[Series]) -> Vec<Finding> {
    let questions = questions(config, Moment::from_secs(1000)).unwrap();
    let samples: Vec<Sample> =
        questions.into_iter().map(|question| Sample { question, series: series.to_vec() }).collect();
    live(config, &samples)
}

#[test]
fn each_rule_with_data_finds_what_it_is_for_and_nothing_else() {
    let pods =
        |values: &[f64]| vec![series("pod=a,track=stable", values), series("pod=b,track=stable", values)];
    let grows: Vec<f64> = (0..10).map(f64::from).collect();
    let good = pods(&grows);
    let count = config("events: e_total, exposure: r_total");
    let gauge = config("gauge: g");
    let strange = |labels: &str| [good.clone(), vec![series(labels, &grows)]].concat();
    let mut slow = good.clone();
    slow.iter_mut().flat_map(|one| &mut one.samples).for_each(|(at, _)| *at *= 2);
    let many: Vec<Series> =
        (0..10_001).map(|i| series(&format!("pod={},track=stable,i={i}", i % 2), &[1.0])).collect();
    for (config, series, wanted) in [
        (&count, good.clone(), ""),
        (&count, vec![], "3:events absent-series, 3:exposure absent-series"),
        (&config("events: e_total, exposure: r_total, zeroOk: true"), vec![], "3:exposure absent-series"),
        (&gauge, pods(&[1.5, 1.0, 2.5, 1.0, 3.0, 1.0]), ""),
        (&count, pods(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0]), "3:events falls-often, 3:exposure falls-often"),
        (&count, pods(&[5.0, 1.0, 2.0, 0.0, 1.0, 2.0]), ""),
        (&count, pods(&[1.5, 2.5]), "3:events not-counts, 3:exposure not-counts"),
        (&gauge, strange("pod=c,track=blue"), "3:gauge arms-mixed"),
        (&gauge, strange("track=stable"), "3:gauge arms-mixed"),
        (&gauge, strange("pod=a,track=canary"), "3:gauge arms-mixed"),
        (&gauge, good[..1].to_vec(), "3:gauge one-pod"),
        (&gauge, vec![series("pod=a,track=canary", &grows)], "3:gauge one-pod"),
        (&gauge, slow, "3:gauge scrape-interval"),
        (&gauge, many, "3:gauge cardinality"),
        (&config("histogram: h"), good.clone(), "3:histogram edges"),
        // What cannot be asked is not asked: the other rules have found it.
        (&config("gauge: 'avg(g)'"), vec![], ""),
    ] {
        assert_eq!(names(&shown(config, &series)), wanted);
    }
}

#[test]
fn a_threshold_that_is_no_edge_is_told_with_its_neighbours() {
    let of =
        |pod: &str, le: &str, count: f64| series(&format!("pod={pod},track=stable,le={le}"), &[0.0, count]);
    let pod =
        |pod: &str| [of(pod, "0.1", 5.0), of(pod, "0.5", 9.0), of(pod, "1", 10.0), of(pod, "+Inf", 10.0)];
    let all = [pod("a"), pod("b")].concat();
    assert_eq!(names(&shown(&config("histogram: h, thresholds: [0.5]"), &all)), "");
    let found = shown(&config("histogram: h, thresholds: [0.25]"), &all);
    assert_eq!(names(&found), "3:histogram edges");
    assert!(found[0].what.ends_with("take 0.1 or 0.5"), "{found:?}");
}

#[test]
fn queries_are_missed_only_where_they_are_meant_to_be_asked() {
    let config =
        |metrics: &str| Config::read(&format!("{ARMS}metrics:\n{metrics}"), &Overrides::default()).unwrap();
    let (without, with) =
        ("- {name: a, kind: count}\n- {name: b, kind: gauge}\n", "- {name: c, histogram: h}\n");
    let (files, mixed) = (config(without), config(&format!("{without}{with}")));
    assert!(is_for_files(&files) && !is_for_files(&mixed) && !is_for_files(&config(with)));
    let missing = "3:events missing-query, 4:gauge missing-query";
    for (config, is_asked, wanted) in
        [(&files, false, ""), (&files, true, missing), (&mixed, false, missing), (&mixed, true, missing)]
    {
        assert_eq!(names(&fixed(config, is_asked)), wanted, "{is_asked}");
    }
    // What else is wrong is told of a file too.
    assert_eq!(
        names(&fixed(&config("- {name: a, kind: count, class: note}\n"), false)),
        "0:metrics no-guard"
    );
}
