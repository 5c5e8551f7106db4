//! HTTP requests that planners ask for: web hooks, metric servers, chats.
//!
//! Property: a call ends, with a reply or with why there is none; a message that nobody waits for is never in anybody's way.
//!
//! What this crate does not do: decide what is asked, or what an answer means.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod outbox;

use std::fmt::Debug;

use futures::future::BoxFuture;
use serin_kernel::{Call, Reply};

pub use outbox::Outbox;

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
        Box::pin(async move { Err(format!("{}: this engine makes no calls", call.url)) })
    }
}
