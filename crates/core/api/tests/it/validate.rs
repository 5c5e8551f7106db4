//! Each rule of validation, by a manifest that breaks it alone and the exact words.

use serde_json::{Value, json};
use serin_api::{
    lenient,
    network::{Ingress, Service},
    rollout::Rollout,
    validate::{
        References, Resolved, message, unsupported, validate, validate_references, validate_resolved,
    },
};

fn good() -> Value {
    json!({
        "metadata": {"name": "demo"},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{"name": "web", "image": "i"}]},
            },
            "strategy": {"canary": {}},
        },
    })
}

fn routed() -> Value {
    let mut rollout = good();
    rollout["spec"]["strategy"]["canary"] = json!({
        "canaryService": "c", "stableService": "s",
        "trafficRouting": {"nginx": {"stableIngress": "web"}},
    });
    rollout
}

/// Sets the value at a dotted path, making objects on the way; a number is an index.
fn set(rollout: &mut Value, path: &str, value: Value) {
    let mut place = rollout;
    for part in path.split('.') {
        place = match part.parse::<usize>() {
            Ok(index) => {
                if place.is_null() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().unwrap();
                if list.len() <= index {
                    list.resize(index + 1, Value::Null);
                }
                &mut list[index]
            }
            Err(_) => &mut place[part],
        };
    }
    *place = value;
}

fn errors(rollout: &Value) -> Vec<String> {
    let read = lenient::<Rollout>(rollout.clone());
    assert_eq!(read.problems, []);
    validate(&read.value).iter().map(ToString::to_string).collect()
}

#[test]
fn a_plain_and_a_routed_canary_are_valid() {
    assert_eq!(errors(&good()), [""; 0]);
    assert_eq!(errors(&routed()), [""; 0]);
}

#[test]
fn the_message_is_argos() {
    let mut rollout = good();
    set(&mut rollout, "spec.strategy.canary.steps.0.setWeight", json!(101));
    let rollout = lenient::<Rollout>(rollout).value;
    assert_eq!(
        message("demo", &validate(&rollout)[0]),
        "The Rollout \"demo\" is invalid: spec.strategy.canary.steps[0].setWeight: Invalid value: 101: SetWeight needs to be between 0 and 100"
    );
}

#[test]
fn all_problems_are_found_at_once() {
    let mut rollout = good();
    set(&mut rollout, "spec.replicas", json!(-1));
    set(
        &mut rollout,
        "spec.strategy.canary.steps",
        json!([{"setWeight": -1}, {"pause": {"duration": "1d"}}, {}]),
    );
    set(&mut rollout, "spec.template.spec.containers.0.image", json!(""));
    assert_eq!(errors(&rollout).len(), 5);
}

