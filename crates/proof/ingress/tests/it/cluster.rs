//! A cluster with pods that serve, and both data planes before them.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client as Http, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use serin_ingress::mesh::{Addresses, Mesh, MeshDouble};
use serin_ingress::{Handle, IngressProxy};
use serin_nodes::{NodeDouble, Options};
use serin_plane::Plane;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a test waits for a state; a rollout here takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Cluster {
    client: kube::Client,
    pub(crate) http: Http<HttpConnector, Full<Bytes>>,
    pub(crate) proxy: Handle,
    pub(crate) mesh: Mesh,
    stop: CancellationToken,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let client = Plane::new(serin_plane::Options::default()).client();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        for document in serde_saphyr::from_multiple::<Value>(serin_ingress::mesh::DEFINITIONS).unwrap() {
            let request = http::Request::post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
                .header("content-type", "application/json");
            let request = request.body(document.to_string().into_bytes()).unwrap();
            client.request::<Value>(request).await.unwrap();
        }
        let stop = CancellationToken::new();
        NodeDouble::start(client.clone(), Options::default(), stop.clone()).await.unwrap();
        tokio::spawn(serin_workloads::run(client.clone(), serin_workloads::Options::default(), stop.clone()));
        let proxy = IngressProxy::start(client.clone(), any, stop.clone()).await.unwrap();
        let at = Addresses { gateway: any, sidecar: any, prometheus: any };
        let mesh = MeshDouble::start(client.clone(), at, stop.clone()).await.unwrap();
        assert!(proxy.synced().await && mesh.synced().await);
        Self { client, http: Http::builder(TokioExecutor::new()).build_http(), proxy, mesh, stop }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        self.client.request(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap()
    }

    /// A Deployment and a Service of its name.
    pub(crate) async fn app(&self, name: &str, replicas: i64, image: &str) {
        self.send("POST", "/apis/apps/v1/namespaces/default/deployments", &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]},
            }},
        })).await;
        self.send(
            "POST",
            "/api/v1/namespaces/default/services",
            &json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "http"}]},
            }),
        )
        .await;
    }

    pub(crate) async fn ingress(&self, name: &str, annotations: Value, service: &str) {
        self.send("POST", "/apis/networking.k8s.io/v1/namespaces/default/ingresses", &json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "app.local", "http": {"paths": [{
                "path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}},
            }]}}]},
        })).await;
    }

    /// One request: its status and the version that answered.
    pub(crate) async fn ask(&self, headers: &[(&str, &str)]) -> (u16, String) {
        let headers: Vec<_> = [("host", "app.local")].iter().chain(headers).copied().collect();
        self.get(self.proxy.addr, &headers).await
    }

    /// One request to an address: its status and the version that answered.
    pub(crate) async fn get(&self, at: SocketAddr, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = http::Request::get(format!("http://{at}/path"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.http.request(request.body(Full::default()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let version =
            answer.headers().get("x-version").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        answer.into_body().collect().await.unwrap();
        (status, version)
    }

    pub(crate) async fn ask_often(
        &self,
        count: usize,
        headers: &[(&str, &str)],
    ) -> BTreeMap<(u16, String), usize> {
        let mut seen = BTreeMap::new();
        for _ in 0..count {
            *seen.entry(self.ask(headers).await).or_default() += 1;
        }
        seen
    }

    pub(crate) async fn until_answered(&self, version: &str, headers: &[(&str, &str)]) {
        let began = Instant::now();
        while self.ask(headers).await != (200, version.to_owned()) {
            assert!(began.elapsed() < PATIENCE, "{version} never answered: {:?}", self.proxy.stats());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Until there are so many pods, those that are going counted too.
    pub(crate) async fn until_pods(&self, count: usize) {
        let began = Instant::now();
        loop {
            let pods = self.send("GET", "/api/v1/namespaces/default/pods", &Value::Null).await;
            let items = pods["items"].as_array().unwrap();
            if items.len() == count {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{} pods", items.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until_rolled_out(&self, name: &str, replicas: i64) {
        let (path, began) = (format!("/apis/apps/v1/namespaces/default/deployments/{name}"), Instant::now());
        loop {
            let object = self.send("GET", &path, &Value::Null).await;
            let status = &object["status"];
            let counts = ["replicas", "updatedReplicas", "availableReplicas"];
            if status["observedGeneration"] == object["metadata"]["generation"]
                && counts.iter().all(|c| status[*c] == replicas)
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{object:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn counts(pairs: &[(&str, usize)]) -> BTreeMap<(u16, String), usize> {
    pairs.iter().map(|(version, count)| ((200, (*version).to_owned()), *count)).collect()
}
