//! The lease lock among several candidates, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use serin_cluster::{Cluster, Failure, Lock, LockTimes, Role, Settings, clock};
use serin_kernel::{Key, Kind, Moment};
use serin_memory::MemoryApi;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

const NAMESPACE: &str = "argo-rollouts";
const NAME: &str = "argo-rollouts-controller-lock";

fn key() -> Key {
    Kind::namespaced("coordination.k8s.io", "v1", "Lease", "leases").key(NAMESPACE, NAME)
}

fn lock(api: &MemoryApi, identity: &str) -> Lock {
    let settings = Settings::new(clock::from_start(Moment::from_secs(1_700_000_000)));
    Lock {
        cluster: Cluster::new(Arc::new(api.clone()), settings, CancellationToken::new()),
        namespace: NAMESPACE.to_owned(),
        name: NAME.to_owned(),
        identity: identity.to_owned(),
        times: LockTimes::default(),
    }
}

struct Candidate {
    stop: CancellationToken,
    roles: watch::Receiver<Role>,
    task: tokio::task::JoinHandle<()>,
}

fn stand(api: &MemoryApi, identity: &str) -> Candidate {
    let (sender, roles) = watch::channel(Role::Waiting { leader: None });
    let (lock, stop) = (lock(api, identity), CancellationToken::new());
    let token = stop.clone();
    let task = tokio::spawn(async move { lock.run(token, sender).await });
    Candidate { stop, roles, task }
}

async fn leads(candidate: &mut Candidate) -> Duration {
    let start = Instant::now();
    candidate.roles.wait_for(|role| *role == Role::Leading).await.unwrap();
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_the_other_follows_when_it_is_given_back() {
    let api = MemoryApi::new();
    let mut first = stand(&api, "a");
    leads(&mut first).await;
    let mut second = stand(&api, "b");
    second.roles.wait_for(|role| *role == Role::Waiting { leader: Some("a".to_owned()) }).await.unwrap();
    sleep(Duration::from_mins(5)).await;
    assert_eq!(*first.roles.borrow(), Role::Leading, "a lease that is renewed is kept");
    first.stop.cancel();
    first.task.await.unwrap();
    assert!(leads(&mut second).await <= Duration::from_secs(2), "a lease given back is free at once");
    let lease = api.get(&key()).unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], json!(1));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_vanishes_is_replaced_after_the_lease() {
    let api = MemoryApi::new();
    let mut first = stand(&api, "a");
    leads(&mut first).await;
    let mut second = stand(&api, "b");
    second.roles.wait_for(|role| matches!(role, Role::Waiting { leader: Some(_) })).await.unwrap();
    first.task.abort();
    let wait = leads(&mut second).await;
    assert!(Duration::from_secs(13) <= wait && wait <= Duration::from_secs(18), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_gives_up_before_others_may_lead() {
    let api = MemoryApi::new();
    let mut first = stand(&api, "a");
    leads(&mut first).await;
    let start = Instant::now();
    api.fail_calls("leases", Failure::unreachable("cut"), u32::MAX);
    first.roles.wait_for(|role| *role == Role::Lost).await.unwrap();
    assert!(start.elapsed() < LockTimes::default().lease_duration, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn requests_for_the_lease_are_counted() {
    let api = MemoryApi::new();
    let lock = lock(&api, "a");
    let (cluster, stop) = (lock.cluster.clone(), CancellationToken::new());
    let (sender, mut roles) = watch::channel(Role::Waiting { leader: None });
    let token = stop.clone();
    let task = tokio::spawn(async move { lock.run(token, sender).await });
    roles.wait_for(|role| *role == Role::Leading).await.unwrap();
    stop.cancel();
    task.await.unwrap();
    let counted: Vec<_> = cluster
        .requests()
        .into_iter()
        .map(|(labels, count)| (labels.kind, labels.verb, labels.code, count))
        .collect();
    assert_eq!(
        counted,
        [("leases", "create", 200, 1), ("leases", "get", 404, 1), ("leases", "update", 200, 1)],
        "looked for, made, given back"
    );
}
