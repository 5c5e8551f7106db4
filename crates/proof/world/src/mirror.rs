//! The world as it is: a picture of the plane's store that no fault reaches.
//!
//! Property: between two calls of [`Mirror::catch_up`] nothing of the plane is missed, and after it nothing of the
//! plane is newer. Mechanics: one watch per kind, drained without waiting.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use serde_json::Value;
use serin_plane::{Body, Plane};
use tower::ServiceExt as _;

use crate::hand::collection;

/// The kinds that are looked at.
pub const KINDS: [&str; 5] = ["rollouts", "replicasets", "pods", "services", "ingresses"];

/// Longer than any world lasts, in seconds.
const LIFETIME_SEC: u64 = 100_000_000;

/// The objects of each kind by name.
pub type Objects = BTreeMap<&'static str, BTreeMap<String, Value>>;

/// A picture of a plane's store.
pub struct Mirror {
    objects: Objects,
    streams: Vec<(&'static str, Body, Vec<u8>)>,
}

impl Mirror {
    /// A picture of `plane`. All definitions must be there already.
    pub async fn open(plane: &Plane) -> Self {
        let mut streams = Vec::new();
        for kind in KINDS {
            let uri = format!("{}?watch=true&timeoutSeconds={LIFETIME_SEC}", collection(kind));
            let Ok(request) = Request::get(uri).body(Empty::new()) else { continue };
            let Ok(answer) = plane.service().oneshot(request).await;
            streams.push((kind, answer.into_body(), Vec::new()));
        }
        let mut mirror =
            Self { objects: KINDS.into_iter().map(|kind| (kind, BTreeMap::new())).collect(), streams };
        mirror.catch_up();
        mirror
    }

    /// Takes in everything that has happened so far.
    pub fn catch_up(&mut self) {
        for (kind, body, buffer) in &mut self.streams {
            // Without tokio's budget, which would say "not yet" after some pieces.
            while let Some(Some(Ok(frame))) = tokio::task::unconstrained(body.frame()).now_or_never() {
                if let Ok(data) = frame.into_data() {
                    buffer.extend_from_slice(&data);
                }
            }
            let Some(end) = buffer.iter().rposition(|byte| *byte == b'\n') else { continue };
            let objects = self.objects.entry(kind).or_default();
            for line in buffer[..end].split(|byte| *byte == b'\n') {
                take_in(objects, line);
            }
            buffer.drain(..=end);
        }
    }

    /// The objects.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }
}

fn take_in(objects: &mut BTreeMap<String, Value>, line: &[u8]) {
    let Ok(mut event) = serde_json::from_slice::<Value>(line) else { return };
    let object = event["object"].take();
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match event["type"].as_str() {
        Some("ADDED" | "MODIFIED") => {
            objects.insert(name, object);
        }
        Some("DELETED") => {
            objects.remove(&name);
        }
        _ => {}
    }
}
