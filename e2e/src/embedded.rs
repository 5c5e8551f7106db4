//! The parts of a cluster that this process plays: the embedded Kubernetes, its workload controllers, the node double.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use serin_nodes::{Addresses, NodeDouble};
use serin_plane::{Listener, Plane};
use tokio_util::sync::CancellationToken;

/// A node that is silent for 40 s is given up by a real controller manager: 20 lets one renewal fail.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Scenarios send no requests, so a pod that goes has nothing to finish.
const FAREWELL: Duration = Duration::from_millis(200);

/// Starts the embedded Kubernetes and its workload controllers; the answer is its client, and the listener that must be kept.
pub async fn start(kubeconfig: &Path, stop: &CancellationToken) -> Result<(Client, Listener)> {
    let plane = Plane::new(serin_plane::Options::default());
    let client = plane.client();
    let listener = plane.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    std::fs::write(kubeconfig, listener.kubeconfig())
        .with_context(|| format!("writing {}", kubeconfig.display()))?;
    let (workloads, until) = (client.clone(), stop.clone());
    tokio::spawn(async move {
        if let Err(error) = serin_workloads::run(workloads, serin_workloads::Options::default(), until).await
        {
            eprintln!("the workload controllers have ended: {error}");
        }
    });
    Ok((client, listener))
}

/// Starts the node double.
pub(crate) async fn nodes(client: Client, stop: &CancellationToken) -> Result<()> {
    let options = serin_nodes::Options {
        addresses: Addresses::None,
        heartbeat: Some(HEARTBEAT),
        terminate_after: FAREWELL,
        ..serin_nodes::Options::default()
    };
    NodeDouble::start(client, options, stop.clone()).await?;
    Ok(())
}
