//! Kubernetes: watches and caches, applying writes, events, the lease lock.
//!
//! Property: whoever reads a [`Cluster`] never sees a world older than what it has written through it, and no object
//! is lost for being odd.
//!
//! Reason: a cache that lags behind our own writes makes planners decide twice, and a watch that stops at one bad
//! object stops everybody's deployments.
//!
//! Mechanics: [`Api`] is the smallest contract that a Kubernetes API must fulfil; [`KubeApi`] speaks it over
//! `kube::Client`, `serin-memory` is the double for tests, and both pass the same conformance suite. [`Cluster`] stands
//! on an [`Api`]: one store per kind, fed by one watch per kind that starts when the kind is first needed; the answer
//! to each of our writes is laid over the store at once. [`Lock`] is the lease by which one leader is chosen.
//!
//! What this crate does not do: decide what to write, or when.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod access;
mod api;
mod backoff;
mod classify;
pub mod clock;
mod cluster;
mod correlate;
mod count;
pub mod direct;
mod follow;
mod kube_api;
mod lease;
mod limit;
mod record;
mod store;
mod trim;

pub use api::{Api, Call, Failure, Listed, Scope, Seen, Verb};
pub use backoff::{Backoff, Jitter};
pub use cluster::{Cluster, Listener, Settings, State, Written};
pub use count::{Counts, RequestLabels};
pub use kube::Client;
pub use kube_api::KubeApi;
pub use lease::{Lock, LockTimes, Role};
pub use limit::Limit;
pub use record::EventLabels;
pub use store::Change;
pub use trim::{Trim, trim, trim_pod};
