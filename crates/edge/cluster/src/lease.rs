//! The lease lock: one leader among several copies of a controller.
//!
//! Property: a leader that cannot renew its lease knows that it has lost it before anybody else can take it
//! ([`LockTimes::renew_deadline`] is shorter than [`LockTimes::lease_duration`]).
//!
//! Mechanics: the holder's age is counted on our own clock from the moment we saw the record change, never from the
//! times written in it, because clocks differ. Writes are updates that name the version they replace: of two
//! candidates, one is refused.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Moment};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{Api, Call, Failure, Verb, cluster::Clock};

const LEASE: Kind = Kind::namespaced("coordination.k8s.io", "v1", "Lease", "leases");

/// The times of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockTimes {
    /// Others wait this long after the last renewal before they take over.
    pub lease_duration: Duration,
    /// A leader that has not renewed for this long gives up.
    pub renew_deadline: Duration,
    /// Between two tries.
    pub retry_period: Duration,
}

impl Default for LockTimes {
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl LockTimes {
    /// What is wrong with these times, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        if self.lease_duration <= self.renew_deadline {
            return Some("the lease duration must be longer than the renew deadline");
        }
        // client-go's factor: a try must fit into the deadline even when it comes late.
        if self.renew_deadline <= self.retry_period.mul_f64(1.2) {
            return Some("the renew deadline must be longer than 1.2 retry periods");
        }
        if self.retry_period.is_zero() || self.lease_duration < Duration::from_secs(1) {
            return Some("the retry period must not be zero, and the lease duration at least one second");
        }
        None
    }
}

/// Where we stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Somebody else leads, or nobody yet.
    Waiting {
        /// Who leads, if known.
        leader: Option<String>,
    },
    /// We lead.
    Leading,
    /// We led, and no longer do. Final.
    Lost,
}

/// One candidate for one lease.
pub struct Lock {
    /// The API that keeps the lease.
    pub api: Arc<dyn Api>,
    /// Namespace of the lease.
    pub namespace: String,
    /// Name of the lease.
    pub name: String,
    /// Who we are; unique among the candidates.
    pub identity: String,
    /// When to renew and give up.
    pub times: LockTimes,
    /// The wall clock, for the times written in the lease.
    pub clock: Clock,
}

/// The record as we last saw it, and since when it looks so.
struct Sight {
    lease: Value,
    since: Instant,
}

