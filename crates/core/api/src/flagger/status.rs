//! `Canary.status`, with the exact names and omissions that other clients know.

use std::collections::BTreeMap;

use serin_kernel::Moment;

use super::CanaryPhase;
use crate::{meta::Condition, wire::object};

object! {
    /// The observed state of a Canary.
    CanaryStatus {
        /// Where it stands; absent before it was first seen.
        phase: Option<CanaryPhase> = "phase",
        /// Failed checks of this run.
        failed_checks: i32 = "failedChecks" always,
        /// The weight that was last written.
        canary_weight: i32 = "canaryWeight" always,
        /// Checks that were made, for blue-green and A/B testing.
        iterations: i32 = "iterations" always,
        /// The user's cookie of the run before.
        previous_session_affinity_cookie: String = "previousSessionAffinityCookie",
        /// The user's cookie of this run.
        session_affinity_cookie: String = "sessionAffinityCookie",
        /// The user's cookie of the promoted version.
        primary_session_affinity_cookie: String = "primarySessionAffinityCookie",
        /// Hashes of the ConfigMaps and Secrets that the workload uses; written also when it uses none.
        tracked_configs: Option<BTreeMap<String, String>> = "trackedConfigs",
        /// Hash of the version that was last seen.
        last_applied_spec: String = "lastAppliedSpec",
        /// Hash of the version that is promoted.
        last_promoted_spec: String = "lastPromotedSpec",
        /// When the status was last written.
        last_transition_time: Option<Moment> = "lastTransitionTime",
        /// What is observed, for clients to wait on.
        conditions: Vec<Condition> = "conditions",
    }
}
