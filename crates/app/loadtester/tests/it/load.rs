//! Load of our own, against servers on loopback whose delays are known.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::bench::{Bench, server};

/// A load that is waited for, and its result.
async fn load(bench: &Bench, metadata: Value) -> Value {
    let mut all = json!({"type": "load", "wait": "true"});
    all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    let (status, body, _) = bench.task(&all).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn within(value: &Value, least: f64, most: f64) {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!(least <= number && number <= most, "{number} is not between {least} and {most}");
}

/// What a server was asked, one line each.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    async fn server(&self) -> String {
        let heard = self.0.clone();
        server(move |request: Request<Bytes>| {
            let tenant = request.headers().get("x-tenant").map_or("-", |value| value.to_str().unwrap());
            let body = String::from_utf8_lossy(request.body());
            heard.lock().push(format!("{} {} {tenant} {body}", request.method(), request.uri()));
            std::future::ready(Response::new(Bytes::new()))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_is_kept_and_percentiles_are_those_of_the_server() {
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let url = server(move |_| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            // One in ten is slow, one in twenty is an error.
            tokio::time::sleep(Duration::from_millis(if number.is_multiple_of(10) { 400 } else { 30 })).await;
            let mut answer = Response::new(Bytes::from("x"));
            *answer.status_mut() =
                http::StatusCode::from_u16(if number.is_multiple_of(20) { 503 } else { 200 }).unwrap();
            answer
        }
    })
    .await;
    let bench = Bench::new(|_| {});
    let result = load(&bench, json!({"url": url, "rate": "100", "duration": "3s"})).await;
    let sent = count.load(Ordering::Relaxed);
    assert_eq!(result["sent"], sent);
    let due = sent + result["unsent"].as_u64().unwrap();
    assert!((299..=301).contains(&due), "{result}");
    assert_eq!(result["statuses"]["503"], sent.div_ceil(20));
    assert_eq!(result["failed"], result["statuses"]["503"]);
    let latency = &result["latencyMilliseconds"];
    // Never faster than the server; how much slower is for the machine to say.
    for (quantile, least) in [("p50", 30.0), ("p95", 400.0), ("max", 400.0)] {
        within(&latency[quantile], least, f64::INFINITY);
    }
    let (_, metrics, _) = bench.ask("GET", "/metrics", "").await;
    assert!(metrics.contains("serin_loadtester_requests_total{outcome=\"failed\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_makes_all_that_is_due_late() {
    let url = server(async |_| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Response::new(Bytes::new())
    })
    .await;
    let bench = Bench::new(|_| {});
    // One at a time does 10 in a second, and 50 are due: who counted from the sending would say 100 ms.
    let result = load(&bench, json!({"url": url, "rate": "50", "duration": "2s", "concurrency": "1"})).await;
    within(&result["latencyMilliseconds"]["p50"], 500.0, f64::INFINITY);
    within(&result["sent"], 1.0, 25.0);
    let (sent, unsent) = (result["sent"].as_u64().unwrap(), result["unsent"].as_u64().unwrap());
    assert!((99..=101).contains(&(sent + unsent)), "{result}");
}

#[tokio::test]
async fn a_load_runs_beside_its_caller_once_and_its_end_is_told() {
    let heard = Heard::default();
    let mut bench = Bench::new(|_| {});
    let metadata = json!({"type": "load", "url": heard.server().await, "rate": "20", "duration": "1s"});
    for _ in 0..2 {
        assert_eq!(bench.task(&metadata).await, (202, String::new(), String::new()));
    }
    let lines = bench.lines(3, |_| false).await;
    for (line, expected) in lines.iter().zip([
        "info: task starting load GET",
        "info: command skipped load",
        "info: load finished",
    ]) {
        assert!(line.starts_with(expected) && line.ends_with("canary=demo.test"), "{line}");
    }
    let result = bench.result(1).await;
    assert_eq!((result["type"].as_str(), result["succeeded"].as_bool()), (Some("load"), Some(true)));
    within(&result["load"]["sent"], 1.0, 21.0);
}

/// A second hook that differs in its body alone is a load of its own; who waits never takes a skip for a success.
#[tokio::test]
async fn another_load_is_made_and_the_same_one_that_is_waited_for_is_refused() {
    let url = server(async |_| std::future::pending::<Response<Bytes>>().await).await;
    let mut bench = Bench::new(|_| {});
    let with = |body: &str| json!({"type": "load", "url": url, "rate": "5", "duration": "1h", "method": "POST", "allowWrites": "true", "body": body});
    for body in ["a", "b"] {
        assert_eq!(bench.task(&with(body)).await.0, 202);
    }
    let lines = bench.lines(2, |_| false).await;
    assert!(lines.iter().all(|line| line.starts_with("info: task starting load POST")), "{lines:?}");
    let mut awaited = with("a");
    awaited["wait"] = json!("true");
    let first = bench.task(&awaited);
    let second = async {
        while bench.ask("GET", "/metrics", "").await.1.contains("_running 2\n") {
            tokio::task::yield_now().await;
        }
        let (status, body, _) = bench.task(&awaited).await;
        assert_eq!((status, body.starts_with("the same task is running")), (409, true), "{body}");
        bench.tester.stop().await;
    };
    let both = Box::pin(async { tokio::join!(first, second) });
    let (first, ()) = tokio::time::timeout(Duration::from_mins(1), both).await.unwrap();
    // It was ended before anything was answered.
    assert_eq!((first.0, first.1.starts_with("the load tester stops")), (500, true), "{}", first.1);
}

#[tokio::test]
async fn a_load_that_nobody_answers_has_failed() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::new(|_| {});
    let metadata = json!({"type": "load", "wait": "true", "url": format!("http://{closed}/"), "rate": "20", "duration": "500ms"});
    let (status, body, _) = bench.task(&metadata).await;
    assert_eq!(status, 500);
    assert!(
        body.starts_with("none of ") && body.ends_with("answered: no connection: connection refused"),
        "{body}"
    );
}

#[tokio::test]
async fn a_silent_server_and_a_stop_end_a_load() {
    let url = server(async |_| std::future::pending::<Response<Bytes>>().await).await;
    let bench = Bench::new(|_| {});
    let started = Instant::now();
    let metadata = json!({"type": "load", "wait": "true", "url": url, "rate": "50", "duration": "500ms", "timeout": "300ms"});
    let (status, body, _) = bench.task(&metadata).await;
    assert_eq!((status, body.ends_with("answered: timeout")), (500, true), "{body}");
    let metadata = json!({"type": "load", "url": url, "rate": "50", "duration": "1h", "timeout": "5m"});
    assert_eq!(bench.task(&metadata).await.0, 202);
    bench.tester.stop().await;
    bench.result(2).await;
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// People make 60 requests per second; Prometheus measures them with ours, over two seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_missing_is_added_and_the_load_does_not_see_itself() {
    let ours: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = ours.clone();
    let url = server(move |_| {
        noted.lock().push(Instant::now());
        std::future::ready(Response::new(Bytes::new()))
    })
    .await;
    let (measured, asked) = (ours.clone(), Arc::new(AtomicU64::new(0)));
    let counted = asked.clone();
    let prometheus = server(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let window = Duration::from_secs(2);
        let ours = measured.lock().iter().filter(|at| at.elapsed() <= window).count();
        let rate = 60.0 + ours as f64 / window.as_secs_f64();
        let text = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"value":[1,"{rate}"]}}]}}}}"#
        );
        std::future::ready(Response::new(Bytes::from(text)))
    })
    .await;
    let mut bench = Bench::new(|_| {});
    let metadata = json!({
        "url": url, "topUpTo": "200", "prometheus": prometheus, "query": "sum(rate(x[2s]))", "window": "2s", "duration": "6s",
    });
    let result = load(&bench, metadata).await;
    // 140 are missing; a load that sees itself would swing between 140 and nothing.
    within(&result["rate"], 100.0, 200.0);
    assert!(4 <= asked.load(Ordering::Relaxed), "the rate is read only once");
    let lines = bench.lines(2, |_| false).await;
    assert!(lines.iter().any(|line| line.contains("tops up demo.test from 60.0 to 200")), "{lines:?}");

    let broken = server(async |_| Response::new(Bytes::from("<html>"))).await;
    let metadata = json!({"type": "load", "wait": "true", "url": url, "topUpTo": "5", "prometheus": broken, "query": "x", "duration": "1s"});
    let (status, body, _) = bench.task(&metadata).await;
    assert_eq!((status, body.starts_with("`query`: error unmarshaling result: ")), (500, true), "{body}");
}

