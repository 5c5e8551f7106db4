//! `serin judge` as a user runs it: exit code, standard output and standard error (lines with `!`) of whole sessions.

#![allow(clippy::unwrap_used)] // also in what the tests share

mod common;
mod fake;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use common::files;
use serde_json::{Value, json};

/// The examples of the documentation.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/judge");

/// All that comes of `serin judge` in `folder`.
fn session(folder: &Path, arguments: &[&str], input: &str) -> String {
    common::session(folder, "judge", arguments, input)
}

/// A configuration of metrics with these options.
fn config(metrics: &[(&str, Value)]) -> Value {
    let metric = |(name, options): &(&str, Value)| json!({"name": name, "groups": ["g"], "analysisConfigurations": {"canary": options}});
    json!({"name": "shop", "applications": ["shop"], "classifier": {"groupWeights": {"g": 100}},
           "metrics": metrics.iter().map(metric).collect::<Vec<_>>()})
}

fn pair(name: &str, experiment: impl Into<Value>, control: impl Into<Value>) -> Value {
    json!({"name": name, "values": {"experiment": experiment.into(), "control": control.into()}})
}

const THRESHOLDS: [&str; 4] = ["--pass", "95", "--marginal", "75"];
const PLAIN: [&str; 8] = ["-c", "c.json", "-p", "p.json", "--pass", "95", "--marginal", "75"];

