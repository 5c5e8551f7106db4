//! `embedded-plane KUBECONFIG`: the embedded Kubernetes and its workload controllers, without nodes, for scripts that start a
//! real control plane otherwise. It serves on loopback until it is ended.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map(PathBuf::from).context("usage: embedded-plane KUBECONFIG")?;
    let _running = serin_e2e::embedded::start(&path, &CancellationToken::new()).await?;
    println!("up: KUBECONFIG={}", path.display());
    std::future::pending::<()>().await;
    Ok(())
}
