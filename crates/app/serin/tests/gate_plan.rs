//! `serin gate plan` and `serin gate backtest` as a user runs them: whole sessions, with a Prometheus that computes its answers.

#![allow(clippy::unwrap_used)] // also in what the tests share

mod common;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::files;
use serde_json::{Value, json};

const COUNTED: &str = "arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- {name: errors, kind: count}
";
const ASKED: &str = r#"arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- name: errors
  events: http_requests_total{service="shop",code=~"5.."}
  exposure: http_requests_total{service="shop"}
- name: orders
  events: orders_total{service="shop"}
  exposure: http_requests_total{service="shop"}
  downIsBad: true
"#;
/// 2026-01-15T08:00:00Z.
const BEGIN: i64 = 1_768_464_000;

/// All that comes of `serin gate` in `folder`.
fn session(folder: &Path, arguments: &[&str]) -> String {
    common::session(folder, "gate", arguments, "")
}

/// A fixed mixing of bits (Steele, Lea & Flood 2014), so that the counts look like chance and are always the same.
fn mixed(number: i64, pod: u32) -> u64 {
    let mut z = number.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(pod).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `blocks` of eight stable pods, of which each has an error in every fourth block; from block 960 to 1080 two canary pods,
/// which begin to fail six times as often in block 1000. With `trouble`, every other hour another pod fails ten times as often.
fn counts(blocks: i64, trouble: bool) -> String {
    let mut text = "time,metric,arm,pod,events,exposure\n".to_owned();
    for number in 0..blocks {
        let (at, hour) = (BEGIN + 15 * number, number / 240);
        for pod in 0..8 {
            let fails = trouble && hour % 2 == 1 && (hour / 2) % 8 == i64::from(pod);
            let errors = if fails { 3 } else { u64::from(mixed(number, pod).is_multiple_of(4)) };
            writeln!(text, "{at},errors,stable,shop-{pod},{errors},100").unwrap();
        }
        for pod in (0..2).filter(|_| (960..1080).contains(&number)) {
            let lone = u64::from(mixed(number, 90 + pod).is_multiple_of(4));
            let errors = if number < 1000 { lone } else { lone + 1 + mixed(number, 70 + pod) % 2 };
            writeln!(text, "{at},errors,canary,new-{pod},{errors},100").unwrap();
        }
    }
    text
}

#[test]
fn rates_alone_make_a_plan() {
    let folder = files(&[("gate.yaml", COUNTED)]);
    let run = |arguments: &[&str]| session(folder.path(), &[&["plan"], arguments].concat());
    let rates = ["--requests-per-minute", "3000", "--event-rate", "0.4%", "--stable-pods", "12"];
    let mut text = run(&rates);
    let more = ["--phi", "1.2", "--pod-spread", "10%", "--schedule", "5:10m,25:10m,50", "--weights", "10,50"];
    text += &run(&[&rates[..], &more].concat());
    text += &run(&[&rates[..], &["--pod-spread", "60%", "--canary-pods", "1", "-o", "markdown"]].concat());
    text += &run(&[
        &rates[..],
        &["-c", "gate.yaml", "--margin", "3", "--weights", "25", "--ratios", "2", "-o", "json"],
    ]
    .concat());
    insta::assert_snapshot!(text);
}

#[test]
fn what_cannot_be_planned_has_an_answer() {
    let folder = files(&[("gate.yaml", COUNTED), ("empty", "\n"), ("asked.yaml", ASKED)]);
    let rates = ["--requests-per-minute", "3000", "--event-rate", "0.4%"];
    let with = |more: &[&'static str]| [&rates[..], more].concat();
    let mut text = String::new();
    for arguments in [
        vec![],
        vec!["-c", "gate.yaml"],
        vec!["-c", "none.yaml"],
        vec!["-c", "gate.yaml", "--counts", "empty"],
        vec!["--requests-per-minute", "3000"],
        vec!["--requests-per-minute", "0", "--event-rate", "0.4%"],
        vec!["--requests-per-minute", "3000", "--event-rate", "40"],
        with(&["--weights", "0"]),
        with(&["--ratios", "1"]),
        with(&["--schedule", "5,10"]),
        with(&["--margin", "1.05"]),
        with(&["--alpha", "0.7"]),
        with(&["--deadline", "10"]),
        with(&["-c", "asked.yaml"]),
        with(&["-c", "asked.yaml", "--metric", "latency"]),
        with(&["--prometheus", "http://localhost:1"]),
    ] {
        text += &session(folder.path(), &[&["plan"], &arguments[..]].concat());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_past_in_a_file_is_planned_from_and_judged() {
    let folder = files(&[
        ("gate.yaml", COUNTED),
        ("counts.csv", &counts(2400, false)),
        ("trouble.csv", &counts(2400, true)),
        ("short.csv", &counts(300, false)),
    ]);
    let run = |arguments: &[&str]| session(folder.path(), arguments);
    let of = |file: &'static str| ["backtest", "-c", "gate.yaml", "--counts", file];
    let judged = |more: &[&'static str]| [&of("counts.csv"), more].concat();
    let mut text =
        run(&["plan", "-c", "gate.yaml", "--counts", "counts.csv", "--weights", "10,25", "--ratios", "2,5"]);
    for arguments in [
        judged(&[
            "--horizon",
            "30m",
            "--canary-pods",
            "2",
            "--release",
            "2026-01-15T12:00:00Z..2026-01-15T12:30:00Z@2026-01-15T12:20:00Z",
            "--release",
            "2026-01-15T12:08:00Z..2026-01-15T12:30:00Z@2026-01-15T12:10:00Z",
        ]),
        judged(&["--horizon", "30m", "--every", "15m", "--inject", "3", "-o", "markdown"]),
        // Each pod has its trouble while it plays the canary, and nothing of it shows before.
        [&of("trouble.csv")[..], &["--canary-pods", "1", "--every", "2h", "--inject", "5"]].concat(),
        of("short.csv").to_vec(),
        judged(&["--canary-pods", "8"]),
        judged(&["--horizon", "5m"]),
        judged(&["--release", "2025-01-15T12:00:00Z..2025-01-15T12:30:00Z"]),
        judged(&["--release", "noon"]),
        judged(&["--last", "4h", "--inject", "5"]),
        judged(&["--from", "2026-01-15T09:00:00Z", "--to", "2026-01-15T12:00:00Z", "--inject", "5"]),
        judged(&["--from", "2027-01-15T09:00:00Z"]),
        vec!["backtest", "-c", "gate.yaml"],
    ] {
        text += &run(&arguments);
    }
    insta::assert_snapshot!(text);
}

/// A Prometheus with six stable pods, scraped every 15 seconds from `BEGIN` on: a hundred requests, an error now and then, and
/// twenty orders. How often it was asked is counted; `refuse` of the questions it answers with an error of its own.
fn prometheus(refuse: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let first = line.clone();
            while line != "\r\n" && !line.is_empty() {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let number = count.fetch_add(1, Ordering::SeqCst);
            let (status, body) =
                if number < refuse { (503, json!({"error": "busy"})) } else { (200, answer(&first)) };
            let body = body.to_string();
            // The program may have ended.
            drop(write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            ));
        }
    });
    (format!("http://{address}"), asked)
}

/// The answer to `GET /api/v1/query?query=…&time=… HTTP/1.1`.
fn answer(request: &str) -> Value {
    let url = url::Url::parse(&format!("http://x{}", request.split(' ').nth(1).unwrap())).unwrap();
    let of = |wanted: &str| url.query_pairs().find(|(key, _)| key == wanted).unwrap().1.into_owned();
    let (query, until) = (of("query"), of("time").parse::<jiff::Timestamp>().unwrap().as_second());
    if query.starts_with("count(") {
        return json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [until, "1"]}]}});
    }
    let window: i64 = query.rsplit_once('[').unwrap().1.trim_end_matches("s]").parse().unwrap();
    let scrapes = |value: &dyn Fn(i64) -> i64| {
        let (first, last) = ((until - window).div_euclid(15) + 1, until.div_euclid(15));
        let values =
            (first.max(BEGIN / 15)..=last).map(|k| json!([k * 15, value(k - BEGIN / 15).to_string()]));
        values.collect::<Vec<Value>>()
    };
    let series = |pod: i64| {
        let values = match &query {
            // An error in every fourth scrape, with the pods in turn.
            errors if errors.contains("code=~") => scrapes(&|k| (k + pod) / 4 + 1),
            orders if orders.starts_with("orders") => scrapes(&|k| 20 * k),
            _ => scrapes(&|k| 100 * k),
        };
        json!({"metric": {"pod": format!("shop-{pod}"), "track": "stable"}, "values": values})
    };
    let result: Vec<Value> = (0..6).map(series).collect();
    json!({"status": "success", "data": {"resultType": "matrix", "result": result}})
}

