//! What each provider's proxies show of a canary and of what stands beside it.
//!
//! Each scrape counts a hundred requests of a canary more, of which three fail. Half of all take no more than 10 ms, 98 of a
//! hundred no more than 100 ms, the rest up to 200 ms, and all together 15 s: the slowest hundredth begins at 150 ms, and 150
//! ms is the mean. All that is no canary's fails always, and takes a second.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Percent of requests that succeed, and milliseconds that they take.
pub(super) const RATE: f64 = 97.0;
pub(super) const DURATION: f64 = 150.0;
/// Where a canary runs as above; where one fails every request from its start; where none has ever been.
pub(super) const NAMESPACE: &str = "shop";
pub(super) const FAILING: &str = "down";
pub(super) const QUIET: &str = "quiet";

/// How a family counts.
pub(super) struct Family {
    /// Providers whose queries are about it.
    pub(super) providers: &'static [&'static str],
    /// Labels of the canary, and of others; `NS` stands for the namespace.
    canary: &'static str,
    others: &'static [&'static str],
    /// Counter of requests; a histogram's when it ends with `_bucket`.
    pub(super) requests: &'static str,
    /// Label of the outcome, with its values for good and for bad.
    outcome: (&'static str, &'static str, &'static str),
    durations: Durations,
}

enum Durations {
    /// Buckets, with the unit in milliseconds and a label more.
    Buckets(&'static str, f64, &'static str),
    /// Sum and count in seconds.
    Mean(&'static str),
}

use Durations::{Buckets, Mean};

const ENVOY: (&str, &str, &str) = ("envoy_response_code", "200", "503");
const CODE: (&str, &str, &str) = ("code", "200", "500");
const ENVOY_REQUESTS: &str = "envoy_cluster_upstream_rq";
const ENVOY_TIMES: Durations = Buckets("envoy_cluster_upstream_rq_time_bucket", 1.0, "");
const MILLIS: f64 = 1.0;
const SECONDS: f64 = 1000.0;

/// Those of an Envoy, which differ in the labels alone.
const fn envoy(
    providers: &'static [&'static str],
    canary: &'static str,
    others: &'static [&'static str],
) -> Family {
    Family { providers, canary, others, requests: ENVOY_REQUESTS, outcome: ENVOY, durations: ENVOY_TIMES }
}

