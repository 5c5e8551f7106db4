//! What the tests beside the scenarios share: a cluster with the controller under test.
//!
//! The cluster is the real kube-apiserver when `SERIN_E2E_KUBECONFIG` names one, and the embedded Kubernetes otherwise.

#![allow(dead_code)] // every test program uses its own part of this

use std::path::Path;

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
    if serin_needs::real_server().is_some() { Kind::Real } else { Kind::Plane }
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
