//! The workload controllers of a cluster that has none: the plane's own kube-controller-manager and scheduler.
//!
//! Held: everything that decides is a pure function of the objects seen and the time (one module per controller, each
//! with its table of cases); one loop ([`run`]) carries the decisions out, one key at a time, through any Kubernetes
//! API. Nothing is polled: at rest the loop waits for a watch event or for the next instant that a planner named.
//!
//! It serves Deployments, ReplicaSets (whoever owns them), DaemonSets, Services, PodDisruptionBudgets, and binds pods
//! to nodes. It does not collect garbage, delete namespaces, scale by metrics, run Jobs or StatefulSets, or weigh
//! resources when it schedules.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod api;
mod budget;
mod cache;
mod daemonset;
mod deployment;
mod hash;
mod json;
mod pod;
mod queue;
mod replicaset;
mod run;
mod schedule;
mod service;
mod write;

pub use run::{Clock, Options, run};

/// Why the controllers stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Every watch has ended, which no healthy client does.
    #[error("the watches ended: the API client no longer works")]
    WatchesEnded,
}
