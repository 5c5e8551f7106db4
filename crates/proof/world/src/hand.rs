//! A hand on the plane without any fault: what people do, and what a world looks at.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use serin_plane::Plane;
use tower::ServiceExt as _;

use crate::shape::{NAME, NAMESPACE};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

/// Calls on a plane that always reach it.
#[derive(Clone)]
pub struct Hand {
    plane: Plane,
}

impl Hand {
    /// A hand on `plane`.
    #[must_use]
    pub fn new(plane: Plane) -> Self {
        Self { plane }
    }

    /// Makes one request; the code and the body of the answer, null when it is no JSON.
    pub async fn call(&self, method: &str, path: &str, media_type: &str, content: &Value) -> (u16, Value) {
        let bytes = if content.is_null() { Bytes::new() } else { Bytes::from(content.to_string()) };
        let request = Request::builder().method(method).uri(path).header("content-type", media_type);
        let Ok(request) = request.body(Full::new(bytes)) else { return (0, Value::Null) };
        let Ok(answer) = self.plane.service().oneshot(request).await;
        let code = answer.status().as_u16();
        let Ok(whole) = answer.into_body().collect().await;
        (code, serde_json::from_slice(&whole.to_bytes()).unwrap_or(Value::Null))
    }

    /// Creates an object; the code of the answer.
    pub async fn create(&self, collection: &str, object: &Value) -> u16 {
        self.call("POST", collection, JSON, object).await.0
    }

    /// Applies a merge patch; the code of the answer.
    pub async fn patch(&self, path: &str, change: &Value) -> u16 {
        self.call("PATCH", path, MERGE, change).await.0
    }

    /// Deletes an object; the code of the answer.
    pub async fn delete(&self, path: &str) -> u16 {
        self.call("DELETE", path, JSON, &Value::Null).await.0
    }

    /// Reads an object or a list; null when there is none.
    pub async fn get(&self, path: &str) -> Value {
        let (code, body) = self.call("GET", path, JSON, &Value::Null).await;
        if code == 200 { body } else { Value::Null }
    }

    /// The items of a list.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        let mut list = self.get(path).await;
        match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }
}

/// The path of a namespaced collection.
#[must_use]
pub fn collection(plural: &str) -> String {
    let root = match plural {
        "pods" | "services" | "events" => "/api/v1".to_owned(),
        "replicasets" | "deployments" => "/apis/apps/v1".to_owned(),
        "ingresses" => "/apis/networking.k8s.io/v1".to_owned(),
        _ => "/apis/argoproj.io/v1alpha1".to_owned(),
    };
    format!("{root}/namespaces/{NAMESPACE}/{plural}")
}

/// The path of the Rollout that a world is about.
#[must_use]
pub fn rollout() -> String {
    format!("{}/{NAME}", collection("rollouts"))
}
