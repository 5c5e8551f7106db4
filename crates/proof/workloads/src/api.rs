//! Doing writes: plain requests, so that no object passes through a typed struct on its way.

use crate::write::{Key, Kind, Write};
use kube::Client;
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
