//! Node objects: as a cluster's scheduler and node controller want them.

use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};

const LEASE_NAMESPACE: &str = "kube-node-lease";

/// The kubelet's own lease duration: the node controller waits a little longer than this before it gives a node up.
const LEASE_SEC: u64 = 40;

/// The name of the `number`-th node, from 1.
pub(crate) fn name(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number}")
}

/// Makes a node exist and be Ready.
pub(crate) async fn register(
    client: &Client,
    name: &str,
    ip: &str,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let node = object(name, ip, now);
    let created = send(client, "POST", "/api/v1/nodes", JSON, &node).await;
    match created {
        Ok(created) if is_ready(&created) => return Ok(()),
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => return Err(error),
    }
    let patch = json!({"status": node["status"]});
    send(client, "PATCH", &format!("/api/v1/nodes/{name}/status"), STRATEGIC, &patch).await.map(drop)
}

/// Renews a node's Lease: all that the node controller asks for.
pub(crate) async fn renew(client: &Client, name: &str, now: Timestamp) -> Result<(), kube::Error> {
    let at = now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let collection = format!("/apis/coordination.k8s.io/v1/namespaces/{LEASE_NAMESPACE}/leases");
    let patch = json!({"spec": {"renewTime": at}});
    match send(client, "PATCH", &format!("{collection}/{name}"), MERGE, &patch).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": name, "namespace": LEASE_NAMESPACE},
                "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SEC, "renewTime": at},
            });
            send(client, "POST", &collection, JSON, &lease).await.map(drop)
        }
        other => other.map(drop),
    }
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// One request with a JSON body.
pub(crate) async fn send(
    client: &Client,
    method: &str,
    path: &str,
    kind: &str,
    body: &Value,
) -> Result<Value, kube::Error> {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .header("accept", JSON)
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

fn object(name: &str, ip: &str, now: Timestamp) -> Value {
    let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
               "lastHeartbeatTime": at, "lastTransitionTime": at})
    };
    // Far more than any test asks for: the real scheduler must never say no.
    let room = json!({"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "4Ti", "pods": "10000"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": "local", "serin.dev/node-double": "true",
        }},
        "status": {
            "capacity": room, "allocatable": room,
            "addresses": [{"type": "InternalIP", "address": ip}, {"type": "Hostname", "address": name}],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "bootID": "", "machineID": "", "systemUUID": "",
                "kernelVersion": "", "osImage": "node double", "containerRuntimeVersion": "serin://0",
                "kubeletVersion": "v1.33.0-serin", "kubeProxyVersion": "",
            },
        },
    })
}
