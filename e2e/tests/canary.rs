//! `serin canary` as a user runs it, beside `serin flagger`: releases that are held, approved, called off and promoted by hand.
//!
//! Held: what is shown is what stands there; a word is heard at once and does what it says; one that would do nothing is
//! refused with a reason and exit code 1; and pods that are ready never become fewer than one version has.

#![allow(clippy::missing_docs_in_private_items)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use serin_e2e::cluster::{self, CANARY, DEPLOYMENT, Patch, create, get};
use serin_e2e::controller::{Controller, binary};
use serin_e2e::target::{self, Target};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// Nobody listens there: a gate that is closed.
const NOBODY: &str = "http://127.0.0.1:1/";
/// How long any one wait may take: many times what the slowest machine needs.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at what cannot be waited for otherwise.
const LOOK: Duration = Duration::from_millis(50);

struct Ground {
    target: Target,
    namespace: String,
    plugin: PathBuf,
    _folder: tempfile::TempDir,
}

/// What a command came to.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Ground {
    async fn open(folder: tempfile::TempDir) -> Result<Self> {
        let target = Target::start(common::kind(), folder.path()).await.context("starting the cluster")?;
        target::install_canary_definitions(&target.client).await?;
        let stamp = jiff::Timestamp::now().as_millisecond() % 1_000_000;
        let namespace = format!("canary-{stamp}");
        let object = json!({"metadata": {"name": namespace}});
        create(&target.client, "/api/v1/namespaces", &object).await?;
        let plugin = folder.path().join("kubectl-canary");
        std::os::unix::fs::symlink(binary()?, &plugin)?;
        Ok(Self { target, namespace, plugin, _folder: folder })
    }

    /// Runs the plugin, as kubectl runs it.
    async fn plugin(&self, words: &[&str]) -> Result<Said> {
        let mut command = Command::new(&self.plugin);
        command
            .args(words)
            .arg("-n")
            .arg(&self.namespace)
            .arg("--kubeconfig")
            .arg(&self.target.user_kubeconfig);
        command.stdin(Stdio::null()).env_remove("SERIN_BIN").kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.context("the plugin hangs")??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().context("killed")?;
        Ok(Said { code, out: text(output.stdout), err: text(output.stderr) })
    }

    /// Shows something until it has this: events come behind what they tell of.
    async fn shows(&self, words: &[&str], wanted: &[&str]) -> Result<()> {
        let bound = Instant::now() + PATIENCE;
        while let Err(error) = self.prints(words, wanted).await {
            ensure!(Instant::now() < bound, "{error:#}");
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// The same, which must succeed and print this.
    async fn prints(&self, words: &[&str], wanted: &[&str]) -> Result<String> {
        let said = self.plugin(words).await?;
        ensure!(said.code == 0, "{words:?}: {} {}", said.out, said.err);
        for text in wanted {
            ensure!(said.out.contains(text), "{words:?} prints no {text:?}:\n{}", said.out);
        }
        Ok(said.out)
    }

    /// The same, which must be refused with this reason.
    async fn refused(&self, words: &[&str], why: &str) -> Result<()> {
        let said = self.plugin(words).await?;
        ensure!(said.code == 1 && said.out.is_empty(), "{words:?}: {} {}", said.code, said.out);
        ensure!(said.err.contains(why), "{words:?}: {}", said.err);
        Ok(())
    }

    async fn status(&self) -> Result<Value> {
        Ok(get(&self.target.client, &CANARY.one(&self.namespace, "web")).await?["status"].clone())
    }

    async fn reach(&self, phases: &[&str]) -> Result<()> {
        let bound = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await?;
            if phases.iter().any(|phase| status["phase"] == *phase) {
                return Ok(());
            }
            ensure!(Instant::now() < bound, "not within a minute: {phases:?}; it is {status}");
            sleep(LOOK).await;
        }
    }

    async fn release(&self, tag: &str) -> Result<()> {
        let image = json!([{"name": "web", "image": format!("demo:{tag}")}]);
        let change = json!({"spec": {"template": {"spec": {"containers": image}}}});
        let path = DEPLOYMENT.one(&self.namespace, "web");
        cluster::patch(&self.target.client, &path, &change, Patch::Merge).await.map(drop)
    }
}

fn deployment() -> Value {
    let labels = json!({"app": "web"});
    let containers =
        json!([{"name": "web", "image": "demo:1", "ports": [{"name": "http", "containerPort": 8080}]}]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    })
}

fn canary() -> Value {
    let hook = |name: &str, kind: &str| json!({"name": name, "type": kind, "url": NOBODY, "timeout": "1s"});
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"},
        "spec": {
            "provider": "kubernetes",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "service": {"port": 80, "targetPort": 8080},
            "analysis": {
                "interval": "10s", "threshold": 2, "iterations": 2,
                "webhooks": [hook("start", "confirm-rollout"), hook("go", "confirm-promotion")],
            },
        },
    })
}

