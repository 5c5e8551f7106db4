//! The loop that observes, plans and applies.
