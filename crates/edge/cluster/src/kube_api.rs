//! The contract over `kube::Client`: paths, bodies, and lines of a watch.
//!
//! One request per call and no retry: a client that retries behind our back hides overload and doubles back-off
//! ([`crate::access::Access::connect`] switches kube's own retries off).

use std::time::Duration;

use futures::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::{Method, Request, Response, header};
use http_body_util::{BodyDataStream, BodyExt};
use kube::{Client, client::Body};
use serde::Deserialize;
use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Precondition, Propagation, chain};
use tokio::time::timeout;

use crate::{Api, Call, Failure, Listed, Scope, Seen, Verb, classify};

/// How long an answer may take. The API server itself gives up after 60 s; half of that leaves time to try again
/// before a lease is lost on a slow path.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Objects in one page of a list: some megabytes of JSON at the most, so that a start needs little memory.
const PAGE_ITEMS: usize = 200;
/// The longest line of a watch: above etcd's limit of 1.5 MiB for one object, with room for its JSON form.
const LINE_BYTES_MAX: usize = 16 << 20;
/// A watch this long without even a bookmark is taken for dead once it has had one (they come every minute).
const BOOKMARK_SILENCE_MAX: Duration = Duration::from_secs(150);
/// How much longer than asked for a watch without bookmarks may stay silent.
const SILENCE_GRACE: Duration = Duration::from_secs(15);
/// Who owns the fields we write. Argo's controller writes under this name, so that taking over moves no ownership.
const FIELD_MANAGER: &str = "rollouts-controller";

/// A real Kubernetes API.
#[derive(Clone)]
pub struct KubeApi {
    client: Client,
}

impl KubeApi {
    /// Speaks through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn send(&self, request: Request<Body>, verb: Option<&Verb>) -> Result<Response<Body>, Failure> {
        let answer = self.client.send(request).await.map_err(|error| Failure::unreachable(chain(&error)))?;
        let code = answer.status().as_u16();
        if code < 400 {
            return Ok(answer);
        }
        let wait =
            answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body =
            answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(classify::answer(code, &body, wait.map(Duration::from_secs), verb))
    }

    async fn json<T: for<'de> Deserialize<'de>>(
        &self,
        request: Request<Body>,
        verb: Option<&Verb>,
    ) -> Result<T, Failure> {
        let whole = async {
            let answer = self.send(request, verb).await?;
            let body = answer.into_body().collect().await;
            let body =
                body.map_err(|error| Failure::unreachable(format!("the answer broke off: {error}")))?;
            serde_json::from_slice(&body.to_bytes()).map_err(|error| {
                Failure::unreachable(format!("the answer is not what was asked for: {error}"))
            })
        };
        timeout(REQUEST_MAX, whole)
            .await
            .unwrap_or_else(|_| Err(Failure::unreachable(format!("no answer within {REQUEST_MAX:?}"))))
    }
}

impl Api for KubeApi {
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>> {
        Box::pin(async move {
            let mut query = vec![("limit", PAGE_ITEMS.to_string())];
            query.extend(next.map(|next| ("continue", next.to_owned())));
            let list: List = self.json(get(scope, query)?, None).await?;
            let metadata = list.metadata;
            Ok(Listed {
                items: list.items.unwrap_or_default(),
                version: metadata.resource_version,
                next: metadata.r#continue.filter(|next| !next.is_empty()),
            })
        })
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        Box::pin(async move {
            let query = vec![
                ("watch", "true".to_owned()),
                ("allowWatchBookmarks", "true".to_owned()),
                ("resourceVersion", since.to_owned()),
                ("timeoutSeconds", patience.as_secs().max(1).to_string()),
            ];
            let answer = timeout(REQUEST_MAX, self.send(get(scope, query)?, None))
                .await
                .map_err(|_| Failure::unreachable("the watch did not begin"))??;
            let lines = Lines {
                body: answer.into_body().into_data_stream(),
                buffer: Vec::new(),
                scanned: 0,
                silence_max: patience + SILENCE_GRACE,
            };
            Ok(stream::unfold(Some(lines), next_seen).boxed())
        })
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(
            async move { self.json(request(Method::GET, &object_path(key, "")?, &[], None)?, None).await },
        )
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move { self.json(request_of(call)?, Some(&call.verb)).await })
    }
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    r#continue: Option<String>,
}

