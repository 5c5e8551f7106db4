//! What a Rollout and a Canary must do, told as scenarios: one suite, two targets.
//!
//! The same scenarios run on the embedded Kubernetes and on a real kube-apiserver, always with the real binary as the
//! controller, started as a user starts it. So a scenario that passes on one target and fails on the other shows a defect of
//! the embedded Kubernetes, and a scenario that fails on both shows one of the controller.
//!
//! - [`target`]: a cluster to run on, with nodes that make pods ready.
//! - [`controller`]: the process under test.
//! - [`kubectl`]: kubectl, as a user has it.
//! - [`mirror`]: what is in a scenario's namespace, kept by watches, so that waiting is never polling.
//! - [`prometheus`]: a real Prometheus, where one is asked.
//! - [`stage`]: the words that scenarios are written in.
//! - [`scenarios`]: the table of scenarios of Rollouts, with the number that each has in the specification.
//! - [`canaries`]: that of Canaries, with the words that are theirs.
//! - [`servers`]: the metric server, web hooks and chats that a Canary calls, as a scenario wants them.
//! - [`embedded`]: the parts of a cluster that this process plays.
//! - [`routers`]: the kinds that meshes and gateways bring.
#![allow(clippy::missing_errors_doc)] // every function here fails in one way: the scenario fails, and says why

pub mod canaries;
pub mod cluster;
pub mod controller;
pub mod embedded;
pub mod fixture;
pub mod kubectl;
pub mod mirror;
pub mod prometheus;
pub mod routers;
pub mod runner;
pub mod scenarios;
pub mod servers;
pub mod stage;
pub mod story;
pub mod target;
pub mod view;