#[test]
fn a_past_in_prometheus_is_read_span_by_span() {
    let folder = files(&[("gate.yaml", ASKED)]);
    // The first two questions are refused, and asked again.
    let (url, asked) = prometheus(2);
    let arguments = [
        "backtest",
        "-c",
        "gate.yaml",
        "--prometheus",
        &url,
        "--from",
        "2026-01-15T09:00:00Z",
        "--to",
        "2026-01-15T15:30:00Z",
        "--inject",
        "2",
    ];
    let text = session(folder.path(), &arguments);
    // Six and a half hours in seven spans of four queries each; whether events were ever seen is asked twice; two were repeated.
    assert_eq!(asked.load(Ordering::SeqCst), 4 * 7 + 2 + 2);
    let wrong = ["backtest", "-c", "gate.yaml", "--prometheus", &url, "--last", "40d"];
    let future = [
        "backtest",
        "-c",
        "gate.yaml",
        "--prometheus",
        &url,
        "--from",
        "2400-01-01T00:00:00Z",
        "--to",
        "2400-01-02T00:00:00Z",
    ];
    assert!(session(folder.path(), &future).contains("lies in the future"));
    insta::assert_snapshot!(text.replace(&url, "URL"));
    let wrong = session(folder.path(), &wrong);
    assert!(
        wrong.contains("is longer than 31 days: take a shorter one") && wrong.ends_with("exit 2\n\n"),
        "{wrong}"
    );
}

