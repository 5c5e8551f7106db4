//! The screens, for releases in each phase. Data in, text out.

use serde_json::{Value, json};
use serin_api::flagger::CanaryAnalysis;

use super::*;
use crate::paint::Paint;

fn snapshot(phase: &str, edit: impl FnOnce(&mut Value)) -> Snapshot {
    let hook =
        |name: &str, kind: &str| json!({"name": name, "type": kind, "url": format!("http://gate/{name}")});
    let mut canary = json!({
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "analysis": {
                "interval": "1m", "threshold": 5, "stepWeight": 20, "maxWeight": 50,
                "metrics": [
                    {"name": "request-success-rate", "thresholdRange": {"min": 99}},
                    {"name": "errors", "thresholdRange": {"max": 5.5}},
                ],
                "webhooks": [hook("start", "confirm-rollout"), hook("grow", "confirm-traffic-increase"),
                    hook("load", "rollout"), hook("go", "confirm-promotion")],
            },
        },
        "status": {
            "phase": phase, "canaryWeight": 20, "failedChecks": 2, "lastAppliedSpec": "s1new", "lastPromotedSpec": "s1old",
            "lastTransitionTime": "2026-01-01T00:09:00Z",
            "conditions": [{"type": "Promoted", "message": format!("What {phase} means.")}],
        },
    });
    edit(&mut canary);
    Snapshot { canary, provider: "istio".to_owned(), now: 1_767_226_200, ..Snapshot::default() }
}

fn event(second: u32, kind: &str, count: u32, message: &str) -> Value {
    json!({
        "type": kind, "count": count, "message": message, "lastTimestamp": format!("2026-01-01T00:09:{second:02}Z"),
        "involvedObject": {"kind": "Canary", "name": "podinfo", "namespace": "test", "uid": "u"},
    })
}

fn run() -> Vec<Value> {
    vec![
        event(0, "Warning", 9, "Halt podinfo.test advancement success rate 1.00% < 99%"),
        event(1, "Normal", 1, "New revision detected! Scaling up podinfo.test"),
        event(2, "Normal", 1, "Advance podinfo.test canary weight 20"),
        event(3, "Warning", 2, "Halt podinfo.test advancement success rate 95.50% < 99%"),
        event(4, "Warning", 1, "No values for metric errors: the label app has the values a and b"),
        event(5, "Normal", 7, "Rollback hook rb not signaling a rollback"),
    ]
}

fn holds(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
}

#[test]
fn a_run_that_fails_is_told_with_its_checks_and_their_bound() {
    let snapshot = Snapshot {
        events: run(),
        live: Some(Ok((80, 20))),
        revision: Some("s1new".to_owned()),
        ..snapshot("Progressing", |_| {})
    };
    let info = Info::new(&snapshot);
    let text = why(&info, "serin canary");
    holds(
        &text,
        &[
            "podinfo.test: Progressing, a new version is analysed; 20 % of the traffic at the new version, 80 % at the primary; \
             1 of 3 steps done.",
            "Last decision, 57s ago, told 2 times: Halt podinfo.test advancement success rate 95.50% < 99%",
            "Failed checks: 2 of 5; 3 more and it is taken back.",
            "  failed, told 2 times: success rate 95.50% < 99%",
            "  no values of errors: the label app has the values a and b",
            "Its condition says: What Progressing means.",
            "the next look is at most 1m away; serin canary -n test promote podinfo",
        ],
    );
    assert!(!text.contains("1.00%") && !text.contains("Waits for"), "another run's, or nobody's: {text}");
    holds(
        &details(&info, Paint::Plain),
        &[
            "Status:          ◌ Progressing",
            "  Weight:        20 (primary 80; by the routes)",
            "  Steps:         done 20, to come 40 60",
            "  FailedChecks:  2 of 5",
            "  NextLook:      within 1m (the controller alone knows the moment",
            "Revision:        s1new seen last, s1old promoted\n",
            "Metrics:         request-success-rate >= 99: failed: success rate 95.50% < 99%",
            "                 errors <= 5.5: no failed check",
            "(values that pass are in no object",
            "Gates:           start (confirm-rollout): is not asked now",
        ],
    );
}

