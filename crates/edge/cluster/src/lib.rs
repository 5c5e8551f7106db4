//! Kubernetes: watches and caches, applying writes, events, the lease lock.
