//! A cluster to run scenarios on: the embedded Kubernetes in this process, or a real kube-apiserver.
//!
//! Both get the same node double, because neither has nodes of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use serin_plane::Listener;
use tokio_util::sync::CancellationToken;

use crate::cluster::{create, get, has_code};
use crate::embedded;

/// What a user applies before the first Rollout.
const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/crds.yaml");
/// What a user applies before the first Canary.
const CANARY_DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/flagger-crds.yaml");
/// A real API server serves a new kind after a second or two; there is nothing to watch for that.
pub(crate) const SERVED_TRIES: u32 = 100;
/// Between two looks whether a new kind is served.
pub(crate) const SERVED_PAUSE: Duration = Duration::from_millis(100);

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
    /// What a user is given.
    pub user_kubeconfig: PathBuf,
    /// What the controller under test is given.
    pub kubeconfig: PathBuf,
    stop: CancellationToken,
    _listener: Option<Listener>,
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
        let (client, user_kubeconfig, kubeconfig, listener) = match kind {
            Kind::Plane => {
                let kubeconfig = folder.join("kubeconfig");
                let (client, listener) = embedded::start(&kubeconfig, &stop).await?;
                (client, kubeconfig.clone(), kubeconfig, Some(listener))
            }
            Kind::Real => {
                let (client, user, controller) = real().await?;
                (client, user, controller, None)
            }
        };
        let target = Self { client, user_kubeconfig, kubeconfig, stop, _listener: listener };
        install_definitions(&target.client).await?;
        embedded::nodes(target.client.clone(), &target.stop).await?;
        Ok(target)
    }
}

/// The client, the kubeconfig of its user, and that of the controller.
async fn real() -> Result<(Client, PathBuf, PathBuf)> {
    let user = serin_needs::real_server().context("SERIN_E2E_KUBECONFIG names no cluster: run e2e/run.sh")?;
    let controller = std::env::var_os("SERIN_E2E_CONTROLLER_KUBECONFIG").map(PathBuf::from);
    Ok((client(&user).await?, user.clone(), controller.unwrap_or(user)))
}

/// The node double on any cluster. Dropping it stops it.
#[derive(Debug)]
pub struct Nodes {
    stop: CancellationToken,
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Nodes {
    /// Registers nodes and looks after their pods.
    pub async fn start(client: Client) -> Result<Self> {
        let stop = CancellationToken::new();
        embedded::nodes(client, &stop).await?;
        Ok(Self { stop })
    }
}

/// A client for a kubeconfig file.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Creates the definitions that a user of Rollouts applies, and waits until the API serves them.
pub async fn install_definitions(client: &Client) -> Result<()> {
    apply_definitions(client, DEFINITIONS).await?;
    for _ in 0..SERVED_TRIES {
        if get(client, "/apis/argoproj.io/v1alpha1/rollouts").await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(SERVED_PAUSE).await;
    }
    bail!("argoproj.io/v1alpha1 rollouts are not served 10 s after their definition was created")
}

/// Creates the definitions that a user of Canaries applies, and those of the meshes and gateways that Canaries may name.
pub async fn install_canary_definitions(client: &Client) -> Result<()> {
    apply_definitions(client, CANARY_DEFINITIONS).await?;
    crate::routers::install(client).await
}

async fn apply_definitions(client: &Client, path: &str) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let definitions: Vec<Value> =
        serde_saphyr::from_multiple(&text).with_context(|| format!("parsing {path}"))?;
    for definition in definitions {
        match create(client, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await {
            Err(error) if !has_code(&error, 409) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
