//! The table of scenarios. The number is the one that the scenario has in Argo Rollouts' own list of acceptance stories, as our
//! specification counts them, so that a gap in the numbers is visible: what needs analysis, experiments, blue-green or
//! another router has no machine yet.

mod deadline;
mod delays;
mod dynamic;
mod ground;
mod lifecycle;
mod malformed;
mod metadata;
mod restart;
mod scaling;
mod workload;

use anyhow::Result;
use futures::future::BoxFuture;

use crate::cluster::Kind;
use crate::stage::Stage;

/// One story of a Rollout or a Canary.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is about.
    pub subject: Kind,
    /// Its number in the specification.
    pub number: u32,
    /// Its name, which is also the name of its namespace.
    pub name: &'static str,
    /// What happens.
    pub run: Run,
}

/// What happens in a scenario.
pub type Run = for<'a> fn(&'a Stage) -> BoxFuture<'a, Result<()>>;

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.subject.name.to_lowercase(), self.number, self.name)
    }
}

macro_rules! scenarios {
    ($subject:ident: $($number:literal $name:literal $($path:ident)::+,)*) => {
        /// Every scenario, by its number.
        pub const ALL: &[$crate::scenarios::Scenario] = &[
            $($crate::scenarios::Scenario {
                subject: $crate::cluster::$subject,
                number: $number,
                name: $name,
                run: |stage| Box::pin($($path)::+(stage)),
            },)*
        ];
    };
}
pub(crate) use scenarios;

scenarios! { ROLLOUT:
    0 "pods-become-ready" ground::pods_become_ready,
    1 "abort-retry-promote" lifecycle::abort_retry_promote,
    3 "set-canary-scale" scaling::set_canary_scale,
    4 "scaling-when-paused" scaling::scaling_when_paused,
    5 "max-surge-scaling-during-update" scaling::max_surge_scaling_during_update,
    6 "scaling-during-bad-update" scaling::scaling_during_bad_update,
    7 "reduce-weight-honours-max-unavailable" scaling::reduce_weight_honours_max_unavailable,
    8 "good-to-bad-update" deadline::good_to_bad_update,
    9 "bad-to-good-update" deadline::bad_to_good_update,
    9 "bad-to-bad-update" deadline::bad_to_bad_update,
    9 "bad-to-good-with-steps" deadline::bad_to_good_with_steps,
    10 "spec-and-replicas-at-once" scaling::spec_and_replicas_at_once,
    11 "update-while-paused" lifecycle::update_while_paused,
    12 "deadline-exceeded-then-paused" deadline::deadline_exceeded_then_paused,
    13 "pause-longer-than-deadline" deadline::pause_longer_than_deadline,
    14 "spec-paused" lifecycle::spec_paused,
    17 "misspelt-fields" malformed::misspelt_fields,
    17 "malformed-resources" malformed::malformed_resources,
    17 "quantities-in-every-form" malformed::quantities_in_every_form,
    18 "scale-down-delay" delays::scale_down_delay,
    19 "delay-longer-than-deadline" delays::delay_longer_than_deadline,
    20 "scale-down-on-abort" delays::scale_down_on_abort,
    20 "scale-down-on-abort-basic" delays::scale_down_on_abort_basic,
    21 "no-scale-down-on-abort" delays::no_scale_down_on_abort,
    22 "dynamic-stable-scale" dynamic::dynamic_stable_scale,
    23 "dynamic-abort-delay" dynamic::abort_scale_down_delay,
    24 "dynamic-rollback-to-stable" dynamic::rollback_to_stable,
    60 "rollback-within-window" lifecycle::rollback_within_window,
    60 "rollback-outside-window" lifecycle::rollback_outside_window,
    61 "workload-ref" workload::workload_ref,
    61 "workload-ref-with-template" workload::workload_ref_with_template,
    62 "workload-scaled-down-on-success" workload::scaled_down_on_success,
    62 "workload-scaled-down-progressively" workload::scaled_down_progressively,
    62 "workload-never-scaled-down" workload::never_scaled_down,
    63 "restart" restart::restart,
    63 "restart-respects-budget" restart::restart_respects_budget,
    64 "ephemeral-metadata" metadata::ephemeral_metadata,
    65 "conditions-to-wait-for" metadata::conditions_to_wait_for,
    67 "duration-of-promotions" metadata::duration_of_promotions,
    67 "duration-of-aborts-and-rollbacks" metadata::duration_of_aborts_and_rollbacks,
}
