//! `Canary.spec.service`: the three Services and what is said of the routes to them.

use serin_lang::int_or_string::IntOrString;

use super::{CorsPolicy, HeaderChanges, HttpMatch, Retries, Rewrite, TrafficPolicy};
use crate::{meta::LabelsAndAnnotations, wire::object};

object! {
    /// The Services and routes to make.
    CanaryService {
        /// Name of the Service that users call; that of the workload if absent.
        name: String = "name",
        /// Its port.
        port: i32 = "port" required,
        /// Name of the port; http if absent.
        port_name: String = "portName",
        /// Number or name of the pods' port; the same number if absent.
        target_port: Option<IntOrString> = "targetPort",
        /// Protocol of the port, for routers.
        app_protocol: String = "appProtocol",
        /// Which endpoints are preferred.
        traffic_distribution: String = "trafficDistribution",
        /// Whether the containers' other ports are served too.
        port_discovery: bool = "portDiscovery",
        /// Whether the Services have no address of their own.
        headless: bool = "headless",
        /// How long a request may take.
        timeout: String = "timeout",
        /// How long a request to a backend may take, for gatewayapi:v1.
        backend_timeout: String = "backendTimeout",
        /// Gateways of Istio; mesh if absent.
        gateways: Vec<String> = "gateways",
        /// Parents of the HTTPRoute, for gatewayapi.
        gateway_refs: Vec<ParentRef> = "gatewayRefs",
        /// Host names.
        hosts: Vec<String> = "hosts",
        /// Whether the VirtualService is one that another delegates to.
        delegation: bool = "delegation",
        /// Settings of Istio's DestinationRules.
        traffic_policy: Option<TrafficPolicy> = "trafficPolicy",
        /// Which requests are routed; all if absent.
        matches: Vec<HttpMatch> = "match",
        /// How requests are rewritten.
        rewrite: Option<Rewrite> = "rewrite",
        /// How requests are tried again.
        retries: Option<Retries> = "retries",
        /// Headers to change.
        headers: Option<HeaderChanges> = "headers",
        /// Where requests are copied to, for gatewayapi.
        mirror: Vec<Mirror> = "mirror",
        /// Which other origins may call.
        cors_policy: Option<CorsPolicy> = "corsPolicy",
        /// The mesh, for appmesh.
        mesh_name: String = "meshName",
        /// What the workload calls, for appmesh.
        backends: Vec<String> = "backends",
        /// Metadata for the Service that users call, and for its route.
        apex: Option<LabelsAndAnnotations> = "apex",
        /// Metadata for the Service of the promoted version.
        primary: Option<LabelsAndAnnotations> = "primary",
        /// Metadata for the Service of the new version.
        canary: Option<LabelsAndAnnotations> = "canary",
        /// Metadata that others manage.
        unmanaged_metadata: Option<UnmanagedMetadata> = "unmanagedMetadata",
    }

    /// Metadata that others manage.
    UnmanagedMetadata {
        /// Keys of annotations.
        annotations: Vec<String> = "annotations",
        /// Keys of labels.
        labels: Vec<String> = "labels",
    }

    /// A parent of an HTTPRoute.
    ParentRef {
        /// API group; that of the Gateway API if absent.
        group: Option<String> = "group",
        /// Kind; Gateway if absent.
        kind: Option<String> = "kind",
        /// Name.
        name: String = "name" required,
        /// Namespace; that of the Canary if absent.
        namespace: Option<String> = "namespace",
        /// Listener.
        section_name: Option<String> = "sectionName",
        /// Port of the listener.
        port: Option<i32> = "port",
    }

    /// Where requests are copied to.
    Mirror {
        /// The backend.
        backend_ref: BackendRef = "backendRef" required,
    }

    /// A backend of the Gateway API.
    BackendRef {
        /// API group; the core group if absent.
        group: Option<String> = "group",
        /// Kind; Service if absent.
        kind: Option<String> = "kind",
        /// Name.
        name: String = "name" required,
        /// Namespace; that of the Canary if absent.
        namespace: Option<String> = "namespace",
        /// Port of the Service.
        port: Option<i32> = "port",
    }
}
