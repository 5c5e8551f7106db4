//! The plane through the clients that people use: kube in this process, kubectl over TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod client;
mod flagger;
mod hostile;
mod kubectl;
