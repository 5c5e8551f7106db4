//! Limits, doors and results.

use std::time::{Duration, Instant};

use serde_json::json;
use serin_loadtester::{BODY_BYTES_MAX, Door, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;

/// Whether a process is gone, waiting for that for a bounded time.
async fn is_gone(pid: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_killed_with_all_that_it_started() {
    let bench = Bench::new(|settings| settings.timeout = Duration::from_millis(500));
    let command = "sleep 600 & echo $!; bash -c 'echo $$; sleep 600; true'; true";
    let started = Instant::now();
    let (status, body, _) = bench.task(&json!({"type": "bash", "cmd": command})).await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(status, 500);
    let output = body.strip_prefix(&format!("command {command} failed: ")).unwrap();
    let pids = output.strip_suffix(": signal: killed").unwrap();
    assert_eq!(pids.lines().count(), 2, "{pids}");
    for pid in pids.lines() {
        assert!(is_gone(pid).await, "{pid} is still there");
    }
    assert_eq!(bench.task(&json!({"cmd": command})).await.0, 202);
    let result = bench.result(2).await;
    assert_eq!(
        (result["succeeded"].as_bool(), result["error"].as_str()),
        (Some(false), Some("signal: killed"))
    );
    for pid in result["output"].as_str().unwrap().lines() {
        assert!(is_gone(pid).await, "{pid} is still there");
    }
}

#[tokio::test]
async fn only_so_many_tasks_run_at_once_and_a_stop_ends_them() {
    let mut bench = Bench::new(|settings| settings.tasks_max = 2);
    for number in 0..2 {
        let answer = bench.task(&json!({"cmd": format!("echo $$; sleep 600; echo {number}")})).await;
        assert_eq!(answer.0, 202);
    }
    for task in [json!({"cmd": "true"}), json!({"type": "bash", "cmd": "true"})] {
        let (status, body, _) = bench.task(&task).await;
        assert_eq!((status, body.as_str()), (503, "2 tasks are running, which is the limit (-max-tasks)"));
    }
    // What is refused is not taken for running.
    assert_eq!(bench.task(&json!({"cmd": "true"})).await.0, 503);
    let (_, metrics, _) = bench.ask("GET", "/metrics", "").await;
    assert!(metrics.contains("serin_loadtester_tasks_running 2\n"), "{metrics}");
    assert!(
        metrics.contains("serin_loadtester_tasks_total{type=\"cmd\",outcome=\"refused\"} 2\n"),
        "{metrics}"
    );
    assert_eq!(bench.lines(2, |_| false).await.len(), 2);
    bench.tester.stop().await;
    assert_eq!(bench.result(2).await["error"], "signal: killed");
    assert_eq!(bench.task(&json!({"type": "bash", "cmd": "sleep 600"})).await.0, 500);
}

#[tokio::test]
async fn what_a_task_writes_is_kept_up_to_a_limit_whatever_it_is() {
    let bench = Bench::new(|settings| settings.output_max = 1000);
    let flood = json!({"type": "bash", "cmd": "head -c 20000000 /dev/urandom", "returnCmdOutput": "true"});
    let (status, body, kind) = bench.task(&flood).await;
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    assert!(body.chars().count() <= 1000);
    assert!(bench.result(1).await["output"].as_str().unwrap().contains("… and 19999000 bytes more"));
}

#[tokio::test]
async fn a_token_opens_everything_but_health_and_metrics() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret").unwrap();
    let bench = Bench::new(|settings| settings.door = Door::new(None, None, Some(file.path())).unwrap());
    for (path, expected) in [
        ("/healthz", 200),
        ("/metrics", 200),
        ("/gate/approve", 401),
        ("/gate/check", 401),
        ("/results", 401),
        ("/", 401),
    ] {
        assert_eq!(bench.ask("POST", path, "").await.0, expected, "{path}");
    }
    let request = http::Request::get("/gate/approve").header("Authorization", "Bearer s3cret");
    let answer = bench.tester.answer(request.body(bytes::Bytes::new()).unwrap()).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn results_are_those_of_namespaces_that_are_let_in() {
    let bench =
        Bench::new(|settings| settings.door = Door::new(None, Some(vec!["test".to_owned()]), None).unwrap());
    assert_eq!(bench.task(&json!({"type": "bash", "cmd": "echo x"})).await.0, 200);
    let other = json!({"name": "demo", "namespace": "other", "metadata": {"cmd": "true"}}).to_string();
    assert_eq!(bench.ask("POST", "/", &other).await.0, 403);
    let (status, body, kind) = bench.ask("GET", "/results", "").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let results: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(results.as_array().unwrap().len(), 1);
    for (field, expected) in [("type", "bash"), ("what", "echo x"), ("output", "x\n"), ("name", "demo")] {
        assert_eq!(results[0][field], expected, "{field}");
    }
    // With a body it is a path like any other.
    assert_eq!(bench.ask("POST", "/results", "{}").await.0, 403);
}

/// What a server on loopback answers to raw bytes.
async fn raw(address: std::net::SocketAddr, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for part in parts {
        stream.write_all(part).await.unwrap();
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await;
    read.expect("no end of the answer").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn large_and_broken_requests_are_answered_over_a_socket_and_a_stop_ends_the_server() {
    let bench = Bench::new(|_| {});
    let stop = CancellationToken::new();
    let (told, address) = tokio::sync::oneshot::channel();
    let (tester, token) = (bench.tester.clone(), stop.clone());
    let serving = tokio::spawn(async move {
        let any = "127.0.0.1:0".parse().unwrap();
        serve(&tester, any, token, |bound| told.send(bound).unwrap()).await
    });
    let address = address.await.unwrap();
    let head = |length: usize| {
        format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes()
    };
    let large = vec![b'['; 10 << 20];
    let answer = raw(address, &[&head(large.len()), &large]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let deep = vec![b'['; BODY_BYTES_MAX];
    let answer = raw(address, &[&head(deep.len()), &deep]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    for body in [&b"{\"metadata\": {\"cmd\": 1}}"[..], b"\xff\xfe", b"{\"metadata\": {\"type\": \"load\"}}"] {
        let answer = raw(address, &[&head(body.len()), body]).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(bench.task(&json!({"cmd": "sleep 600"})).await.0, 202);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(30), serving).await.unwrap().unwrap().unwrap();
    assert_eq!(bench.result(1).await["error"], "signal: killed");
}
