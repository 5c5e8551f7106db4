//! The lease lock: one leader among several copies of a controller.
//!
//! Property: a leader that cannot renew its lease knows that it has lost it before anybody else can take it
//! ([`LockTimes::renew_deadline`] is shorter than [`LockTimes::lease_duration`]).
//!
//! Mechanics: the holder's age is counted on our own clock from the moment we saw the record change, never from the
//! times written in it, because clocks differ. Writes are updates that name the version they replace: of two
//! candidates, one is refused.

use std::time::Duration;

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Moment};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{Call, Cluster, Failure, Verb};

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
    /// The cluster that keeps the lease. Its requests count as the cluster's, but do not wait for its limit: a leader
    /// that is busy must not lose its lease by that.
    pub cluster: Cluster,
    /// Namespace of the lease.
    pub namespace: String,
    /// Name of the lease.
    pub name: String,
    /// Who we are; unique among the candidates.
    pub identity: String,
    /// When to renew and give up.
    pub times: LockTimes,
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
            match self.cluster.inner.read_now(&self.key()).await {
                Ok(lease) => look(sight, lease),
                Err(Failure::NotFound { .. }) => {
                    let verb = Verb::Create(self.record(None, true));
                    let lease = self.cluster.inner.call_now(&Call { target: self.key(), verb }).await?;
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
        let lease = self.cluster.inner.call_now(&Call { target: self.key(), verb }).await?;
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
        let now = micro_time(self.cluster.now());
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
        if let Err(failure) = self.cluster.inner.call_now(&Call { target: self.key(), verb }).await {
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