#[test]
fn at_rest_a_look_follows_a_change() {
    for (phase, by_flagger, wanted) in [
        ("Waiting", false, "within 1m ("),
        ("Succeeded", false, "within 1m of a change ("),
        ("Succeeded", true, "within 1m ("),
    ] {
        let snapshot = snapshot(phase, |canary| {
            if by_flagger {
                canary["status"]["lastAppliedSpec"] = json!("7c9d6b8f54");
            }
        });
        let text = details(&Info::new(&snapshot), Paint::Plain);
        assert!(text.contains(wanted), "{phase}: {text}");
    }
}

#[test]
fn the_gate_that_is_waited_for_is_named_by_phase_and_events() {
    let closed = |what: &str, name: &str| {
        vec![event(9, "Warning", 3, &format!("Halt podinfo.test advancement waiting for {what} {name}"))]
    };
    let again =
        |gate| [closed("traffic increase approval", "grow"), vec![event(10, "Normal", 1, gate)]].concat();
    for (phase, events, wanted) in [
        ("Waiting", vec![], "start"),
        ("Waiting", closed("approval", "start"), "start"),
        ("WaitingPromotion", vec![], "go"),
        ("Progressing", closed("traffic increase approval", "grow"), "grow"),
        ("Progressing", again("Starting canary analysis for podinfo.test"), "grow"),
        ("Progressing", again("Confirm-traffic-increase check grow passed"), "-"),
        ("Progressing", again("Advance podinfo.test canary weight 40"), "-"),
        ("Progressing", vec![], "-"),
        ("Succeeded", closed("approval", "start"), "-"),
    ] {
        let info = Info::new(&Snapshot { events, ..snapshot(phase, |_| {}) });
        let waits: Vec<&str> = info.gates.iter().filter(|gate| gate.waits).map(|gate| &*gate.name).collect();
        assert_eq!(waits.first().unwrap_or(&"-"), &wanted, "{phase}");
        let line = list(std::slice::from_ref(&info), Listing::default());
        let cells: Vec<&str> = line.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(
            cells,
            ["podinfo", "Deployment/podinfo", "(istio)", phase, "20", "2/5", wanted, "60s"],
            "{line}"
        );
        let text = why(&info, "kubectl canary");
        assert_eq!(text.contains("kubectl canary -n test approve podinfo"), wanted != "-", "{text}");
    }
}

#[test]
fn a_canary_of_flaggers_is_told_no_words_that_it_does_not_know() {
    for (phase, next) in [
        ("Waiting", "let the web hook of start say yes"),
        ("Progressing", "nothing; the next look is at most 1m away."),
        ("Failed", "give Deployment/podinfo a version that mends what failed"),
        ("Succeeded", "a new version of Deployment/podinfo begins a run."),
    ] {
        let info =
            Info::new(&snapshot(phase, |canary| canary["status"]["lastAppliedSpec"] = json!("7c9d6b8f54")));
        let text = why(&info, "serin canary");
        assert!(text.contains(next) && !text.contains("serin canary"), "{text}");
        let wide = Listing { wide: true, namespace: true };
        assert!(list(&[info], wide).trim_end().ends_with("7c9d6b8f54  flagger"));
    }
}

#[test]
fn what_was_said_and_approved_is_shown() {
    let granted = json!({"revision": "s1new", "gates": {"confirm-promotion/go": "jane"}, "promote": "joe"});
    let info = Info::new(&snapshot("WaitingPromotion", |canary| {
        canary["metadata"]["annotations"] = json!({"serin.dev/canary-granted": granted.to_string()});
    }));
    holds(
        &details(&info, Paint::Plain),
        &["go (confirm-promotion): approved by jane", "Word:            promotion called by joe"],
    );
    holds(&why(&info, "x"), &["Waits for: pods, to do what was said: promotion called by joe"]);
}

