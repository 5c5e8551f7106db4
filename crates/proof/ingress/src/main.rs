//! `serin-mesh`: the mesh double beside any Kubernetes API whose pods can be reached from here.

use anyhow::Context;
use clap::Parser;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serin_ingress::mesh::{Addresses, MeshDouble};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// A mesh without sidecars: forwards requests by the routes of Istio, counts them, and answers as Prometheus.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The cluster to join; without it, what kubectl would use.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// For requests from outside: all gateways that routes name.
    #[arg(long, default_value = "127.0.0.1:15080")]
    gateway: SocketAddr,
    /// For requests from inside, and for `http_proxy`.
    #[arg(long, default_value = "127.0.0.1:15001")]
    sidecar: SocketAddr,
    /// For questions; below /istio-1.4 durations have their old name.
    #[arg(long, default_value = "127.0.0.1:15090")]
    prometheus: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let config = match &arguments.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    let Arguments { gateway, sidecar, prometheus, .. } = arguments;
    let stop = CancellationToken::new();
    let at = Addresses { gateway, sidecar, prometheus };
    let mesh = MeshDouble::start(Client::try_from(config)?, at, stop.clone()).await?;
    if mesh.synced().await {
        eprintln!("the mesh is up: {:?}", mesh.at);
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    stop.cancel();
    Ok(())
}
