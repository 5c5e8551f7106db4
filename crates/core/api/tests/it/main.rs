//! What other tools wrote must be read here as they meant it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "recordings and manifests are files; the crate itself reads none"
)]
#![allow(clippy::too_many_lines, reason = "tables")]

mod crds;
mod examples;
mod flagger;
mod recorded;
mod shared;
mod validate;
