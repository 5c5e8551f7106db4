//! Pod templates: a form that no spelling upsets, and short names for what they say.
//!
//! Property: two templates have one [`canonical`] form exactly when they run the same pods, however an API server, a
//! client or a controller spells them: defaults written out or left away, `1000m` for `1`, an empty list for none.
//!
//! Reason: whoever recognises a template by another serialisation of it sees new versions where there are none, with
//! each new release of Kubernetes, and restarts what runs.
//!
//! Mechanics: [`canonical`] strips every default, empty value and spelling from a template; [`fnv1a`] and [`encode`]
//! make a name of its JSON text, as Kubernetes makes names.
//!
//! What this crate does not do: know who puts what into whose template. A caller takes that out first.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod canonical;
mod name;

pub use canonical::canonical;
pub use name::{FNV_OFFSET, encode, fnv1a, go_json};

#[cfg(test)]
mod tests;
