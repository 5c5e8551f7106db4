//! What stands for the Deployment controller, the scheduler and the nodes where the API server is alone: each Deployment is as
//! it is wanted at once, at the price of one write.
//!
//! Reason: with pods, a control plane on a few cores is busy with them alone long before the controller is.

use futures::{StreamExt, TryStreamExt};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use serin_e2e::cluster::{DEPLOYMENT, Patch, patch};

use crate::watch::resource;

/// Statuses that are written side by side.
const SIDE_BY_SIDE: usize = 16;

/// The double, until it is dropped.
#[derive(Debug)]
pub(super) struct Deployments(tokio::task::JoinHandle<()>);

impl Drop for Deployments {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Deployments {
    /// Begins.
    pub(super) fn start(client: Client, namespace: &str) -> Self {
        let kind: ApiResource = resource("apps", "v1", "Deployment", "deployments");
        let (api, namespace): (Api<DynamicObject>, _) =
            (Api::namespaced_with(client.clone(), namespace, &kind), namespace.to_owned());
        Self(tokio::spawn(async move {
            let changes = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
            let wanted = changes.filter_map(|seen| {
                std::future::ready(
                    seen.ok()
                        .and_then(|it| Some((it.metadata.name?, status(it.metadata.generation?, &it.data)?))),
                )
            });
            let write = |(name, status)| {
                let (client, path) = (client.clone(), DEPLOYMENT.one(&namespace, &format!("{name}/status")));
                async move { patch(&client, &path, &json!({"status": status}), Patch::Merge).await.map(drop) }
            };
            // One that is gone meanwhile has no status.
            wanted
                .map(write)
                .buffer_unordered(SIDE_BY_SIDE)
                .map_err(drop)
                .for_each(|_| std::future::ready(()))
                .await;
        }))
    }
}

/// The status of a Deployment whose pods are all there; none when it is written already.
fn status(generation: i64, deployment: &Value) -> Option<Value> {
    if deployment["status"]["observedGeneration"] == json!(generation) {
        return None;
    }
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason});
    Some(json!({
        "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
        "readyReplicas": replicas, "availableReplicas": replicas,
        "conditions": [condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable")],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_once_for_each_generation() {
        let mut deployment = json!({"spec": {"replicas": 0}});
        let first = status(1, &deployment).unwrap();
        assert_eq!((&first["observedGeneration"], &first["readyReplicas"]), (&json!(1), &json!(0)));
        deployment["status"] = first;
        assert_eq!(status(1, &deployment), None);
        assert!(status(2, &deployment).is_some());
    }
}
