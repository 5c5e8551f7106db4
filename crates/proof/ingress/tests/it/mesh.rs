//! Real requests through the mesh, and what it tells of them.

use crate::cluster::{Cluster, PATIENCE};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PATH: &str = "/apis/networking.istio.io/v1beta1/namespaces/default/virtualservices";

fn split(primary: u64, canary: u64) -> Value {
    let to = |service: &str, weight: u64| json!({"destination": {"host": service}, "weight": weight});
    json!({"http": [
        {"match": [{"headers": {"x-canary": {"exact": "insider"}}}], "route": [to("web", 100)]},
        {"route": [to("web-primary", primary), to("web", canary)], "retries": {"attempts": 3}},
    ]})
}

impl Cluster {
    /// Two Deployments of one application, and a route between them.
    async fn release(&self) {
        self.app("web-primary", 1, "app:v1").await;
        self.app("web", 1, "app:v2-error50").await;
        self.until_rolled_out("web-primary", 1).await;
        self.until_rolled_out("web", 1).await;
        let mut spec = split(90, 10);
        spec["hosts"] = json!(["*"]);
        spec["gateways"] = json!(["gateway.istio-system"]);
        let object = json!({
            "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
            "metadata": {"name": "web", "namespace": "default"}, "spec": spec,
        });
        self.send("POST", PATH, &object).await;
    }

    async fn often(&self, at: SocketAddr, count: usize, headers: &[(&str, &str)]) -> BTreeMap<String, usize> {
        let mut seen = BTreeMap::new();
        for _ in 0..count {
            *seen.entry(self.get(at, headers).await.1).or_default() += 1;
        }
        seen
    }

    /// The only value that a query finds.
    async fn value(&self, query: &str) -> Option<f64> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let address = format!("http://{}/api/v1/query?query={query}", self.mesh.at.prometheus);
        let request = http::Request::get(address).body(Full::default()).unwrap();
        let bytes = self.http.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        answer.pointer("/data/result/0/value/1")?.as_str()?.parse().ok()
    }
}

#[tokio::test]
async fn requests_go_by_weight_and_are_told_by_workload() {
    let cluster = Cluster::start().await;
    let (gateway, sidecar) = (cluster.mesh.at.gateway, cluster.mesh.at.sidecar);
    assert_eq!(cluster.get(gateway, &[]).await.0, 404);
    cluster.release().await;
    let insider = [("x-canary", "insider")];
    let began = Instant::now();
    while cluster.get(gateway, &insider).await.1 != "v2-error50" || cluster.get(gateway, &[]).await.0 == 404 {
        assert!(began.elapsed() < PATIENCE, "the mesh never heard of the route");
    }
    let shares =
        |primary, canary| BTreeMap::from([("v1".to_owned(), primary), ("v2-error50".to_owned(), canary)]);
    assert_eq!(cluster.often(gateway, 100, &[]).await, shares(90, 10));
    cluster.send("PATCH", &format!("{PATH}/web"), &json!({"spec": split(50, 50)})).await;
    let began = Instant::now();
    while cluster.often(gateway, 10, &[]).await != shares(5, 5) {
        assert!(began.elapsed() < PATIENCE, "the new weight never came");
    }
    // From inside: straight to the Service that the host names.
    let (status, version) = cluster.get(sidecar, &[("host", "web-primary.default")]).await;
    assert_eq!((status, version.as_str()), (200, "v1"));
    assert_eq!(cluster.get(sidecar, &[("host", "nobody.default")]).await.0, 404);
    assert_eq!(cluster.get(sidecar, &[("host", "elsewhere.example.org")]).await.0, 404);

    // Every answer is in the counts, and a canary that fails every second request has half of its requests succeed.
    let of = |workload: &str| {
        format!("istio_requests_total{{reporter=\"destination\",destination_workload=\"{workload}\"}}")
    };
    let began = Instant::now();
    let success = loop {
        let (ok, all) = (of("web").replace('}', ",response_code!~\"5.*\"}"), of("web"));
        let value = cluster.value(&format!("sum(rate({ok}[1m])) / sum(rate({all}[1m])) * 100")).await;
        if let Some(value) = value {
            break value;
        }
        assert!(began.elapsed() < PATIENCE, "the canary's requests are not told");
        cluster.often(gateway, 20, &insider).await;
    };
    assert!((40.0..=60.0).contains(&success), "{success}");
    let began = Instant::now();
    // 90 of the hundred, five of the ten, and the one from inside.
    while cluster.value(&format!("sum({})", of("web-primary"))).await.unwrap() < 96.0 {
        assert!(began.elapsed() < PATIENCE, "the primary's requests are not told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_program_may_use_the_sidecar_as_its_proxy() {
    let cluster = Cluster::start().await;
    cluster.app("web", 1, "app:v1").await;
    cluster.until_rolled_out("web", 1).await;
    let raw = async |address: &str| {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(cluster.mesh.at.sidecar).await.unwrap();
        let request = format!("GET {address} HTTP/1.1\r\nhost: web.default\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let began = Instant::now();
    while !raw("http://web.default/x").await.contains("x-version: v1") {
        assert!(began.elapsed() < PATIENCE, "{}", raw("http://web.default/x").await);
    }
    assert!(raw("http://web.default:80/x").await.contains("x-version: v1"));
    assert!(
        raw("http://web.default:9898/x").await.starts_with("HTTP/1.1 503"),
        "a port that is not the Service's"
    );
}
