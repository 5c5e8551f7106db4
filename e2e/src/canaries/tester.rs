//! The load tester beside a Canary: gates that a person opens, and tasks.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::controller::Controller;
use crate::stage::{PATIENCE, Stage};

/// A running load tester.
struct Tester {
    process: Controller,
    port: u16,
}

impl Tester {
    async fn start(s: &Stage) -> Result<Self> {
        let folder = &s.beside.as_ref().context("this stage has no folder")?.folder;
        let process = Controller::loadtester(folder, s.namespace())?;
        let tester = Self { port: process.metrics_port, process };
        let bound = Instant::now() + PATIENCE;
        while tester.post("/healthz", &json!({})).await.is_err() {
            ensure!(Instant::now() < bound, "the load tester does not answer:\n{}", tester.process.tail(""));
            sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(tester)
    }

    /// Status and body of the answer.
    async fn post(&self, path: &str, body: &Value) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no whole answer")?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no status")?;
        Ok((status, body.to_owned()))
    }

    /// A task as a web hook would start it.
    async fn task(&self, s: &Stage, metadata: Value) -> Result<(u16, String)> {
        self.post("/", &json!({"name": "demo", "namespace": s.namespace(), "metadata": metadata})).await
    }
}

pub(super) async fn gates_of_the_tester(s: &Stage) -> Result<()> {
    let tester = Tester::start(s).await?;
    let gate = json!({"name": "demo", "namespace": s.namespace()});
    let base = format!("http://127.0.0.1:{}", tester.port);
    s.initialized(
        "istio",
        &format!(
            "analysis: {{webhooks: [{{name: gate, type: confirm-rollout, url: '{base}/gate/check'}},
               {{name: back, type: rollback, url: '{base}/rollback/check'}}]}}"
        ),
    )
    .await?;
    s.release("v2").await?;
    s.until("it waits", |view| view.canary_phase() == "Waiting").await?;
    s.keeps("the gate is closed", |view| view.stands() == "Waiting 0" && view.replicas("demo") == 0).await?;
    s.same("opened", &tester.post("/gate/open", &gate).await?.0, &202)?;
    s.looks_until("the run", |view| view.stands() == "Progressing 20").await?;
    s.same("taken back", &tester.post("/rollback/open", &gate).await?.0, &202)?;
    s.reaches("Failed").await?;
    s.until("the target goes", |view| view.replicas("demo") == 0).await?;
    tester.process.stop().await
}

/// Waits until a file has a text.
async fn written(file: &Path, text: &str) -> Result<()> {
    let bound = Instant::now() + PATIENCE;
    loop {
        let found = std::fs::read_to_string(file).unwrap_or_default();
        if found == text {
            return Ok(());
        }
        ensure!(Instant::now() < bound, "{} has {found:?}, not {text:?}", file.display());
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

pub(super) async fn tasks_of_the_tester(s: &Stage) -> Result<()> {
    let tester = Tester::start(s).await?;
    for (metadata, answer) in [
        (json!({"type": "bash", "cmd": "echo said"}), (200, String::new())),
        (json!({"type": "bash", "cmd": "echo said", "returnCmdOutput": "true"}), (200, "said\n".to_owned())),
    ] {
        s.same(&metadata.to_string(), &tester.task(s, metadata.clone()).await?, &answer)?;
    }
    let (status, why) = tester.task(s, json!({"type": "bash", "cmd": "false"})).await?;
    ensure!(status == 500 && why.contains("command false failed"), "{status} {why}");
    // A command that runs is not started again beside itself; one that is done is.
    let folder = &s.beside.as_ref().context("this stage has no folder")?.folder;
    let (lines, go) =
        (folder.join(format!("{}.lines", s.namespace())), folder.join(format!("{}.go", s.namespace())));
    let long = json!({"type": "cmd", "cmd": format!(
        "echo long >> {0}; while [ ! -e {1} ]; do sleep 0.05; done; echo done >> {0}", lines.display(), go.display())});
    let short = json!({"type": "cmd", "cmd": format!("echo short >> {}", lines.display())});
    s.same("taken", &tester.task(s, long.clone()).await?.0, &202)?;
    written(&lines, "long\n").await?;
    s.same("taken, and dropped", &tester.task(s, long.clone()).await?.0, &202)?;
    s.same("taken", &tester.task(s, short).await?.0, &202)?;
    written(&lines, "long\nshort\n").await?;
    std::fs::write(&go, "")?;
    written(&lines, "long\nshort\ndone\n").await?;
    tester.process.stop().await
}
