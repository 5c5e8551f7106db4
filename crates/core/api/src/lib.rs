//! The Kubernetes kinds: types, schemas, defaults, validation.
