//! Pictures: pens that write SVG, and SVG to PNG with letters of its own.
//!
//! Property: the same picture gives the same pixels on every machine; what is written into a picture is text there and never
//! markup.
//!
//! What this crate does not do: decide what is drawn.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod pen;
mod png;

pub use png::{BYTES_MAX, PIXELS_MAX, PictureError, png};
