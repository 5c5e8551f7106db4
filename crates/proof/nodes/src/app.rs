//! The program that a pod runs: answers as its image says, and counts what it answered.
//!
//! `/healthz` says ok, `/metrics` gives Prometheus' text, every other path answers JSON with the version, the pod, the
//! image and the number of the request; `/token`, asked of a version that works, a token too, as podinfo's does. Only those
//! other requests are counted and may fail.

use crate::image::Behaviour;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Upper bounds of the latency histogram in milliseconds: from a local answer to one that every client has given up on.
const BUCKETS_MS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000];

/// One pod's program.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) image: String,
    pub(crate) template_hash: String,
    pub(crate) behaviour: Behaviour,
    /// Set when the pod is on its way out: answers then ask clients to connect elsewhere.
    pub(crate) leaving: AtomicBool,
    requests: AtomicU64,
    served: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
    buckets: [AtomicU64; BUCKETS_MS.len()],
}

impl App {
    pub(crate) fn new(
        namespace: &str,
        pod: &str,
        image: &str,
        template_hash: &str,
        behaviour: Behaviour,
    ) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            image: image.to_owned(),
            template_hash: template_hash.to_owned(),
            behaviour,
            leaving: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            served: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            buckets: Default::default(),
        }
    }

    /// Answers one request, its body read to the end first so that the connection can go on.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: http_body::Body + Unpin,
    {
        let (parts, mut body) = request.into_parts();
        while let Some(Ok(_)) = body.frame().await {}
        let (status, kind, text) = match parts.uri.path() {
            "/healthz" => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
            "/metrics" => (StatusCode::OK, "text/plain; version=0.0.4", self.metrics()),
            path => self.serve(path).await,
        };
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        for (name, value) in [("x-version", &self.behaviour.version), ("x-pod", &self.pod)] {
            if let Ok(value) = header::HeaderValue::from_str(value) {
                headers.insert(header::HeaderName::from_static(name), value);
            }
        }
        if self.leaving.load(Ordering::Relaxed) {
            headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        answer
    }

    async fn serve(&self, path: &str) -> (StatusCode, &'static str, String) {
        let began = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.behaviour.latency.is_zero() {
            tokio::time::sleep(self.behaviour.latency).await;
        }
        let fails = self.behaviour.fails(number);
        self.count(fails, began.elapsed());
        let status = if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        let mut body = json!({
            "version": self.behaviour.version, "pod": self.pod, "image": self.image, "request": number,
        });
        if path == "/token" && !fails {
            body["token"] = json!(format!("{}.{number}", self.pod));
        }
        (status, "application/json", format!("{body}\n"))
    }

    fn count(&self, fails: bool, took: Duration) {
        let counter = if fails { &self.failed } else { &self.served };
        counter.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        let bucket = BUCKETS_MS.iter().position(|limit| took <= Duration::from_millis(*limit));
        if let Some(bucket) = bucket.and_then(|bucket| self.buckets.get(bucket)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Prometheus' text format, version 0.0.4.
    pub(crate) fn metrics(&self) -> String {
        let labels = format!(
            "version=\"{}\",pod=\"{}\",namespace=\"{}\",pod_template_hash=\"{}\"",
            escape(&self.behaviour.version),
            escape(&self.pod),
            escape(&self.namespace),
            escape(&self.template_hash)
        );
        let (served, failed) = (self.served.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        let mut text = String::with_capacity(2048);
        let mut line = |line: std::fmt::Arguments| {
            let written = writeln!(text, "{line}");
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        };
        line(format_args!("# HELP http_requests_total Requests answered, by status code."));
        line(format_args!("# TYPE http_requests_total counter"));
        for (code, count) in [(200, served), (500, failed)] {
            line(format_args!("http_requests_total{{code=\"{code}\",{labels}}} {count}"));
        }
        line(format_args!("# HELP http_request_duration_seconds Time to answer."));
        line(format_args!("# TYPE http_request_duration_seconds histogram"));
        let mut below = 0;
        for (limit_ms, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let limit = *limit_ms as f64 / 1000.0;
            line(format_args!("http_request_duration_seconds_bucket{{le=\"{limit}\",{labels}}} {below}"));
        }
        let total = served + failed;
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        line(format_args!("http_request_duration_seconds_bucket{{le=\"+Inf\",{labels}}} {total}"));
        line(format_args!("http_request_duration_seconds_sum{{{labels}}} {seconds}"));
        line(format_args!("http_request_duration_seconds_count{{{labels}}} {total}"));
        line(format_args!("# HELP build_info What runs here."));
        line(format_args!("# TYPE build_info gauge"));
        line(format_args!("build_info{{image=\"{}\",{labels}}} 1", escape(&self.image)));
        text
    }
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn app(tag: &str) -> App {
        let image = format!("app:{tag}");
        App::new("ns", "p-1", &image, "abc", Behaviour::read(&image, &BTreeMap::new()))
    }

    async fn get(app: &App, path: &str) -> Response<Full<Bytes>> {
        app.answer(Request::builder().uri(path).body(Full::<Bytes>::default()).unwrap()).await
    }

    #[tokio::test(start_paused = true)]
    async fn every_answer_says_who_gave_it() {
        let app = app("v2");
        get(&app, "/healthz").await;
        let answer = get(&app, "/any/path?x=1").await;
        assert_eq!(
            (answer.status(), &answer.headers()["x-version"], &answer.headers()["x-pod"]),
            (StatusCode::OK, &"v2".parse().unwrap(), &"p-1".parse().unwrap())
        );
        let body: serde_json::Value =
            serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!(body, json!({"version": "v2", "pod": "p-1", "image": "app:v2", "request": 1}));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_comes_from_a_version_that_works() {
        for (tag, is_given) in [("v2", true), ("v2-error100", false)] {
            let body = get(&app(tag), "/token").await.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(String::from_utf8_lossy(&body).contains("token"), is_given, "{tag}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn errors_latency_and_counts_are_exact() {
        let app = app("v2-error10-latency20ms");
        let began = Instant::now();
        let mut failed = Vec::new();
        for number in 1..=20 {
            if get(&app, "/").await.status() == StatusCode::INTERNAL_SERVER_ERROR {
                failed.push(number);
            }
        }
        assert_eq!(failed, [10, 20]);
        assert!(Duration::from_millis(400) <= began.elapsed());
        let text = app.metrics();
        let labels = r#"version="v2-error10-latency20ms",pod="p-1",namespace="ns",pod_template_hash="abc""#;
        for line in [
            format!("http_requests_total{{code=\"200\",{labels}}} 18"),
            format!("http_requests_total{{code=\"500\",{labels}}} 2"),
            format!("http_request_duration_seconds_bucket{{le=\"0.01\",{labels}}} 0"),
            format!("http_request_duration_seconds_bucket{{le=\"0.025\",{labels}}} 20"),
            format!("http_request_duration_seconds_bucket{{le=\"+Inf\",{labels}}} 20"),
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_leaving_pod_asks_clients_to_go_elsewhere() {
        let app = app("v1");
        assert!(get(&app, "/").await.headers().get("connection").is_none());
        app.leaving.store(true, Ordering::Relaxed);
        assert_eq!(get(&app, "/").await.headers()["connection"], "close");
    }
}