/// Nobody has asked the canary for anything at first; then Prometheus has restarted, and does not know what people ask.
#[tokio::test]
async fn an_answer_without_a_number_is_no_traffic_at_the_start_alone_and_told_of() {
    let url = Heard::default().server().await;
    let asked = Arc::new(AtomicU64::new(0));
    let prometheus = server(move |_| {
        let series = match asked.fetch_add(1, Ordering::Relaxed) {
            1 => r#"{"metric":{},"value":[1,"1000"]}"#,
            _ => "",
        };
        let text = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#);
        std::future::ready(Response::new(Bytes::from(text)))
    })
    .await;
    let mut bench = Bench::new(|_| {});
    let metadata = json!({"url": url, "topUpTo": "40", "prometheus": prometheus, "query": "x", "window": "2s", "duration": "4s"});
    let result = load(&bench, metadata).await;
    // Half a second of 40, then nothing, as people make more: not 40 again.
    within(&result["sent"], 1.0, 80.0);
    let lines = bench.lines(4, |_| false).await;
    for (word, count) in [
        ("warn: load takes it that nobody makes requests: `query`", 1),
        ("warn: load keeps its rate: `query`: the answer has no number", 2),
    ] {
        assert!(count <= lines.iter().filter(|line| line.starts_with(word)).count(), "{word}: {lines:?}");
    }
}

