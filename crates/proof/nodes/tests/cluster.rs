//! The node double and the workload controllers on the embedded API, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde_json::{Value, json};
use serin_nodes::{Addresses, NodeDouble, Options};
use serin_plane::Plane;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Virtual seconds that a test waits for a state: far beyond every delay in these tests.
const PATIENCE_SEC: u64 = 900;

struct Cluster {
    client: Client,
    stop: CancellationToken,
    began: Instant,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Cluster {
    async fn start(ready_delay: Duration) -> Self {
        let began = Instant::now();
        let epoch: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock: Arc<dyn Fn() -> Timestamp + Send + Sync> =
            Arc::new(move || epoch + SignedDuration::try_from(began.elapsed()).unwrap());
        let plane =
            Plane::new(serin_plane::Options { clock: clock.clone(), seed: Some(1), ..Default::default() });
        let (client, stop) = (plane.client(), CancellationToken::new());
        let double =
            Options { ready_delay, addresses: Addresses::None, clock: clock.clone(), ..Options::default() };
        NodeDouble::start(client.clone(), double, stop.clone()).await.unwrap();
        let controllers = serin_workloads::Options { clock, schedule: true };
        tokio::spawn(serin_workloads::run(client.clone(), controllers, stop.clone()));
        Self { client, stop, began }
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: &Value) -> Value {
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        self.client.request(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap()
    }

    async fn create(&self, path: &str, object: Value) {
        self.send("POST", path, "application/json", &object).await;
    }

    async fn patch(&self, path: &str, change: Value) {
        self.send("PATCH", path, "application/merge-patch+json", &change).await;
    }

    async fn get(&self, path: &str) -> Value {
        self.client.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
    }

    /// Waits until the object at `path` is as wanted, and says what it was like when it never is.
    async fn until(&self, what: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..PATIENCE_SEC * 4 {
            let object = self.get(path).await;
            if wanted(&object) {
                return object;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("{what} never came: {:#}", self.get(path).await);
    }
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const PODS: &str = "/api/v1/namespaces/default/pods";

fn web(replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 8080}]},
            ]}},
        },
    })
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

fn is_done(deployment: &Value, replicas: i64) -> bool {
    let status = &deployment["status"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|field| status[*field] == replicas)
}

fn reason<'a>(object: &'a Value, kind: &str) -> &'a str {
    let all = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().find(|c| c["type"] == kind).and_then(|c| c["reason"].as_str()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_rolls_out_after_its_pods_delay_and_again_with_a_new_image() {
    let cluster = Cluster::start(Duration::from_secs(5)).await;
    cluster.create(DEPLOYMENTS, web(3, "app:v1")).await;
    let done = cluster.until("the first rollout", WEB, |d| is_done(d, 3)).await;
    let took = cluster.began.elapsed();
    assert!(Duration::from_secs(5) <= took && took < Duration::from_secs(8), "{took:?}");
    assert_eq!(reason(&done, "Progressing"), "NewReplicaSetAvailable");
    cluster
        .patch(
            WEB,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "app:v2"}]}}}}),
        )
        .await;
    cluster
        .until("the second rollout", WEB, |d| {
            is_done(d, 3) && reason(d, "Progressing") == "NewReplicaSetAvailable"
        })
        .await;
    let pods = cluster.until("the old pods' end", PODS, |pods| items(pods).len() == 3).await;
    assert!(items(&pods).iter().all(|pod| pod["spec"]["containers"][0]["image"] == "app:v2"), "{pods:#}");
    let sets = cluster.get(SETS).await;
    let mut replicas: Vec<_> =
        items(&sets).iter().filter_map(|set| set["spec"]["replicas"].as_i64()).collect();
    replicas.sort_unstable();
    assert_eq!(replicas, [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_at_rest() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster
        .create(
            "/api/v1/namespaces/default/services",
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
            }),
        )
        .await;
    cluster.create("/apis/policy/v1/namespaces/default/poddisruptionbudgets", json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}},
    })).await;
    cluster.create(DEPLOYMENTS, web(4, "app:v1")).await;
    cluster.until("the rollout", WEB, |d| is_done(d, 4)).await;
    let budget = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/web";
    cluster
        .until("the budget", budget, |b| {
            b["status"]["disruptionsAllowed"] == 2 && b["status"]["expectedPods"] == 4
        })
        .await;
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    cluster
        .until("ready endpoints", slices, |slices| {
            let endpoints: Vec<&Value> =
                items(slices).iter().flat_map(|s| s["endpoints"].as_array().into_iter().flatten()).collect();
            endpoints.len() == 4 && endpoints.iter().all(|e| e["conditions"]["ready"] == true)
        })
        .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let version = |list: &Value| list["metadata"]["resourceVersion"].clone();
    let before = version(&cluster.get(PODS).await);
    tokio::time::sleep(Duration::from_hours(24)).await;
    assert_eq!(version(&cluster.get(PODS).await), before, "a day at rest");
}