#[test]
fn odd_and_refused_canaries_are_shown_as_far_as_they_go() {
    for odd in [json!({}), json!({"metadata": 3, "spec": [], "status": {"phase": "Later", "conditions": 7}})]
    {
        let info = Info::new(&Snapshot { canary: odd, ..Snapshot::default() });
        assert!(
            !details(&info, Paint::Plain).is_empty()
                && !list(std::slice::from_ref(&info), Listing::default()).is_empty()
        );
        holds(
            &why(&info, "x"),
            &["no controller has looked at it yet", "There are no events of it any more"],
        );
    }
    let info = Info::new(&snapshot("Initialized", |canary| {
        canary["spec"]["suspend"] = json!(true);
        canary["status"]["conditions"] = json!([{"type": "Invalid", "message": "spec.x: no"}]);
    }));
    holds(
        &why(&info, "x"),
        &["It is suspended", "It is not run: spec.x: no", "kubectl -n test patch canary podinfo"],
    );
    holds(&list(&[info], Listing::default()), &["Invalid"]);
    let text = why(
        &Info::new(&snapshot("", |canary| {
            canary["status"] = json!({"conditions": [{"type": "Invalid", "message": "spec.x: no"}]});
        })),
        "x",
    );
    holds(&text, &["podinfo.test: it has not begun.", "It is not run: spec.x: no"]);
    assert!(!text.contains("no controller"), "one has: {text}");
}

#[test]
fn workloads_and_services_are_told_with_their_part() {
    let deployment = |name: &str, replicas: i64, available: i64| {
        json!({"kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": replicas},
            "status": {"availableReplicas": available}})
    };
    let service = json!({"kind": "Service", "metadata": {"name": "podinfo"}, "spec": {"selector": {"app": "podinfo-primary"}}});
    let route = json!({"kind": "VirtualService", "metadata": {"name": "podinfo"}});
    let objects = vec![deployment("podinfo", 0, 0), deployment("podinfo-primary", 3, 2), service, route];
    let live = Some(Ok((100, 0)));
    let info = Info::new(&Snapshot { objects, live, ..snapshot("Succeeded", |_| {}) });
    holds(
        &details(&info, Paint::Plain),
        &[
            "• no pods",
            "target, 0 %",
            "◌ 2/3 available",
            "primary, 100 %",
            "leads to app=podinfo-primary",
            "primary 100 %, canary 0 %",
        ],
    );
    assert!(info.steps.iter().all(|step| !step.done));
}

#[test]
fn where_requests_are_matched_no_share_of_all_traffic_is_told() {
    let trial = |canary: &mut Value| {
        canary["spec"]["analysis"] =
            json!({"iterations": 5, "match": [{"headers": {"x-user": {"exact": "insider"}}}]});
    };
    let objects =
        ["podinfo", "podinfo-primary"].map(|name| json!({"kind": "Deployment", "metadata": {"name": name}}));
    let route = json!({"kind": "VirtualService", "metadata": {"name": "podinfo"}});
    for (live, why_says, get_says) in [
        (
            (0, 100),
            "; requests that match at the new version, all others at the primary; ",
            [
                "  Weight:        requests that match; all others at the primary (by the routes)",
                "target, requests that match",
                "primary, all other requests",
                "canary for requests that match, primary for all others",
            ],
        ),
        (
            (100, 0),
            "; 0 % of the traffic at the new version, 100 % at the primary; ",
            [
                "  Weight:        0 (primary 100; by the routes)",
                "target, 0 %",
                "primary, 100 %",
                "primary 100 %, canary 0 %",
            ],
        ),
    ] {
        let objects = objects.iter().chain([&route]).cloned().collect();
        let info = Info::new(&Snapshot { live: Some(Ok(live)), objects, ..snapshot("Progressing", trial) });
        holds(&why(&info, "x"), &[why_says]);
        holds(&details(&info, Paint::Plain), &get_says);
    }
}