/// Of a Canary `podinfo` of the Deployment of that name, with the Service `web`, the Ingress `edge` and the route `r`.
pub(super) const FAMILIES: [Family; 13] = [
    Family {
        providers: &["istio", "smi:v1alpha2", "smi:v1alpha3"],
        canary: r#"reporter="destination",destination_workload_namespace="NS",destination_workload="podinfo""#,
        others: &[
            r#"reporter="source",destination_workload_namespace="NS",destination_workload="podinfo""#,
            r#"reporter="destination",destination_workload_namespace="NS",destination_workload="podinfo-primary""#,
        ],
        requests: "istio_requests_total",
        outcome: ("response_code", "200", "503"),
        durations: Buckets("istio_request_duration_milliseconds_bucket", MILLIS, ""),
    },
    Family {
        providers: &["linkerd"],
        canary: r#"namespace="NS",deployment="podinfo",direction="inbound""#,
        others: &[
            r#"namespace="NS",deployment="podinfo",direction="outbound""#,
            r#"namespace="NS",deployment="podinfo-primary",direction="inbound""#,
        ],
        requests: "response_total",
        outcome: ("classification", "success", "failure"),
        durations: Buckets("response_latency_ms_bucket", MILLIS, ""),
    },
    envoy(
        &["appmesh", "appmesh:v1beta2"],
        r#"kubernetes_namespace="NS",kubernetes_pod_name="podinfo-7d9c5f9b8-x2x4z""#,
        &[r#"kubernetes_namespace="NS",kubernetes_pod_name="podinfo-primary-7d9c5f9b8-x2x4z""#],
    ),
    envoy(
        &["contour"],
        r#"envoy_cluster_name="NS_web-canary_80""#,
        &[r#"envoy_cluster_name="NS_web-primary_80""#, r#"envoy_cluster_name="NS_web_80""#],
    ),
    envoy(
        &["gloo"],
        r#"envoy_cluster_name="NS-podinfo-canaryupstream-80_gloo-system""#,
        &[r#"envoy_cluster_name="NS-podinfo-primaryupstream-80_gloo-system""#],
    ),
    envoy(
        &["kuma"],
        r#"service="podinfo-canary_NS_svc_9898""#,
        &[r#"service="podinfo-primary_NS_svc_9898""#],
    ),
    envoy(
        &["knative"],
        r#"envoy_cluster_name="NS/podinfo-00002""#,
        &[r#"envoy_cluster_name="NS/podinfo-00001""#],
    ),
    Family {
        providers: &["osm"],
        canary: r#"destination_namespace="NS",destination_kind="Deployment",destination_name="podinfo""#,
        others: &[
            r#"destination_namespace="NS",destination_kind="Deployment",destination_name="podinfo-primary""#,
        ],
        requests: "osm_request_total",
        outcome: ("response_code", "200", "503"),
        durations: Buckets("osm_request_duration_ms_bucket", MILLIS, ""),
    },
    Family {
        providers: &["nginx"],
        canary: r#"namespace="NS",ingress="edge",canary="NS-web-canary-80""#,
        others: &[
            r#"namespace="NS",ingress="edge",canary="""#,
            r#"namespace="NS",ingress="other",canary="x""#,
        ],
        requests: "nginx_ingress_controller_requests",
        outcome: ("status", "200", "503"),
        durations: Mean("nginx_ingress_controller_response_duration_seconds"),
    },
    Family {
        providers: &["skipper"],
        canary: r#"route="kube_NS__edge_canary__app_example_com____web_canary""#,
        others: &[r#"route="kube_NS__edge__app_example_com____web_primary""#],
        requests: "skipper_response_duration_seconds_bucket",
        outcome: CODE,
        durations: Mean("skipper_serve_route_duration_seconds"),
    },
    Family {
        providers: &["traefik"],
        canary: r#"service="NS-podinfo-canary-80@kubernetescrd""#,
        others: &[r#"service="NS-podinfo-primary-80@kubernetescrd""#],
        requests: "traefik_service_request_duration_seconds_bucket",
        outcome: CODE,
        durations: Buckets("traefik_service_request_duration_seconds_bucket", SECONDS, ""),
    },
    Family {
        providers: &["apisix"],
        canary: r#"route="NS_r-podinfo-canary_rule1""#,
        others: &[r#"route="NS_r-podinfo_rule1""#],
        requests: "apisix_http_status",
        outcome: CODE,
        durations: Buckets("apisix_http_latency_bucket", MILLIS, r#",type="request""#),
    },
    Family {
        providers: &["kubernetes", "gatewayapi:v1", "gatewayapi:v1beta1"],
        canary: r#"kubernetes_namespace="NS",kubernetes_pod_name="podinfo-7d9c5f9b8-x2x4z""#,
        others: &[r#"kubernetes_namespace="NS",kubernetes_pod_name="podinfo-primary-7d9c5f9b8-x2x4z""#],
        requests: "http_request_duration_seconds_count",
        outcome: ("status", "200", "500"),
        durations: Buckets("http_request_duration_seconds_bucket", SECONDS, ""),
    },
];

/// Requests of one kind: how many there were, and how many took no longer than each of [`ENDS`].
struct Requests {
    all: u64,
    within: [u64; 3],
}

const ENDS: [f64; 3] = [10.0, 100.0, 200.0];
const GOOD: Requests = Requests { all: 97, within: [50, 96, 97] };
const BAD: Requests = Requests { all: 3, within: [0, 2, 3] };
const NONE: Requests = Requests { all: 0, within: [0; 3] };
const SLOW: Requests = Requests { all: 100, within: [0; 3] };

impl Family {
    fn write(&self, text: &mut String, scrapes: u64) {
        for namespace in [NAMESPACE, FAILING] {
            let (good, bad) = if namespace == FAILING { (NONE, SLOW) } else { (GOOD, BAD) };
            let canary = self.canary.replace("NS", namespace);
            let seconds = if namespace == FAILING { 100 } else { 15 };
            self.write_one(text, &canary, (&good, &bad, seconds), scrapes);
            for other in self.others {
                self.write_one(text, &other.replace("NS", namespace), (&NONE, &SLOW, 100), scrapes);
            }
        }
    }

    fn write_one(
        &self,
        text: &mut String,
        labels: &str,
        (good, bad, seconds): (&Requests, &Requests, u64),
        scrapes: u64,
    ) {
        let (label, ok, wrong) = self.outcome;
        // An outcome that has never been has no series.
        let outcomes = [(ok, good), (wrong, bad)].into_iter().filter(|(_, some)| 0 < some.all);
        for (value, some) in outcomes {
            let labels = format!("{labels},{label}=\"{value}\"");
            if self.requests.ends_with("_bucket") {
                write_buckets(text, (self.requests, SECONDS), &labels, some, scrapes);
            } else {
                let _ = writeln!(text, "{}{{{labels}}} {}", self.requests, some.all * scrapes);
            }
            match self.durations {
                Buckets(name, unit, more) if name != self.requests => {
                    write_buckets(text, (name, unit), &format!("{labels}{more}"), some, scrapes);
                }
                _ => {}
            }
        }
        if let Mean(name) = self.durations {
            let _ = writeln!(text, "{name}_sum{{{labels}}} {}", seconds * scrapes);
            let _ = writeln!(text, "{name}_count{{{labels}}} {}", 100 * scrapes);
        }
    }
}

fn write_buckets(text: &mut String, (name, unit): (&str, f64), labels: &str, some: &Requests, scrapes: u64) {
    for (end, count) in ENDS.into_iter().zip(some.within) {
        let _ = writeln!(text, "{name}{{{labels},le=\"{}\"}} {}", end / unit, count * scrapes);
    }
    let _ = writeln!(text, "{name}{{{labels},le=\"+Inf\"}} {}", some.all * scrapes);
}

/// Serves all of them on a port of loopback, whose address it tells.
pub(super) async fn serve() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let scrapes = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let scrapes = scrapes.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                if stream.read(&mut request).await.is_err() {
                    return;
                }
                let count = scrapes.fetch_add(1, Ordering::Relaxed) + 1;
                let mut body = String::new();
                for family in &FAMILIES {
                    family.write(&mut body, count);
                }
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // Prometheus may have given up.
                drop(stream.write_all((head + &body).as_bytes()).await);
            });
        }
    });
    Ok(address)
}
