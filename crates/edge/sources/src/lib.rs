//! Metric sources: a query over HTTP to the bytes of its answer.
//!
//! Property: a question ends, with an answer or with why there is none. Each try has a time limit and so has the whole, an
//! answer has a largest size, and only what may pass by itself is tried again (no connection, 408, 429 and 5xx).
//!
//! What this crate does not do: build queries or read answers (that is `core/judge` and `core/gate`), proxies, and redirects: an address
//! that redirects is told, because following it could carry a token to somebody else.

mod access;
mod prometheus;

pub use access::Access;
pub use prometheus::{Answer, Limits, Prometheus, SourceError, Wanted};
