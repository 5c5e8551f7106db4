//! Real requests through the data planes to the node double's pods, on the embedded API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod mesh;
mod traffic;
