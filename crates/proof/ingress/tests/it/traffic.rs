//! Real requests through the ingress to the node double's pods, on the embedded API.

use crate::cluster::{Cluster, PATIENCE, counts};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn weights_headers_and_cookies_send_requests_where_they_say() {
    let cluster = Cluster::start().await;
    cluster.app("stable", 3, "app:v1").await;
    cluster.app("canary", 1, "app:v2").await;
    cluster.until_rolled_out("stable", 3).await;
    cluster.until_rolled_out("canary", 1).await;
    let annotation = |name: &str| format!("nginx.ingress.kubernetes.io/{name}");
    let annotations = json!({
        annotation("canary"): "true", annotation("canary-weight"): "25",
        annotation("canary-by-header"): "X-Canary", annotation("canary-by-cookie"): "canary",
    });
    cluster.ingress("canary", annotations, "canary").await;
    cluster.ingress("stable", json!({}), "stable").await;
    let always = [("x-canary", "always")];
    cluster.until_answered("v2", &always).await;
    cluster.until_answered("v1", &[("x-canary", "never")]).await;
    assert_eq!(cluster.ask_often(400, &[]).await, counts(&[("v1", 300), ("v2", 100)]));
    assert_eq!(cluster.ask_often(50, &always).await, counts(&[("v2", 50)]));
    assert_eq!(cluster.ask_often(50, &[("cookie", "canary=never")]).await, counts(&[("v1", 50)]));
    cluster
        .send(
            "PATCH",
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses/canary",
            &json!({
                "metadata": {"annotations": {annotation("canary-weight"): "100"}},
            }),
        )
        .await;
    let began = Instant::now();
    while cluster.ask_often(10, &[]).await != counts(&[("v2", 10)]) {
        assert!(began.elapsed() < PATIENCE, "the new weight never came");
    }
    let stats = cluster.proxy.stats();
    assert_eq!((stats.broken, stats.retried), (0, 0));
    assert_eq!(
        stats.served.keys().map(|s| (s.service.as_str(), s.version.as_str())).collect::<Vec<_>>(),
        [("canary", "v2"), ("stable", "v1")]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_pods_are_replaced() {
    let cluster = std::sync::Arc::new(Cluster::start().await);
    cluster.app("web", 3, "app:v1").await;
    cluster.ingress("web", json!({}), "web").await;
    cluster.until_rolled_out("web", 3).await;
    cluster.until_answered("v1", &[]).await;
    let done = CancellationToken::new();
    let load = {
        let (cluster, done) = (cluster.clone(), done.clone());
        tokio::spawn(async move {
            let mut seen: BTreeMap<(u16, String), usize> = BTreeMap::new();
            while !done.is_cancelled() {
                *seen.entry(cluster.ask(&[]).await).or_default() += 1;
            }
            seen
        })
    };
    for image in ["app:v2", "app:v3"] {
        cluster.send("PATCH", "/apis/apps/v1/namespaces/default/deployments/web", &json!({
            "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]}}},
        })).await;
        cluster.until_rolled_out("web", 3).await;
    }
    // The last old pods serve on for a while after their deletion; the load must outlive them.
    cluster.until_pods(3).await;
    done.cancel();
    let seen = load.await.unwrap();
    assert!(seen.keys().all(|(status, _)| *status == 200), "{seen:?}");
    assert_eq!(seen.keys().map(|(_, version)| version.as_str()).collect::<Vec<_>>(), ["v1", "v2", "v3"]);
}

#[tokio::test]
async fn without_routes_or_endpoints_the_proxy_says_so_itself() {
    let cluster = Cluster::start().await;
    assert_eq!(cluster.ask(&[]).await.0, 404);
    cluster.app("web", 0, "app:v1").await;
    cluster.ingress("web", json!({}), "web").await;
    let began = Instant::now();
    while cluster.ask(&[]).await.0 != 503 {
        assert!(began.elapsed() < PATIENCE);
    }
    let stats = cluster.proxy.stats();
    assert!(1 <= stats.no_route && 1 <= stats.no_endpoint);
    assert_eq!(stats.failed(), stats.requests());
}

#[tokio::test]
async fn bodies_pass_through_and_failing_images_fail_as_told() {
    let cluster = Cluster::start().await;
    cluster.app("web", 1, "app:v1-error50").await;
    cluster.ingress("web", json!({}), "web").await;
    cluster.until_answered("v1-error50", &[]).await;
    let seen = cluster.ask_often(20, &[]).await;
    assert_eq!(seen.values().copied().collect::<Vec<_>>(), [10, 10], "{seen:?}");
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    let request =
        http::Request::post(format!("http://{}/upload", cluster.proxy.addr)).header("host", "app.local");
    let answer = cluster.http.request(request.body(Full::new(body)).unwrap()).await.unwrap();
    let text: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(text["version"], "v1-error50");
}

#[tokio::test]
async fn a_pod_whose_port_is_taken_on_every_address_never_becomes_ready() {
    let cluster = Cluster::start().await;
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let container = json!({"name": "c", "image": "app:v1", "ports": [{"containerPort": port}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "deaf"}, "spec": {"containers": [container]}});
    cluster.send("POST", "/api/v1/namespaces/default/pods", &pod).await;
    let began = Instant::now();
    let seen = loop {
        let seen = cluster.send("GET", "/api/v1/namespaces/default/pods/deaf", &Value::Null).await;
        if seen["status"]["phase"] == "Running" {
            break seen;
        }
        assert!(began.elapsed() < PATIENCE, "{seen:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let ready =
        seen["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
    assert_eq!(ready["status"], "False", "{seen:#}");
}
