//! Progressive delivery for Kubernetes with a verdict that can be checked.
fn main() {}
