//! Whatever the API answers, a cluster sees its own writes and ends up with what the API has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use serde_json::json;
use serin_cluster::{Client, Cluster, KubeApi, Settings, State, Written, clock};
use serin_kernel::{Change, Key, Kind, Moment, Propagation, Write};
use serin_plane::Plane;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const CONFIG: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");

type AnyBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A small seeded source (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

fn error(code: u16, reason: &str) -> Response<AnyBody> {
    let status =
        json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "a fault"});
    let body =
        Full::new(Bytes::from(status.to_string())).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    if code == 429 {
        response.headers_mut().insert("retry-after", "1".parse().unwrap());
    }
    response
}

/// A client whose requests fail in every way while `faulty`: before the API has them, after it has carried them out,
/// and in the middle of a watch.
fn faulty_client(plane: &Plane, seed: u64, faulty: Arc<AtomicBool>) -> Client {
    let inner = plane.service();
    let dice = Arc::new(Mutex::new(Dice(seed)));
    let service = tower::service_fn(move |request: Request<_>| {
        let (service, dice, on) = (inner.clone(), dice.clone(), faulty.load(Ordering::Acquire));
        async move {
            let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let fault = if on { dice.lock().roll(12) } else { 99 };
            match fault {
                0 => return Ok(error(409, "Conflict")),
                1 => return Ok(error(429, "TooManyRequests")),
                2 => return Ok(error(500, "InternalError")),
                3 if watch => return Ok(error(410, "Expired")),
                4 => sleep(Duration::from_secs(40)).await,
                5 => return Err::<_, Box<dyn std::error::Error + Send + Sync>>("connection refused".into()),
                _ => {}
            }
            let answer = service.oneshot(request).await.unwrap();
            if fault == 6 && !watch {
                return Err("the answer was lost".into());
            }
            let cut = if on && watch { dice.lock().roll(4) as usize } else { usize::MAX };
            Ok(answer.map(|body| {
                let frames = BodyStream::new(body)
                    .take(cut)
                    .map(|frame| frame.map(|frame: Frame<Bytes>| frame).map_err(Into::into));
                BodyExt::boxed_unsync(StreamBody::new(frames))
            }))
        }
    });
    Client::new(service, "default")
}

fn body(key: &Key, value: u64) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key.name, "namespace": key.namespace}, "data": {"k": value.to_string()}})
}

#[tokio::test(start_paused = true)]
async fn own_writes_are_seen_and_the_end_is_right_under_faults() {
    for seed in 0..12 {
        one_seed(seed).await;
    }
}

async fn one_seed(seed: u64) {
    let clock = clock::from_start(Moment::from_secs(1_700_000_000));
    let stamps = clock.clone();
    let plane = Plane::new(serin_plane::Options {
        clock: Arc::new(move || stamps().timestamp()),
        ..serin_plane::Options::default()
    });
    let faulty = Arc::new(AtomicBool::new(true));
    let api = KubeApi::new(faulty_client(&plane, seed, faulty.clone()));
    let stop = CancellationToken::new();
    let cluster = Cluster::new(Arc::new(api), Settings { seed, ..Settings::new(clock) }, stop.clone());
    let truth = KubeApi::new(plane.client());
    cluster.ensure(CONFIG);
    let synced = async {
        while cluster.ensure(CONFIG) != State::Synced {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_hours(1), synced).await.unwrap_or_else(|_| panic!("seed {seed}: never synced"));
    let mut dice = Dice(seed ^ 0xabcd);
    let mut done = 0;
    for step in 0..200_u64 {
        let key = CONFIG.key("default", format!("c{}", dice.roll(5)));
        let before = cluster.get(&key);
        let change = match (&before, dice.roll(3)) {
            (None, _) => Change::Create(body(&key, step)),
            (Some(_), 0) => Change::Delete(Propagation::Background),
            (Some(_), _) => Change::Merge(json!({"data": {"k": step.to_string()}})),
        };
        let write = before.as_ref().map_or_else(
            || Write::new(key.clone(), change.clone()),
            |object| Write::unchanged(object, change.clone()),
        );
        if let Written::Done(object) = cluster.write(&write).await {
            assert_eq!(cluster.get(&key), object, "seed {seed}, step {step}: {change:?}");
            done += 1;
        }
        if dice.roll(4) == 0 {
            sleep(Duration::from_millis(dice.roll(2000))).await;
        }
    }
    assert!(50 < done, "seed {seed}: of 200 writes only {done} were done");
    faulty.store(false, Ordering::Release);
    let settled = async {
        loop {
            let scope = serin_cluster::Scope { kind: CONFIG, namespace: None, selector: None };
            let listed = serin_cluster::Api::list(&truth, &scope, None).await.unwrap();
            let text = |value: &serde_json::Value| value["data"]["k"].to_string();
            let there: BTreeMap<String, String> = listed
                .items
                .iter()
                .map(|item| (item["metadata"]["name"].as_str().unwrap().to_owned(), text(item)))
                .collect();
            let here: BTreeMap<String, String> = cluster
                .all(CONFIG)
                .iter()
                .map(|object| (object.meta().name.clone(), text(&object.value())))
                .collect();
            if there == here {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(Duration::from_mins(15), settled).await.unwrap_or_else(|_| panic!("seed {seed}: never the same"));
    stop.cancel();
}