struct Lines {
    body: BodyDataStream<Body>,
    buffer: Vec<u8>,
    scanned: usize,
    silence_max: Duration,
}

#[derive(Deserialize)]
struct Line {
    r#type: String,
    object: Value,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            if let Some(end) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') {
                let end = self.scanned + end;
                let line = serde_json::from_slice(&self.buffer[..end]);
                self.buffer.drain(..=end);
                self.scanned = 0;
                return line
                    .map(Some)
                    .map_err(|error| Failure::unreachable(format!("a watch event: {error}")));
            }
            self.scanned = self.buffer.len();
            if self.buffer.is_empty() {
                // A burst must not leave its memory behind: an idle watch costs nothing.
                self.buffer = Vec::new();
            }
            let chunk = timeout(self.silence_max, self.body.next());
            match chunk.await.map_err(|_| Failure::unreachable("the watch fell silent"))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Failure::unreachable(chain(&error))),
                Some(Ok(chunk)) if LINE_BYTES_MAX < self.buffer.len() + chunk.len() => {
                    return Err(Failure::unreachable("a watch event is too long"));
                }
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
            }
        }
    }
}

async fn next_seen(lines: Option<Lines>) -> Option<(Result<Seen, Failure>, Option<Lines>)> {
    let mut lines = lines?;
    loop {
        let line = match lines.next().await {
            Ok(line) => line?,
            Err(failure) => return Some((Err(failure), None)),
        };
        let seen = match line.r#type.as_str() {
            "ADDED" | "MODIFIED" => Seen::Set(line.object),
            "DELETED" => Seen::Deleted(line.object),
            "BOOKMARK" => {
                lines.silence_max = lines.silence_max.min(BOOKMARK_SILENCE_MAX);
                let version = line.object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                Seen::Bookmark(version.unwrap_or_default().to_owned())
            }
            "ERROR" => {
                let status = serde_json::from_value(line.object).unwrap_or_default();
                return Some((Err(classify::of_status(0, status, None, None)), None));
            }
            _ => continue,
        };
        return Some((Ok(seen), Some(lines)));
    }
}

fn get(scope: &Scope, mut query: Vec<(&str, String)>) -> Result<Request<Body>, Failure> {
    query.extend(scope.selector.clone().map(|selector| ("labelSelector", selector)));
    let path = collection_path(scope.kind, scope.namespace.as_deref().unwrap_or_default())?;
    request(Method::GET, &path, &query, None)
}

fn request_of(call: &Call) -> Result<Request<Body>, Failure> {
    const JSON: &str = "application/json";
    const MERGE: &str = "application/merge-patch+json";
    let key = &call.target;
    let manager = [("fieldManager", FIELD_MANAGER.to_owned())];
    match &call.verb {
        Verb::Create(body) => {
            let path = collection_path(key.kind, &key.namespace)?;
            request(Method::POST, &path, &manager, Some((JSON, body)))
        }
        Verb::Replace(body) => request(Method::PUT, &object_path(key, "")?, &manager, Some((JSON, body))),
        Verb::Merge(patch) => request(Method::PATCH, &object_path(key, "")?, &manager, Some((MERGE, patch))),
        Verb::MergeStatus(patch) => {
            request(Method::PATCH, &object_path(key, "/status")?, &manager, Some((MERGE, patch)))
        }
        Verb::Delete(propagation, precondition) => {
            let options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions",
                "propagationPolicy": propagation_name(*propagation),
                "preconditions": preconditions(precondition),
            });
            request(Method::DELETE, &object_path(key, "")?, &[], Some((JSON, &options)))
        }
        Verb::Evict(precondition) => {
            let eviction = json!({
                "apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": key.name, "namespace": key.namespace},
                "deleteOptions": {"preconditions": preconditions(precondition)},
            });
            request(Method::POST, &object_path(key, "/eviction")?, &[], Some((JSON, &eviction)))
        }
    }
}

fn propagation_name(propagation: Propagation) -> &'static str {
    match propagation {
        Propagation::Background => "Background",
        Propagation::Foreground => "Foreground",
        Propagation::Orphan => "Orphan",
    }
}

fn preconditions(precondition: &Precondition) -> Value {
    let mut map = serde_json::Map::new();
    map.extend(precondition.uid.iter().map(|uid| ("uid".to_owned(), json!(uid))));
    map.extend(precondition.resource_version.iter().map(|v| ("resourceVersion".to_owned(), json!(v))));
    Value::Object(map)
}

