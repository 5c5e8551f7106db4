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

/// API group of the kinds that Flagger defines.
pub const FLAGGER_GROUP: &str = "flagger.app";
/// Their only version.
pub const FLAGGER_VERSION: &str = "v1beta1";
/// `Canary`.
pub const CANARY: Kind = Kind::namespaced(FLAGGER_GROUP, FLAGGER_VERSION, "Canary", "canaries");
/// `MetricTemplate`.
pub const METRIC_TEMPLATE: Kind =
    Kind::namespaced(FLAGGER_GROUP, FLAGGER_VERSION, "MetricTemplate", "metrictemplates");
/// `AlertProvider`.
pub const ALERT_PROVIDER: Kind =
    Kind::namespaced(FLAGGER_GROUP, FLAGGER_VERSION, "AlertProvider", "alertproviders");
/// API group of the kinds that are Serin's own.
pub const SERIN_GROUP: &str = "serin.dev";
/// `AnalysisVariant`.
pub const ANALYSIS_VARIANT: Kind =
    Kind::namespaced(SERIN_GROUP, "v1alpha1", "AnalysisVariant", "analysisvariants");
/// `Namespace`.
pub const NAMESPACE: Kind = Kind::cluster("", "v1", "Namespace", "namespaces");
/// `DaemonSet`.
pub const DAEMON_SET: Kind = Kind::namespaced("apps", "v1", "DaemonSet", "daemonsets");
/// `ControllerRevision`.
pub const CONTROLLER_REVISION: Kind =
    Kind::namespaced("apps", "v1", "ControllerRevision", "controllerrevisions");
/// `ConfigMap`.
pub const CONFIG_MAP: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");
/// `Secret`.
pub const SECRET: Kind = Kind::namespaced("", "v1", "Secret", "secrets");
/// `HorizontalPodAutoscaler`.
pub const HORIZONTAL_POD_AUTOSCALER: Kind =
    Kind::namespaced("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers");
/// KEDA's `ScaledObject`.
pub const SCALED_OBJECT: Kind = Kind::namespaced("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects");
/// Istio's `VirtualService`.
pub const ISTIO_VIRTUAL_SERVICE: Kind =
    Kind::namespaced("networking.istio.io", "v1beta1", "VirtualService", "virtualservices");
/// Istio's `DestinationRule`.
pub const ISTIO_DESTINATION_RULE: Kind =
    Kind::namespaced("networking.istio.io", "v1beta1", "DestinationRule", "destinationrules");
/// The Gateway API's `HTTPRoute`.
pub const HTTP_ROUTE: Kind = Kind::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
/// The older version of `HTTPRoute`.
pub const HTTP_ROUTE_V1BETA1: Kind =
    Kind::namespaced("gateway.networking.k8s.io", "v1beta1", "HTTPRoute", "httproutes");
/// Traefik's `TraefikService`.
pub const TRAEFIK_SERVICE: Kind =
    Kind::namespaced("traefik.io", "v1alpha1", "TraefikService", "traefikservices");
/// Contour's `HTTPProxy`.
pub const HTTP_PROXY: Kind = Kind::namespaced("projectcontour.io", "v1", "HTTPProxy", "httpproxies");
/// The Service Mesh Interface's `TrafficSplit`, first version.
pub const TRAFFIC_SPLIT_V1ALPHA1: Kind =
    Kind::namespaced("split.smi-spec.io", "v1alpha1", "TrafficSplit", "trafficsplits");
/// The second version of `TrafficSplit`.
pub const TRAFFIC_SPLIT_V1ALPHA2: Kind =
    Kind::namespaced("split.smi-spec.io", "v1alpha2", "TrafficSplit", "trafficsplits");
/// The third version of `TrafficSplit`.
pub const TRAFFIC_SPLIT_V1ALPHA3: Kind =
    Kind::namespaced("split.smi-spec.io", "v1alpha3", "TrafficSplit", "trafficsplits");
/// APISIX's `ApisixRoute`.
pub const APISIX_ROUTE: Kind = Kind::namespaced("apisix.apache.org", "v2", "ApisixRoute", "apisixroutes");
/// Gloo's `RouteTable`.
pub const ROUTE_TABLE: Kind = Kind::namespaced("gateway.solo.io", "v1", "RouteTable", "routetables");
/// Gloo's `Upstream`.
pub const UPSTREAM: Kind = Kind::namespaced("gloo.solo.io", "v1", "Upstream", "upstreams");
/// Kuma's `TrafficRoute`.
pub const TRAFFIC_ROUTE: Kind = Kind::cluster("kuma.io", "v1alpha1", "TrafficRoute", "trafficroutes");
/// App Mesh's `VirtualNode`, older API.
pub const APP_MESH_VIRTUAL_NODE_V1BETA1: Kind =
    Kind::namespaced("appmesh.k8s.aws", "v1beta1", "VirtualNode", "virtualnodes");
/// App Mesh's `VirtualService`, older API.
pub const APP_MESH_VIRTUAL_SERVICE_V1BETA1: Kind =
    Kind::namespaced("appmesh.k8s.aws", "v1beta1", "VirtualService", "virtualservices");
/// App Mesh's `VirtualNode`.
pub const APP_MESH_VIRTUAL_NODE: Kind =
    Kind::namespaced("appmesh.k8s.aws", "v1beta2", "VirtualNode", "virtualnodes");
/// App Mesh's `VirtualRouter`.
pub const APP_MESH_VIRTUAL_ROUTER: Kind =
    Kind::namespaced("appmesh.k8s.aws", "v1beta2", "VirtualRouter", "virtualrouters");
/// App Mesh's `VirtualService`.
pub const APP_MESH_VIRTUAL_SERVICE: Kind =
    Kind::namespaced("appmesh.k8s.aws", "v1beta2", "VirtualService", "virtualservices");
/// Knative's `Service`.
pub const KNATIVE_SERVICE: Kind = Kind::namespaced("serving.knative.dev", "v1", "Service", "services");
/// Knative's `Revision`.
pub const KNATIVE_REVISION: Kind = Kind::namespaced("serving.knative.dev", "v1", "Revision", "revisions");
/// Keptn's `KeptnMetric`.
pub const KEPTN_METRIC: Kind = Kind::namespaced("metrics.keptn.sh", "v1beta1", "KeptnMetric", "keptnmetrics");
/// Keptn's `Analysis`.
pub const KEPTN_ANALYSIS: Kind = Kind::namespaced("metrics.keptn.sh", "v1beta1", "Analysis", "analyses");
