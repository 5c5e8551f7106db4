//! Single requests for the command line: no cache, no queue, the API's own words in every error.

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt;
use kube::{
    Client,
    api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use serin_kernel::{Key, Kind};
use tokio::sync::watch;

/// A command that waits for the API longer than this has lost it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client for single requests. Cheap to clone.
#[derive(Clone)]
pub struct Direct {
    client: Client,
}

/// A request that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectError {
    /// The API answered with a `Status`.
    #[error("{message}")]
    Api {
        /// HTTP status code.
        code: u16,
        /// The API's message.
        message: String,
    },
    /// There was no answer.
    #[error("the API server does not answer: {0}")]
    Unreachable(String),
}

impl DirectError {
    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { code: 404, .. })
    }

    /// Whether the object was changed by somebody else in the meantime.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { code: 409, .. })
    }
}

impl From<kube::Error> for DirectError {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = error {
            return Self::Api { code: status.code, message: status.message };
        }
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::Unreachable(message)
    }
}

/// How a patch is to be read.
#[derive(Clone, Debug)]
pub enum Change {
    /// JSON merge patch (RFC 7396).
    Merge(Value),
    /// JSON merge patch of the status subresource.
    MergeStatus(Value),
    /// JSON patch (RFC 6902).
    Json(Value),
    /// The whole object, refused with a conflict when it was changed in the meantime.
    Replace(Value),
}

impl Direct {
    /// A direct client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: kind.group.to_owned(),
            version: kind.version.to_owned(),
            api_version: kind.api_version(),
            kind: kind.kind.to_owned(),
            plural: kind.plural.to_owned(),
        };
        if kind.namespaced && !namespace.is_empty() {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    /// One object as the API has it.
    ///
    /// # Errors
    /// When it does not exist or the API refuses or does not answer.
    pub async fn get(&self, key: &Key) -> Result<Value, DirectError> {
        let api = self.api(key.kind, &key.namespace);
        in_time(async { Ok(value(&api.get(&key.name).await?)) }).await
    }

    /// All objects of a kind in a namespace; in all namespaces when it is empty.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn list(&self, kind: Kind, namespace: &str) -> Result<Vec<Value>, DirectError> {
        let api = self.api(kind, namespace);
        in_time(async {
            let listed = api.list(&ListParams::default()).await?;
            let types = listed.types;
            let mut items: Vec<Value> = listed.items.iter().map(value).collect();
            for item in items.iter_mut().filter(|item| item.get("kind").is_none()) {
                item["kind"] = types.kind.trim_end_matches("List").into();
                item["apiVersion"] = types.api_version.clone().into();
            }
            Ok(items)
        })
        .await
    }

    /// Creates an object, whose metadata names it.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn create(&self, kind: Kind, namespace: &str, object: &Value) -> Result<Value, DirectError> {
        let api = self.api(kind, namespace);
        in_time(async {
            let object = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
            Ok(value(&api.create(&kube::api::PostParams::default(), &object).await?))
        })
        .await
    }

    /// Changes an object and returns it as changed.
    ///
    /// # Errors
    /// When it does not exist or the API refuses or does not answer.
    pub async fn change(&self, key: &Key, change: &Change) -> Result<Value, DirectError> {
        let api = self.api(key.kind, &key.namespace);
        let params = PatchParams::default();
        in_time(async {
            let changed = match change {
                Change::Merge(patch) => api.patch(&key.name, &params, &Patch::Merge(patch)).await?,
                Change::MergeStatus(patch) => {
                    api.patch_status(&key.name, &params, &Patch::Merge(patch)).await?
                }
                Change::Json(patch) => {
                    let patch = serde_json::from_value(patch.clone()).map_err(kube::Error::SerdeError)?;
                    api.patch(&key.name, &params, &Patch::Json::<()>(patch)).await?
                }
                Change::Replace(object) => {
                    let object = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
                    api.replace(&key.name, &kube::api::PostParams::default(), &object).await?
                }
            };
            Ok(value(&changed))
        })
        .await
    }

    /// Follows all objects of a kind in a namespace (or the one named `name`): what is returned always has the latest.
    /// A lost connection is taken up again; a refusal for lack of rights is the last news. Ends when it is dropped.
    #[must_use]
    pub fn follow(&self, kind: Kind, namespace: &str, name: Option<&str>) -> Following {
        let config = match name {
            Some(name) => watcher::Config::default().fields(&format!("metadata.name={name}")),
            None => watcher::Config::default(),
        };
        let mut events = watcher(self.api(kind, namespace), config).default_backoff().boxed();
        let (sender, receiver) = watch::channel(Ok(None));
        tokio::spawn(async move {
            let mut objects = BTreeMap::new();
            let mut complete = false;
            loop {
                let event = tokio::select! {
                    () = sender.closed() => return,
                    event = events.next() => event,
                };
                match event {
                    None => return,
                    Some(Err(error)) => match refusal(error) {
                        Some(refusal) => {
                            drop(sender.send_replace(Err(refusal)));
                            return;
                        }
                        // The watcher tries again by itself, with back-off.
                        None => continue,
                    },
                    Some(Ok(watcher::Event::Init)) => {
                        objects.clear();
                        complete = false;
                    }
                    Some(Ok(watcher::Event::InitDone)) => complete = true,
                    Some(Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object))) => {
                        objects.insert(id(&object), value(&object));
                    }
                    Some(Ok(watcher::Event::Delete(object))) => {
                        objects.remove(&id(&object));
                    }
                }
                if complete {
                    drop(sender.send_replace(Ok(Some(objects.clone()))));
                }
            }
        });
        Following(receiver)
    }
}

/// The latest that is known of some objects.
pub struct Following(watch::Receiver<Latest>);

/// Nothing yet, the objects by namespace and name, or why there will be none.
type Latest = Result<Option<BTreeMap<(String, String), Value>>, DirectError>;

impl Following {
    /// Waits for something new.
    ///
    /// # Errors
    /// When there will be nothing new any more.
    pub async fn changed(&mut self) -> Result<(), DirectError> {
        let ended = || DirectError::Unreachable("the watch has ended".to_owned());
        self.0.changed().await.map_err(|_| ended())
    }

    /// The latest objects, by namespace and name; none until the first list is complete.
    ///
    /// # Errors
    /// When the API refuses to tell.
    pub fn objects(&mut self) -> Result<Option<Vec<Value>>, DirectError> {
        let latest = self.0.borrow_and_update();
        latest
            .as_ref()
            .map(|all| all.as_ref().map(|all| all.values().cloned().collect()))
            .map_err(Clone::clone)
    }
}

/// The API's no, if the error is one that trying again does not mend.
fn refusal(error: watcher::Error) -> Option<DirectError> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return None;
    };
    matches!(status.code, 401 | 403).then(|| DirectError::Api { code: status.code, message: status.message })
}

fn id(object: &DynamicObject) -> (String, String) {
    let meta = &object.metadata;
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

async fn in_time<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, DirectError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(DirectError::from),
        Err(_) => Err(DirectError::Unreachable(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()))),
    }
}