fn collection_path(kind: Kind, namespace: &str) -> Result<String, Failure> {
    let root = if kind.group.is_empty() {
        format!("/api/{}", kind.version)
    } else {
        format!("/apis/{}/{}", kind.group, kind.version)
    };
    if !kind.namespaced || namespace.is_empty() {
        return Ok(format!("{root}/{}", kind.plural));
    }
    Ok(format!("{root}/namespaces/{}/{}", segment(namespace)?, kind.plural))
}

fn object_path(key: &Key, subresource: &str) -> Result<String, Failure> {
    Ok(format!("{}/{}{subresource}", collection_path(key.kind, &key.namespace)?, segment(&key.name)?))
}

/// A name as part of a path. Names come from users' manifests: one with a slash must not reach another object.
fn segment(name: &str) -> Result<&str, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '~');
    if name.is_empty() || name == "." || name == ".." || !name.chars().all(plain) {
        return Err(Failure::Refused {
            code: 400,
            reason: "BadRequest".to_owned(),
            message: format!("`{name}` is not a name that an object can have"),
        });
    }
    Ok(name)
}

fn request(
    method: Method,
    path: &str,
    query: &[(&str, String)],
    body: Option<(&'static str, &Value)>,
) -> Result<Request<Body>, Failure> {
    let mut uri = path.to_owned();
    for (index, (key, value)) in query.iter().enumerate() {
        uri.push(if index == 0 { '?' } else { '&' });
        uri.push_str(key);
        uri.push('=');
        encode(&mut uri, value);
    }
    let builder = Request::builder().method(method).uri(uri).header(header::ACCEPT, "application/json");
    let request = match body {
        None => builder.body(Body::empty()),
        Some((kind, body)) => {
            builder.header(header::CONTENT_TYPE, kind).body(Body::from(body.to_string().into_bytes()))
        }
    };
    request.map_err(|error| Failure::unreachable(format!("the request cannot be built: {error}")))
}

fn encode(uri: &mut String, value: &str) {
    use std::fmt::Write;
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: Kind = Kind::namespaced("", "v1", "Pod", "pods");
    const ROLLOUT: Kind = Kind::namespaced("argoproj.io", "v1alpha1", "Rollout", "rollouts");

    #[test]
    fn each_call_has_its_method_and_path() {
        let patch = json!({"a": 1});
        for (key, verb, expected) in [
            (
                POD.key("n", "p"),
                Verb::Create(patch.clone()),
                "POST /api/v1/namespaces/n/pods?fieldManager=rollouts-controller",
            ),
            (
                ROLLOUT.key("n", "r"),
                Verb::Merge(patch.clone()),
                "PATCH /apis/argoproj.io/v1alpha1/namespaces/n/rollouts/r?fieldManager=rollouts-controller",
            ),
            (
                ROLLOUT.key("n", "r"),
                Verb::MergeStatus(patch.clone()),
                "PATCH /apis/argoproj.io/v1alpha1/namespaces/n/rollouts/r/status?fieldManager=rollouts-controller",
            ),
            (
                POD.key("n", "p"),
                Verb::Evict(Precondition::default()),
                "POST /api/v1/namespaces/n/pods/p/eviction",
            ),
            (
                POD.key("n", "p"),
                Verb::Delete(Propagation::Background, Precondition::default()),
                "DELETE /api/v1/namespaces/n/pods/p",
            ),
        ] {
            let request = request_of(&Call { target: key, verb }).unwrap();
            assert_eq!(format!("{} {}", request.method(), request.uri()), expected);
        }
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for name in ["", "a/b", "..", "a?b", "a#b", "a%2fb", "ä", "a b"] {
            let failure = object_path(&POD.key("n", name), "").unwrap_err();
            assert_eq!(failure.code(), 400, "{name}");
        }
        assert!(object_path(&POD.key("n", "system:node-a.b_c"), "").is_ok());
    }

    #[test]
    fn a_selector_is_encoded() {
        let scope = Scope { kind: POD, namespace: None, selector: Some("a in (b,c)".to_owned()) };
        assert_eq!(
            get(&scope, vec![]).unwrap().uri().to_string(),
            "/api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29"
        );
    }
}