async fn held_and_called_off(ground: &Ground) -> Result<()> {
    ground.release("2").await?;
    ground.reach(&["Waiting"]).await?;
    ground.prints(&["list"], &["web", "Deployment/web", "kubernetes", "Waiting", "start"]).await?;
    let wanted =
        ["waits for approval to start", "Waits for: gate start (confirm-rollout)", "kubectl canary -n"];
    ground.shows(&["why", "web"], &wanted).await?;
    ground
        .prints(&["get", "web"], &["Waiting", "start (confirm-rollout): is waited for", "web-primary"])
        .await?;
    ground
        .refused(&["approve", "web", "--gate", "none"], "no gate is called \"none\"; its gates are start")
        .await?;
    ground.prints(&["approve", "web"], &["canary 'web' approved"]).await?;
    ground.reach(&["Progressing"]).await?;
    ground.refused(&["approve", "web", "--gate", "start"], "gate \"start\" is behind it").await?;
    ground.prints(&["abort", "web"], &["canary 'web' aborted"]).await?;
    ground.reach(&["Failed"]).await?;
    ground.shows(&["why", "web"], &["was taken back", "Canary failed! Scaling down web"]).await?;
    ground.refused(&["promote", "web"], "it is Failed: no new version is on its way").await
}

async fn promoted(ground: &Ground) -> Result<()> {
    ground.release("3").await?;
    ground.reach(&["Waiting"]).await?;
    let said = ground.prints(&["promote", "web", "-o", "json"], &["\"kind\": \"Canary\""]).await?;
    ensure!(serde_json::from_str::<Value>(&said).is_ok(), "{said}");
    ground.reach(&["Promoting", "Finalising", "Succeeded"]).await?;
    ground.refused(&["abort", "web"], "the primary has the new version already").await?;
    let primary = get(&ground.target.client, &DEPLOYMENT.one(&ground.namespace, "web-primary")).await?;
    ensure!(primary["spec"]["template"]["spec"]["containers"][0]["image"] == "demo:3", "{primary}");
    Ok(())
}

/// A Canary whose status Flagger has written, and one whose word nobody hears.
async fn without_serin(ground: &Ground) -> Result<()> {
    let path = CANARY.one(&ground.namespace, "web");
    let status = |phase: &str, hash: &str| json!({"status": {"phase": phase, "lastAppliedSpec": hash}});
    let write = async |change: Value| {
        cluster::patch(&ground.target.client, &format!("{path}/status"), &change, Patch::Merge).await
    };
    write(status("Progressing", "7c9d6b8f54")).await?;
    ground.refused(&["promote", "web"], "Flagger runs it, not Serin").await?;
    ground.prints(&["list", "-o", "wide"], &["CONTROLLER", "flagger"]).await?;
    write(status("Progressing", "s12345")).await?;
    ground.refused(&["promote", "web", "--timeout", "1s"], "no controller has heard it within 1s").await?;
    ground.refused(&["approve", "web", "--gate", "go"], "nobody has heard it yet").await
}

async fn story(ground: &Ground, controller: &Path) -> Result<()> {
    let (client, namespace) = (&ground.target.client, &ground.namespace);
    ground.refused(&["get", "web"], "canary \"web\" not found").await?;
    create(client, &DEPLOYMENT.list(namespace), &deployment()).await?;
    create(client, &CANARY.list(namespace), &canary()).await?;
    let flagger = Controller::flagger(&ground.target.kubeconfig, controller, namespace, &[])?;
    let done = async {
        ground.reach(&["Initialized"]).await?;
        ground.refused(&["abort", "web"], "it is Initialized: no new version is on its way").await?;
        held_and_called_off(ground).await?;
        promoted(ground).await?;
        if serin_needs::real_server().is_some() {
            ground.reach(&["Succeeded"]).await?;
            ground.prints(&["get", "web", "-w", "--timeout-seconds", "1"], &["Succeeded"]).await?;
        }
        Ok(())
    };
    let told: Result<()> = done.await;
    let log = flagger.log().to_owned();
    flagger.stop().await?;
    if let Err(error) = told {
        bail!("{error:#}\nthe controller's log:\n{}", serin_e2e::controller::tail(&log, ""));
    }
    common::calm(&log)?;
    without_serin(ground).await
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_are_seen_and_steered_by_hand() -> Result<()> {
    let (folder, controller) = (common::folder()?, common::folder()?);
    let ground = Ground::open(folder).await?;
    let done = story(&ground, controller.path()).await;
    cluster::delete(&ground.target.client, &format!("/api/v1/namespaces/{}", ground.namespace)).await?;
    done
}
