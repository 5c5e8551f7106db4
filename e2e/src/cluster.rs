//! Plain requests to a Kubernetes API: JSON values in and out, a path for each kind.
//!
//! Values, because scenarios also send what no type would hold.

use anyhow::{Context, Result};
use kube::Client;
use serde_json::{Value, json};

/// A kind of object that scenarios touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    pub api: &'static str,
    /// The lower-case plural.
    pub plural: &'static str,
    /// Its name in manifests.
    pub name: &'static str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
}

/// `argoproj.io` Rollouts.
pub const ROLLOUT: Kind = Kind::new("/apis/argoproj.io/v1alpha1", "rollouts", "Rollout");
/// `flagger.app` Canaries.
pub const CANARY: Kind = Kind::new("/apis/flagger.app/v1beta1", "canaries", "Canary");
/// `apps` ReplicaSets.
pub const REPLICA_SET: Kind = Kind::new("/apis/apps/v1", "replicasets", "ReplicaSet");
/// `apps` Deployments.
pub const DEPLOYMENT: Kind = Kind::new("/apis/apps/v1", "deployments", "Deployment");
/// `apps` DaemonSets.
pub const DAEMON_SET: Kind = Kind::new("/apis/apps/v1", "daemonsets", "DaemonSet");
/// Pods.
pub const POD: Kind = Kind::new("/api/v1", "pods", "Pod");
/// Services.
pub const SERVICE: Kind = Kind::new("/api/v1", "services", "Service");
/// ConfigMaps.
pub const CONFIG_MAP: Kind = Kind::new("/api/v1", "configmaps", "ConfigMap");
/// Secrets.
pub const SECRET: Kind = Kind::new("/api/v1", "secrets", "Secret");
/// Events.
pub const EVENT: Kind = Kind::new("/api/v1", "events", "Event");
/// Ingresses.
pub const INGRESS: Kind = Kind::new("/apis/networking.k8s.io/v1", "ingresses", "Ingress");
/// Disruption budgets.
pub const BUDGET: Kind = Kind::new("/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget");
/// Autoscalers.
pub const AUTOSCALER: Kind =
    Kind::new("/apis/autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler");

/// Kinds of the cluster itself and of Serin.
const KNOWN: [Kind; 13] = [
    ROLLOUT,
    CANARY,
    REPLICA_SET,
    DEPLOYMENT,
    DAEMON_SET,
    POD,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    EVENT,
    INGRESS,
    BUDGET,
    AUTOSCALER,
];

impl Kind {
    /// A kind whose objects are in namespaces.
    #[must_use]
    pub const fn new(api: &'static str, plural: &'static str, name: &'static str) -> Self {
        Self { api, plural, name, is_namespaced: true }
    }

    /// The kind that a manifest names, when scenarios know it.
    #[must_use]
    pub fn of(manifest: &Value) -> Option<Self> {
        let version = manifest["apiVersion"].as_str()?;
        let is_named = |kind: &Self| kind.api_version() == version && manifest["kind"] == kind.name;
        KNOWN.into_iter().chain(crate::routers::KINDS).find(is_named)
    }

    /// `v1` or `GROUP/VERSION`.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        self.api.strip_prefix("/apis/").or(self.api.strip_prefix("/api/")).unwrap_or(self.api)
    }

    /// `GROUP` and `VERSION`.
    #[must_use]
    pub fn group_and_version(self) -> (&'static str, &'static str) {
        self.api_version().split_once('/').unwrap_or(("", self.api_version()))
    }

    /// The path of a namespace's objects of this kind.
    #[must_use]
    pub fn list(self, namespace: &str) -> String {
        if self.is_namespaced {
            format!("{}/namespaces/{namespace}/{}", self.api, self.plural)
        } else {
            format!("{}/{}", self.api, self.plural)
        }
    }

    /// The path of one object, or with `name/status` of a subresource.
    #[must_use]
    pub fn one(self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.list(namespace))
    }
}

/// How a patch is written down.
#[derive(Clone, Copy, Debug)]
pub enum Patch {
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
}

/// One request; an answer that is no success is an error with the API's words.
pub async fn send(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
    content: &str,
) -> Result<Value> {
    let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, content)
        .body(body)?;
    client.request::<Value>(request).await.with_context(|| format!("{method} {path}"))
}

/// Reads one path.
pub async fn get(client: &Client, path: &str) -> Result<Value> {
    send(client, "GET", path, None, "application/json").await
}

/// Creates an object in a collection.
pub async fn create(client: &Client, path: &str, object: &Value) -> Result<Value> {
    send(client, "POST", path, Some(object), "application/json").await
}

/// Patches one path.
pub async fn patch(client: &Client, path: &str, change: &Value, kind: Patch) -> Result<Value> {
    let content = match kind {
        Patch::Merge => "application/merge-patch+json",
        Patch::Json => "application/json-patch+json",
    };
    send(client, "PATCH", path, Some(change), content).await
}

/// Deletes one path; an object that is gone already is as good.
pub async fn delete(client: &Client, path: &str) -> Result<()> {
    match send(client, "DELETE", path, Some(&json!({})), "application/json").await {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error is the API's 404.
#[must_use]
pub fn is_missing(error: &anyhow::Error) -> bool {
    has_code(error, 404)
}

/// Whether an error is the API's answer with this code.
#[must_use]
pub fn has_code(error: &anyhow::Error, code: u16) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == code)
    })
}
