//! The Rollout machine.
