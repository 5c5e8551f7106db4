//! `Rollout.spec.strategy.canary.trafficRouting`: the routers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::object;

object! {
    /// The routers that split traffic; several may be set.
    TrafficRouting {
        /// Istio.
        istio: Option<IstioRouting> = "istio",
        /// The NGINX ingress controller.
        nginx: Option<NginxRouting> = "nginx",
        /// The AWS Application Load Balancer.
        alb: Option<AlbRouting> = "alb",
        /// The Service Mesh Interface.
        smi: Option<SmiRouting> = "smi",
        /// Ambassador, also known as Emissary.
        ambassador: Option<AmbassadorRouting> = "ambassador",
        /// AWS App Mesh.
        app_mesh: Option<AppMeshRouting> = "appMesh",
        /// Traefik.
        traefik: Option<TraefikRouting> = "traefik",
        /// Routes that the controller may make, in order of priority.
        managed_routes: Vec<ManagedRoute> = "managedRoutes",
        /// APISIX.
        apisix: Option<ApisixRouting> = "apisix",
        /// Routers by the name of their plugin.
        plugins: Value = "plugins",
        /// The whole that weights are parts of; 100 if absent.
        max_traffic_weight: Option<i32> = "maxTrafficWeight",
    }

    /// A route that the controller may make.
    ManagedRoute {
        /// Its name.
        name: String = "name" required,
    }

    /// The NGINX ingress controller.
    NginxRouting {
        /// Prefix of the controller's annotations.
        annotation_prefix: String = "annotationPrefix",
        /// The Ingress with the users' traffic.
        stable_ingress: String = "stableIngress",
        /// Several of them, instead of stableIngress.
        stable_ingresses: Vec<String> = "stableIngresses",
        /// Annotations of the canary Ingress, without the prefix.
        additional_ingress_annotations: BTreeMap<String, String> = "additionalIngressAnnotations",
        /// Annotations of the canary Ingress, as they are.
        canary_ingress_annotations: BTreeMap<String, String> = "canaryIngressAnnotations",
    }

    /// Istio.
    IstioRouting {
        /// The VirtualService.
        virtual_service: Option<IstioVirtualService> = "virtualService",
        /// The DestinationRule, for routing by subsets.
        destination_rule: Option<IstioDestinationRule> = "destinationRule",
        /// Several VirtualServices, instead of virtualService.
        virtual_services: Vec<IstioVirtualService> = "virtualServices",
    }

    /// A VirtualService and its routes.
    IstioVirtualService {
        /// Its name, perhaps with a namespace behind a dot.
        name: String = "name" required,
        /// HTTP routes; all if there is only one.
        routes: Vec<String> = "routes",
        /// TLS routes.
        tls_routes: Vec<TlsRoute> = "tlsRoutes",
        /// TCP routes.
        tcp_routes: Vec<TcpRoute> = "tcpRoutes",
    }

    /// A TLS route.
    TlsRoute {
        /// Its port.
        port: i64 = "port",
        /// Its server names.
        sni_hosts: Vec<String> = "sniHosts",
    }

    /// A TCP route.
    TcpRoute {
        /// Its port.
        port: i64 = "port",
    }

    /// A DestinationRule and its subsets.
    IstioDestinationRule {
        /// Its name.
        name: String = "name" required,
        /// The subset of the canary.
        canary_subset_name: String = "canarySubsetName" required,
        /// The subset of the stable version.
        stable_subset_name: String = "stableSubsetName" required,
        /// Other subsets that stay as they are.
        additional_subset_names: Vec<String> = "additionalSubsetNames",
    }

    /// The AWS Application Load Balancer.
    AlbRouting {
        /// The Ingress.
        ingress: String = "ingress",
        /// The port of the Services.
        service_port: i32 = "servicePort" required,
        /// The Service that the Ingress names.
        root_service: String = "rootService",
        /// Keeps clients at one version.
        stickiness_config: Option<StickinessConfig> = "stickinessConfig",
        /// Prefix of the controller's annotations.
        annotation_prefix: String = "annotationPrefix",
        /// Several Ingresses, instead of ingress.
        ingresses: Vec<String> = "ingresses",
    }

    /// Keeps clients at one version.
    StickinessConfig {
        /// Whether it does.
        enabled: bool = "enabled" required,
        /// For how many seconds.
        duration_seconds: i64 = "durationSeconds" required,
    }

    /// The Service Mesh Interface.
    SmiRouting {
        /// The Service that clients call.
        root_service: String = "rootService",
        /// Name of the TrafficSplit.
        traffic_split_name: String = "trafficSplitName",
    }

    /// Ambassador.
    AmbassadorRouting {
        /// Names of the Mappings.
        mappings: Vec<String> = "mappings" required,
    }

    /// AWS App Mesh.
    AppMeshRouting {
        /// The VirtualService.
        virtual_service: Option<AppMeshVirtualService> = "virtualService",
        /// The two VirtualNodes.
        virtual_node_group: Option<AppMeshVirtualNodeGroup> = "virtualNodeGroup",
    }

    /// A VirtualService of App Mesh.
    AppMeshVirtualService {
        /// Its name.
        name: String = "name" required,
        /// Its routes; all if there is only one.
        routes: Vec<String> = "routes",
    }

    /// The two VirtualNodes.
    AppMeshVirtualNodeGroup {
        /// Of the canary.
        canary_virtual_node_ref: AppMeshVirtualNodeRef = "canaryVirtualNodeRef" required,
        /// Of the stable version.
        stable_virtual_node_ref: AppMeshVirtualNodeRef = "stableVirtualNodeRef" required,
    }

    /// A VirtualNode.
    AppMeshVirtualNodeRef {
        /// Its name.
        name: String = "name" required,
    }

    /// Traefik.
    TraefikRouting {
        /// Name of the weighted TraefikService.
        weighted_traefik_service_name: String = "weightedTraefikServiceName" required,
    }

    /// APISIX.
    ApisixRouting {
        /// The route.
        route: Option<ApisixRoute> = "route",
    }

    /// A route of APISIX.
    ApisixRoute {
        /// Its name.
        name: String = "name" required,
        /// Its rules; all if there is only one.
        rules: Vec<String> = "rules",
    }
}
