//! `serin gate` as a user runs it: exit code, standard output and standard error (lines with `!`) of whole sessions.

#![allow(clippy::unwrap_used)] // also in what the tests share

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;

use common::files;
use serde_json::{Value, json};

/// All that comes of `serin gate` in `folder`.
fn session(folder: &Path, arguments: &[&str], input: &str) -> String {
    common::session(folder, "gate", arguments, input)
}

const GOOD: &str = r#"arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- name: errors
  events: http_requests_total{service="shop",code=~"5.."}
  exposure: http_requests_total{service="shop"}
"#;
const BAD: &str = r#"arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- name: errors
  events: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))
- name: latency
  gauge: histogram_quantile(0.99, http_request_duration_seconds_bucket)
"#;

#[test]
fn what_is_found_has_its_line_its_reason_and_its_mend() {
    let folder = files(&[
        ("good.yaml", GOOD),
        ("bad.yaml", BAD),
        ("broken.yaml", &GOOD.replace("exposure", "exposition")),
        ("no-arms.yaml", GOOD.split_once('\n').unwrap().1),
        ("empty", "\n"),
        ("files.yaml", "arms: {stable: {t: s}, canary: {t: c}}\nmetrics:\n- {name: errors, kind: count}\n"),
    ]);
    let run = |arguments: &[&str]| session(folder.path(), &[&["lint"], arguments].concat(), GOOD);
    let mut text = String::new();
    for arguments in [
        &["-c", "good.yaml"][..],
        &["-c", "-"],
        &["-c", "good.yaml", "-o", "json"],
        &["-c", "files.yaml"],
        &["-c", "bad.yaml"],
        &["-c", "bad.yaml", "-o", "json"],
        &["-c", "broken.yaml"],
        &["-c", "no-arms.yaml"],
        &["-c", "no-arms.yaml", "--baseline", "v=1", "--canary", "v=2"],
        &["-c", "no-arms.yaml", "--baseline", "v=1", "--canary", "v=1"],
        &["-c", "none.yaml"],
        &["-c", "good.yaml", "--prometheus", "localhost:9090"],
        &["-c", "good.yaml", "--prometheus", "http://localhost:1", "--token-file", "empty"],
        &["-c", "good.yaml", "--prometheus", "https://localhost:1", "--ca-file", "empty"],
        &["-c", "good.yaml", "--baseline", "stable"],
        &["-c", "good.yaml", "--token-file", "empty"],
        &[],
    ] {
        text += &run(arguments);
    }
    insta::assert_snapshot!(text);
}

/// A Prometheus that answers every query with these series, or with nothing but an error; its address, and who asks.
fn prometheus(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut heard = String::new();
            while !heard.ends_with("\r\n\r\n") {
                if reader.read_line(&mut heard).unwrap() == 0 {
                    break;
                }
            }
            let (status, body) = answer(&heard);
            let body = body.to_string();
            // The program may have ended.
            drop(write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            ));
        }
    });
    address
}

fn matrix(pods: &[(&str, &str)]) -> Value {
    let series = |(pod, track): &(&str, &str)| {
        let values: Vec<Value> = (0..20).map(|i| json!([1_800_000_000 + 30 * i, i.to_string()])).collect();
        json!({"metric": {"pod": pod, "track": track}, "values": values})
    };
    let result: Vec<Value> = pods.iter().map(series).collect();
    json!({"status": "success", "data": {"resultType": "matrix", "result": result}})
}

#[test]
fn with_a_prometheus_what_the_queries_give_is_looked_at_too() {
    let address = prometheus(|heard| {
        if heard.contains("authorization: Basic dXM6cHc=\r\n") {
            return (200, matrix(&[("a", "stable"), ("b", "stable"), ("c", "blue")]));
        }
        if heard.contains("Bearer no") {
            return (401, json!({"error": "who are you?"}));
        }
        if heard.contains("Bearer odd") {
            return (200, json!({"status": "success", "data": {"resultType": "vector", "result": []}}));
        }
        (200, if heard.contains("code") { matrix(&[]) } else { matrix(&[("a", "stable")]) })
    });
    let folder = files(&[("good.yaml", GOOD), ("password", "pw\n"), ("no", "no"), ("odd", "odd")]);
    let url = format!("http://{address}");
    let run = |arguments: &[&str]| {
        session(folder.path(), &[&["lint", "-c", "good.yaml", "--prometheus", &url], arguments].concat(), "")
    };
    let mut text = run(&[]);
    text += &run(&["--user", "us", "--password-file", "password"]);
    text += &run(&["--token-file", "no"]);
    text += &run(&["--token-file", "odd"]);
    insta::assert_snapshot!(timeless(&text.replace(&address, "HOST")));
}

/// The text without the seconds of windows, which depend on the second at which the test runs.
fn timeless(text: &str) -> String {
    let mut parts = text.split('[');
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        clean += if rest.len() < part.len() && rest.starts_with("s]") { "[N" } else { "[" };
        clean += rest;
    }
    clean
}
