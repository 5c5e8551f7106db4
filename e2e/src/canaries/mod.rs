//! The table of scenarios of Canaries. The number is the one that the scenario has in Flagger's own list of acceptance stories,
//! as our specification counts them. Where a rule is one function's alone, its number is in [`HELD_ELSEWHERE`] with the test
//! that holds it.
//!
//! Each scenario has a controller of its own, `serin flagger` for its namespace, and [servers](crate::servers) that answer as it
//! says. Flagger's shortest interval is ten seconds; no scenario waits for it. A changed interval is heard at once, so that
//! [`Stage::look`] is one look: intervals are an hour and some seconds, and each look has another one.

mod act;
mod configs;
mod course;
mod failure;
mod fixture;
mod gateways;
mod initial;
mod istio;
mod others;
mod see;
mod services;
mod tester;
mod told;
mod workloads;

pub use act::Own;

use crate::scenarios::scenarios;

/// Rules that are one function's alone, or that no cluster shows: the number, what of it, and the test that holds it.
pub const HELD_ELSEWHERE: &[(u32, &str, &str)] = &[
    (
        10,
        "every form of a rule that keeps pods apart",
        "crates/core/canary/tests/objects/primary.rs the_label_of_the_target_counts_not_its_name_and_its_name_in_rules_that_keep_pods_apart",
    ),
    (
        36,
        "the table for Deployments",
        "crates/core/canary/tests/objects/readiness.rs deployments_are_ready_by_these_rules",
    ),
    (
        36,
        "the thresholds",
        "crates/core/canary/tests/objects/readiness.rs a_threshold_is_of_the_updated_pods_rounded_down",
    ),
    (
        36,
        "the table for DaemonSets",
        "crates/core/canary/tests/objects/readiness.rs daemon_sets_are_ready_by_these_rules",
    ),
    (
        38,
        "a certificate of nobody with disableTLS",
        "crates/edge/calls/tests/http.rs a_certificate_of_nobody_is_taken_only_on_demand",
    ),
    (
        39,
        "what a checksum is of",
        "crates/core/notify/src/hook.rs a_checksum_tells_configurations_apart_and_stays",
    ),
    (
        43,
        "every recorded answer of the load tester",
        "crates/app/loadtester/tests/it/recorded.rs what_was_recorded_is_answered_again",
    ),
    (
        48,
        "every order of predicates",
        "crates/core/traffic/tests/it/wishes.rs skipper_switches_off_after_its_first_share_and_goes_in_the_end",
    ),
    (
        50,
        "references to other namespaces, kind by kind",
        "crates/core/api/src/flagger/validate/tests.rs references_to_other_namespaces_are_refused_where_they_are_switched_off",
    ),
    (
        50,
        "Knative's Services and Knative's provider",
        "crates/core/api/src/flagger/validate/tests.rs knatives_services_and_knatives_provider_belong_together",
    ),
];

