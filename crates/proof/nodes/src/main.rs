//! The node double as a program, for a real control plane: `serin-nodes --kubeconfig F --addresses network`.

use anyhow::Context;
use clap::{Parser, ValueEnum};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serin_lang::duration::GoDuration;
use serin_nodes::{Addresses, NodeDouble, Options};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Nodes without machines: registers nodes, runs their pods, serves their HTTP.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The cluster to join; without it, what kubectl would use.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// How many nodes.
    #[arg(long, default_value_t = 2)]
    nodes: usize,
    /// The nodes' common name; a number comes behind it.
    #[arg(long, default_value = "serin-node")]
    node_prefix: String,
    /// Where pods are reached.
    #[arg(long, value_enum, default_value = "loopback")]
    addresses: Mode,
    /// The pods' addresses in network mode.
    #[arg(long, default_value = "10.0.0.0/16", value_parser = prefix)]
    prefix: (Ipv4Addr, u8),
    /// Where one server plays every pod in network mode.
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// From a pod's start until it is Ready, such as 100ms.
    #[arg(long, default_value = "0s", value_parser = duration)]
    ready_after: Duration,
    /// How long a deleted pod serves on.
    #[arg(long, default_value = "1s", value_parser = duration)]
    terminate_after: Duration,
    /// How often each node's Lease is renewed; 0s for never.
    #[arg(long, default_value = "20s", value_parser = duration)]
    heartbeat: Duration,
    /// Run the workload controllers and the scheduler too, for an API that has none.
    #[arg(long)]
    workloads: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Loopback,
    Network,
    None,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let client = connect(arguments.kubeconfig.as_deref()).await?;
    let (prefix, bits) = arguments.prefix;
    let options = Options {
        nodes: arguments.nodes,
        node_prefix: arguments.node_prefix,
        ready_delay: arguments.ready_after,
        terminate_after: arguments.terminate_after,
        addresses: match arguments.addresses {
            Mode::Loopback => Addresses::Loopback,
            Mode::Network => Addresses::Network { prefix, bits, listen: arguments.listen },
            Mode::None => Addresses::None,
        },
        heartbeat: Some(arguments.heartbeat).filter(|every| !every.is_zero()),
        ..Options::default()
    };
    let stop = CancellationToken::new();
    let double = NodeDouble::start(client.clone(), options, stop.clone()).await?;
    let workloads = arguments.workloads.then(|| {
        tokio::spawn(serin_workloads::run(client, serin_workloads::Options::default(), stop.clone()))
    });
    eprintln!("{} nodes are up", arguments.nodes);
    ended().await?;
    stop.cancel();
    double.stopped().await;
    if let Some(workloads) = workloads {
        workloads.await??;
    }
    Ok(())
}

async fn connect(kubeconfig: Option<&std::path::Path>) -> anyhow::Result<Client> {
    let config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    Ok(Client::try_from(config)?)
}

/// Waits for an interrupt or a request to terminate.
async fn ended() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = GoDuration::parse(text).map_err(|error| error.to_string())?;
    u64::try_from(parsed.nanos()).map(Duration::from_nanos).map_err(|_| "must not be negative".to_owned())
}

fn prefix(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let wrong = || "must look like 10.0.0.0/16, with 8 to 28 bits".to_owned();
    let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
    let bits = bits.parse().ok().filter(|bits| (8..=28).contains(bits)).ok_or_else(wrong)?;
    Ok((address.parse().map_err(|_| wrong())?, bits))
}
