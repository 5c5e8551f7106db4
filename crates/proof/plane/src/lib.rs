//! An embedded Kubernetes API that kubectl and controllers cannot tell from a real one in what it
//! serves, and that refuses by name what it does not.
//!
//! It is the cluster of the demo, of the tests and of rehearsals in virtual time: a [`tower`]
//! service in memory, reached in process by [`Plane::client`] (no socket, so it works under tokio's
//! paused clock) or over loopback by [`Plane::listen`].
//!
//! Inside, everything that decides is synchronous: `store` holds objects, versions and history;
//! `verbs` and `rules` say what a request does to them, with all its consequences (garbage
//! collection, namespaces, definitions) settled before the answer; `kinds`, `schema`, `patch`,
//! `table`, `discovery` and `openapi` are functions over values. Around it, `plane`, `watch` and
//! `listen` are the thin part that waits.
//!
//! What it does not do: server-side apply, CEL other than `self == oldSelf`, authorization, web
//! hooks, conversion, logs, exec, attach, port-forward, proxies, and any kind that is neither in the
//! built-in table nor defined by a `CustomResourceDefinition`. Each is refused by name. Nothing runs
//! at rest, and nothing is kept on disk.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

mod api;
mod cluster;
mod content;
pub mod convert;
pub mod discovery;
mod documents;
mod fields;
pub mod kinds;
mod listen;
pub mod openapi;
pub mod patch;
mod plane;
mod proto;
mod registry;
mod request;
mod rules;
pub mod schema;
mod status;
mod store;
pub mod table;
mod verbs;
mod watch;

pub use listen::Listener;
pub use plane::{Body, Plane, PlaneService};

/// How a plane behaves. [`Options::default`] is right for everything but tests of the limits.
#[derive(Clone)]
pub struct Options {
    /// The time that objects are stamped with; the real clock unless a test brings its own.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How long Events are kept; an hour, as in a real cluster.
    pub event_ttl: SignedDuration,
    /// How many changes of each resource are remembered for watches and consistent pages. A watcher
    /// further behind gets 410. 2,048 changes of pods are about 30 MB.
    pub history_max: usize,
    /// How many watches may be open at once; 1,000 are more than any demo or test needs.
    pub watches_max: usize,
    /// The largest body, in bytes; 3 MiB, as in a real API server.
    pub body_bytes_max: usize,
    /// Where uids and generated names start from; unset, they differ from run to run.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            clock: Arc::new(Timestamp::now),
            event_ttl: SignedDuration::from_hours(1),
            history_max: 2048,
            watches_max: 1000,
            body_bytes_max: 3 * 1024 * 1024,
            seed: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("event_ttl", &self.event_ttl)
            .field("history_max", &self.history_max)
            .field("watches_max", &self.watches_max)
            .field("body_bytes_max", &self.body_bytes_max)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why a plane does not listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// The certificate could not be used.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}
