//! The series of each provider.

use serin_api::flagger::Provider;

use super::OF_SERVICE;
use crate::names::Names;

/// Providers whose series are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Istio,
    Linkerd,
    AppMesh,
    Contour,
    Gloo,
    Kuma,
    Knative,
    Osm,
    Nginx,
    Skipper,
    Traefik,
    Apisix,
    Pods,
}

/// How the queries of a family are written.
struct Words {
    /// Counts requests.
    requests: &'static str,
    /// The labels of the canary's requests.
    of_canary: String,
    /// What is added for those that succeed.
    succeeded: &'static str,
    /// What stands at the end of the labels of both.
    end: &'static str,
    /// What the labels of all end with, when nothing is added.
    dangling: &'static str,
    /// How durations are counted.
    durations: Durations,
}

enum Durations {
    /// Buckets, by their name, with the labels before those of the canary and after them, and the factor to milliseconds.
    Buckets(&'static str, &'static str, &'static str, &'static str),
    /// A sum and a count in seconds, by the beginning of their names.
    Mean(&'static str),
}

impl Family {
    /// Of the source of metrics that events name so: a provider's word, of a Service with [`OF_SERVICE`] behind it. As in
    /// Flagger, whose queries for some providers alone are chosen by how a word begins, those of a Service are Istio's for all
    /// others.
    pub(super) fn of(source: &str) -> Self {
        let (word, is_service) = source.strip_suffix(OF_SERVICE).map_or((source, false), |word| (word, true));
        let provider = Provider::of(word);
        let by_beginning = matches!(
            provider,
            Provider::AppMesh
                | Provider::AppMeshV1Beta2
                | Provider::Gloo
                | Provider::GatewayApiV1
                | Provider::GatewayApiV1Beta1
        );
        if is_service && !by_beginning {
            return Self::Istio;
        }
        match provider {
            Provider::Istio | Provider::SmiV1Alpha1 | Provider::SmiV1Alpha2 | Provider::SmiV1Alpha3 => {
                Self::Istio
            }
            Provider::Linkerd => Self::Linkerd,
            Provider::AppMesh | Provider::AppMeshV1Beta2 => Self::AppMesh,
            Provider::Contour => Self::Contour,
            Provider::Gloo => Self::Gloo,
            Provider::Kuma => Self::Kuma,
            Provider::Knative => Self::Knative,
            Provider::Osm => Self::Osm,
            Provider::Nginx => Self::Nginx,
            Provider::Skipper => Self::Skipper,
            Provider::Traefik => Self::Traefik,
            Provider::Apisix => Self::Apisix,
            Provider::Kubernetes | Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1 => Self::Pods,
        }
    }

    pub(super) fn success_rate(self, names: &Names) -> String {
        let words = self.words(names);
        let (ok, all) = (words.successes(), words.all());
        let i = &names.interval;
        let m = words.requests;
        if self == Self::Skipper {
            return format!(" sum(rate({m}{{{ok}}}[{i}])) / sum(rate({m}{{{all}}}[{i}])) * 100");
        }
        format!(" sum( rate( {m}{{ {ok} }}[{i}] ) ) / sum( rate( {m}{{ {all} }}[{i}] ) ) * 100")
    }

    /// Requests per second, if none of them succeeds: a success with a single scrape has no rate and is one.
    pub(super) fn failing_rate(self, names: &Names) -> String {
        let words = self.words(names);
        let (ok, all) = (words.successes(), words.all());
        let i = &names.interval;
        let m = words.requests;
        format!("sum( rate( {m}{{ {all} }}[{i}] ) ) unless sum( count_over_time( {m}{{ {ok} }}[{i}] ) )")
    }

    pub(super) fn duration(self, names: &Names) -> String {
        let words = self.words(names);
        let i = &names.interval;
        let of = &words.of_canary;
        match words.durations {
            Durations::Buckets(name, before, after, factor) => format!(
                " histogram_quantile( 0.99, sum( rate( {name}{{ {before}{of}{after} }}[{i}] ) ) by (le) ){factor}"
            ),
            Durations::Mean(name) if self == Self::Skipper => {
                format!(" sum(rate({name}_sum{{{of}}}[{i}])) / sum(rate({name}_count{{{of}}}[{i}])) * 1000")
            }
            Durations::Mean(name) => format!(
                " sum( rate( {name}_sum{{ {of} }}[{i}] ) ) / sum( rate( {name}_count{{ {of} }}[{i}] ) ) * 1000"
            ),
        }
    }

