//! The kinds that planners read and write.

use serin_kernel::Kind;

/// API group of the kinds that Argo Rollouts defines.
pub const GROUP: &str = "argoproj.io";
/// Their only version.
pub const VERSION: &str = "v1alpha1";

/// `Rollout`.
pub const ROLLOUT: Kind = Kind::namespaced(GROUP, VERSION, "Rollout", "rollouts");
/// `AnalysisTemplate`.
pub const ANALYSIS_TEMPLATE: Kind = Kind::namespaced(GROUP, VERSION, "AnalysisTemplate", "analysistemplates");
/// `ClusterAnalysisTemplate`.
pub const CLUSTER_ANALYSIS_TEMPLATE: Kind =
    Kind::cluster(GROUP, VERSION, "ClusterAnalysisTemplate", "clusteranalysistemplates");
/// `AnalysisRun`.
pub const ANALYSIS_RUN: Kind = Kind::namespaced(GROUP, VERSION, "AnalysisRun", "analysisruns");
/// `Experiment`.
pub const EXPERIMENT: Kind = Kind::namespaced(GROUP, VERSION, "Experiment", "experiments");
/// `ReplicaSet`.
pub const REPLICA_SET: Kind = Kind::namespaced("apps", "v1", "ReplicaSet", "replicasets");
/// `Deployment`.
pub const DEPLOYMENT: Kind = Kind::namespaced("apps", "v1", "Deployment", "deployments");
/// `Pod`.
pub const POD: Kind = Kind::namespaced("", "v1", "Pod", "pods");
/// `PodTemplate`.
pub const POD_TEMPLATE: Kind = Kind::namespaced("", "v1", "PodTemplate", "podtemplates");
/// `Service`.
pub const SERVICE: Kind = Kind::namespaced("", "v1", "Service", "services");
/// `Ingress`.
pub const INGRESS: Kind = Kind::namespaced("networking.k8s.io", "v1", "Ingress", "ingresses");
