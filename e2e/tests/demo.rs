//! The first walk-through on the demo itself: `serin demo` in one process, and a person with kubectl and the plugin.
//!
//! Held: at each weight as many real requests reach the canary as it says, and all with the header that asks for it; every
//! verb does what its author expects; and through promote, promote --full, abort, retry and undo no request fails.

#![allow(clippy::missing_docs_in_private_items)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde_json::Value;
use serin_e2e::cluster::{ROLLOUT, get};
use serin_e2e::controller::binary;
use serin_e2e::target;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const APP: &str = "sample-app";
/// How long any one wait may take: many times what the slowest machine needs.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at what cannot be waited for otherwise.
const LOOK: Duration = Duration::from_millis(50);
/// Between two requests of the steady client: few beside those that are counted, so that neither client gets every second
/// turn of an ingress that takes turns.
const STEADY: Duration = Duration::from_millis(5);

/// Requests by the version that answered.
type Answers = BTreeMap<String, u32>;

/// A demo, and the ways to it.
struct Demo {
    child: Child,
    kubeconfig: PathBuf,
    path: String,
    said: Arc<Mutex<String>>,
    reading: tokio::task::JoinHandle<()>,
    api: kube::Client,
    visitor: Visitor,
}

impl Demo {
    async fn start(folder: &Path) -> Result<Self> {
        let binary = binary()?;
        std::os::unix::fs::symlink(&binary, folder.join("kubectl-argo-rollouts"))?;
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let kubeconfig = folder.join("kubeconfig");
        let mut child = Command::new(binary)
            .args(["demo", "--kubeconfig"])
            .arg(&kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("the demo's output")?).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, rest)) = line.split_once("http://") {
                    return Ok(rest.split(' ').next().unwrap_or_default().to_owned());
                }
            }
            bail!("the demo has ended without an ingress")
        })
        .await
        .context("the demo names no ingress")??;
        let heard = said.clone();
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut said = heard.lock();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let api = target::client(&kubeconfig).await?;
        Ok(Self { child, kubeconfig, path, said, reading, api, visitor: Visitor::new(&address) })
    }

    /// Runs kubectl, with the plugin on its path; what it printed.
    async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("kubectl");
        command.args(arguments).env("PATH", &self.path).env("KUBECONFIG", &self.kubeconfig);
        let output =
            timeout(PATIENCE, command.kill_on_drop(true).output()).await.context("kubectl hangs")??;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
        ensure!(output.status.success(), "kubectl {arguments:?}: {said}");
        Ok(said)
    }

    /// A verb of the plugin, on the application.
    async fn verb(&self, words: &[&str]) -> Result<String> {
        self.kubectl(&[&["argo", "rollouts", "-n", APP], words].concat()).await
    }

    async fn release(&self, tag: &str) -> Result<()> {
        self.verb(&["set", "image", APP, &format!("{APP}={APP}:{tag}")]).await?;
        self.reach("Paused", Some(1)).await?;
        self.share(tag, 25, 40).await.map(drop)
    }

    /// Waits for a phase, and a step, of the present spec.
    async fn reach(&self, phase: &str, step: Option<i64>) -> Result<()> {
        let bound = Instant::now() + PATIENCE;
        loop {
            let rollout = get(&self.api, &ROLLOUT.one(APP, APP)).await.unwrap_or_default();
            let status = &rollout["status"];
            let seen =
                status["observedGeneration"].as_str() == Some(&rollout["metadata"]["generation"].to_string());
            let stands = step.is_none_or(|step| status["currentStepIndex"] == step);
            // A resume that nobody has acted on yet is not a pause.
            let resumes = status["controllerPause"] == true && status["pauseConditions"].is_null();
            if seen && stands && !resumes && status["phase"] == phase {
                return Ok(());
            }
            ensure!(Instant::now() < bound, "not within a minute: {phase} {step:?}; it is {status}");
            sleep(LOOK).await;
        }
    }

    /// Waits until the ingress has heard of a weight, then requires that about so many requests reach a version: within
    /// five standard deviations, which chance leaves once in two million times. All or none has no deviation.
    async fn share(&self, version: &str, percent: u32, requests: u32) -> Result<u32> {
        let bound = Instant::now() + PATIENCE;
        let near = |got: u32, of: u32, sigmas: f64| {
            let (share, of) = (f64::from(percent) / 100.0, f64::from(of));
            (f64::from(got) - of * share).abs() <= sigmas * (of * share * (1.0 - share)).sqrt()
        };
        loop {
            let got = self.visitor.ask(40, None).await?.get(version).copied().unwrap_or(0);
            if near(got, 40, 3.0) {
                break;
            }
            ensure!(Instant::now() < bound, "{got} of 40 requests reach {version}, not {percent} %");
            sleep(LOOK).await;
        }
        let got = self.visitor.ask(requests, None).await?.get(version).copied().unwrap_or(0);
        ensure!(near(got, requests, 5.0), "{got} of {requests} requests reach {version}, not {percent} %");
        println!("weight {percent}: {got} of {requests} requests reached {version}");
        Ok(got)
    }

    /// Ctrl-C, as in the terminal; how it ended, and what it had said.
    async fn interrupt(mut self) -> Result<(ExitStatus, String)> {
        let pid = self.child.id().context("the demo has ended by itself")?;
        Command::new("kill").args(["-INT", &pid.to_string()]).status().await?;
        let status = timeout(PATIENCE, self.child.wait()).await.context("the demo does not end")??;
        self.reading.await?;
        Ok((status, self.said.lock().clone()))
    }
}