#[test]
fn a_check_that_fails_for_its_template_is_told_with_its_metric() {
    let three = |canary: &mut Value| {
        canary["spec"]["analysis"]["metrics"] = json!([
            {"name": "request-success-rate"}, {"name": "m", "templateRef": {"name": "nosuch"}},
            {"name": "n", "templateRef": {"name": "nosuch", "namespace": "shared"}}, {"name": "bare"},
        ]);
    };
    let unusable = "Metric query failed for no usable metrics template and query were configured";
    for (message, failing) in [
        ("Metric template nosuch.test error: metrictemplates.flagger.app \"nosuch\" not found", "m"),
        ("Metric template nosuch.shared secret token error: secrets \"token\" not found", "n"),
        ("Metric query failed for m: the template calls intervall, which is no function", "m"),
        (unusable, "bare"),
        ("Prometheus query failed: running query failed: no route to host", "request-success-rate"),
    ] {
        let events = vec![
            event(1, "Normal", 1, "New revision detected! Scaling up podinfo.test"),
            event(2, "Warning", 2, message),
        ];
        let info = Info::new(&Snapshot { events, ..snapshot("Progressing", three) });
        let failed: Vec<&str> = info
            .metrics
            .iter()
            .filter(|(_, said)| said.contains("failed: "))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(failed, [failing], "{message}");
        holds(&why(&info, "x"), &[&format!("  failed, told 2 times: {message}")]);
    }
}

/// Kubernetes counts equal events of all runs together.
#[test]
fn what_was_told_in_earlier_runs_is_not_counted_in_this_one() {
    let text = "Halt podinfo.test advancement success rate 0.00% < 99%";
    for (first, wanted) in
        [("2026-01-01T00:02:00Z", ", as in an earlier run"), ("2026-01-01T00:09:01Z", ", told 6 times")]
    {
        let mut told = event(5, "Warning", 6, text);
        told["firstTimestamp"] = json!(first);
        let begun = event(1, "Normal", 3, "New revision detected! Scaling up podinfo.test");
        let info = Info::new(&Snapshot { events: vec![begun, told], ..snapshot("Failed", |_| {}) });
        let text = why(&info, "x");
        holds(
            &text,
            &[&format!("  failed{wanted}: success rate 0.00% < 99%"), &format!("55s ago{wanted}: Halt ")],
        );
    }
}

#[test]
fn a_run_with_a_variant_is_told_with_its_steps_and_metrics() {
    let chosen = |canary: &mut Value| {
        let message = "staging: AnalysisVariant short, by the label of the namespace";
        canary["status"]["conditions"] = json!([{"type": "AnalysisVariant", "message": message}]);
        canary["status"]["iterations"] = json!(1);
    };
    let analysis = CanaryAnalysis { iterations: Some(2), ..CanaryAnalysis::default() };
    let info = Info::new(&Snapshot { analysis: Some(Ok(analysis)), ..snapshot("Progressing", chosen) });
    let text = details(&info, Paint::Plain);
    holds(
        &text,
        &[
            "Analysis:        staging: AnalysisVariant short, by the label",
            "Strategy:        blue-green",
            "done 1/2, to come 2/2",
        ],
    );
    assert!(!text.contains("Metrics:") && !text.contains("Gates:"), "they are dropped: {text}");
    holds(
        &why(&info, "x"),
        &["1 of 2 steps done", "Its analysis is that of staging: AnalysisVariant short, by the label"],
    );
    let wide = list(&[info], Listing { wide: true, ..Listing::default() });
    let cells: Vec<&str> = wide.lines().nth(1).unwrap().split_whitespace().skip(8).take(4).collect();
    assert_eq!(cells, ["blue-green", "staging", "1m", "1/2"], "{wide}");
    let unknown = Some(Err("AnalysisVariant short is not there".to_owned()));
    let info = Info::new(&Snapshot { analysis: unknown, ..snapshot("Progressing", chosen) });
    holds(
        &why(&info, "x"),
        &["; what is shown is spec.analysis as it is: AnalysisVariant short is not there"],
    );
}

#[test]
fn without_a_router_weights_are_shown_as_the_iterations_that_are_run() {
    let info = Info::new(&snapshot("Progressing", |canary| {
        canary["spec"]["provider"] = json!("kubernetes");
        canary["status"]["iterations"] = json!(2);
    }));
    holds(&why(&info, "x"), &["2 of 10 steps done"]);
    holds(&details(&info, Paint::Plain), &["Strategy:        blue-green", "done 1/10 2/10, to come 3/10"]);
}

