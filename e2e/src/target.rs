//! A cluster to run scenarios on: the embedded Kubernetes in this process, or a real kube-apiserver.
//!
//! Both get the same node double, because neither has nodes of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::cluster::{create, get, has_code};
use crate::controller::binary;

/// Which cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// `serin-plane` in this process, listening on loopback.
    Plane,
    /// The kube-apiserver of `SERIN_E2E_KUBECONFIG`.
    Real,
}

/// A running cluster with nodes. Dropping it stops what was started here.
pub struct Target {
    /// A client with all rights.
    pub client: Client,
    /// What the controller under test is given.
    pub kubeconfig: PathBuf,
    stop: CancellationToken,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Target {
    /// Starts the cluster, its nodes, and the definitions that Serin brings.
    pub async fn start(kind: Kind, folder: &Path) -> Result<Self> {
        let stop = CancellationToken::new();
        let target = match kind {
            Kind::Plane => crate::embedded::start(folder, stop).await?,
            Kind::Real => Self::real(stop).await?,
        };
        install_definitions(&target.client).await?;
        crate::embedded::nodes(target.client.clone(), target.stop.clone()).await?;
        Ok(target)
    }

    async fn real(stop: CancellationToken) -> Result<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let ours =
            path("SERIN_E2E_KUBECONFIG").context("SERIN_E2E_KUBECONFIG names no cluster: run e2e/run.sh")?;
        let kubeconfig = path("SERIN_E2E_CONTROLLER_KUBECONFIG").unwrap_or_else(|| ours.clone());
        Ok(Self { client: client(&ours).await?, kubeconfig, stop })
    }

    /// A target of these parts.
    #[must_use]
    pub fn new(client: Client, kubeconfig: PathBuf, stop: CancellationToken) -> Self {
        Self { client, kubeconfig, stop }
    }
}

/// A client for a kubeconfig file.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Creates what `serin crds` prints, and waits until the API serves it.
pub async fn install_definitions(client: &Client) -> Result<()> {
    let out = Command::new(binary()?).args(["crds", "-o", "json"]).output().await.context("serin crds")?;
    if !out.status.success() {
        bail!("serin crds: {}", String::from_utf8_lossy(&out.stderr));
    }
    let printed: Value = serde_json::from_slice(&out.stdout).context("what serin crds -o json prints")?;
    let definitions = printed["items"].as_array().or_else(|| printed.as_array()).cloned();
    for definition in definitions.unwrap_or_else(|| vec![printed]) {
        match create(client, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await {
            Err(error) if !has_code(&error, 409) => return Err(error),
            _ => {}
        }
    }
    for _ in 0..100 {
        if get(client, "/apis/argoproj.io/v1alpha1/rollouts").await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    bail!("argoproj.io/v1alpha1 rollouts are not served 10 s after their definition was created")
}