#[test]
fn the_walkthrough_ends_as_its_table_says_and_explains_each_row() {
    let mut text = String::new();
    for row in ["70-60", "70-90", "90-80", "40-60", "no-traffic"] {
        let pairs = format!("pairs-{row}.json");
        let arguments = ["--config", "canary.json", "--pairs", &pairs];
        text += &session(Path::new(EXAMPLES), &arguments, "");
        text +=
            &session(Path::new(EXAMPLES), &[&arguments[..], &["--explain", "error_percent"]].concat(), "");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_row_of_the_decision_table_is_explained() {
    let six = json!([1, 2, 3, 4, 5, 6]);
    let rise = json!([11, 12, 13, 14, 15, 16]);
    let cases = [
        ("missing", json!({"mustHaveData": true}), pair("m", json!([]), six.clone())),
        ("missing and critical", json!({"critical": true}), pair("m", json!(["NaN"]), six.clone())),
        ("missing and replaced", json!({"nanStrategy": "replace"}), pair("m", json!([]), six.clone())),
        ("identical", json!({}), pair("m", json!([0, 0]), json!([0, 0]))),
        ("one value", json!({}), pair("m", json!([7, 7, 7]), json!([7, 7]))),
        ("tied", json!({}), pair("m", json!([7]), json!([8]))),
        ("constant", json!({}), pair("m", json!([7, 7, 7, 7, 7, 7]), json!([8, 8, 8, 8, 8, 8]))),
        (
            "critical",
            json!({"critical": true, "effectSize": {"criticalIncrease": 1.5}}),
            pair("m", rise.clone(), six.clone()),
        ),
        (
            "critical, not reached",
            json!({"critical": true, "effectSize": {"criticalIncrease": 9}}),
            pair("m", rise.clone(), six.clone()),
        ),
        ("allowed", json!({"effectSize": {"allowedIncrease": 9}}), pair("m", rise.clone(), six.clone())),
        (
            "by cles",
            json!({"direction": "decrease", "effectSize": {"measure": "cles"}}),
            pair("m", six.clone(), rise.clone()),
        ),
        (
            "outliers",
            json!({"outliers": {"strategy": "remove"}}),
            pair("m", json!([1, 2, 3, 4, 5, 6, "NaN", 900]), six),
        ),
    ];
    let mut text = String::new();
    for (case, options, pair) in cases {
        let folder = files(&[
            ("c.json", &config(&[("m", options)]).to_string()),
            ("p.json", &json!([pair]).to_string()),
        ]);
        writeln!(text, "# {case}").unwrap();
        text += &session(folder.path(), &[&PLAIN[..], &["--explain", "m"]].concat(), "");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn several_metrics_make_one_report() {
    let mut config = config(&[
        ("errors", json!({"direction": "increase"})),
        ("latency", json!({})),
        ("muted", json!({"muted": true})),
        ("absent", json!({})),
    ]);
    config["metrics"][1]["groups"] = json!(["speed", "g"]);
    config["classifier"]["groupWeights"] = json!({"g": 20});
    let tagged = |mut pair: Value| {
        pair["tags"] = json!({"zone": "a\u{1b}[31m", "pod": null});
        pair
    };
    let pairs = json!([
        tagged(pair("errors", json!([9, 8, 9, 8, 9, 8, 9]), json!([1, 2, 1, 2, 1, 2]))),
        pair("latency", json!([5, 6, 7, 8, 9, "NaN", "Infinity"]), json!([5, 6, 7, 8, 9, 4])),
        pair("muted", json!([5, 6, 7]), json!([1])),
    ]);
    let folder = files(&[("c.json", &config.to_string()), ("p.json", &pairs.to_string())]);
    let mut text = session(folder.path(), &PLAIN, "");
    for format in ["json", "markdown", "html"] {
        text += &session(folder.path(), &[&PLAIN[..], &["-o", format]].concat(), "");
    }
    text +=
        &session(folder.path(), &["-c", "c.json", "-p", "p.json", "--pass", "50", "--marginal", "40"], "");
    text +=
        &session(folder.path(), &["-c", "c.json", "-p", "p.json", "--pass", "90", "--marginal", "80"], "");
    insta::assert_snapshot!(text);
}

#[test]
fn a_table_is_read_and_standard_input_too() {
    let mut rows = "time,metric,arm,value\n".to_owned();
    for minute in 0..6 {
        for (arm, value) in [("baseline", minute % 3), ("canary", 10 + minute)] {
            writeln!(
                rows,
                "2026-01-31T12:{:02}:00Z,errors,{arm},{value}",
                minute * if minute == 5 { 3 } else { 1 }
            )
            .unwrap();
        }
    }
    let config = config(&[("errors", json!({}))]).to_string();
    let folder = files(&[("c.json", &config), ("p.csv", &rows), ("p.txt", &rows)]);
    let with = |config, pairs| [&["-c", config, "-p", pairs][..], &THRESHOLDS].concat();
    let mut text = session(folder.path(), &with("c.json", "p.csv"), "");
    text += &session(folder.path(), &with("c.json", "-"), &rows);
    text += &session(folder.path(), &with("-", "p.txt"), &config);
    text += &session(folder.path(), &with("-", "-"), &config);
    insta::assert_snapshot!(text);
}

/// A configuration and a list of pairs with which nothing is wrong.
fn sound() -> (Value, Value) {
    (config(&[("m", json!({}))]), json!([pair("m", json!([1, 2, 3]), json!([1, 2, 4]))]))
}

fn sessions(cases: &[(&str, String, String)]) -> String {
    let mut text = String::new();
    for (case, config, pairs) in cases {
        let folder = files(&[("c.json", config), ("p.json", pairs)]);
        writeln!(text, "# {case}").unwrap();
        text += &session(folder.path(), &PLAIN, "");
    }
    text
}

#[test]
fn many_warnings_are_cut_short() {
    let pairs: Vec<Value> = (0..100).map(|_| pair("m", json!([1, 2, 3]), json!([1, 2]))).collect();
    let folder = files(&[("c.json", &sound().0.to_string()), ("p.json", &json!(pairs).to_string())]);
    let text = session(folder.path(), &[&PLAIN[..], &["-o", "json"]].concat(), "");
    assert_eq!(text.matches("! Warning: ").count(), 21);
    // All have another length on each side, and all but the first are the first again.
    let twice = "! Warning: p.json: [1] (\"m\"): has the name and the tags of [0] (\"m\"): both are judged, and both count\n";
    assert!(text.contains(twice), "{text}");
    assert!(text.contains("! Warning: 179 more of these are not shown\n"), "{text}");
}

#[test]
fn bad_data_have_an_answer_that_says_where() {
    let (config, pairs) = (sound().0.to_string(), sound().1.to_string());
    let one = json!([1]);
    let cases = [
        (
            "unknown metric",
            json!([pair("m", one.clone(), one.clone()), pair("n", one.clone(), one.clone())]).to_string(),
        ),
        ("a side is missing", json!([{"name": "m", "values": {"experiment": [1]}}]).to_string()),
        ("a side is null", json!([pair("m", one.clone(), Value::Null)]).to_string()),
        (
            "different lengths",
            json!([pair("m", json!([1, 2, 3, 4, 5, 6]), json!([1, 2, 4, 3, 5]))]).to_string(),
        ),
        ("a word for a number", json!([pair("m", json!([1, "two"]), one)]).to_string()),
        ("an object for the list", "{}".to_owned()),
        ("truncated JSON", pairs[..pairs.len() - 4].to_owned()),
        ("an empty file", String::new()),
        ("nothing to judge", "[]".to_owned()),
    ];
    insta::assert_snapshot!(sessions(&cases.map(|(case, pairs)| (case, config.clone(), pairs))));
}

#[test]
fn a_bad_configuration_has_an_answer_that_says_where() {
    let (good, pairs) = sound();
    let with = |path: &str, value: Value| {
        let mut config = good.clone();
        *config.pointer_mut(path).unwrap() = value;
        config.to_string()
    };
    let options = |value| with("/metrics/0/analysisConfigurations/canary", value);
    let deep: Value = serde_json::from_str(&format!("{}{}", "[".repeat(100), "]".repeat(100))).unwrap();
    let other_judge = good.to_string().replacen('{', "{\"judge\": {\"name\": \"dredd-v1.0\"},", 1);
    let cases = [
        ("no JSON", "metrics: []".to_owned()),
        ("no metrics", with("/metrics", json!([]))),
        ("no groups", with("/metrics/0/groups", Value::Null)),
        ("no classifier", with("/classifier", Value::Null)),
        ("weights over 100", with("/classifier/groupWeights", json!({"g": 150}))),
        ("outlierFactor 0", options(json!({"outliers": {"strategy": "remove", "outlierFactor": 0}}))),
        ("a large integer", options(json!({"effectSize": {"allowedIncrease": 3_000_000_000_u64}}))),
        ("a text for a number", options(json!({"effectSize": {"allowedIncrease": "1.5"}}))),
        ("a text for a flag", options(json!({"critical": "yes"}))),
        ("another judge", other_judge),
        ("not to be saved", with("/name", json!("a b"))),
        ("depth", options(json!({"critical": deep})).replace("[[", &"[[".repeat(20))),
    ];
    insta::assert_snapshot!(sessions(&cases.map(|(case, config)| (case, config, pairs.to_string()))));
}

#[test]
fn bad_arguments_have_an_answer() {
    let (config, pairs) = sound();
    let folder = files(&[
        ("c.json", &config.to_string()),
        ("p.json", &pairs.to_string()),
        ("p.csv", "time,metric,arm,worth\n"),
    ]);
    let mut text = String::new();
    for arguments in [
        &["-c", "c.json", "-p", "p.json", "--pass", "75", "--marginal", "95"][..],
        &["-c", "c.json", "-p", "p.json", "--pass", "101", "--marginal", "95"],
        &["-c", "c.json", "-p", "p.json", "--pass", "95"],
        &["-c", "c.json", "-p", "absent.json", "--pass", "95", "--marginal", "75"],
        &["-c", "c.json", "-p", ".", "--pass", "95", "--marginal", "75"],
        &["-c", "c.json", "-p", "p.csv", "--pass", "95", "--marginal", "75"],
        &["-c", "c.json", "-p", "p.json", "--pass", "95", "--marginal", "75", "--explain", "n"],
        &["-c", "c.json"],
        &["-c", "c.json", "-p", "p.json", "--canary", "v2"],
        &["--nonsense"],
    ] {
        text += &session(folder.path(), arguments, "");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_help_shows_how_to_judge_a_table() {
    insta::assert_snapshot!(session(Path::new("."), &["--help"], ""));
}

#[test]
fn many_are_judged_line_by_line() {
    let line = |experiment: Value| {
        json!({
            "canaryConfig": config(&[("m", json!({}))]),
            "scoreThresholds": {"pass": 95, "marginal": 75},
            "metricSetPairList": [pair("m", experiment, json!([1, 2]))],
        })
        .to_string()
    };
    let good = format!("{}\n{}\n", line(json!([1, 2])), line(json!(["NaN"])));
    let bad = format!("{}\n{}\n{}", line(json!([1, 2])), line(json!("x")), line(json!([2, 1])));
    let folder = files(&[("good.jsonl", &good)]);
    let mut text = session(folder.path(), &["--jsonl", "good.jsonl"], "");
    text += &session(folder.path(), &["--jsonl", "-"], &bad);
    text += &session(folder.path(), &["--jsonl", "absent"], "");
    text += &session(folder.path(), &["--jsonl", "-", "--pass", "95"], "");
    text += &session(folder.path(), &["--jsonl", "-"], "");
    insta::assert_snapshot!(text);
    let directory = session(folder.path(), &["--jsonl", "."], "");
    assert!(directory.contains("Error: .: after line 0: ") && directory.contains("exit 66"), "{directory}");
}

#[test]
fn the_example_of_the_help_runs_as_it_stands() {
    let help = session(Path::new("."), &["--help"], "");
    let (_, rest) = help.split_once("Judging a CSV, from nothing:\n").unwrap();
    let (example, _) = rest.split_once("\n\n").unwrap();
    let line = |line: &str| {
        let line = line.strip_prefix("  ").unwrap_or(line);
        line.strip_prefix("$ ").unwrap_or(line).to_owned()
    };
    let script: Vec<String> = example.lines().map(line).collect();
    let folder = files(&[]);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_serin"), folder.path().join("serin")).unwrap();
    let output = Command::new("sh")
        .args(["-c", &script.join("\n")])
        .env("PATH", format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap()))
        .current_dir(folder.path())
        .output()
        .unwrap();
    insta::assert_snapshot!(String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
}

/// A Prometheus that answers each request by `answer`, which gets the decoded query; its address.
fn prometheus(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> String {
    fake::serve(move |url| answer(&fake::parameter(url, "query")))
}

/// An answer of one series for each of these labels.
fn matrix(series: &[(Value, f64)]) -> (u16, Value) {
    let one = |(labels, from): &(Value, f64)| {
        let values: Vec<Value> =
            (0..=30).map(|i| json!([i * 60, (from + f64::from(i % 4)).to_string()])).collect();
        json!({"metric": labels, "values": values})
    };
    let result: Vec<Value> = series.iter().map(one).collect();
    (200, json!({"status": "success", "data": {"resultType": "matrix", "result": result}}))
}

/// Configurations with queries, and requests.
fn queries() -> tempfile::TempDir {
    let metric = |name: &str, query: Value| json!({"name": name, "groups": ["g"], "scopeName": "default", "query": query});
    let filter = json!({"type": "prometheus", "metricName": "latency", "customFilterTemplate": "version"});
    let whole = |text: &str| json!({"type": "prometheus", "customInlineTemplate": format!("PromQL:{text}")});
    let config = |metrics: Vec<Value>| {
        json!({"name": "shop", "applications": ["shop"], "classifier": {}, "metrics": metrics,
               "templates": {"version": "version=\"$\\{scope}\""}})
        .to_string()
    };
    let good = config(vec![
        metric("latency", filter),
        metric("errors", whole("sum(errors{version=\"${scope}\"}) by (zone)")),
    ]);
    let one = |text: &str| config(vec![metric("m", whole(text))]);
    let scope = |name: &str| json!({"scope": name, "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:30:00Z", "step": 60});
    let pair = json!({"controlScope": scope("v1"), "experimentScope": scope("v2")});
    let request =
        |scopes: Value| json!({"scopes": scopes, "thresholds": {"pass": "95", "marginal": 75}}).to_string();
    files(&[
        ("good.json", &good),
        ("pods.json", &one("pods ${scope}")),
        ("other.json", &one("other ${scope}")),
        ("none.json", &one("none ${scope}")),
        ("scalar.json", &one("scalar ${scope}")),
        ("bad.json", &one("nonsense")),
        ("unbound.json", &one("${zone}")),
        ("elsewhere.json", &config(vec![metric("m", json!({"type": "datadog"}))])),
        ("request.json", &request(json!({"default": pair}))),
        ("other-scope.json", &request(json!({"other": pair}))),
        ("one-side.json", &request(json!({"default": {"controlScope": scope("v1")}}))),
        ("token", "secret\n"),
        ("empty", "\n"),
    ])
}

#[test]
fn data_come_from_prometheus() {
    let address = prometheus(|query| match query {
        "avg(latency{version=\"v2\"})" => matrix(&[(json!({}), 20.0)]),
        "avg(latency{version=\"v1\"})" => matrix(&[(json!({}), 10.0)]),
        "sum(errors{version=\"v2\"}) by (zone)" => {
            matrix(&[(json!({"zone": "a"}), 1.0), (json!({"zone": "b"}), 1.0)])
        }
        "sum(errors{version=\"v1\"}) by (zone)" => matrix(&[(json!({"zone": "a"}), 1.0)]),
        "pods v2" | "other v2" => matrix(&[(json!({"pod": "x"}), 1.0)]),
        "pods v1" => matrix(&[(json!({"pod": "y"}), 1.0)]),
        "other v1" => matrix(&[(json!({"node": "y"}), 1.0)]),
        "none v2" | "none v1" => matrix(&[]),
        "scalar v2" => {
            (200, json!({"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}))
        }
        query => (
            400,
            json!({"status": "error", "errorType": "bad_data", "error": format!("cannot parse {query}")}),
        ),
    });
    let folder = queries();
    let url = format!("http://{address}");
    let times = ["--start", "2026-01-01T00:00:00Z", "--end", "2026-01-01T00:30:00Z"];
    let flags =
        [&["--prometheus", &url, "--canary", "v2", "--baseline", "v1"][..], &times, &THRESHOLDS].concat();
    let run = |config: &str, rest: &[&str]| session(folder.path(), &[&["-c", config], rest].concat(), "");
    let mut text = run("good.json", &flags);
    for bad in
        ["pods.json", "other.json", "none.json", "scalar.json", "bad.json", "unbound.json", "elsewhere.json"]
    {
        text += &run(bad, &flags);
    }
    text +=
        &run("unbound.json", &[&flags[..], &["--param", "zone=nonsense", "--token-file", "token"]].concat());
    for request in ["request.json", "other-scope.json", "one-side.json"] {
        text += &run("none.json", &["--prometheus", &url, "--request", request]);
    }
    text += &run("good.json", &[&["--prometheus", &url, "--canary", "v2"][..], &times, &THRESHOLDS].concat());
    text += &run(
        "good.json",
        &[
            &["--prometheus", "prometheus:9090", "--canary", "v2", "--baseline", "v1"][..],
            &times,
            &THRESHOLDS,
        ]
        .concat(),
    );
    text += &run("good.json", &["--canary", "v2", "-p", "p.json"]);
    insta::assert_snapshot!(text.replace(&address, "HOST"));
    let empty = run("good.json", &[&flags[..], &["--token-file", "empty"]].concat());
    assert!(
        empty.contains("Error: empty: there is no token in it\n") && empty.contains("exit 65"),
        "{empty}"
    );
}