/// Rules of the Rollout: path, value, error.
#[test]
fn each_rule_of_a_plain_rollout() {
    const CANARY: &str = "spec.strategy.canary";
    for (path, value, error) in [
        ("spec.replicas", json!(-1), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            "spec.selector",
            json!(null),
            "spec.selector: Required value: Rollout has missing field '.spec.selector'",
        ),
        (
            "spec.selector",
            json!({}),
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        ),
        (
            "spec.minReadySeconds",
            json!(-1),
            "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "spec.revisionHistoryLimit",
            json!(-1),
            "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "spec.minReadySeconds",
            json!(600),
            "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
        ),
        (
            "spec.progressDeadlineSeconds",
            json!(0),
            "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds",
        ),
        (
            "spec.strategy",
            json!({}),
            "spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
        ),
        (
            "spec.strategy.blueGreen",
            json!({"activeService": "a"}),
            "spec.strategy.strategy: Invalid value: \"blueGreen: true canary: true\": Multiple Strategies can not be listed",
        ),
        (
            "spec.strategy",
            json!({"blueGreen": {}}),
            "spec.strategy.blueGreen.activeService: Invalid value: \"\": This rollout uses the same service for the active and preview services, but two different services are required.",
        ),
        (
            "spec.strategy",
            json!({"blueGreen": {"activeService": "a", "scaleDownDelayRevisionLimit": 11}}),
            "spec.strategy.blueGreen.scaleDownDelayRevisionLimit: Invalid value: 11: This rollout's revision history limit can not be smaller than the rollout's scale down limit",
        ),
        (
            CANARY,
            json!({"maxSurge": 0, "maxUnavailable": "0%"}),
            "spec.strategy.canary.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero",
        ),
        (
            CANARY,
            json!({"maxSurge": "many"}),
            "spec.strategy.canary.maxSurge: Invalid value: \"many\": invalid value \"many\": must be an integer or a percentage such as \"25%\"",
        ),
        (
            CANARY,
            json!({"maxUnavailable": -1}),
            "spec.strategy.canary.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            CANARY,
            json!({"canaryService": "s", "stableService": "s"}),
            "spec.strategy.canary.stableService: Invalid value: \"s\": This rollout uses the same service for the stable and canary services, but two different services are required.",
        ),
        (
            CANARY,
            json!({"scaleDownDelaySeconds": 5}),
            "spec.strategy.canary.scaleDownDelaySeconds: Invalid value: 5: Canary scaleDownDelaySeconds can only be used with traffic routing",
        ),
        (
            CANARY,
            json!({"dynamicStableScale": true}),
            "spec.strategy.canary.dynamicStableScale: Invalid value: true: Canary dynamicStableScale can only be used with traffic routing",
        ),
        (
            CANARY,
            json!({"antiAffinity": {}}),
            "spec.strategy.canary.antiAffinity: Invalid value: {}: AntiAffinity must have exactly one strategy listed",
        ),
        (
            CANARY,
            json!({"antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 0}}}),
            "spec.strategy.canary.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 0: AntiAffinity weight must be between 1-100",
        ),
        (
            CANARY,
            json!({"pingPong": {"pingService": "a", "pongService": ""}}),
            "spec.strategy.canary.pingPong.pongService: Invalid value: \"\": Ping service and Pong service must to be set to use Ping-Pong feature",
        ),
        (
            CANARY,
            json!({"pingPong": {"pingService": "a", "pongService": "a"}}),
            "spec.strategy.canary.pingPong.pingService: Invalid value: \"a\": This rollout uses the same service for the ping and pong services, but two different services are required.",
        ),
        (
            CANARY,
            json!({"steps": [{}]}),
            "spec.strategy.canary.steps[0]: Invalid value: {}: Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause",
        ),
        (
            CANARY,
            json!({"steps": [{"setWeight": 1, "pause": {}}]}),
            "spec.strategy.canary.steps[0]: Invalid value: {\"setWeight\":1,\"pause\":{}}: Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause",
        ),
        (
            CANARY,
            json!({"steps": [{"setWeight": -1}]}),
            "spec.strategy.canary.steps[0].setWeight: Invalid value: -1: SetWeight needs to be between 0 and 100",
        ),
        (
            CANARY,
            json!({"steps": [{"pause": {"duration": -1}}]}),
            "spec.strategy.canary.steps[0].pause.duration: Invalid value: -1: Duration needs to be greater than 0",
        ),
        (
            CANARY,
            json!({"steps": [{"pause": {"duration": "1d"}}]}),
            "spec.strategy.canary.steps[0].pause.duration: Invalid value: \"1d\": Duration needs to be greater than 0 (time: unknown unit \"d\" in duration \"1d\")",
        ),
        (
            CANARY,
            json!({"steps": [{"setCanaryScale": {"weight": 1}}]}),
            "spec.strategy.canary.steps[0].setCanaryScale: Invalid value: {\"weight\":1}: SetCanaryScale requires TrafficRouting to be set",
        ),
        (
            CANARY,
            json!({"steps": [{"setMirrorRoute": {"name": "m"}}]}),
            "spec.strategy.canary.steps[0].setMirrorRoute: Invalid value: {\"name\":\"m\"}: SetMirrorRoute requires TrafficRouting, supports Istio only",
        ),
        (
            CANARY,
            json!({"analysis": {"args": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.odd"}}}]}}),
            "spec.strategy.canary.analysis.args[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.odd\": Analyses arguments must refer to valid object metadata supported by downwardAPI",
        ),
        (
            "spec.workloadRef",
            json!({"name": "d"}),
            "spec.template: Internal error: template must be empty for workload reference rollout",
        ),
    ] {
        let mut rollout = good();
        set(&mut rollout, path, value.clone());
        assert_eq!(errors(&rollout), [error], "{path} = {value}");
    }
}

#[test]
fn each_rule_of_a_routed_rollout() {
    const ISTIO: &str = "spec.strategy.canary.trafficRouting";
    let managed = json!({"istio": {"virtualService": {"name": "v"}}, "managedRoutes": [{"name": "m"}]});
    for (routing, path, value, error) in [
        (
            None,
            "spec.strategy.canary.canaryService",
            json!(""),
            "spec.strategy.canary.canaryService: Invalid value: \"\": Canary service and Stable service must to be set to use Traffic Routing",
        ),
        (None, "spec.strategy.canary.dynamicStableScale", json!(true), ""),
        (None, "spec.strategy.canary.trafficRouting.maxTrafficWeight", json!(1000), ""),
        (
            None,
            "spec.strategy.canary.trafficRouting.maxTrafficWeight",
            json!(0),
            "spec.strategy.canary.trafficRouting.maxTrafficWeight: Invalid value: 0: must be greater than 0",
        ),
        (
            Some(json!({"smi": {}})),
            "spec.strategy.canary.trafficRouting.maxTrafficWeight",
            json!(1000),
            "spec.strategy.canary.trafficRouting.maxTrafficWeight: Invalid value: 1000: Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins",
        ),
        (
            None,
            "spec.strategy.canary.trafficRouting.nginx.stableIngresses",
            json!(["a"]),
            "spec.strategy.canary.trafficRouting.nginx.stableIngress: Invalid value: \"web\": either stableIngress or stableIngresses can be set, not both",
        ),
        (
            None,
            "spec.strategy.canary.trafficRouting.nginx.stableIngress",
            json!(""),
            "spec.strategy.canary.trafficRouting.nginx.stableIngress: Required value: stableIngress or stableIngresses must be set",
        ),
        (
            None,
            "spec.strategy.canary.pingPong",
            json!({"pingService": "a", "pongService": "b"}),
            "spec.strategy.canary.pingPong: Forbidden: Ping-pong feature works with the ALB and Istio only",
        ),
        (
            Some(json!({"alb": {"ingress": "i"}})),
            "spec.strategy.canary.pingPong",
            json!({"pingService": "a", "pongService": "b"}),
            "spec.strategy.canary.trafficRouting.alb.rootService: Invalid value: \"\": Root service field is required for the configuration with ALB and ping-pong feature enabled",
        ),
        (
            Some(json!({"alb": {"ingress": "i"}})),
            "spec.strategy.canary.trafficRouting.alb.stickinessConfig",
            json!({"enabled": true, "durationSeconds": 0}),
            "spec.strategy.canary.trafficRouting.alb.stickinessConfig.durationSeconds: Invalid value: 0: must be between 1 and 604800 seconds",
        ),
        (
            None,
            "spec.strategy.canary.steps",
            json!([{"setCanaryScale": {"replicas": -1}}]),
            "spec.strategy.canary.steps[0].setCanaryScale.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            None,
            "spec.strategy.canary.steps",
            json!([{"setHeaderRoute": {"name": "m"}}]),
            "spec.strategy.canary.steps[0].setHeaderRoute: Invalid value: {\"name\":\"m\"}: SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix",
        ),
        (
            Some(managed.clone()),
            "spec.strategy.canary.steps",
            json!([{"setHeaderRoute": {"name": "n"}}]),
            "spec.strategy.canary.steps[0].setHeaderRoute.name: Invalid value: \"n\": Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes",
        ),
        (
            Some(managed.clone()),
            "spec.strategy.canary.steps",
            json!([{"setHeaderRoute": {"name": "m", "match": [{"headerName": "h", "headerValue": {"exact": "a", "regex": "b"}}]}}]),
            "spec.strategy.canary.steps[0].setHeaderRoute.match[0].headerValue: Invalid value: {\"exact\":\"a\",\"regex\":\"b\"}: StringMatch match value must have exactly one of the following: exact, regex, prefix",
        ),
        (
            Some(managed.clone()),
            "spec.strategy.canary.steps",
            json!([{"setMirrorRoute": {"name": "m", "match": [{"path": {}}]}}]),
            "spec.strategy.canary.steps[0].setMirrorRoute.match[0].path: Invalid value: {}: StringMatch value missed, match value must have one of the following: exact, regex, prefix",
        ),
        (
            Some(managed),
            "spec.strategy.canary.trafficRouting.istio.virtualServices",
            json!([{"name": "a"}, {"name": "b"}]),
            "spec.strategy.canary.trafficRouting.istio.virtualServices: Forbidden: either virtualService or virtualServices can be set, not both",
        ),
    ] {
        let mut rollout = routed();
        if let Some(routing) = routing {
            set(&mut rollout, ISTIO, routing);
        }
        set(&mut rollout, path, value.clone());
        let expected: Vec<&str> = [error].into_iter().filter(|error| !error.is_empty()).collect();
        assert_eq!(errors(&rollout), expected, "{path} = {value}");
    }
    let mut both = routed();
    set(&mut both, "spec.strategy.canary.dynamicStableScale", json!(true));
    set(&mut both, "spec.strategy.canary.scaleDownDelaySeconds", json!(5));
    assert_eq!(
        errors(&both),
        [
            "spec.strategy.canary.dynamicStableScale: Invalid value: true: Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"
        ]
    );
}

/// What kube-apiserver 1.33 said of a ReplicaSet with the same defect, apart from Go's printing of composite values.
#[test]
fn a_pod_template_is_refused_in_the_api_servers_words() {
    const POD: &str = "spec.template.spec";
    const WEB: &str = "spec.template.spec.containers.0";
    let port = |port: Value| json!({"name": "web", "image": "i", "ports": [port]});
    for (path, value, error) in [
        (
            "spec.template.metadata.labels",
            json!({"app": "y"}),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"y\"}: `selector` does not match template `labels`",
        ),
        (
            "spec.template.metadata.labels.b",
            json!("a b"),
            "spec.template.labels: Invalid value: \"a b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
        (
            "spec.template.metadata.annotations",
            json!({"a": "c".repeat(270_000)}),
            "spec.template.annotations: Too long: may not be more than 262144 bytes",
        ),
        (POD, json!({}), "spec.template.spec.containers: Required value"),
        (
            "spec.template.spec.containers",
            json!("web"),
            "spec.template.spec.containers: Invalid value: \"web\": must be a list",
        ),
        (WEB, json!({"image": "i"}), "spec.template.spec.containers[0].name: Required value"),
        (WEB, json!({"name": "web"}), "spec.template.spec.containers[0].image: Required value"),
        (
            WEB,
            json!({"name": "Web_1", "image": "i"}),
            "spec.template.spec.containers[0].name: Invalid value: \"Web_1\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        (
            "spec.template.spec.containers.1",
            json!({"name": "web", "image": "j"}),
            "spec.template.spec.containers[1].name: Duplicate value: \"web\"",
        ),
        (
            "spec.template.spec.initContainers",
            json!([{"name": "web", "image": "j"}]),
            "spec.template.spec.initContainers[0].name: Duplicate value: \"web\"",
        ),
        (
            WEB,
            port(json!({"containerPort": 0})),
            "spec.template.spec.containers[0].ports[0].containerPort: Required value",
        ),
        (
            WEB,
            port(json!({"containerPort": 70000})),
            "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            WEB,
            port(json!({"containerPort": 80, "protocol": "ICMP"})),
            "spec.template.spec.containers[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        ),
        (
            WEB,
            json!({"name": "web", "image": "i", "ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]}),
            "spec.template.spec.containers[0].ports[1].name: Duplicate value: \"a\"",
        ),
        (
            WEB,
            json!({"name": "web", "image": "i", "env": [{"value": "x"}]}),
            "spec.template.spec.containers[0].env[0].name: Required value",
        ),
        (
            WEB,
            json!({"name": "web", "image": "i", "imagePullPolicy": "Odd"}),
            "spec.template.spec.containers[0].imagePullPolicy: Unsupported value: \"Odd\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ),
        (
            WEB,
            json!({"name": "web", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/a"}]}),
            "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
        ),
        (
            WEB,
            json!({"name": "web", "image": "i", "resources": {"requests": {"cpu": "-2"}}}),
            "spec.template.spec.containers[0].resources.requests[cpu]: Invalid value: \"-2\": must be greater than or equal to 0",
        ),
        (
            WEB,
            json!({"name": "web", "image": "i", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
            "spec.template.spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        ),
        (
            "spec.template.spec.volumes",
            json!([{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]),
            "spec.template.spec.volumes[1].name: Duplicate value: \"v\"",
        ),
        (
            "spec.template.spec.restartPolicy",
            json!("Never"),
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
        ),
        (
            "spec.template.spec.activeDeadlineSeconds",
            json!(5),
            "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
        ),
        (
            "spec.template.spec.dnsPolicy",
            json!("Odd"),
            "spec.template.spec.dnsPolicy: Unsupported value: \"Odd\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
        ),
        (
            "spec.template.spec.ephemeralContainers",
            json!([{"name": "e", "image": "i"}]),
            "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template",
        ),
    ] {
        let mut rollout = good();
        set(&mut rollout, path, value.clone());
        assert_eq!(errors(&rollout), [error], "{path}");
    }
}

#[test]
fn a_referenced_workload_is_judged_by_its_own_template() {
    let mut rollout = good();
    set(
        &mut rollout,
        "spec.template",
        json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": []}}),
    );
    set(
        &mut rollout,
        "spec.workloadRef",
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}),
    );
    set(&mut rollout, "spec.selector", json!(null));
    assert_eq!(errors(&rollout), [""; 0], "not found yet");
    let rollout = lenient::<Rollout>(rollout).value;
    let template = json!({"metadata": {"labels": {"app": "y"}}, "spec": {"containers": [{"name": "web"}]}});
    let found = validate_resolved(&rollout, Resolved { template: &template, selector: None });
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "spec.selector: Required value: Rollout has missing field '.spec.selector'",
            "spec.template.spec.containers[0].image: Required value",
        ]
    );
}

#[test]
fn what_is_named_must_be_there_and_fit() {
    let rollout = lenient::<Rollout>(routed()).value;
    let service = |value: Value| Some(lenient::<Service>(value).value);
    let ingress = |backend: &str| {
        let path = json!({"backend": {"service": {"name": backend, "port": {"number": 80}}}});
        let spec =
            json!({"defaultBackend": {"service": {"name": "s"}}, "rules": [{}, {"http": {"paths": [path]}}]});
        Some(lenient::<Ingress>(json!({"metadata": {"name": "web"}, "spec": spec})).value)
    };
    let mut found = References::default();
    let judge = |found: &References| -> Vec<String> {
        let errors = validate_references(&rollout, &rollout.spec.template, found);
        errors.iter().map(ToString::to_string).collect()
    };
    assert_eq!(judge(&found), [""; 0], "what was not looked up is not judged");
    found.services.insert("s".to_owned(), None);
    found.services.insert("c".to_owned(), None);
    found.ingresses.insert("web".to_owned(), None);
    assert_eq!(
        judge(&found),
        [
            "spec.strategy.canary.stableService: Invalid value: \"s\": service \"s\" not found",
            "spec.strategy.canary.canaryService: Invalid value: \"c\": service \"c\" not found",
            "spec.strategy.canary.trafficRouting.nginx.stableIngress: Invalid value: \"web\": ingress.networking.k8s.io \"web\" not found",
        ]
    );
    let managed = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "other"});
    let other = json!({"metadata": {"annotations": managed}, "spec": {"selector": {"app": "x"}}});
    found.services.insert("s".to_owned(), service(other));
    let unmatched = json!({"spec": {"selector": {"tier": "web", "rollouts-pod-template-hash": "abc"}}});
    found.services.insert("c".to_owned(), service(unmatched));
    found.ingresses.insert("web".to_owned(), ingress("elsewhere"));
    assert_eq!(
        judge(&found),
        [
            "spec.strategy.canary.stableService: Invalid value: \"s\": Service \"s\" is managed by another Rollout",
            "spec.strategy.canary.canaryService: Invalid value: \"c\": Service \"c\" has unmatch label \"tier\" in rollout",
            "spec.strategy.canary.trafficRouting.nginx.stableIngress: Invalid value: \"web\": ingress `web` has no rules using service s backend",
        ]
    );
    let mine = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "demo"});
    let fits = json!({"metadata": {"annotations": mine}, "spec": {"selector": {"app": "x"}}});
    found.services.insert("s".to_owned(), service(fits.clone()));
    found.services.insert("c".to_owned(), service(fits));
    found.ingresses.insert("web".to_owned(), ingress("s"));
    assert_eq!(judge(&found), [""; 0]);
}

#[test]
fn absurd_but_legal_manifests_are_accepted() {
    let mut rollout = good();
    let steps: Vec<Value> = (0..10_000).map(|step| json!({"setWeight": step % 101})).collect();
    set(&mut rollout, "spec.strategy.canary.steps", json!(steps));
    set(&mut rollout, "metadata.annotations", json!({"big": "x".repeat(1 << 20)}));
    assert_eq!(errors(&rollout), [""; 0]);
    set(&mut rollout, "spec.strategy.canary.steps", json!(vec![json!({"setWeight": 101}); 10_000]));
    assert_eq!(errors(&rollout).len(), 10_000);
}

#[test]
fn what_cannot_run_yet_says_so_and_what_to_do() {
    let rollout = lenient::<Rollout>(json!({"spec": {"strategy": {"blueGreen": {}}}})).value;
    assert_eq!(
        unsupported(&rollout)[0].to_string(),
        "spec.strategy.blueGreen: Forbidden: Serin does not run blue-green Rollouts yet: use strategy.canary, or let Argo Rollouts run this Rollout"
    );
}