/// Who sends requests to the ingress.
#[derive(Clone)]
struct Visitor {
    http: Client<HttpConnector, Empty<Bytes>>,
    address: String,
}

impl Visitor {
    fn new(address: &str) -> Self {
        Self { http: Client::builder(TokioExecutor::new()).build_http(), address: address.to_owned() }
    }

    /// One request: the version that answered.
    async fn visit(&self, header: Option<(&str, &str)>) -> Result<String> {
        let mut request = http::Request::get(format!("http://{}/", self.address))
            .header(http::header::HOST, "sample-app.local");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = timeout(PATIENCE, self.http.request(request.body(Empty::new())?)).await??;
        ensure!(answer.status() == http::StatusCode::OK, "a request failed with {}", answer.status());
        let version =
            answer.headers().get("x-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
        answer.into_body().collect().await?;
        version.context("an answer without a version")
    }

    async fn ask(&self, requests: u32, header: Option<(&str, &str)>) -> Result<Answers> {
        let mut answers = Answers::new();
        for _ in 0..requests {
            *answers.entry(self.visit(header).await?).or_default() += 1;
        }
        Ok(answers)
    }

    /// Sends requests until it is stopped: how many were good, and why others were not.
    async fn steadily(self, stop: CancellationToken) -> (u32, Vec<String>) {
        let (mut good, mut failed) = (0, Vec::new());
        while !stop.is_cancelled() {
            match self.visit(None).await {
                Ok(_) => good += 1,
                Err(error) => failed.push(format!("{error:#}")),
            }
            sleep(STEADY).await;
        }
        (good, failed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_drives_releases_on_the_demo_and_no_request_fails() -> Result<()> {
    if !serin_needs::kubectl() {
        return Ok(());
    }
    let folder = common::folder()?;
    let demo = Demo::start(folder.path()).await?;
    // The demo makes its first release by itself.
    demo.reach("Paused", Some(1)).await?;
    let enough = CancellationToken::new();
    let steady = tokio::spawn(demo.visitor.clone().steadily(enough.clone()));

    a_quarter_is_what_the_screens_say(&demo).await?;
    demo.share("2.0", 25, 2_000).await?;
    for (word, version) in [("always", "2.0"), ("never", "1.0")] {
        let answers = demo.visitor.ask(200, Some(("X-Canary", word))).await?;
        ensure!(
            answers == Answers::from([(version.to_owned(), 200)]),
            "X-Canary: {word} leads to {answers:?}"
        );
    }
    for (step, weight) in [(3, 50), (5, 75)] {
        demo.verb(&["promote", APP]).await?;
        demo.reach("Paused", Some(step)).await?;
        demo.share("2.0", weight, 1_000).await?;
    }
    demo.verb(&["promote", APP]).await?;
    demo.reach("Healthy", None).await?;
    demo.share("2.0", 100, 200).await?;
    let listed = demo.kubectl(&["get", "rollout", APP, "-n", APP, "--no-headers"]).await?;
    // CURRENT and AVAILABLE also count the old version, which stays for its delay.
    let counts: Vec<&str> = listed.split_whitespace().collect();
    let (desired, updated) = (counts.get(1), counts.get(3));
    ensure!((desired, updated) == (Some(&"1"), Some(&"1")), "kubectl get rollout says {listed}");

    demo.release("3.0").await?;
    demo.verb(&["promote", APP, "--full"]).await?;
    demo.reach("Healthy", None).await?;
    demo.share("3.0", 100, 200).await?;

    demo.release("4.0").await?;
    for verb in [&["abort", APP] as &[&str], &["retry", "rollout", APP], &["abort", APP]] {
        demo.verb(verb).await?;
        let (phase, step, weight) =
            if verb[0] == "abort" { ("Degraded", None, 0) } else { ("Paused", Some(1), 25) };
        demo.reach(phase, step).await?;
        demo.share("4.0", weight, 200).await?;
    }
    demo.verb(&["undo", APP]).await?;
    demo.reach("Healthy", None).await?;
    demo.share("3.0", 100, 200).await?;

    // Back to a version that was left long ago is a release like any other.
    demo.verb(&["undo", APP, "--to-revision=2"]).await?;
    demo.reach("Paused", Some(1)).await?;
    demo.share("2.0", 25, 200).await?;
    demo.verb(&["promote", APP, "--full"]).await?;
    demo.reach("Healthy", None).await?;
    demo.share("2.0", 100, 200).await?;

    enough.cancel();
    let (good, failed) = steady.await?;
    ensure!(
        failed.is_empty(),
        "beside {good} good ones {} requests failed: {:?}",
        failed.len(),
        failed.first()
    );
    ensure!(200 < good, "only {good} requests: not enough to say anything");
    let kubeconfig = demo.kubeconfig.clone();
    let (status, said) = demo.interrupt().await?;
    ensure!(status.success() && said.contains("No request failed."), "the demo ends with {status}: {said}");
    ensure!(!kubeconfig.exists(), "the demo leaves its kubeconfig behind");
    println!("{good} requests of a steady client, none failed; the demo's own: {said}");
    Ok(())
}

/// At weight 25: the canary ingress, the labels of the pods, and the tree.
async fn a_quarter_is_what_the_screens_say(demo: &Demo) -> Result<()> {
    let ingress =
        demo.kubectl(&["get", "ingress", "sample-app-sample-app-canary", "-n", APP, "-o", "json"]).await?;
    let ingress: Value = serde_json::from_str(&ingress)?;
    for (name, value) in [
        ("kubernetes.io/ingress.class", "nginx"),
        ("nginx.ingress.kubernetes.io/canary", "true"),
        ("nginx.ingress.kubernetes.io/canary-by-header", "X-Canary"),
        ("nginx.ingress.kubernetes.io/canary-weight", "25"),
    ] {
        let found = &ingress["metadata"]["annotations"][name];
        ensure!(found == value, "{name} of the canary ingress is {found}");
    }
    for role in ["canary", "stable"] {
        let selector = format!("deployment={role}");
        let pods = demo.kubectl(&["get", "pods", "-n", APP, "-l", &selector, "-o", "name"]).await?;
        ensure!(pods.lines().count() == 1, "pods labelled {role}: {pods}");
    }
    let tree = demo.verb(&["get", "rollout", APP, "--no-color"]).await?;
    for (name, value) in
        [("Status:", "Paused"), ("Step:", "1/6"), ("SetWeight:", "25"), ("ActualWeight:", "25")]
    {
        let line = tree.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
        ensure!(line.ends_with(value), "{name} {value} is not in:\n{tree}");
    }
    Ok(())
}