#[tokio::test]
async fn a_scenario_and_its_data_are_fetched_at_each_run() {
    let heard = Heard::default();
    let url = heard.server().await;
    let version = Arc::new(AtomicU64::new(1));
    let files = server(move |request: Request<Bytes>| {
        let mut answer = Response::new(Bytes::new());
        match request.uri().path() {
            "/moved" => {
                *answer.status_mut() = http::StatusCode::FOUND;
                answer.headers_mut().insert("location", "/scenario.yaml".parse().unwrap());
            }
            "/scenario.yaml" => {
                let number = version.fetch_add(1, Ordering::Relaxed);
                *answer.body_mut() = format!(
                    "requests:\n- path: /v{number}/{{{{id}}}}\n  headers: {{X-Tenant: '{{{{name}}}}'}}\n- path: /buy\n  method: POST\n  body: '{{{{id}}}}'\n"
                )
                .into();
            }
            "/data.csv" => *answer.body_mut() = "id,name\n1,a\n2,b\n".into(),
            "/large" => *answer.body_mut() = vec![b'x'; 5 << 20].into(),
            _ => *answer.status_mut() = http::StatusCode::NOT_FOUND,
        }
        std::future::ready(answer)
    })
    .await;
    let bench = Bench::new(|_| {});
    let with = |scenario: &str, writes: &str| {
        json!({
            "url": url, "rate": "20", "duration": "200ms", "concurrency": "1", "allowWrites": writes,
            "scenario": format!("{files}/{scenario}"), "data": format!("{files}/data.csv"),
        })
    };
    load(&bench, with("moved", "true")).await;
    let first = std::mem::take(&mut *heard.0.lock());
    assert_eq!(first[..4], ["GET /v1/1 a ", "POST /buy - 1", "GET /v1/2 b ", "POST /buy - 2"]);
    load(&bench, with("scenario.yaml", "true")).await;
    assert_eq!(heard.0.lock()[0], "GET /v2/1 a ");
    heard.0.lock().clear();
    for (scenario, writes, expected) in [
        ("scenario.yaml", "false", "scenario: `requests[1]`: `method` POST may change something"),
        ("nothing", "true", "scenario: http://127.0.0.1"),
        ("large", "true", "is larger than 4194304 bytes"),
        ("data.csv", "true", "scenario: it cannot be read"),
    ] {
        let mut metadata = with(scenario, writes);
        metadata
            .as_object_mut()
            .unwrap()
            .extend([("type".to_owned(), json!("load")), ("wait".to_owned(), json!("true"))]);
        let (status, body, _) = bench.task(&metadata).await;
        assert!(status == 500 && body.contains(expected), "{scenario}: {status} {body}");
    }
    assert!(heard.0.lock().is_empty(), "something was sent");
}

#[tokio::test]
async fn a_scenario_comes_from_a_git_repository() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let name = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let done =
            Command::new("git").current_dir(folder.path()).args(name).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    std::fs::create_dir(folder.path().join("load")).unwrap();
    let write = |path: &str| {
        std::fs::write(folder.path().join("load/s.yaml"), format!("requests: [{{path: {path}}}]")).unwrap();
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    write("/main");
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    git(&["checkout", "--quiet", "-b", "next"]);
    write("/next");
    git(&["commit", "--quiet", "-am", "two"]);
    git(&["checkout", "--quiet", "main"]);
    let heard = Heard::default();
    let url = heard.server().await;
    let bench = Bench::new(|_| {});
    let with = |rest: &str| {
        let scenario = format!("git+file://{}{rest}", folder.path().display());
        json!({"type": "load", "wait": "true", "url": url, "rate": "20", "duration": "100ms", "scenario": scenario})
    };
    for (rest, expected) in [("//load/s.yaml", "GET /main - "), ("//load/s.yaml?ref=next", "GET /next - ")] {
        load(&bench, with(rest)).await;
        assert_eq!(heard.0.lock()[0], expected);
        heard.0.lock().clear();
    }
    for (rest, expected) in [
        ("//load/nope", "git show: exit status 128"),
        ("//load/s.yaml?ref=nope", "git clone: exit status 128"),
    ] {
        let (status, body, _) = bench.task(&with(rest)).await;
        assert!(status == 500 && body.contains(expected), "{status} {body}");
    }
}
