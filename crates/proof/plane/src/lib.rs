//! An embedded Kubernetes API: a tower service.