#[test]
fn a_plan_measures_what_prometheus_has() {
    let folder = files(&[("gate.yaml", ASKED)]);
    let (url, _) = prometheus(0);
    let run = |more: &[&str]| {
        session(folder.path(), &[&["plan", "-c", "gate.yaml", "--prometheus", &url], more].concat())
    };
    let text = run(&["--weights", "10,50", "--ratios", "2", "-o", "json"]);
    let json: Value =
        serde_json::from_str(text.split_once('\n').unwrap().1.rsplit_once("exit 0").unwrap().0).unwrap();
    let names: Vec<&str> =
        json["metrics"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["errors", "orders"], "{text}");
    let service = &json["metrics"][0]["service"];
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap() / wanted - 1.0).abs() < 0.02;
    // Six pods of a hundred requests in 15 seconds, an error in four hundred.
    assert!(near(&service["exposure"], 2400.0) && near(&service["rate"], 0.0025), "{service}");
    assert!(near(&service["stablePods"], 6.0), "{service}");
    assert_eq!(json["together"][0]["slowest"], 0, "orders are many: {text}");
    assert!(run(&[]).contains("All guards together: PASS waits for the slowest"));
    assert!(
        run(&["--metric", "orders"]).contains("\norders\n")
            && !run(&["--metric", "orders"]).contains("errors\n2400")
    );
    let none = run(&["--metric", "latency"]);
    assert!(
        none.contains("! Error: --metric \"latency\": gate.yaml has errors, orders")
            && none.ends_with("exit 2\n\n")
    );
}
