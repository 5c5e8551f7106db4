//! Doing writes: plain requests, so that no object passes through a typed struct on its way.

use crate::write::{Key, Kind, Write};
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};

/// What came of a write.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The object as it is now.
    Object(Kind, Value),
    Gone(Key),
    Done,
}

/// Does one write.
///
/// # Errors
/// What the API or the connection answered. A deletion of what is gone already is no error.
pub(crate) async fn perform(client: &Client, write: &Write) -> Result<Outcome, kube::Error> {
    match write {
        Write::Create { kind, object, .. } => {
            let namespace = crate::json::text(object, "/metadata/namespace");
            let created =
                send(client, "POST", &kind.path(namespace, "", ""), "application/json", object).await?;
            Ok(Outcome::Object(*kind, created))
        }
        Write::Patch { key, subresource, patch } => {
            if let Some(owner) = patch.pointer("/metadata/ownerReferences/0") {
                still_owns(client, &key.namespace, owner).await?;
            }
            let path = key.kind.path(&key.namespace, &key.name, subresource);
            let patched = send(client, "PATCH", &path, "application/merge-patch+json", patch).await?;
            Ok(Outcome::Object(key.kind, patched))
        }
        Write::Delete { key, uid, .. } => delete(client, key, uid).await,
        Write::Bind { namespace, pod, node } => {
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod, "namespace": namespace},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            });
            let path = Kind::Pod.path(namespace, pod, "binding");
            send(client, "POST", &path, "application/json", &binding).await?;
            Ok(Outcome::Done)
        }
        Write::Event(_) => Ok(Outcome::Done),
    }
}

/// Whether an adopter is there and stays: asked past the cache, as Kubernetes' controllers do. One that is deleted and
/// orphans what it has would take it back at once, by an old look at itself, and then it were collected.
async fn still_owns(client: &Client, namespace: &str, owner: &Value) -> Result<(), kube::Error> {
    let of = |field: &str| crate::json::text(owner, field).to_owned();
    let kind = if of("/kind") == "Deployment" { Kind::Deployment } else { Kind::ReplicaSet };
    let path = kind.path(namespace, &of("/name"), "");
    let live = send(client, "GET", &path, "application/json", &Value::Null).await?;
    let stays =
        crate::json::text(&live, "/metadata/uid") == of("/uid") && !crate::replicaset::is_deleting(&live);
    let gone = || Status::failure("the adopter is on its way out", "Conflict").with_code(409).boxed();
    if stays { Ok(()) } else { Err(kube::Error::Api(gone())) }
}

/// Creates an event; nobody waits for a refused one.
pub(crate) async fn tell(client: &Client, event: &Value) {
    let namespace = match crate::json::text(event, "/metadata/namespace") {
        "" => "default",
        namespace => namespace,
    };
    if let Err(error) =
        send(client, "POST", &Kind::Event.path(namespace, "", ""), "application/json", event).await
    {
        tracing::debug!(%error, "an event was refused");
    }
}

/// The HTTP status of an API error; 0 for a broken connection.
pub(crate) fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    }
}

async fn delete(client: &Client, key: &Key, uid: &str) -> Result<Outcome, kube::Error> {
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": {"uid": uid},
    });
    let path = key.kind.path(&key.namespace, &key.name, "");
    match send(client, "DELETE", &path, "application/json", &options).await {
        // A pod with a grace period comes back as an object that is on its way out.
        Ok(answer) if !crate::json::text(&answer, "/metadata/deletionTimestamp").is_empty() => {
            Ok(Outcome::Object(key.kind, answer))
        }
        Ok(_) => Ok(Outcome::Gone(key.clone())),
        Err(error) if code(&error) == 404 => Ok(Outcome::Gone(key.clone())),
        Err(error) => Err(error),
    }
}

async fn send(
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
        .header("accept", "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serin_plane::{Options, Plane};

    /// Adopts `pod` for a ReplicaSet of that uid; the answer's code, 200 when it is taken.
    async fn adopt(client: &Client, uid: &str) -> u16 {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "set", "uid": uid});
        let patch = json!({"metadata": {"ownerReferences": [owner]}});
        let key = Key::new(Kind::Pod, "default", "pod");
        match perform(client, &Write::Patch { key, subresource: "", patch }).await {
            Ok(_) => 200,
            Err(error) => code(&error),
        }
    }

    #[tokio::test]
    async fn only_who_is_there_and_stays_adopts() {
        let client = Plane::new(Options::default()).client();
        let containers = json!([{"name": "c", "image": "i"}]);
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}});
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "set", "namespace": "default", "finalizers": ["example.com/hold"]},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template},
        });
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "namespace": "default"},
            "spec": {"containers": containers},
        });
        let create = |kind, object| Write::Create { kind, object, told: None };
        let Ok(Outcome::Object(_, set)) = perform(&client, &create(Kind::ReplicaSet, set)).await else {
            panic!("no set");
        };
        assert!(perform(&client, &create(Kind::Pod, pod)).await.is_ok());
        let uid = crate::json::text(&set, "/metadata/uid");
        assert_eq!(adopt(&client, "another").await, 409, "a set of that name, made anew");
        assert_eq!(adopt(&client, uid).await, 200);
        assert!(delete(&client, &Key::of(Kind::ReplicaSet, &set), uid).await.is_ok());
        assert_eq!(adopt(&client, uid).await, 409, "a set on its way out");
    }
}
