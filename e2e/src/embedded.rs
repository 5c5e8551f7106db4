//! The parts of a cluster that this process plays: the embedded Kubernetes, its workload controllers, the node double.

use std::path::Path;

use anyhow::{Result, bail};
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::target::Target;

/// Starts the embedded Kubernetes and its workload controllers.
pub(crate) async fn start(_folder: &Path, _stop: CancellationToken) -> Result<Target> {
    bail!("the embedded Kubernetes cannot listen yet")
}

/// Starts the node double.
pub(crate) async fn nodes(_client: Client, _stop: CancellationToken) -> Result<()> {
    Ok(())
}
