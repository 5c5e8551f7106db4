//! The demo's cluster in one process: API, workload controllers and nodes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use serin_cluster::{Client, KubeApi, Settings, direct::Direct};
use serin_kernel::Kind;
use serin_nodes::NodeDouble;
use serin_plane::{Listener, Plane};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::kubeconfig::Kubeconfig;
use crate::out;

const DEFINITION: Kind =
    Kind::cluster("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");

/// What time it is: one clock for everything in the cluster.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that runs, until it is stopped.
pub(super) struct Cluster {
    client: Client,
    clock: Clock,
    kubeconfig: Kubeconfig,
    listener: Listener,
    stop: CancellationToken,
    running: TaskTracker,
}

/// An address of this machine alone.
pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Cluster {
    /// Starts a cluster that knows `definitions`, and writes a kubeconfig for kubectl.
    pub(super) async fn start(
        kubeconfig: &Path,
        api_port: u16,
        definitions: &[Value],
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let (stop, running) = (CancellationToken::new(), TaskTracker::new());
        let plane =
            Plane::new(serin_plane::Options { clock: clock.clone(), ..serin_plane::Options::default() });
        let listener = plane.listen(loopback(api_port)).await.context("the API server")?;
        let client = plane.client();
        install(&client, definitions).await?;
        let (workloads, token) = (client.clone(), stop.clone());
        let options =
            serin_workloads::Options { clock: clock.clone(), ..serin_workloads::Options::default() };
        running.spawn(async move {
            if let Err(error) = serin_workloads::run(workloads, options, token).await {
                out::complain(format_args!("Error: the workload controllers: {error}"));
            }
        });
        let options = serin_nodes::Options { clock: clock.clone(), ..serin_nodes::Options::default() };
        let nodes = NodeDouble::start(client.clone(), options, stop.clone()).await?;
        running.spawn(nodes.stopped());
        let kubeconfig = Kubeconfig::write(kubeconfig, &listener.kubeconfig())?;
        Ok(Self { client, clock, kubeconfig, listener, stop, running })
    }

    /// A client of its API.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The kubeconfig that was written.
    pub(super) fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }

    /// What ends with the cluster.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// What the cluster waits for when it is stopped.
    pub(super) fn running(&self) -> &TaskTracker {
        &self.running
    }

    /// How a controller of ours sees the cluster.
    pub(super) fn seen(&self) -> (Arc<KubeApi>, Settings) {
        let clock = self.clock.clone();
        (Arc::new(KubeApi::new(self.client())), Settings::new(Arc::new(move || clock().into())))
    }

    /// Stops it all.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
        drop(self.kubeconfig);
        self.listener.shutdown().await;
    }
}

/// Installs definitions.
async fn install(client: &Client, definitions: &[Value]) -> anyhow::Result<()> {
    let api = Direct::new(client.clone());
    for definition in definitions {
        let name =
            definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        api.create(DEFINITION, "", definition).await.with_context(|| format!("installing {name}"))?;
    }
    Ok(())
}
