//! The three releases, and what each is made of.

use std::net::SocketAddr;

use anyhow::Context;
use serde_json::{Value, json};
use serin_api::kinds::{CANARY, DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, SERVICE};
use serin_kernel::Kind;

const PODINFO: &str = include_str!("podinfo.yaml");
/// The kinds in it.
const KINDS: [Kind; 4] = [DEPLOYMENT, SERVICE, HORIZONTAL_POD_AUTOSCALER, CANARY];
/// Between two looks, in seconds: the least that Flagger takes, so that a person can wait for the end.
pub(super) const INTERVAL_SECONDS: u32 = 10;
/// Name of the application and of its Canary.
pub(super) const APP: &str = "podinfo";
/// The image that is there before.
pub(super) const OLD: &str = "3.1.0";

/// What is wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    /// The new version answers everything with an error.
    Version,
    /// The mesh names its durations as Istio 1.4 did.
    Metric,
}

/// One release in a namespace of its own.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) namespace: &'static str,
    pub(super) title: &'static str,
    /// The host by which users reach it. One gateway has one `*`.
    pub(super) host: &'static str,
    /// What the route takes.
    routed: &'static str,
    /// The new version.
    pub(super) new: &'static str,
    pub(super) wrong: Wrong,
}

/// All of them.
pub(super) const ACTS: [Act; 3] = [
    Act {
        namespace: "test",
        title: "a good version",
        host: "podinfo.example",
        routed: "*",
        new: "3.1.1",
        wrong: Wrong::Nothing,
    },
    Act {
        namespace: "test-a",
        title: "a broken version",
        host: "a.podinfo.example",
        routed: "a.podinfo.example",
        new: "3.1.1-error100",
        wrong: Wrong::Version,
    },
    Act {
        namespace: "test-b",
        title: "a metric without series",
        host: "b.podinfo.example",
        routed: "b.podinfo.example",
        new: "3.1.1",
        wrong: Wrong::Metric,
    },
];

/// Where the demo's parts are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) sidecar: SocketAddr,
    pub(super) prometheus: SocketAddr,
    pub(super) loadtester: SocketAddr,
    /// Where all pods listen, each on an address of its own.
    pub(super) pod_port: u16,
}

impl Act {
    /// The phase that the release ends in.
    pub(super) fn end(&self) -> &'static str {
        if self.wrong == Wrong::Nothing { "Succeeded" } else { "Failed" }
    }

    /// What is applied.
    pub(super) fn objects(&self, places: &Places) -> anyhow::Result<Vec<(Kind, Value)>> {
        let manifest = PODINFO.replace("9898", &places.pod_port.to_string());
        let documents = serde_saphyr::from_multiple::<Value>(&manifest).context("the manifest of podinfo")?;
        let mut objects = Vec::new();
        for mut object in documents {
            let name = object.pointer("/kind").and_then(Value::as_str).unwrap_or_default();
            let kind = KINDS.into_iter().find(|kind| kind.kind == name);
            let kind = kind.with_context(|| format!("a {name}, which the demo does not know"))?;
            object["metadata"]["namespace"] = json!(self.namespace);
            if kind == CANARY {
                self.shorten(&mut object["spec"], places);
            }
            objects.push((kind, object));
        }
        Ok(objects)
    }

    /// The manifest's analysis for this machine: a short interval, addresses of loopback for names of a cluster, and for
    /// `curl` and `hey` what every machine has.
    fn shorten(&self, spec: &mut Value, places: &Places) {
        let Places { sidecar, prometheus, loadtester, .. } = places;
        let (hook, canary) = (format!("http://{loadtester}/"), format!("podinfo-canary.{}", self.namespace));
        spec["service"]["hosts"] = json!([self.routed]);
        let analysis = &mut spec["analysis"];
        analysis["interval"] = json!(format!("{INTERVAL_SECONDS}s"));
        for webhook in analysis["webhooks"].as_array_mut().into_iter().flatten() {
            webhook["url"] = json!(hook);
            webhook["metadata"] = if webhook["name"] == "acceptance-test" {
                json!({"type": "bash", "cmd": acceptance(*sidecar, &canary)})
            } else {
                // As many requests as hey sends, until shortly before the next look.
                json!({
                    "type": "load", "url": format!("http://{sidecar}/"), "headers": format!("Host: {canary}"),
                    "rate": "20", "duration": format!("{}s", INTERVAL_SECONDS - 1),
                })
            };
        }
        if self.wrong == Wrong::Metric {
            let duration =
                json!({"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "30s"});
            if let Some(metrics) = analysis["metrics"].as_array_mut() {
                metrics.push(duration);
            }
            spec["metricsServer"] = json!(format!("http://{prometheus}/istio-1.4"));
        }
    }
}

/// `curl -sd test … | grep token`, where there may be no curl.
fn acceptance(sidecar: SocketAddr, canary: &str) -> String {
    let (ip, port) = (sidecar.ip(), sidecar.port());
    let request = format!("POST /token HTTP/1.0\\r\\nHost: {canary}\\r\\nContent-Length: 4\\r\\n\\r\\ntest");
    format!("exec 3<>/dev/tcp/{ip}/{port} && printf '{request}' >&3 && cat <&3 | grep token")
}
