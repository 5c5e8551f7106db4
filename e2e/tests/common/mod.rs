//! What the tests beside the scenarios share: a cluster with the controller under test, and kubectl.
//!
//! The cluster is the real kube-apiserver when `SERIN_E2E_KUBECONFIG` names one, and the embedded Kubernetes otherwise.

#![allow(dead_code)] // every test program uses its own part of this

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serin_e2e::controller::Controller;
use serin_e2e::target::{Kind, Target};

/// A cluster, the controller on it, and a folder that goes with them.
pub(crate) struct Ground {
    /// The cluster.
    pub(crate) target: Target,
    /// The process under test.
    pub(crate) controller: Controller,
    /// Where its log is.
    pub(crate) folder: tempfile::TempDir,
}

/// Which cluster the environment asks for.
pub(crate) fn kind() -> Kind {
    if std::env::var_os("SERIN_E2E_KUBECONFIG").is_some() { Kind::Real } else { Kind::Plane }
}

/// A folder that goes when it is dropped.
pub(crate) fn folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("serin-e2e").tempdir()?)
}

impl Ground {
    /// Starts the cluster and the controller.
    pub(crate) async fn start() -> Result<Self> {
        let folder = folder()?;
        let target = Target::start(kind(), folder.path()).await.context("starting the cluster")?;
        let controller = Controller::start(&target.kubeconfig, folder.path())?;
        Ok(Self { target, controller, folder })
    }

    /// Requires that the controller has neither ended nor panicked nor given an object up, then stops it.
    pub(crate) async fn end(mut self) -> Result<()> {
        ensure!(self.controller.is_running(), "the controller has ended:\n{}", self.controller.tail(""));
        let log = self.controller.log().to_owned();
        self.controller.stop().await?;
        calm(&log)
    }
}

/// Requires that a controller's log tells of no panic and of no object that was given up.
pub(crate) fn calm(log: &Path) -> Result<()> {
    let text = std::fs::read_to_string(log)?;
    ensure!(!text.is_empty(), "the controller has logged nothing");
    let bad = |line: &&str| {
        let line = line.to_lowercase();
        line.contains("panic") || line.contains("frozen")
    };
    let lines: Vec<&str> = text.lines().filter(bad).collect();
    ensure!(lines.is_empty(), "in the controller's log:\n{}", lines.join("\n"));
    Ok(())
}

/// What others have recorded or written and lies beside the repository. None with a notice when it is absent, which is
/// a failure where everything must be tested.
pub(crate) fn shared(path: &str) -> Result<Option<PathBuf>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    if folder.exists() {
        return Ok(Some(folder));
    }
    absent(&format!("{} is absent", folder.display()))?;
    Ok(None)
}

/// A notice that something is not tested here; a failure in CI.
pub(crate) fn absent(what: &str) -> Result<()> {
    ensure!(std::env::var_os("CI").is_none(), "{what}, and in CI nothing may be skipped");
    println!("skipped: {what}");
    Ok(())
}

/// Whether there is a kubectl.
pub(crate) fn has_kubectl() -> bool {
    let found = Command::new(kubectl_path()).args(["version", "--client"]).stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

fn kubectl_path() -> PathBuf {
    std::env::var_os("KUBECTL").map_or_else(|| PathBuf::from("kubectl"), PathBuf::from)
}

/// Runs kubectl on a cluster; the answer is whether it succeeded, and all that it said.
pub(crate) async fn kubectl(kubeconfig: &Path, arguments: &[&str], input: String) -> Result<(bool, String)> {
    let mut command = Command::new(kubectl_path());
    command.arg("--kubeconfig").arg(kubeconfig).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().context("starting kubectl")?;
        if let Some(mut stdin) = child.stdin.take() {
            // kubectl may end without reading all of it; what it says then is what counts.
            drop(stdin.write_all(input.as_bytes()));
        }
        let output = child.wait_with_output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
    })
    .await?
}
