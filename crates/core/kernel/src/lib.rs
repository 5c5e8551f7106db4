//! The vocabulary of the three beats: observe, plan, apply.
