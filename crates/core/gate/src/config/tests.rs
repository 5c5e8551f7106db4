use super::*;
use crate::policy::{Class, Kind, Step};

const ARMS: &str = "arms: {stable: {track: stable}, canary: {track: canary}}\n";
const METRIC: &str = "metrics: [{name: errors, events: e_total, exposure: r_total}]\n";

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::read(text, &Overrides::default())
}

/// A configuration with these lines before arms and one metric.
fn with(lines: &str) -> Result<Config, ConfigError> {
    read(&format!("{lines}\n{ARMS}{METRIC}"))
}

/// A configuration with one metric of these keys.
fn metric(keys: &str) -> Result<Config, ConfigError> {
    read(&format!("{ARMS}metrics:\n- {{name: m, {keys}}}\n"))
}

#[test]
fn what_is_left_out_has_the_default_of_the_method() {
    let Config { policy, queries, .. } = with("").unwrap();
    assert_eq!((policy.block, policy.deadline, policy.minimum_exposure), (15, 7200, 50));
    assert_eq!((policy.alpha, policy.beta), (0.05, 0.05));
    assert_eq!(policy.steps, [Step { weight: 1000, minimum: 600 }]);
    assert_eq!((queries.scrape, queries.history, queries.lag, queries.warm_up), (15, 3600, 30, 120));
    assert_eq!(queries.arms.pod, "pod");
    let metric = &policy.metrics[0];
    assert_eq!((metric.class, &metric.kind, metric.weight), (Class::Guard, &Kind::Count, 1.0));
    assert_eq!((metric.tolerated, metric.margin, metric.floor), (1.0, 2.0, 0.001));
    assert_eq!(queries.metrics[0].line, 3);
}

#[test]
fn defaults_follow_the_scrape_interval_and_the_block() {
    let Config { policy, queries, .. } = with("scrapeInterval: 10s").unwrap();
    assert_eq!((policy.block, queries.lag, queries.history), (20, 30, 4800));
    let Config { policy, queries, .. } = with("scrapeInterval: 60s").unwrap();
    assert_eq!((policy.block, queries.lag, queries.history), (60, 120, 14400));
}

#[test]
fn every_kind_has_its_defaults() {
    for (keys, wanted) in [
        ("events: e, exposure: r", (1.0, 2.0, 0.001)),
        ("events: e, perPodTime: true", (1.0, 2.0, 0.0)),
        ("events: e, exposure: r, downIsBad: true", (1.0, 2.0, 0.0)),
        ("histogram: h", (1.0, 2.0, 0.002)),
        ("gauge: g", (1.05, 1.3, 0.0)),
        ("gauge: g, tolerated: 1.25, margin: 2", (1.25, 2.0, 0.0)),
        ("kind: gauge", (1.05, 1.3, 0.0)),
    ] {
        let config = metric(keys).unwrap();
        let m = &config.policy.metrics[0];
        assert_eq!((m.tolerated, m.margin, m.floor), wanted, "{keys}");
    }
}