#[tokio::test(start_paused = true)]
async fn a_bad_image_leaves_the_old_pods_and_misses_its_deadline() {
    let cluster = Cluster::start(Duration::ZERO).await;
    let mut object = web(4, "app:v1");
    object["spec"]["progressDeadlineSeconds"] = json!(60);
    cluster.create(DEPLOYMENTS, object).await;
    cluster.until("the first rollout", WEB, |d| is_done(d, 4)).await;
    for image in ["app:bad", "app:crash", "app:never-ready"] {
        cluster
            .patch(
                WEB,
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}),
            )
            .await;
        let stuck =
            cluster.until(image, WEB, |d| reason(d, "Progressing") == "ProgressDeadlineExceeded").await;
        assert_eq!(stuck["status"]["availableReplicas"], 3, "{image}: one may be unavailable");
        cluster
            .patch(
                WEB,
                json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "app:v1"}]}}}}),
            )
            .await;
        cluster
            .until("the way back", WEB, |d| {
                is_done(d, 4) && reason(d, "Progressing") == "NewReplicaSetAvailable"
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_is_replaced_and_scaling_down_takes_pods_away() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(DEPLOYMENTS, web(2, "app:v1")).await;
    cluster.until("the rollout", WEB, |d| is_done(d, 2)).await;
    let pods = cluster.get(PODS).await;
    let victim = items(&pods)[0]["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.send("DELETE", &format!("{PODS}/{victim}"), "application/json", &json!({})).await;
    let others = |pods: &Value| {
        items(pods).len() == 2 && items(pods).iter().all(|pod| pod["metadata"]["name"] != victim.as_str())
    };
    cluster.until("another pod", PODS, others).await;
    cluster.patch(WEB, json!({"spec": {"replicas": 0}})).await;
    cluster.until("no pods", PODS, |pods| items(pods).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn readiness_gates_wait_for_somebody_else() {
    let cluster = Cluster::start(Duration::ZERO).await;
    let mut object = web(1, "app:v1");
    object["spec"]["template"]["spec"]["readinessGates"] = json!([{"conditionType": "example.com/gate"}]);
    cluster.create(DEPLOYMENTS, object).await;
    let pods = cluster
        .until("a running pod", PODS, |pods| {
            items(pods).iter().any(|pod| pod["status"]["phase"] == "Running")
        })
        .await;
    assert_eq!(reason(&items(&pods)[0], "Ready"), "ReadinessGatesNotReady");
    let name = items(&pods)[0]["metadata"]["name"].as_str().unwrap();
    let gate = json!({"status": {"conditions": [{"type": "example.com/gate", "status": "True"}]}});
    cluster
        .send("PATCH", &format!("{PODS}/{name}/status"), "application/strategic-merge-patch+json", &gate)
        .await;
    cluster.until("the rollout", WEB, |d| is_done(d, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_pods_come_and_go() {
    let cluster = Cluster::start(Duration::from_secs(1)).await;
    cluster.create(DEPLOYMENTS, web(100, "app:v1")).await;
    cluster.until("a hundred pods", WEB, |d| is_done(d, 100)).await;
    cluster.send("DELETE", WEB, "application/json", &json!({"propagationPolicy": "Background"})).await;
    cluster.until("no pods", PODS, |pods| items(pods).is_empty()).await;
}