    fn words(self, names: &Names) -> Words {
        let Names { namespace, target, service, route, .. } = names;
        let by_envoy = |name: String| envoy(format!("envoy_cluster_name=~\"{name}\""), ",");
        let buckets = |name| Durations::Buckets(name, "", "", "");
        match self {
            Self::Istio => plain(
                "istio_requests_total",
                format!(
                    "reporter=\"destination\", destination_workload_namespace=\"{namespace}\", \
                     destination_workload=~\"{target}\""
                ),
                ", response_code!~\"5.*\"",
                buckets("istio_request_duration_milliseconds_bucket"),
            ),
            Self::Linkerd => Words {
                end: ", direction=\"inbound\"",
                ..plain(
                    "response_total",
                    format!("namespace=\"{namespace}\", deployment=~\"{target}\""),
                    ", classification!=\"failure\"",
                    Durations::Buckets("response_latency_ms_bucket", "", ", direction=\"inbound\"", ""),
                )
            },
            Self::AppMesh => envoy(pods(names), ""),
            Self::Contour => by_envoy(format!("{namespace}_{service}-canary_[0-9a-zA-Z-]+")),
            Self::Gloo => {
                by_envoy(format!("{namespace}-{target}-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"))
            }
            Self::Kuma => envoy(format!("service=~\"{target}-canary_{namespace}_svc_[0-9a-zA-Z-]+\""), ","),
            Self::Knative => by_envoy(format!("{namespace}/{route}")),
            Self::Osm => plain(
                "osm_request_total",
                format!(
                    "destination_namespace=\"{namespace}\", destination_kind=\"Deployment\", \
                     destination_name=\"{target}\""
                ),
                ", response_code!~\"5.*\"",
                buckets("osm_request_duration_ms_bucket"),
            ),
            Self::Pods => plain(
                "http_request_duration_seconds_count",
                pods(names),
                ", status!~\"5.*\"",
                buckets("http_request_duration_seconds_bucket"),
            ),
            Self::Nginx | Self::Skipper | Self::Traefik | Self::Apisix => self.words_of_ingress(names),
        }
    }

    fn words_of_ingress(self, names: &Names) -> Words {
        let Names { namespace, target, service, ingress, route, .. } = names;
        match self {
            Self::Nginx => plain(
                "nginx_ingress_controller_requests",
                format!("namespace=\"{namespace}\", ingress=\"{ingress}\", canary!=\"\""),
                ", status!~\"5.*\"",
                Durations::Mean("nginx_ingress_controller_response_duration_seconds"),
            ),
            Self::Skipper => {
                let [namespace, ingress, service] = [namespace, ingress, service].map(|name| as_word(name));
                Words {
                    end: ",le=\"+Inf\"",
                    ..plain(
                        "skipper_response_duration_seconds_bucket",
                        format!(
                            "route=~\"kube(ew)?_{namespace}__{ingress}_canary__.*__{service}_canary(_[0-9]+)?\""
                        ),
                        ",code!~\"5..\"",
                        Durations::Mean("skipper_serve_route_duration_seconds"),
                    )
                }
            }
            Self::Traefik => {
                let bucket = "traefik_service_request_duration_seconds_bucket";
                let of_canary =
                    format!("service=~\"{namespace}-{target}-canary-[0-9a-zA-Z-]+@kubernetescrd\"");
                let durations = Durations::Buckets(bucket, "", "", " * 1000");
                Words { end: ", le=\"+Inf\"", ..plain(bucket, of_canary, ", code!~\"5..\"", durations) }
            }
            _ => plain(
                "apisix_http_status",
                format!("route=~\"{namespace}_{route}-{target}-canary_.+\""),
                ", code!~\"5..\"",
                Durations::Buckets("apisix_http_latency_bucket", "type=~\"request\", ", "", ""),
            ),
        }
    }
}

fn plain(requests: &'static str, of_canary: String, succeeded: &'static str, durations: Durations) -> Words {
    Words { requests, of_canary, succeeded, end: "", dangling: "", durations }
}

impl Words {
    fn successes(&self) -> String {
        format!("{}{}{}", self.of_canary, self.succeeded, self.end)
    }

    fn all(&self) -> String {
        format!("{}{}{}", self.of_canary, self.dangling, self.end)
    }
}

fn envoy(of_canary: String, dangling: &'static str) -> Words {
    let durations = Durations::Buckets("envoy_cluster_upstream_rq_time_bucket", "", dangling, "");
    let words = plain("envoy_cluster_upstream_rq", of_canary, ", envoy_response_code!~\"5.*\"", durations);
    Words { dangling, ..words }
}

/// The canary's pods by their names: a `Deployment` has two parts behind its own, of its `ReplicaSet` and of the pod; a
/// `DaemonSet` has one. A name has no sign that means something in a pattern but the point, which stands for itself too.
fn pods(names: &Names) -> String {
    let behind = if names.is_daemon_set { "" } else { "(-[0-9a-zA-Z]+)" };
    format!(
        "kubernetes_namespace=\"{}\", kubernetes_pod_name=~\"{}-[0-9a-zA-Z]+{behind}\"",
        names.namespace, names.target
    )
}

/// As Skipper writes names into those of its routes.
fn as_word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}