#[test]
fn everything_can_be_said() {
    let config = read(
        r#"
block: 1m
history: 2h
lag: 45s
warmUp: 0s
deadline: 3h
alpha: 0.01
beta: 0.1
scrapeInterval: 30s
minimumExposure: 200
podStart: process_start_time_seconds{service="shop"}
steps:
- {weight: 0.5}
- {weight: 25, minimum: 20m}
arms: {pod: instance, stable: {v: "1"}, canary: {v: "2"}}
metrics:
- name: errors
  class: watch
  events: http_requests_total{service="shop",code=~"5.."}
  exposure: http_requests_total{service="shop"}
  tolerated: 1
  margin: 3
  floor: 0
  weight: 2
  zeroOk: true
- name: latency
  histogram: http_request_duration_seconds{service="shop"}
  edges: [0.1, 0.25, 1]
  thresholds: [0.25]
- name: queue
  class: note
  gauge: queue_depth
  offset: 1
"#,
    )
    .unwrap();
    let Config { policy, queries, .. } = &config;
    assert_eq!((policy.block, policy.deadline, policy.alpha, policy.beta), (60, 10800, 0.01, 0.1));
    assert_eq!(policy.steps, [Step { weight: 50, minimum: 300 }, Step { weight: 2500, minimum: 1200 }]);
    assert_eq!((queries.history, queries.lag, queries.warm_up), (7200, 45, 0));
    assert_eq!(queries.arms.stable.to_string(), "v=1");
    assert_eq!(policy.metrics[1].kind, Kind::Latency { edges: vec![0.1, 0.25, 1.0], thresholds: vec![1] });
    assert_eq!(policy.metrics[2].kind, Kind::Gauge { offset: 1_000_000 });
    let Source::Count { events: Some(events), exposure: Some(Exposure::Query(_)) } =
        &queries.metrics[0].source
    else {
        panic!("{queries:?}")
    };
    assert_eq!((events.line, &*events.text), (19, r#"http_requests_total{service="shop",code=~"5.."}"#));
    assert!(queries.metrics[0].zero_ok);
}

#[test]
fn the_split_is_checked_by_the_first_metric_that_counts_requests() {
    let split = |lines: &str| {
        let text = format!(
            "{lines}\n{ARMS}metrics:\n- {{name: m, gauge: g}}\n- {{name: r, events: e, perPodTime: true}}\n\
             - {{name: o, events: o, exposure: s, downIsBad: true}}\n- {{name: e, events: e, exposure: r}}\n"
        );
        read(&text).map(|config| config.policy.split)
    };
    assert_eq!(split(""), Ok(Some(3)));
    assert_eq!(split("split: o"), Ok(Some(2)));
    assert_eq!(split("split: none"), Ok(None));
    for (lines, wanted) in
        [("split: x", "split: \"x\" is no metric"), ("split: r", "split: \"r\" counts no requests")]
    {
        let error = split(lines).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let config = metric("events: e, exposure: r, share: false").unwrap();
    assert_eq!((config.policy.split, config.policy.metrics[0].is_share), (None, false));
    assert!(config.policy.metrics[0].floor.abs() < 1e-12);
    assert!(with("blackhole: 10s").unwrap_err().to_string().contains("shorter than a block (15s)"));
}

#[test]
fn the_command_line_names_the_arms_before_the_file() {
    let overrides = Overrides {
        baseline: Some(Selector::parse("hash=aaa").unwrap()),
        canary: Some(Selector::parse("hash=bbb, zone=\"x\"").unwrap()),
    };
    for text in [METRIC.to_owned(), format!("{ARMS}{METRIC}")] {
        let config = Config::read(&text, &overrides).unwrap();
        assert_eq!(config.queries.arms.stable.to_string(), "hash=aaa");
        assert_eq!(config.queries.arms.canary.to_string(), "hash=bbb,zone=x");
    }
    for (text, wanted) in [
        ("canary", "label=value"),
        ("=x", "no name of a label"),
        ("a=", "no value"),
        ("a=1,a=2", "twice"),
        ("", "label=value"),
    ] {
        let error = Selector::parse(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

/// Each is refused, and what it says contains this.
fn refused(rows: Vec<(Result<Config, ConfigError>, &str)>) {
    for (read, wanted) in rows {
        let error = read.expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}\n   wanted: {wanted}");
    }
}

#[test]
fn a_number_that_cannot_be_is_refused_with_its_place_and_the_remedy() {
    refused(vec![
        (with("alpha: 0"), "line 1: alpha: 0 must be above 0 and below 0.5"),
        (with("beta: 0.5"), "line 1: beta: 0.5 must be above 0 and below 0.5"),
        (with("beta: 1.5"), "line 1: beta: 1.5 must be above 0"),
        (with("alpha: .nan"), "line 1: alpha: NaN must be above 0"),
        (with("alpha: much"), "line 1: alpha: it must be a probability, as 0.05 (in `alpha: much`)"),
        (with("colour: red"), "line 1: colour: unknown field `colour`"),
        (
            with("block: 20s"),
            "line 1: block: 20s must be a multiple of scrapeInterval (15s) and at most 1h: write 15s",
        ),
        (with("block: 0s"), "line 1: block: 0s must be a multiple"),
        (with("block: 15"), "line 1: block: 15 has no unit: write 15s for seconds"),
        (with("block: 1d"), "line 1: block: time: unknown unit \"d\" in duration \"1d\": write it as 15s"),
        (with("lag: 1500ms"), "line 1: lag: 1500ms must be whole seconds"),
        (with("warmUp: -5s"), "line 1: warmUp: -5s must be whole seconds"),
        (with("\nhistory: 5m"), "line 2: history: 300s is less than 32 blocks of 15s: write 480s or more"),
        (with("scrapeInterval: 0s"), "line 1: scrapeInterval: 0s must lie between 1s and 1h"),
        (with("deadline: 10m"), "line 1: deadline: 600s is not above the least times of all steps (600s)"),
        (with("steps: []"), "line 1: steps: there is none"),
        (
            with("steps: [{weight: 100}]"),
            "line 1: steps[0].weight: 100 must be above 0 and below 100 percent",
        ),
        (with("steps: [{weight: 0.001}]"), "line 1: steps[0].weight: 0.001 has more than two decimals"),
        (
            with("steps:\n- {weight: 20}\n- {weight: 10}"),
            "line 3: steps[1].weight: 10 is not above the weight of the step before (20): weights must ascend",
        ),
        (with("steps: [{minimum: 5m}]"), "steps[0]: missing field `weight`"),
        (with("steps: [{weight: 5, pause: 1m}]"), "line 1: steps[0].pause: unknown field `pause`"),
        (read(ARMS), "metrics: there is no metric, so nothing can be judged"),
        (read(&format!("{ARMS}metrics: []")), "line 2: metrics: there are 0 metrics"),
        (read(""), "arms.stable: it is not said which series are stable"),
    ]);
}

#[test]
fn arms_that_are_not_apart_are_refused() {
    let arms = |text: &str| read(&format!("{text}\n{METRIC}"));
    refused(vec![
        (
            arms("arms: {stable: {track: stable}}"),
            "line 1: arms.canary: it is not said which series are canary: write canary: {track: canary}, or give --canary label=value",
        ),
        (arms("arms: {stable: {}, canary: {a: b}}"), "line 1: arms.stable: there is no label"),
        (
            arms("arms: {stable: {a-b: x}, canary: {a: b}}"),
            "line 1: arms.stable: a-b: \"x\" is no label with a value",
        ),
        (
            arms("arms: {stable: {a: b}, canary: {a: b}}"),
            "arms.canary: a=b and stable (a=b) have no label in common with different values",
        ),
        (
            arms("arms: {stable: {a: b}, canary: {c: d}}"),
            "arms.canary: c=d and stable (a=b) have no label in common",
        ),
        (
            arms("arms: {pod: 'p d', stable: {a: b}, canary: {a: c}}"),
            "line 1: arms.pod: \"p d\" is no name of a label",
        ),
    ]);
}

#[test]
fn a_metric_that_cannot_be_judged_is_refused() {
    refused(vec![
        (
            metric("class: block, gauge: g"),
            "line 3: metrics[0].class: unknown variant `block`, expected one of guard, watch, note",
        ),
        (metric("tolerated: 0.9, gauge: g"), "line 3: metrics[0].tolerated: 0.9 must be from 1 to below 16"),
        (metric("maturity: 7h, events: e"), "line 3: metrics[0].maturity: 25200s must be at most 6h"),
        (metric("maturity: -5m, events: e"), "metrics[0].maturity"),
        (metric("maturity: 5, events: e"), "5 has no unit: write 5s"),
        (
            metric("maturity: 5m, gauge: g"),
            "line 3: metrics[0].maturity: 300s cannot be kept: a level has no",
        ),
        (metric("margin: 20, gauge: g"), "line 3: metrics[0].margin: 20 must be at most 16"),
        (metric("floor: 0.01, gauge: g"), "line 3: metrics[0].floor: 0.01 cannot be kept"),
        (
            metric("tolerated: 2, margin: 2, gauge: g"),
            "line 3: metrics[0].margin: 2 must be above tolerated (2)",
        ),
        (metric("margin: 1.01, gauge: g"), "line 3: metrics[0].margin: 1.01 must be above tolerated (1.05)"),
        (metric("floor: 1, events: e"), "line 3: metrics[0].floor: 1 must be at least 0 and below 1"),
        (metric("weight: 0, events: e"), "line 3: metrics[0].weight: 0 must lie between"),
        (metric("class: guard"), "line 3: metrics[0].kind: it is not said what is measured"),
        (metric("events: e, gauge: g"), "line 3: metrics[0].gauge: it does not go with `events`"),
        (metric("kind: count, histogram: h"), "line 3: metrics[0].histogram: it does not go with `kind`"),
        (metric("kind: rate"), "line 3: metrics[0].kind: unknown variant `rate`"),
        (metric("events: ' ', exposure: r"), "line 3: metrics[0].events: the query is empty"),
        (
            metric("events: e, exposure: r, perPodTime: true"),
            "line 3: metrics[0].exposure: perPodTime is the exposure already",
        ),
        (
            metric("histogram: h, edges: [1, 0.5]"),
            "line 3: metrics[0].edges: 0.5 comes after 1: write them ascending",
        ),
        (metric("histogram: h, edges: [0, 0.5]"), "line 3: metrics[0].edges: 0 must be above 0"),
        (metric("histogram: h, edges: [1]"), "line 3: metrics[0].edges: 1 is a single edge"),
        (
            metric("histogram: h, edges: [0.25, 0.5], thresholds: [0.3]"),
            "line 3: metrics[0].thresholds: 0.3 is no edge of a bucket, and what lies inside a bucket cannot be counted: take 0.25 or 0.5",
        ),
        (metric("histogram: h, thresholds: [2, 1]"), "line 3: metrics[0].thresholds: 1 comes after 2"),
        (metric("gauge: g, offset: -1"), "line 3: metrics[0].offset: -1 must be at least 0"),
        (
            read(&format!("{ARMS}metrics:\n- {{name: a, gauge: g}}\n- {{name: a, gauge: h}}")),
            "line 4: metrics[1].name: \"a\" is the name of metrics[0] too",
        ),
        (
            read(&format!("{ARMS}metrics: [{{name: ' ', gauge: g}}]")),
            "line 2: metrics[0].name: \" \" is no name",
        ),
        (read(&format!("{ARMS}metrics: [{{gauge: g}}]")), "metrics[0]: missing field `name`"),
        (with("alpha: 0.05\nalpha: 0.01"), "duplicate"),
        (read("[1, 2]"), "line 1: "),
        (read("a: ["), "line 1"),
    ]);
}

#[test]
fn the_whole_gate_waits_for_the_metric_whose_outcomes_are_known_last() {
    let metrics = "metrics:\n- {name: errors, events: e, exposure: r}\n\
                   - {name: orders, events: o, exposure: r, maturity: 5m}\n\
                   - {name: refunds, events: f, exposure: r, maturity: 6h}\n";
    let due = |text: &str| read(text).unwrap().queries.due(serin_kernel::Moment::from_secs(1_000_000));
    let at = serin_kernel::Moment::from_secs;
    assert_eq!(due(&format!("{ARMS}{METRIC}")), at(1_000_030), "the lag alone");
    assert_eq!(due(&format!("{ARMS}lag: 10s\n{metrics}")), at(1_000_010 + 6 * 3600));
    let policy = |maturity: &str| metric(&format!("events: e, exposure: r{maturity}")).unwrap().policy;
    assert_eq!(policy(", maturity: 5m"), policy(""), "what is promised does not know of it");
}

#[test]
fn a_number_that_is_none_is_told_what_it_must_be() {
    for value in ["many", "-5", "1.5", "[1]", "1e3"] {
        let error = with(&format!("minimumExposure: {value}")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "line 1: minimumExposure: it must be a whole number of requests, as 50 (in `minimumExposure: {value}`)"
            )
        );
    }
    for (lines, wanted) in [("alpha: x", "a probability, as 0.05"), ("beta: [1]", "a probability, as 0.05")] {
        assert!(with(lines).unwrap_err().to_string().contains(wanted), "{lines}");
    }
    for (key, wanted) in [
        ("tolerated: x", "a ratio, as 1.1"),
        ("margin: x", "a ratio, as 2"),
        ("floor: x", "a share of the exposure, as 0.001"),
        ("weight: x", "a number, as 1"),
        ("offset: x", "a number in the unit of the gauge, as 1.5"),
        ("edges: [x]", "a list of numbers, as [0.1, 0.25, 1]"),
        ("thresholds: [0.25, x]", "a list of numbers, as [0.25]"),
    ] {
        let error = metric(key).unwrap_err().to_string();
        assert!(error.contains(&format!("it must be {wanted} (in `")), "{key}: {error}");
    }
    assert!(with("steps: [{weight: x}]").unwrap_err().to_string().contains("a share in percent, as 25"));
}
