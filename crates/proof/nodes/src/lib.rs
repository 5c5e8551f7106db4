//! The node double: nodes whose pods start, become Ready, fail as told, and serve real HTTP.
//!
//! Held: what a pod does follows from its image and annotations alone ([`image`]); a status is written only when it
//! says something new; a pod that goes away finishes what it has begun and serves on while its endpoint is taken out.
//!
//! It talks to any Kubernetes API through a `kube::Client`: the embedded one, or a real one beside the real scheduler
//! and controllers. It runs no containers, checks no probes, mounts nothing, and knows no resources.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
mod app;
mod double;
pub mod image;
mod lifecycle;
mod node;
mod pod;
mod server;

pub use address::Addresses;

use address::Allocator;
use double::Double;
use jiff::Timestamp;
use kube::Client;
use server::Directory;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tells the time. Under tokio's paused clock a test derives it from tokio's own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How the double behaves.
#[derive(Clone)]
pub struct Options {
    /// Nodes to register, named `<node_prefix>-1` and up.
    pub nodes: usize,
    /// The nodes' common name.
    pub node_prefix: String,
    /// From a pod's start until it is Ready, where neither image nor annotation says otherwise.
    pub ready_delay: Duration,
    /// A deleted pod serves on for this long (never longer than its grace), while its endpoints are taken out.
    pub terminate_after: Duration,
    /// Where pods are reached.
    pub addresses: Addresses,
    /// How often each node's Lease is renewed; none on an API without a node controller, so that nothing is written
    /// at rest. A real one gives a node up after 40 seconds: 20 lets one renewal fail.
    pub heartbeat: Option<Duration>,
    /// The time that conditions and waits are measured with.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 2,
            node_prefix: "serin-node".to_owned(),
            ready_delay: Duration::ZERO,
            terminate_after: Duration::from_secs(1),
            addresses: Addresses::Loopback,
            heartbeat: None,
            clock: Arc::new(Timestamp::now),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("nodes", &self.nodes)
            .field("ready_delay", &self.ready_delay)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Why the double could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API refused a node.
    #[error("node {name} could not be registered")]
    Register {
        /// The node.
        name: String,
        /// What the API or the connection said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The server that plays all pods has no port.
    #[error("cannot listen on {address} for the pods: choose another address for them")]
    Listen {
        /// The wanted address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// A running double.
#[derive(Debug)]
pub struct NodeDouble {
    task: JoinHandle<()>,
}

impl NodeDouble {
    /// Registers the nodes and starts looking after their pods until `stop` is cancelled.
    ///
    /// # Errors
    /// [`Error::Register`] when a node is refused, [`Error::Listen`] when the pods' common port is taken.
    pub async fn start(client: Client, options: Options, stop: CancellationToken) -> Result<Self, Error> {
        let pool = Allocator::new(options.addresses, rand::random());
        let host = pool.host().to_string();
        let directory = Directory::default();
        if let Addresses::Network { listen, .. } = options.addresses {
            let listener =
                server::bind(listen).map_err(|source| Error::Listen { address: listen, source })?;
            tokio::spawn(server::serve_all(listener, Arc::clone(&directory), stop.clone()));
        }
        let names: Vec<String> = (1..=options.nodes).map(|n| node::name(&options.node_prefix, n)).collect();
        for name in &names {
            node::register(&client, name, &host, (options.clock)())
                .await
                .map_err(|source| Error::Register { name: name.clone(), source: Box::new(source) })?;
        }
        if let Some(every) = options.heartbeat {
            tokio::spawn(heartbeat(client.clone(), names, every, options.clock.clone(), stop.clone()));
        }
        let task = tokio::spawn(Double::new(client, options, pool, directory).run(stop));
        Ok(Self { task })
    }

    /// Waits until the double has stopped.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the node double broke");
        }
    }
}

async fn heartbeat(
    client: Client,
    names: Vec<String>,
    every: Duration,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        for name in &names {
            if let Err(error) = node::renew(&client, name, clock()).await {
                tracing::warn!(%name, %error, "a node's Lease was not renewed");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}
