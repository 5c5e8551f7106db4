use serde_json::{Value, json};

use super::*;
use crate::{lenient, wire::Wire};

const ISTIO: Rules<'_> = Rules { provider: "istio", no_cross_namespace_refs: false };

/// A Canary that nothing is wrong with, with `patch` merged over its spec.
fn canary(patch: &Value) -> Canary {
    let mut spec = json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": {"port": 80},
        "analysis": {"interval": "10s", "threshold": 2, "stepWeight": 10},
    });
    merge(&mut spec, patch);
    let read = lenient::<Canary>(json!({"metadata": {"name": "web", "namespace": "test"}, "spec": spec}));
    assert_eq!((read.problems, read.unknown), (Vec::new(), Vec::new()), "{patch}");
    read.value
}

fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().shift_remove(key);
        } else {
            merge(&mut into[key], value);
        }
    }
}

fn lines(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(rows: &[(Value, &[&str])], judge: impl Fn(&Canary) -> Vec<FieldError>) {
    for (patch, expected) in rows {
        assert_eq!(lines(&judge(&canary(patch))), *expected, "{patch}");
    }
}

#[test]
fn what_the_definition_lets_through_is_right_where_it_can_run() {
    let matches = json!([{"headers": {"x": {"exact": "y"}}}]);
    let all: &[&str] = &[];
    check(
        &[
            (json!({}), all),
            (json!({"analysis": {"stepWeight": null, "stepWeights": [1, 2, 10, 200]}}), all),
            (json!({"analysis": {"stepWeight": null, "iterations": 3, "match": matches}}), all),
            // Nothing is analysed, so that steps do not matter.
            (json!({"skipAnalysis": true, "analysis": {"stepWeight": 0}}), all),
            (json!({"provider": "kubernetes", "analysis": {"stepWeight": 0}}), all),
            (json!({"analysis": {"interval": "30sx", "mirror": true}}), all),
            (
                json!({"provider": "nginx", "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}}),
                all,
            ),
            (
                json!({"provider": "apisix", "routeRef": {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "web"}}),
                all,
            ),
            (json!({"provider": "gatewayapi:v1", "service": {"gatewayRefs": [{"name": "gw"}]}}), all),
            (json!({"provider": "appmesh", "service": {"meshName": "m"}}), all),
            (json!({"provider": "appmesh:v1beta2"}), all),
            (json!({"provider": "contour", "service": {"timeout": "infinity"}}), all),
            // A metric that nothing defines fails its check; other metrics are measured first.
            (json!({"analysis": {"metrics": [{"name": "nobody-knows"}]}}), all),
            (
                json!({"provider": "knative", "service": null, "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service"}}),
                all,
            ),
        ],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
fn steps_that_lead_nowhere_are_refused() {
    let never = "spec.analysis.stepWeight: Invalid value: 0: the weight would never grow: set stepWeight above 0, or stepWeights, or iterations";
    check(
        &[
            (json!({"analysis": {"stepWeight": 0}}), &[never]),
            (json!({"analysis": {"stepWeight": null, "iterations": 0}}), &[never]),
            (
                json!({"analysis": {"stepWeight": null, "stepWeights": [10, 10, 5, 0]}}),
                &[
                    "spec.analysis.stepWeights[3]: Invalid value: 0: must be greater than 0",
                    "spec.analysis.stepWeights[1]: Invalid value: 10: must be greater than the weight before it, 10",
                    "spec.analysis.stepWeights[2]: Invalid value: 5: must be greater than the weight before it, 10",
                    "spec.analysis.stepWeights[3]: Invalid value: 0: must be greater than the weight before it, 5",
                ],
            ),
            (
                json!({"provider": "traefik", "analysis": {"mirror": true}}),
                &[
                    "spec.analysis.mirror: Forbidden: provider traefik cannot copy requests before the first step: remove it",
                ],
            ),
            (
                json!({"provider": "traefik", "analysis": {"mirror": true, "stepWeight": null, "iterations": 2}}),
                &[],
            ),
            (
                json!({"analysis": null}),
                &[
                    "spec.analysis: Required value: say how a new version is judged: interval, threshold and stepWeight or iterations",
                ],
            ),
        ],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
fn numbers_of_the_analysis_are_in_their_ranges() {
    check(
        &[
            (
                json!({"analysis": {"interval": "0s"}}),
                &[
                    "spec.analysis.interval: Invalid value: \"0s\": must be longer than 0, such as 1m; shorter than 10s means 10s",
                ],
            ),
            (
                json!({"progressDeadlineSeconds": -1, "analysis": {
                    "threshold": -1, "stepWeight": -1, "stepWeightPromotion": -1, "maxWeight": 101, "mirrorWeight": -1,
                    "primaryReadyThreshold": 101, "canaryReadyThreshold": -1,
                }}),
                &[
                    "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
                    "spec.analysis.threshold: Invalid value: -1: must be greater than or equal to 0",
                    "spec.analysis.stepWeight: Invalid value: -1: must be greater than or equal to 0",
                    "spec.analysis.stepWeightPromotion: Invalid value: -1: must be greater than or equal to 0",
                    "spec.analysis.maxWeight: Invalid value: 101: must be between 0 and 100",
                    "spec.analysis.mirrorWeight: Invalid value: -1: must be between 0 and 100",
                    "spec.analysis.primaryReadyThreshold: Invalid value: 101: must be between 0 and 100",
                    "spec.analysis.canaryReadyThreshold: Invalid value: -1: must be between 0 and 100",
                ],
            ),
            (
                json!({"analysis": {"iterations": -1}}),
                &["spec.analysis.iterations: Invalid value: -1: must be greater than or equal to 0"],
            ),
        ],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
fn hooks_metrics_alerts_and_cookies_are_complete() {
    check(
        &[
            (
                json!({"analysis": {"webhooks": [
                    {"name": "a", "url": "HTTPS://user@host:80/x?y", "retries": 100, "timeout": "5s"},
                    {"name": "", "url": "host/x", "type": "sometimes", "retries": 101, "timeout": "30sx"},
                    {"name": "c", "url": "http:///x", "retries": -1, "timeout": "0s"},
                    {"name": "d", "url": "http://a b"},
                ]}}),
                &[
                    "spec.analysis.webhooks[1].name: Required value: name the web hook",
                    "spec.analysis.webhooks[1].type: Unsupported value: \"sometimes\": supported values: \"confirm-rollout\", \"pre-rollout\", \"rollout\", \"confirm-promotion\", \"post-rollout\", \"event\", \"rollback\", \"confirm-traffic-increase\"",
                    "spec.analysis.webhooks[1].url: Invalid value: \"host/x\": must be an address such as http://loadtester.test/",
                    "spec.analysis.webhooks[1].timeout: Invalid value: \"30sx\": time: unknown unit \"sx\" in duration \"30sx\"",
                    "spec.analysis.webhooks[1].retries: Invalid value: 101: must be between 0 and 100",
                    "spec.analysis.webhooks[2].url: Invalid value: \"http:///x\": must be an address such as http://loadtester.test/",
                    "spec.analysis.webhooks[2].timeout: Invalid value: \"0s\": must be longer than 0",
                    "spec.analysis.webhooks[2].retries: Invalid value: -1: must be between 0 and 100",
                    "spec.analysis.webhooks[3].url: Invalid value: \"http://a b\": must be an address such as http://loadtester.test/",
                ],
            ),
            (
                json!({"analysis": {"metrics": [
                    {"name": "x", "thresholdRange": {"min": 2, "max": 1.5}, "templateRef": {"name": ""}},
                    {"name": ""},
                ]}}),
                &[
                    "spec.analysis.metrics[0].templateRef.name: Required value: name the MetricTemplate",
                    "spec.analysis.metrics[0].thresholdRange.max: Invalid value: 1.5: must not be below min: no value would pass",
                    "spec.analysis.metrics[1].name: Required value: name the metric",
                ],
            ),
            (
                json!({"analysis": {"alerts": [{"name": "x", "severity": "fatal", "providerRef": {"name": ""}}]}}),
                &[
                    "spec.analysis.alerts[0].severity: Unsupported value: \"fatal\": supported values: \"info\", \"warn\", \"error\"",
                    "spec.analysis.alerts[0].providerRef.name: Required value: name the AlertProvider",
                ],
            ),
            (
                json!({"analysis": {"sessionAffinity": {"cookieName": "a", "primaryCookieName": "a", "maxAge": -1, "sameSite": "Nope"}}}),
                &[
                    "spec.analysis.sessionAffinity.primaryCookieName: Invalid value: \"a\": must differ from cookieName: one cookie cannot lead to two versions",
                    "spec.analysis.sessionAffinity.maxAge: Invalid value: -1: must be greater than or equal to 0",
                    "spec.analysis.sessionAffinity.sameSite: Unsupported value: \"Nope\": supported values: \"Strict\", \"Lax\", \"None\"",
                ],
            ),
            (
                json!({"analysis": {"sessionAffinity": {"maxAge": 5}}}),
                &["spec.analysis.sessionAffinity.cookieName: Required value: name the cookie"],
            ),
        ],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
fn what_a_provider_cannot_do_without_is_asked_for() {
    for (provider, expected) in [
        (
            "nginx",
            "spec.ingressRef: Required value: provider nginx needs it: name the Ingress with the users' traffic",
        ),
        (
            "skipper",
            "spec.ingressRef: Required value: provider skipper needs it: name the Ingress with the users' traffic",
        ),
        (
            "apisix",
            "spec.routeRef: Required value: provider apisix needs it: name the ApisixRoute with the users' traffic",
        ),
        ("appmesh", "spec.service.meshName: Required value: provider appmesh needs it: name the mesh"),
        (
            "gatewayapi:v1",
            "spec.service.gatewayRefs: Required value: provider gatewayapi:v1 needs it: name the Gateway, or whatever else the HTTPRoute belongs to",
        ),
        (
            "gatewayapi:v1beta1",
            "spec.service.gatewayRefs: Required value: provider gatewayapi:v1beta1 needs it: name the Gateway, or whatever else the HTTPRoute belongs to",
        ),
    ] {
        let own = canary(&json!({ "provider": provider }));
        assert_eq!(lines(&validate(&own, ISTIO)), [expected]);
        // The controller's own setting counts where the Canary says nothing.
        let rules = Rules { provider, ..ISTIO };
        assert_eq!(lines(&validate(&canary(&json!({})), rules)), [expected]);
    }
    check(
        &[(
            json!({"provider": "gatewayapi:v1", "service": {"gatewayRefs": [{"name": ""}]}}),
            &[
                "spec.service.gatewayRefs[0].name: Required value: name the parent, by default a Gateway of gateway.networking.k8s.io",
            ],
        )],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
fn references_and_the_service_are_complete() {
    check(
        &[
            (
                json!({"provider": "nope", "targetRef": {"kind": "Pod", "name": ""}}),
                &[
                    "spec.provider: Unsupported value: \"nope\": supported values: \"apisix\", \"appmesh\", \"appmesh:v1beta2\", \"contour\", \"gatewayapi:v1\", \"gatewayapi:v1beta1\", \"gloo\", \"istio\", \"knative\", \"kubernetes\", \"kuma\", \"linkerd\", \"nginx\", \"osm\", \"skipper\", \"smi:v1alpha1\", \"smi:v1alpha2\", \"smi:v1alpha3\", \"traefik\"",
                    "spec.targetRef.name: Required value: name the workload",
                    "spec.targetRef.kind: Unsupported value: \"Pod\": supported values: \"DaemonSet\", \"Deployment\", \"Service\"",
                ],
            ),
            (
                json!({"service": null}),
                &["spec.service.port: Required value: set the port of the Service that users call"],
            ),
            (
                json!({"service": {"port": 0, "timeout": "soon", "backendTimeout": "1d", "delegation": true, "hosts": ["a"],
                    "retries": {"attempts": 1000}, "mirror": [{"backendRef": {"name": ""}}]}}),
                &[
                    "spec.service.port: Invalid value: 0: must be between 1 and 65535",
                    "spec.service.timeout: Invalid value: \"soon\": time: invalid duration \"soon\"",
                    "spec.service.backendTimeout: Invalid value: \"1d\": time: unknown unit \"d\" in duration \"1d\"",
                    "spec.service.delegation: Forbidden: a VirtualService that another delegates to has neither hosts nor gateways: remove them",
                    "spec.service.retries.attempts: Invalid value: 1000: must be between 0 and 100",
                    "spec.service.mirror[0].backendRef.name: Required value: name the Service to copy requests to",
                ],
            ),
            (
                json!({"autoscalerRef": {"apiVersion": "x", "kind": "Other", "name": "", "primaryScalerReplicas": {"minReplicas": 3, "maxReplicas": 2}}}),
                &[
                    "spec.autoscalerRef.kind: Unsupported value: \"Other\": supported values: \"HorizontalPodAutoscaler\", \"ScaledObject\"",
                    "spec.autoscalerRef.name: Required value: name the autoscaler",
                    "spec.autoscalerRef.primaryScalerReplicas.maxReplicas: Invalid value: 2: must not be smaller than minReplicas",
                ],
            ),
            (
                json!({"autoscalerRef": {"apiVersion": "x", "kind": "ScaledObject", "name": "x", "primaryScalerReplicas": {"minReplicas": 0}}}),
                &[
                    "spec.autoscalerRef.primaryScalerReplicas.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                ],
            ),
        ],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
fn knatives_services_and_knatives_provider_belong_together() {
    let target = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service"});
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "web"});
    check(
        &[
            (
                json!({"provider": "knative"}),
                &[
                    "spec.targetRef: Invalid value: \"apps/v1 Deployment\": provider knative needs a Service of serving.knative.dev/v1",
                ],
            ),
            (
                json!({"targetRef": target}),
                &["spec.provider: Invalid value: \"\": a Service of Knative needs provider knative"],
            ),
            (
                json!({"provider": "knative", "targetRef": target, "autoscalerRef": scaler}),
                &["spec.autoscalerRef: Forbidden: a Service of Knative scales itself: remove it"],
            ),
        ],
        // The controller's own setting does not count here.
        |canary| validate(canary, Rules { provider: "knative", ..ISTIO }),
    );
}

#[test]
fn references_to_other_namespaces_are_refused_where_they_are_switched_off() {
    let patch = json!({
        "upstreamRef": {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "u", "namespace": "other"},
        "analysis": {
            "metrics": [{"name": "a", "templateRef": {"name": "t", "namespace": "other"}}, {"name": "b", "templateRef": {"name": "t"}}],
            "alerts": [
                {"name": "a", "providerRef": {"name": "p", "namespace": "test"}},
                {"name": "b", "providerRef": {"name": "p", "namespace": "other"}},
            ],
        },
    });
    let it = canary(&patch);
    assert_eq!(validate(&it, ISTIO), []);
    let switched_off =
        "Invalid value: \"other\": references to other namespaces are switched off: must be \"test\"";
    assert_eq!(
        lines(&validate(&it, Rules { no_cross_namespace_refs: true, ..ISTIO })),
        [
            format!("spec.upstreamRef.namespace: {switched_off}"),
            format!("spec.analysis.metrics[0].templateRef.namespace: {switched_off}"),
            format!("spec.analysis.alerts[1].providerRef.namespace: {switched_off}"),
        ]
    );
}

#[test]
fn no_look_asks_more_than_it_can() {
    let metrics =
        |count: usize| json!((0..count).map(|index| json!({"name": index.to_string()})).collect::<Vec<_>>());
    let many: &[&str] =
        &["spec.analysis.metrics: Invalid value: 101: must not be more than 100: one look asks all of them"];
    check(
        &[
            (json!({"analysis": {"metrics": metrics(100)}}), &[]),
            (json!({"analysis": {"metrics": metrics(101)}}), many),
        ],
        |canary| validate(canary, ISTIO),
    );
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn what_has_another_effect_than_it_says_is_doubted_but_runs() {
    let rows: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (
            json!({"analysis": {"interval": "1s"}}),
            &["spec.analysis.interval: Invalid value: \"1s\": is taken for 10s"],
        ),
        (
            json!({"analysis": {"interval": "30sx", "threshold": 0}}),
            &[
                "spec.analysis.interval: Invalid value: \"30sx\": is taken for 60s: time: unknown unit \"sx\" in duration \"30sx\"",
                "spec.analysis.threshold: Invalid value: 0: is taken for 1",
            ],
        ),
        (
            json!({"analysis": {"stepWeights": [10, 200]}}),
            &[
                "spec.analysis.stepWeights: Invalid value: 200: is taken for 100",
                "spec.analysis.stepWeights: Invalid value: [10,200]: stepWeight is what counts; the last of the list is taken for maxWeight",
            ],
        ),
        (
            json!({"provider": "nginx", "ingressRef": {"kind": "Ingress", "name": "i"}, "analysis": {
                "match": [{"headers": {"x": {"exact": "y"}}}], "stepWeight": 10,
            }}),
            &[
                "spec.analysis.match: Forbidden: provider nginx sends all that match to the new version at the first step, which so is the last: set iterations, or remove match",
            ],
        ),
        (
            json!({"provider": "nginx", "ingressRef": {"kind": "Ingress", "name": "i"}, "analysis": {
                "match": [{"headers": {"x": {"exact": "y"}}}], "iterations": 3,
            }}),
            &[],
        ),
        // Provider kubernetes tells at each step what it cannot do.
        (json!({"provider": "kubernetes", "analysis": {"match": [{"headers": {"x": {"exact": "y"}}}]}}), &[]),
        (
            json!({"analysis": {
                "metrics": [{"name": "a"}, {"name": "b", "interval": "1mm"}],
                "alerts": [{"name": "a", "providerRef": {"name": "p"}}],
            }}),
            &[
                "spec.analysis.metrics[1].interval: Invalid value: \"1mm\": time: unknown unit \"mm\" in duration \"1mm\"",
            ],
        ),
    ];
    doubted(rows);
}

#[test]
fn limits_that_let_everything_pass_are_doubted() {
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"analysis": {"metrics": [
                {"name": "a", "thresholdRange": {}},
                {"name": "b", "thresholdRange": {"max": 0}},
                {"name": "c"},
                {"name": "request-success-rate"},
                {"name": "request-success-rate", "threshold": 0, "thresholdRange": {"min": 0}},
                {"name": "request-success-rate", "threshold": 99},
            ]}}),
            &[
                "spec.analysis.metrics[0].thresholdRange: Required value: without min and max all that is measured passes: set one of them",
                "spec.analysis.metrics[3].thresholdRange: Required value: without min and max all that is measured passes: set one of them",
            ],
        ),
        (json!({"skipAnalysis": true, "analysis": {"metrics": [{"name": "a", "thresholdRange": {}}]}}), &[]),
    ];
    doubted(rows);
}

#[test]
fn what_the_gateway_api_cannot_do_is_doubted() {
    let rows: &[(Value, &[&str])] = &[
        (
            json!({"provider": "gatewayapi:v1", "service": {
                "gatewayRefs": [{"name": "g"}], "timeout": "5s", "backendTimeout": "2s", "retries": {"attempts": 3},
                "corsPolicy": {"allowOrigin": ["https://a.test"], "allowOrigins": [{"prefix": "https://b"}]},
            }}),
            &[
                "spec.service.corsPolicy.allowOrigins: Forbidden: provider gatewayapi:v1 cannot do it and it is not looked at: list the origins in allowOrigin",
                "spec.service.retries: Forbidden: provider gatewayapi:v1 cannot do it and it is not looked at: remove it, or set it in a policy of the Gateway",
            ],
        ),
        (
            json!({
                "provider": "gatewayapi:v1beta1",
                "service": {
                    "gatewayRefs": [{"name": "g"}], "timeout": "5s", "backendTimeout": "2s",
                    "corsPolicy": {"allowOrigins": [{"prefix": "https://b"}]}, "trafficPolicy": {"tls": {"mode": "DISABLE"}},
                },
                "analysis": {"sessionAffinity": {"cookieName": "a", "primaryCookieName": "b"}},
            }),
            &[
                "spec.analysis.sessionAffinity.primaryCookieName: Forbidden: provider gatewayapi:v1beta1 has one cookie: it is not looked at",
                "spec.service.timeout: Forbidden: provider gatewayapi:v1beta1 cannot do it and it is not looked at: use gatewayapi:v1",
                "spec.service.backendTimeout: Forbidden: provider gatewayapi:v1beta1 cannot do it and it is not looked at: use gatewayapi:v1",
                "spec.service.corsPolicy: Forbidden: provider gatewayapi:v1beta1 cannot do it and it is not looked at: use gatewayapi:v1",
                "spec.service.trafficPolicy: Forbidden: provider gatewayapi:v1beta1 cannot do it and it is not looked at: remove it, or set it in a policy of the Gateway",
            ],
        ),
    ];
    doubted(rows);
}

/// Each row has these doubts, and runs.
#[track_caller]
fn doubted(rows: &[(Value, &[&str])]) {
    check(rows, |canary| doubts(canary, ISTIO));
    check(&rows.iter().map(|(patch, _)| (patch.clone(), &[] as &[&str])).collect::<Vec<_>>(), |canary| {
        validate(canary, ISTIO)
    });
}

fn of<T: Wire + Default>(spec: &Value) -> T {
    lenient(json!({ "spec": spec })).value
}

#[test]
fn metric_templates_say_where_and_what() {
    for (spec, expected) in [
        (json!({"provider": {"type": "prometheus", "address": "http://p:9090"}, "query": "up"}), vec![]),
        (json!({"provider": {"type": "externalmetrics", "address": "host:1"}, "query": "up"}), vec![]),
        (json!({"provider": {"type": "keptn"}, "query": "keptnmetric/a/b"}), vec![]),
        (
            json!({"provider": {"type": "prometheus"}, "query": " "}),
            vec![
                "spec.query: Required value: say what is asked",
                "spec.provider.address: Required value: provider prometheus needs an address",
            ],
        ),
        (
            json!({"provider": {"type": "cloudwatch", "secretRef": {"name": ""}}, "query": "[]"}),
            // Its region may be that of the controller.
            vec!["spec.provider.secretRef.name: Required value: name the Secret"],
        ),
        (
            json!({"provider": {"type": "graphite", "address": "graphite"}, "query": "x"}),
            vec![
                "spec.provider.address: Invalid value: \"graphite\": must be an address such as http://loadtester.test/",
            ],
        ),
        (
            json!({"query": "x"}),
            vec!["spec.provider.type: Required value: say what answers, such as prometheus"],
        ),
    ] {
        assert_eq!(lines(&validate_metric_template(&of(&spec))), expected, "{spec}");
    }
}

#[test]
fn alert_providers_have_one_address() {
    for (spec, expected) in [
        (json!({"type": "slack", "address": "https://hooks.test/x"}), vec![]),
        (json!({"type": "slack", "secretRef": {"name": "s"}}), vec![]),
        (
            json!({"type": "irc"}),
            vec![
                "spec.type: Unsupported value: \"irc\": supported values: \"slack\", \"msteams\", \"discord\", \"rocket\", \"gchat\"",
                "spec.address: Required value: set it, or name a Secret that has it in secretRef",
            ],
        ),
        (
            json!({"type": "slack", "address": "slack.com", "secretRef": {"name": "s"}}),
            vec!["spec.address: Invalid value: \"...\": must be an address such as https://hooks.test/"],
        ),
        (json!({"type": "slack", "address": "https://x", "secretRef": {"name": "s"}}), vec![]),
        (
            json!({"address": "hooks", "proxy": "proxy"}),
            vec![
                "spec.type: Required value: say which chat, such as slack",
                "spec.address: Invalid value: \"...\": must be an address such as https://hooks.test/",
                "spec.proxy: Invalid value: \"...\": must be an address such as http://proxy.test:3128",
            ],
        ),
        (
            json!({"type": "slack", "secretRef": {"name": ""}}),
            vec!["spec.secretRef.name: Required value: name the Secret with the address or the token"],
        ),
    ] {
        assert_eq!(lines(&validate_alert_provider(&of(&spec))), expected, "{spec}");
    }
}
