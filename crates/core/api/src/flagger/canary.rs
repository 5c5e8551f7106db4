//! `Canary.spec`, apart from its Service and its analysis.

use std::collections::BTreeMap;

use serin_kernel::Meta;

use super::{CanaryAnalysis, CanaryService, CanaryStatus};
use crate::wire::object;

object! {
    /// A workload whose new versions are analysed before its users get them.
    Canary {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The wanted state.
        spec: CanarySpec = "spec",
        /// The observed state, written by the controller.
        status: CanaryStatus = "status",
    }

    /// The wanted state of a Canary.
    CanarySpec {
        /// What routes the traffic; the controller's own setting if absent.
        provider: String = "provider",
        /// URL of the Prometheus for metrics without a template; the controller's own setting if absent.
        metrics_server: String = "metricsServer",
        /// The workload.
        target_ref: ObjectRef = "targetRef" required,
        /// The workload's autoscaler.
        autoscaler_ref: Option<AutoscalerRef> = "autoscalerRef",
        /// The Ingress with the users' traffic, for nginx and skipper.
        ingress_ref: Option<ObjectRef> = "ingressRef",
        /// The ApisixRoute with the users' traffic, for apisix.
        route_ref: Option<ObjectRef> = "routeRef",
        /// An Upstream whose settings are copied, for gloo.
        upstream_ref: Option<UpstreamRef> = "upstreamRef",
        /// The Services and routes to make.
        service: Option<CanaryService> = "service",
        /// How a new version is judged.
        analysis: Option<CanaryAnalysis> = "analysis" required,
        /// Seconds in which the workload has to become ready; 600 if absent.
        progress_deadline_seconds: Option<i32> = "progressDeadlineSeconds",
        /// Whether new versions are promoted without analysis.
        skip_analysis: bool = "skipAnalysis",
        /// Whether deleting the Canary gives the workload and its routes back as they were.
        revert_on_deletion: bool = "revertOnDeletion",
        /// Whether the Canary is left alone.
        suspend: bool = "suspend",
    }

    /// An object in the Canary's namespace.
    ObjectRef {
        /// API version of its kind.
        api_version: String = "apiVersion" required,
        /// Its kind.
        kind: String = "kind" required,
        /// Its name.
        name: String = "name" required,
    }

    /// The workload's autoscaler.
    AutoscalerRef {
        /// API version of its kind.
        api_version: String = "apiVersion" required,
        /// HorizontalPodAutoscaler or ScaledObject.
        kind: String = "kind" required,
        /// Its name.
        name: String = "name" required,
        /// Queries of the primary's ScaledObject, by the name of the trigger.
        primary_scaler_queries: BTreeMap<String, String> = "primaryScalerQueries",
        /// Bounds of the primary's autoscaler.
        primary_scaler_replicas: Option<ScalerReplicas> = "primaryScalerReplicas",
    }

    /// Bounds of an autoscaler.
    ScalerReplicas {
        /// Fewest pods.
        min_replicas: Option<i32> = "minReplicas",
        /// Most pods.
        max_replicas: Option<i32> = "maxReplicas",
    }

    /// An Upstream of Gloo.
    UpstreamRef {
        /// API version of its kind.
        api_version: String = "apiVersion" required,
        /// Its kind.
        kind: String = "kind" required,
        /// Its name.
        name: String = "name" required,
        /// Its namespace.
        namespace: String = "namespace",
    }
}