impl Lock {
    /// Stands for election until `stop`, then gives the lease back if we hold it. Tells each change of role.
    pub async fn run(&self, stop: CancellationToken, roles: watch::Sender<Role>) {
        let mut sight: Option<Sight> = None;
        let mut renewed: Option<Instant> = None;
        loop {
            let attempt =
                tokio::time::timeout(self.times.renew_deadline, self.attempt(&mut sight, renewed.is_some()));
            let before = Instant::now();
            match attempt.await {
                Ok(Ok(true)) => {
                    // Counted from before the request: what the server wrote is not younger than that.
                    renewed = Some(before);
                    tell(&roles, Role::Leading);
                }
                Ok(Ok(false)) if renewed.is_some() => {
                    tell(&roles, Role::Lost);
                    return;
                }
                Ok(Ok(false)) => {
                    let leader = sight.as_ref().map(|sight| holder(&sight.lease).to_owned());
                    tell(&roles, Role::Waiting { leader });
                }
                Ok(Err(failure)) => {
                    tracing::warn!(lease = self.name, "{failure}");
                    sight = None.or(sight.filter(|_| !matches!(failure, Failure::Conflict { .. })));
                }
                Err(_) => tracing::warn!(lease = self.name, "no answer about the lease in time"),
            }
            let deadline = renewed.map(|renewed| renewed + self.times.renew_deadline);
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                tell(&roles, Role::Lost);
                return;
            }
            tokio::select! {
                () = sleep(self.times.retry_period) => {}
                () = stop.cancelled() => {
                    if renewed.is_some() && let Some(sight) = sight {
                        self.release(sight.lease).await;
                    }
                    return;
                }
            }
        }
    }

    /// Whether we hold the lease after this attempt.
    async fn attempt(&self, sight: &mut Option<Sight>, leading: bool) -> Result<bool, Failure> {
        // A leader's own record is what it wrote last: one request per renewal.
        if !leading || sight.is_none() {
            match self.api.read(&self.key()).await {
                Ok(lease) => look(sight, lease),
                Err(Failure::NotFound { .. }) => {
                    let verb = Verb::Create(self.record(None, true));
                    let lease = self.api.call(&Call { target: self.key(), verb }).await?;
                    *sight = Some(Sight { lease, since: Instant::now() });
                    return Ok(true);
                }
                Err(failure) => return Err(failure),
            }
        }
        let Some(seen) = sight.as_ref() else { return Ok(false) };
        if !self.is_free(seen) {
            return Ok(false);
        }
        let verb = Verb::Replace(self.record(Some(&seen.lease), true));
        let lease = self.api.call(&Call { target: self.key(), verb }).await?;
        *sight = Some(Sight { lease, since: Instant::now() });
        Ok(true)
    }

    fn is_free(&self, sight: &Sight) -> bool {
        let seconds = sight.lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
        let lasts = seconds.map_or(self.times.lease_duration, Duration::from_secs);
        let holder = holder(&sight.lease);
        holder.is_empty() || holder == self.identity || lasts <= sight.since.elapsed()
    }

    fn record(&self, lease: Option<&Value>, hold: bool) -> Value {
        let now = micro_time((self.clock)());
        let spec = |pointer: &str| lease.and_then(|lease| lease.pointer(pointer));
        let mine = lease.is_some_and(|lease| holder(lease) == self.identity);
        let transitions = spec("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or(0);
        let acquired = spec("/spec/acquireTime").filter(|_| mine).cloned().unwrap_or_else(|| json!(now));
        let mut record = lease.cloned().unwrap_or_else(|| {
            json!({
                "apiVersion": LEASE.api_version(), "kind": LEASE.kind,
                "metadata": {"name": self.name, "namespace": self.namespace},
            })
        });
        let seconds = if hold { self.times.lease_duration.as_secs().max(1) } else { 1 };
        record["spec"] = json!({
            "holderIdentity": if hold { self.identity.as_str() } else { "" },
            "leaseDurationSeconds": seconds,
            "acquireTime": acquired,
            "renewTime": now,
            "leaseTransitions": if mine || lease.is_none() { transitions } else { transitions.saturating_add(1) },
        });
        record
    }

    async fn release(&self, lease: Value) {
        let verb = Verb::Replace(self.record(Some(&lease), false));
        if let Err(failure) = self.api.call(&Call { target: self.key(), verb }).await {
            tracing::warn!(lease = self.name, "not given back, so others must wait for its end: {failure}");
        }
    }

    fn key(&self) -> Key {
        LEASE.key(self.namespace.clone(), self.name.clone())
    }
}

fn look(sight: &mut Option<Sight>, lease: Value) {
    let same = sight.as_ref().is_some_and(|sight| sight.lease.get("spec") == lease.get("spec"));
    let since = sight.as_ref().filter(|_| same).map_or_else(Instant::now, |sight| sight.since);
    *sight = Some(Sight { lease, since });
}

fn holder(lease: &Value) -> &str {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default()
}

fn tell(roles: &watch::Sender<Role>, role: Role) {
    roles.send_if_modified(|current| {
        let changed = *current != role;
        *current = role;
        changed
    });
}

/// `metav1.MicroTime`: six digits, always.
fn micro_time(moment: Moment) -> String {
    moment.timestamp().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryApi, clock};

    fn lock(api: &MemoryApi, identity: &str) -> Lock {
        Lock {
            api: Arc::new(api.clone()),
            namespace: "argo-rollouts".to_owned(),
            name: "argo-rollouts-controller-lock".to_owned(),
            identity: identity.to_owned(),
            times: LockTimes::default(),
            clock: clock::from_start(Moment::from_secs(1_700_000_000)),
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
        let lease = api.get(&lock(&api, "").key()).unwrap();
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

    #[test]
    fn times_that_cannot_work_are_named() {
        assert_eq!(LockTimes::default().problem(), None);
        let secs = Duration::from_secs;
        for (lease, renew, retry) in [(10, 10, 2), (15, 2, 2), (15, 10, 0), (0, 0, 0)] {
            let times = LockTimes {
                lease_duration: secs(lease),
                renew_deadline: secs(renew),
                retry_period: secs(retry),
            };
            assert!(times.problem().is_some(), "{times:?}");
        }
    }
}
