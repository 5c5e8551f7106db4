//! Keeping one store in step with the API: list, watch, and begin again where it broke off.
//!
//! Property: whatever goes wrong, the store is never emptied by it: what was known stays until a list says otherwise.
//!
//! Mechanics: list in pages; watch from the list's version; after the end of a watch go on from the last version seen
//! (bookmarks move it on in quiet times); when that has expired, list again and take the difference.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::time::{Instant, sleep};

use crate::{
    Backoff, Failure, Jitter, Seen, State,
    cluster::{Inner, Watched, code_of},
    store::name_of,
};

/// Waits after a failed list or watch: quick at first, because most failures are a restart of the API server.
const AFTER_FAILURE: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) };
/// Waits while the kind does not exist: it may be installed any time, but a request a minute at rest would be noise.
const WHILE_ABSENT: Backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_mins(5) };
/// How long a watch is asked to last, before jitter. Longer saves requests, shorter finds dead connections.
const WATCH_LASTS: Duration = Duration::from_mins(5);
/// A watch that lasted this long had nothing wrong with it: going on at once is right, and back-off starts anew.
const HEALTHY_WATCH: Duration = Duration::from_secs(5);

/// Pages of one list. Two million objects would not fit into memory; a server that goes on for longer has lost count, and
/// following it would hold up everything that waits for the list.
const PAGES_MAX: u32 = 4_000;

/// Follows until the cluster is stopped.
pub(crate) async fn follow(inner: Arc<Inner>, watched: Arc<Watched>) {
    let stop = inner.stop.clone();
    tokio::select! {
        // What breaks because we stop is no news.
        biased;
        () = stop.cancelled() => {}
        () = follow_for_ever(&inner, &watched) => {}
    }
}

async fn follow_for_ever(inner: &Inner, watched: &Watched) {
    let kind = watched.scope.kind;
    let mut jitter = Jitter::new(inner.settings.seed, &kind.to_string());
    let mut failures = 0_u32;
    let mut version: Option<String> = None;
    loop {
        let started = Instant::now();
        let outcome = match &mut version {
            None => list(inner, watched).await.map(|listed| version = Some(listed)),
            Some(version) => watch(inner, watched, version, jitter.stretch(WATCH_LASTS)).await,
        };
        let wait = match outcome {
            Ok(()) if version.is_some() && HEALTHY_WATCH <= started.elapsed() => {
                failures = 0;
                Duration::ZERO
            }
            // A list is followed by its watch at once; a watch that ends early is slowed down.
            Ok(()) if failures == 0 => {
                failures = 1;
                Duration::ZERO
            }
            Ok(()) => {
                failures += 1;
                AFTER_FAILURE.wait(failures - 1)
            }
            Err(Failure::Expired { .. }) => {
                version = None;
                failures += 1;
                if failures <= 2 { Duration::ZERO } else { AFTER_FAILURE.wait(failures) }
            }
            Err(Failure::NotFound { .. }) => {
                version = None;
                failures += 1;
                become_absent(inner, watched);
                WHILE_ABSENT.wait(failures)
            }
            Err(failure) => {
                failures = if HEALTHY_WATCH <= started.elapsed() { 1 } else { failures + 1 };
                report(watched, &failure, failures);
                asked_for(&failure).unwrap_or_default().max(AFTER_FAILURE.wait(failures))
            }
        };
        if !wait.is_zero() {
            sleep(jitter.stretch(wait)).await;
        }
    }
}

async fn list(inner: &Inner, watched: &Watched) -> Result<String, Failure> {
    let mut names = HashSet::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        inner.limit.take().await;
        let page = inner.api.list(&watched.scope, next.as_deref()).await;
        inner.counts.collection(watched.scope.kind.plural, "list", code_of(&page));
        let page = page?;
        for value in page.items {
            let Some(object) = watched.take_in(value) else { continue };
            names.insert(name_of(&object));
            let change = watched.store.lock().set(object, false);
            inner.notify_all(&change);
        }
        next = page.next;
        if next.is_none() {
            let gone = watched.store.lock().retain(&names, &page.version);
            inner.notify_all(&gone);
            become_synced(inner, watched);
            return Ok(page.version);
        }
    }
    Err(Failure::unreachable(format!("a list does not end after {PAGES_MAX} pages")))
}

async fn watch(
    inner: &Inner,
    watched: &Watched,
    version: &mut String,
    lasts: Duration,
) -> Result<(), Failure> {
    inner.limit.take().await;
    let stream = inner.api.watch(&watched.scope, version, lasts).await;
    inner.counts.collection(watched.scope.kind.plural, "watch", code_of(&stream));
    let mut stream = stream?;
    while let Some(seen) = stream.next().await {
        let (value, deleted) = match seen? {
            Seen::Bookmark(seen) => {
                if !seen.is_empty() {
                    *version = seen;
                }
                continue;
            }
            Seen::Set(value) => (value, false),
            Seen::Deleted(value) => (value, true),
        };
        let Some(object) = watched.take_in(value) else { continue };
        if !object.meta().resource_version.is_empty() {
            version.clone_from(&object.meta().resource_version);
        }
        let mut store = watched.store.lock();
        let change = if deleted { store.remove(&object) } else { store.set(object, false) };
        drop(store);
        inner.notify_all(&change);
    }
    Ok(())
}

fn become_synced(inner: &Inner, watched: &Watched) {
    let before = std::mem::replace(&mut *watched.state.lock(), State::Synced);
    if before != State::Synced {
        tracing::info!(kind = %watched.scope.kind, objects = watched.store.lock().len(), "watching");
        inner.settled(watched.scope.kind);
    }
}

fn become_absent(inner: &Inner, watched: &Watched) {
    let gone = watched.store.lock().retain(&HashSet::new(), "");
    inner.notify_all(&gone);
    let before = std::mem::replace(&mut *watched.state.lock(), State::Absent);
    if before != State::Absent {
        tracing::info!(kind = %watched.scope.kind, "there is no such kind in this cluster");
        inner.settled(watched.scope.kind);
    }
}

fn report(watched: &Watched, failure: &Failure, failures: u32) {
    let mut state = watched.state.lock();
    if let State::Starting(last) = &mut *state {
        *last = Some(failure.to_string());
    }
    drop(state);
    // The first failure of a watch is its server's restart; a line for each would drown what matters.
    if failures.is_power_of_two() {
        tracing::warn!(kind = %watched.scope.kind, failures, "watch: {failure}");
    }
}

fn asked_for(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::Unreachable { retry_after, .. } => *retry_after,
        _ => None,
    }
}