scenarios! { CANARY:
    1 "blue-green-behind-services" initial::blue_green_behind_services,
    2 "apex-metadata-on-istio" initial::apex_metadata_on_istio,
    3 "primary-before-the-target-goes" initial::primary_before_the_target_goes,
    4 "label-that-is-not-the-name" initial::label_that_is_not_the_name,
    5 "port-discovery" services::port_discovery,
    6 "edited-ports" services::edited_ports,
    7 "metadata-of-one-service" services::metadata_of_one_service,
    8 "metadata-of-others" services::metadata_of_others,
    9 "traffic-distribution" services::traffic_distribution,
    10 "pods-that-keep-apart" initial::pods_that_keep_apart,
    11 "copies-for-the-primary" configs::copies_for_the_primary,
    11 "configs-that-are-not-tracked" configs::configs_that_are_not_tracked,
    12 "a-config-of-two" configs::a_config_of_two_canaries,
    13 "a-config-that-is-left-alone" configs::a_config_that_is_left_alone,
    14 "weights-and-a-template" course::weights_and_a_template,
    15 "steps-of-a-service" course::steps_of_a_service,
    16 "listed-weights" course::listed_weights_go_beyond_the_highest,
    17 "promotion-in-parts" course::promotion_in_parts,
    18 "blue-green-on-a-mesh" course::blue_green_on_a_mesh,
    19 "a-b-with-a-gate" course::a_b_with_a_gate,
    20 "a-mirror-before-the-first-step" course::a_mirror_before_the_first_step,
    21 "configs-changed-in-mid-run" configs::configs_changed_in_mid_run,
    22 "a-newer-version-in-mid-run" course::a_newer_version_in_mid_run,
    23 "a-daemon-set" workloads::a_daemon_set,
    24 "an-autoscaler" workloads::an_autoscaler,
    25 "a-scaled-object" workloads::a_scaled_object,
    26 "promoted-without-analysis" course::promoted_without_analysis,
    27 "knative" workloads::knative,
    28 "errors" failure::errors,
    29 "slow-answers" failure::slow_answers,
    30 "a-life-of-versions" failure::a_life_of_versions,
    31 "an-image-that-is-not-there" failure::an_image_that_is_not_there,
    32 "a-primary-that-is-stuck" failure::a_primary_that_is_stuck,
    32 "a-primary-that-breaks-at-the-end" failure::a_primary_that_breaks_at_the_end,
    33 "failed-checks-that-were-there" failure::failed_checks_that_were_there_before,
    34 "a-metric-of-nothing" failure::a_metric_of_nothing,
    34 "a-template-that-lacks" failure::a_template_that_lacks_a_variable,
    34 "no-values" failure::no_values,
    35 "many-values" failure::many_values,
    36 "half-of-the-pods" failure::half_of_the_pods_are_enough,
    37 "every-hook" told::every_hook,
    38 "what-a-hook-is-sent" told::what_a_hook_is_sent,
    40 "chats" told::chats,
    41 "all-is-given-back" told::all_is_given_back,
    42 "a-target-that-does-not-come" told::a_target_that_does_not_come_back,
    43 "gates-of-the-tester" tester::gates_of_the_tester,
    43 "tasks-of-the-tester" tester::tasks_of_the_tester,
    44 "istio-drift-and-weights" istio::drift_and_weights,
    44 "istio-a-b-routes" istio::a_b_routes,
    44 "istio-delegation" istio::delegation,
    44 "istio-tcp-routes" istio::tcp_routes,
    44 "istio-a-share-of-the-mirror" istio::a_share_of_the_mirror,
    44 "istio-what-kubectl-applied" istio::what_kubectl_applied_comes_back,
    45 "istio-bearers-of-cookies" istio::bearers_of_cookies,
    45 "istio-bearers-of-two-cookies" istio::bearers_of_two_cookies,
    45 "gateway-bearers-of-cookies" gateways::bearers_of_cookies,
    46 "gateway-time-outs" gateways::time_outs_and_others_marks,
    46 "gateway-mirror" gateways::a_mirror_until_all_go_there,
    46 "gateway-that-takes-no-route" gateways::a_route_that_no_gateway_takes,
    47 "nginx-annotations" gateways::annotations_of_nginx,
    47 "nginx-matches" gateways::matches_of_nginx,
    48 "skipper" gateways::predicates_of_skipper,
    49 "contour" others::contour,
    49 "traefik" others::traefik,
    49 "gloo" others::gloo,
    49 "kuma" others::kuma,
    49 "apisix" others::apisix,
    50 "what-is-refused" others::what_is_refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_scenario_or_its_test() {
        let held = |number: u32| {
            ALL.iter().any(|it| it.number == number) || HELD_ELSEWHERE.iter().any(|(it, ..)| *it == number)
        };
        let missing: Vec<u32> = (1..=50).filter(|number| !held(*number)).collect();
        assert_eq!(missing, [0_u32; 0]);
    }

    #[test]
    fn what_is_held_elsewhere_is_held_there() {
        for (number, what, place) in HELD_ELSEWHERE {
            let (file, name) = place.split_once(' ').unwrap_or((place, ""));
            let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
            let source = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(source.contains(&format!("fn {name}()")), "{number}, {what}: no {name} in {file}");
        }
    }
}
