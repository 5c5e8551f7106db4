//! A load tester without a socket, whose log lines are kept, and servers on loopback for it to call.

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::Value;
use serin_loadtester::{Door, Encoding, Gates, Level, Log, Settings, Tester};
use serin_server::Incoming;
use tokio_util::sync::CancellationToken;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Bench {
    pub(crate) tester: Tester,
    lines: Arc<Mutex<Vec<Value>>>,
    read: usize,
}

impl Bench {
    pub(crate) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let sink = lines.clone();
        let log = Log::new(Level::Debug, Encoding::Json, move |line| {
            sink.lock().push(serde_json::from_str(line).expect("a line of the log is no JSON"));
        });
        let mut settings = Settings {
            timeout: Duration::from_hours(1),
            tasks_max: 16,
            output_max: 1 << 20,
            door: Door::default(),
            gates: Gates::in_memory(),
            path: None,
            log,
        };
        change(&mut settings);
        Self { tester: Tester::new(settings), lines, read: 0 }
    }

    /// Status, body and content type of an answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let request = Request::builder().method(method).uri(path).body(Bytes::from(body.to_owned())).unwrap();
        told(&self.tester.answer(request).await)
    }

    /// A task of a canary called demo.
    pub(crate) async fn task(&self, metadata: &Value) -> (u16, String, String) {
        let body = serde_json::json!({"name": "demo", "namespace": "test", "metadata": metadata});
        self.ask("POST", "/", &body.to_string()).await
    }

    /// Lines that nobody has read yet, in the form of the recordings; without those that `skip` knows. Waits for `count`.
    pub(crate) async fn lines(&mut self, count: usize, skip: impl Fn(&str) -> bool) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let fresh: Vec<String> = self.lines.lock()[self.read..].iter().map(form).collect();
            let wanted: Vec<String> = fresh.iter().filter(|line| !skip(line)).cloned().collect();
            if count <= wanted.len() || end < Instant::now() {
                self.read += fresh.len();
                return wanted;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The newest result, when there are `count`.
    pub(crate) async fn result(&self, count: usize) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let (_, body, _) = self.ask("GET", "/results", "").await;
            let results: Vec<Value> = serde_json::from_str(&body).unwrap();
            if count <= results.len() {
                return results[0].clone();
            }
            assert!(Instant::now() < end, "{} of {count} results", results.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn told(answer: &Response<Bytes>) -> (u16, String, String) {
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    (answer.status().as_u16(), body, kind.unwrap_or_default())
}

/// A line as the recordings have it: 300 characters of the message, and the canary.
fn form(line: &Value) -> String {
    let (level, message) = (line["level"].as_str().unwrap(), line["msg"].as_str().unwrap());
    let text: String = format!("{level}: {message}").chars().take(300).collect();
    match line.get("canary") {
        Some(canary) => format!("{text} canary={}", canary.as_str().unwrap()),
        None => text,
    }
}

/// A server on loopback; its address without a path. It ends with the runtime of the test.
pub(crate) async fn server<F, A>(answer: F) -> String
where
    F: Fn(Request<Bytes>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Bytes>> + Send,
{
    let incoming = Incoming { body_bytes_max: 1 << 20, body_time: Duration::from_secs(30) };
    let router = serin_server::whole(incoming, answer);
    let address = "127.0.0.1:0".parse().unwrap();
    format!("http://{}", serin_server::serve(address, router, CancellationToken::new()).await.unwrap())
}

/// A folder with programs that print their arguments, and the `PATH` that finds them first.
pub(crate) fn stubs(folder: &Path) -> OsString {
    for name in ["helm", "kubectl"] {
        let path = folder.join(name);
        std::fs::write(&path, "#!/bin/bash\nfor a in \"$@\"; do printf '[%s]' \"$a\"; done\n[ \"$1\" = bad ] && exit 3; exit 0\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}
