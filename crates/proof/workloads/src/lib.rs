//! Workload controllers for the embedded Kubernetes: Deployment, ReplicaSet, EndpointSlice, garbage collection, PDB.
