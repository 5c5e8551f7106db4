//! `Rollout`: what it asks for, its strategy, and where it stands.

pub mod defaults;
mod spec;
mod status;
mod strategy;
mod traffic;

pub use defaults::{AbortScaleDown, StepKind};
pub use spec::*;
pub use status::*;
pub use strategy::*;
pub use traffic::*;
