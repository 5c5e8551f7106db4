//! `Service` and `Ingress`: the parts that planners and routers read.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::Meta;
use serin_lang::int_or_string::IntOrString;

use crate::wire::object;

/// The highest port of TCP and UDP.
pub const PORT_MAX: i32 = 65_535;

object! {
    /// A stable address for pods.
    Service {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The wanted state.
        spec: ServiceSpec = "spec",
    }

    /// The wanted state of a Service.
    ServiceSpec {
        /// Labels of the pods behind it.
        selector: BTreeMap<String, String> = "selector",
        /// Its ports.
        ports: Vec<ServicePort> = "ports",
        /// ClusterIP if absent.
        kind: String = "type",
        /// Its address; None for a headless Service.
        cluster_ip: String = "clusterIP",
    }

    /// A port of a Service.
    ServicePort {
        /// Its name.
        name: String = "name",
        /// Its number.
        port: i32 = "port" required,
        /// Number or name of the pods' port; the same number if absent.
        target_port: Option<IntOrString> = "targetPort",
        /// TCP if absent.
        protocol: String = "protocol",
    }

    /// Rules for requests from outside (`networking.k8s.io/v1`).
    Ingress {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The wanted state.
        spec: IngressSpec = "spec",
    }

    /// The wanted state of an Ingress. Rules and TLS are copied to other Ingresses, so they stay as they are.
    IngressSpec {
        /// Which controller serves it.
        ingress_class_name: Option<String> = "ingressClassName",
        /// Where requests go that no rule takes.
        default_backend: Value = "defaultBackend",
        /// The rules.
        rules: Vec<Value> = "rules",
        /// Certificates.
        tls: Vec<Value> = "tls",
    }
}

/// The annotation that named the class before `spec.ingressClassName`.
pub const INGRESS_CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

impl Ingress {
    /// The class, from the field or from the older annotation, which wins where both are set.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        let annotation = self.metadata.annotations.get(INGRESS_CLASS_ANNOTATION);
        annotation.or(self.spec.ingress_class_name.as_ref()).map(String::as_str)
    }

    /// Names of the Services that the rules send requests to. A default backend is no rule: routers pass it over.
    #[must_use]
    pub fn rule_services(&self) -> Vec<&str> {
        let paths =
            self.spec.rules.iter().filter_map(|rule| rule.pointer("/http/paths")?.as_array()).flatten();
        paths.filter_map(|path| path.pointer("/backend/service/name")?.as_str()).collect()
    }
}
