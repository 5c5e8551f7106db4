//! What a Rollout must do, told as scenarios, on the embedded Kubernetes and on a real kube-apiserver.