#[test]
fn an_object_that_is_not_there_is_named_with_what_to_do() {
    for (what, message) in [
        (
            "deployments.apps \"podinfo\"",
            "deployment podinfo.test get query error: deployments.apps \"podinfo\" not found",
        ),
        (
            "horizontalpodautoscalers.autoscaling \"web\"",
            "HorizontalPodAutoscaler web.test get query error: horizontalpodautoscalers.autoscaling \"web\" not found",
        ),
    ] {
        let events = vec![event(9, "Warning", 4, message)];
        let live = Some(Ok((100, 0)));
        let old = Snapshot { events: events.clone(), now: 1_767_226_400, ..snapshot("Initialized", |_| {}) };
        assert_eq!(Info::new(&old).missing, None, "it is there by now: nobody has said so again");
        let info = Info::new(&Snapshot { events, live, ..snapshot("Initializing", |_| {}) });
        let text = why(&info, "x");
        holds(
            &text,
            &[
                &format!("Waits for: {what}, which is not there"),
                &format!("Next: create {what} in namespace test, or"),
            ],
        );
        assert!(!text.contains("at the primary"), "there is none: {text}");
        holds(&list(&[info], Listing::default()), &[what]);
    }
}

#[test]
fn what_stands_in_the_way_of_the_next_run_is_told_while_there_is_none() {
    let doubt = "The Canary \"podinfo\" is run, but MetricTemplate errors.test: spec.query: Invalid value: \"{{ x }}\": no function";
    let server = "prometheus not avaiable: running query failed: no route to host";
    let events = vec![
        event(7, "Warning", 1, doubt),
        event(8, "Warning", 1, server),
        event(9, "Normal", 1, "Initialization done! podinfo.test"),
    ];
    let info = Info::new(&Snapshot { events, ..snapshot("Initialized", |_| {}) });
    holds(&why(&info, "x"), &[&format!("Told 53s ago: {doubt}"), &format!("Told 52s ago: {server}")]);
}

#[test]
fn what_is_a_guess_unheard_mirrored_or_over_is_said_to_be_so() {
    let word = json!({"word": "abort", "revision": "s1new", "by": "jane"}).to_string();
    let info = Info::new(&Snapshot {
        live: Some(Ok((100, 0))),
        mirrored: true,
        ..snapshot("Progressing", |it| it["metadata"]["annotations"] = json!({"serin.dev/canary-word": word}))
    });
    holds(
        &why(&info, "x"),
        &[
            "100 % at the primary; requests are copied to the new version; ",
            "No controller has heard what was said: abort by jane. Is `serin flagger` running",
        ],
    );
    holds(
        &details(&info, Paint::Plain),
        &[
            "Provider:        istio; the Canary says none, and the controller's own is known by --mesh-provider alone",
            "  Mirror:        requests are copied to the new version",
            "Word:            abort by jane: no controller has heard it yet",
        ],
    );
    let granted = json!({"revision": "s1new", "promote": "joe"}).to_string();
    let with = |phase| {
        snapshot(phase, |it| {
            it["spec"]["provider"] = json!("istio");
            it["metadata"]["annotations"] = json!({"serin.dev/canary-granted": granted});
        })
    };
    let info = Info::new(&with("Finalising"));
    assert!(!why(&info, "x").contains("Waits for"), "it is done: {}", why(&info, "x"));
    let invalid = event(9, "Warning", 1, "The Canary \"podinfo\" is invalid: spec.x: no");
    let done = event(8, "Normal", 1, "Promotion completed! Scaling down podinfo.test");
    let info = Info::new(&Snapshot { events: vec![done, invalid], ..with("Succeeded") });
    holds(&why(&info, "x"), &["Last decision, 52s ago: Promotion completed!"]);
    holds(
        &details(&info, Paint::Plain),
        &["Provider:        istio\n", "  Steps:         20 40 60 of a run; there is none"],
    );
}
