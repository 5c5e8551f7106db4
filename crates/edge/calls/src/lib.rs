//! HTTP requests that planners ask for: web hooks, metric servers, chats; and the controller's own files, such as tokens.
//!
//! Property: a call ends, with a reply or with why there is none; a server that hangs takes its own share of the calls
//! under way and no more; a message that nobody waits for is never in anybody's way; no secret of an address or a header
//! gets into a text.
//!
//! What this crate does not do: decide what is asked, or what an answer means.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
mod connect;
mod failure;
mod file;
mod hosts;
mod http;
mod outbox;
mod trust;

use std::fmt::Debug;

use futures::future::BoxFuture;
use serin_kernel::{Call, Reply};

pub use crate::http::{Http, Limits};
pub use address::shown;
pub use file::text;
pub use outbox::{Hearer, Outbox, Posted};

/// Makes calls.
pub trait Caller: Debug + Send + Sync + 'static {
    /// The reply to `call`, or in words why there is none.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, String>>;
}

/// Reaches nobody: for engines whose planners ask nothing of the world outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Caller for Nobody {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, String>> {
        Box::pin(async move { Err(format!("{}: this engine makes no calls", address::shown(&call.url))) })
    }
}
