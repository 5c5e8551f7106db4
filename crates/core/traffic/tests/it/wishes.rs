//! What single providers make of single wishes, where no recording shows it.

use serde_json::{Value, json};
use serin_kernel::{Change, Key};
use serin_traffic::{
    AppMeshVersion, Error, Front, GatewayVersion, Provider, SmiVersion, Split,
    front::{Affinity, Cookies},
};

use crate::{cases::cases, cases::front, world::World};

const V1: Provider = Provider::Gateway(GatewayVersion::V1);
const V1BETA1: Provider = Provider::Gateway(GatewayVersion::V1Beta1);

/// The object of this kind that a provider makes.
fn made(provider: Provider, front: &Front, split: Split, kind: &str) -> Result<Value, Error> {
    // The objects to copy from are in every case's world.
    let observed = cases().remove(0).world.observed();
    let wanted = provider.desired(front, Some(split), &observed)?;
    let of_kind = wanted.iter().rfind(|wanted| wanted.key().kind.kind == kind).unwrap();
    match of_kind.write(front, &observed)?.unwrap().change {
        Change::Create(body) => Ok(body),
        other => panic!("{other:?}"),
    }
}

fn istio(front: &Front, split: Split) -> Value {
    made(Provider::Istio, front, split, "VirtualService").unwrap()["spec"].clone()
}

fn affine(cookies: (&str, &str, &str)) -> Front {
    let (current, previous, primary) = cookies;
    let cookies =
        Cookies { current: current.to_owned(), previous: previous.to_owned(), primary: primary.to_owned() };
    let affinity = Affinity {
        cookie_name: "c".to_owned(),
        primary_cookie_name: Some("p".to_owned()),
        max_age: 60,
        primary_max_age: 10,
        cookies,
        ..Affinity::default()
    };
    Front { affinity: Some(affinity), ..front() }
}

#[test]
fn istio_s_hosts_gateways_and_ports() {
    let with = |hosts: &[&str], gateways: &[&str], delegation: bool| {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Front { hosts: texts(hosts), gateways: texts(gateways), delegation, ..front() }
    };
    for (front, hosts, gateways) in [
        (with(&[], &[], false), json!(["podinfo"]), json!(["mesh"])),
        (with(&["a"], &["g"], false), json!(["a", "podinfo"]), json!(["g"])),
        (with(&["*"], &[], false), json!(["*"]), json!(["mesh"])),
        (with(&["podinfo", "b"], &[], false), json!(["podinfo", "b"]), json!(["mesh"])),
        (with(&[], &[], true), Value::Null, Value::Null),
    ] {
        let spec = istio(&front, Split::PRIMARY);
        assert_eq!((&spec["hosts"], &spec["gateways"]), (&hosts, &gateways));
    }
    for front in [with(&["a"], &[], true), with(&[], &["g"], true)] {
        let error = Provider::Istio.reconcile(&front, &World::default().observed()).unwrap_err();
        assert!(error.to_string().starts_with("delegation: hosts and gateways"), "{error}");
    }
    for (gateways, delegation, discovery, port) in [
        (&["g"][..], false, true, json!({"number": 80})),
        (&["g"][..], false, false, Value::Null),
        (&["mesh", "g"][..], false, true, Value::Null),
        (&[][..], false, true, Value::Null),
        (&[][..], true, true, json!({"number": 80})),
    ] {
        let mut front = with(&[], gateways, delegation);
        front.port.discovery = discovery;
        assert_eq!(istio(&front, Split::PRIMARY)["http"][0]["route"][0]["destination"]["port"], port);
    }
}

#[test]
fn a_trial_match_is_laid_over_each_general_one() {
    let trial = vec![json!({"headers": {"x": {"exact": "1"}}}), json!({"sourceLabels": {"a": "b"}})];
    let matches =
        vec![json!({"uri": {"prefix": "/a"}, "headers": {"y": {"exact": "2"}}}), json!({"port": 1})];
    let front = Front { trial, matches, ..front() };
    let http = &istio(&front, Split::new(30, 70))["http"];
    assert_eq!(
        http[0]["match"],
        json!([
            {"uri": {"prefix": "/a"}, "headers": {"x": {"exact": "1"}}},
            {"port": 1, "headers": {"x": {"exact": "1"}}},
            {"uri": {"prefix": "/a"}, "headers": {"y": {"exact": "2"}}, "sourceLabels": {"a": "b"}},
            {"port": 1, "sourceLabels": {"a": "b"}},
        ])
    );
    assert_eq!(http[1]["match"], json!(front.matches));
    assert_eq!(http[1]["route"], json!([{"destination": {"host": "podinfo-primary"}, "weight": 30}]));
}

#[test]
fn a_tcp_route_has_ports_for_its_matches_and_nothing_of_http() {
    let mut front = Front { matches: vec![json!({"port": 80}), json!({"uri": {"prefix": "/"}})], ..front() };
    front.port.app_protocol = Some("TCP".to_owned());
    let spec = istio(&front, Split::new(90, 10));
    assert_eq!(spec["tcp"][0]["match"], json!([{"port": 80}]));
    assert_eq!(spec["tcp"][0]["route"][1]["weight"], 10);
    assert_eq!(spec.get("http"), None);
}

#[test]
fn bearers_of_cookies_come_first_and_each_version_gives_its_own() {
    let cookie = |cookie: &str| json!({"response": {"add": {"Set-Cookie": cookie}}});
    let http = istio(&affine(("c=1", "c=0", "p=2")), Split::new(80, 20))["http"].clone();
    let regex = |index: usize| http[index]["match"][0]["headers"]["Cookie"]["regex"].clone();
    assert_eq!((regex(0), regex(1), regex(2)), (json!(".*c.*1.*"), json!(".*p.*2.*"), Value::Null));
    assert_eq!(http[0]["match"][0]["uri"], json!({"prefix": "/api"}), "laid over the general match");
    let weights = |index: usize| {
        let weight = |at: usize| http[index]["route"][at]["weight"].as_u64().unwrap();
        (weight(0), weight(1))
    };
    assert_eq!((weights(0), weights(1), weights(2)), ((0, 100), (100, 0), (80, 20)));
    assert_eq!(http[2]["route"][0]["headers"], cookie("p=2; Max-Age=10"));
    assert_eq!(http[2]["route"][1]["headers"], cookie("c=1; Max-Age=60"));

    let http = istio(&affine(("", "c=0", "p=2")), Split::PRIMARY)["http"].clone();
    assert_eq!(http[0]["headers"]["response"]["add"]["Set-Cookie"], "c=0; Max-Age=-1");
    assert_eq!(http[0]["headers"]["response"]["set"]["x-d"], "4", "the headers of all answers stay");
    assert_eq!(http[1]["headers"]["response"].get("add"), None, "and are not changed for the others");

    let rules =
        |provider| made(provider, &affine(("c=1", "", "p=2")), Split::new(80, 20), "HTTPRoute").unwrap();
    let rules = |provider| rules(provider)["spec"]["rules"].clone();
    assert_eq!(rules(V1).as_array().unwrap().len(), 3);
    assert_eq!(rules(V1BETA1).as_array().unwrap().len(), 2, "it knows no cookie of the proven version");
    let filter = &rules(V1)[2]["backendRefs"][0]["filters"][0]["responseHeaderModifier"]["add"][0];
    assert_eq!(*filter, json!({"name": "Set-Cookie", "value": "p=2; Max-Age=10"}));
}

#[test]
fn the_gateway_api_has_filters_in_their_order_and_time_outs() {
    let mut front = front();
    front.mirrors = vec![json!({"backendRef": {"name": "copy", "port": 80}})];
    front.iterative = true;
    let split = Split { mirrored: true, ..Split::PRIMARY };
    let rule = made(V1, &front, split, "HTTPRoute").unwrap()["spec"]["rules"][0].clone();
    assert_eq!(
        rule["filters"],
        json!([
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {
                "add": [{"name": "x-a", "value": "1"}, {"name": "x-b", "value": "2"}], "remove": ["x-c"],
            }},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-d", "value": "4"}]}},
            {"type": "URLRewrite", "urlRewrite": {
                "hostname": "inner", "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"},
            }},
            {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "copy", "port": 80}}},
            {"type": "CORS", "cors": {"allowOrigins": ["https://example.com"], "allowMethods": ["GET"], "maxAge": 3600}},
            {"type": "RequestMirror", "requestMirror": {"backendRef": {
                "group": "", "kind": "Service", "name": "podinfo-canary", "port": 80,
            }}},
        ])
    );
    assert_eq!(rule["timeouts"], json!({"request": "15s", "backendRequest": "5s"}));
    assert_eq!(
        rule["matches"],
        json!([
            {"path": {"type": "PathPrefix", "value": "/api"}, "method": "GET"},
            {"path": {"type": "Exact", "value": "/x"}},
        ])
    );
    let old = made(V1BETA1, &front, Split::PRIMARY, "HTTPRoute").unwrap()["spec"]["rules"][0].clone();
    assert_eq!(old.get("timeouts"), None);
    assert_eq!(old["filters"].as_array().unwrap().len(), 4, "no foreign origins, and nothing mirrored");
    front.rewrite.as_mut().unwrap().kind = Some("other".to_owned());
    let full = &made(V1, &front, split, "HTTPRoute").unwrap()["spec"]["rules"][0]["filters"][2]["urlRewrite"]
        ["path"];
    assert_eq!(*full, json!({"type": "ReplaceFullPath", "replaceFullPath": "/"}));
}

#[test]
fn what_a_provider_cannot_do_is_named_with_its_field() {
    let matching = |one: Value| Front { matches: vec![one], ..front() };
    let trial = |one: Value| Front { trial: vec![one], ..front() };
    let cors = Front { cors: Some(json!({"maxAge": "1 day"})), ..front() };
    let sourceless = Front { source: None, ..front() };
    let odd_time = Front { timeout: Some("soon".to_owned()), ..front() };
    let app_mesh = Provider::AppMesh(AppMeshVersion::V1Beta1);
    for (provider, front, told) in vec![
        (
            V1,
            matching(json!({"uri": {"suffix": "x"}})),
            "match[0].uri: the Gateway API has no such condition",
        ),
        (V1, matching(json!({"method": {"prefix": "G"}})), "match[0].method: "),
        (V1, trial(json!({"headers": {"x": {"prefix": "1"}}})), "analysis.match[0].headers[x]: "),
        (V1, cors, "corsPolicy.maxAge: time: "),
        (V1, Front { gateway_refs: vec![], ..front() }, "gatewayRefs: must name at least one Gateway"),
        (Provider::Nginx, sourceless.clone(), "ingressRef: must name the Ingress"),
        (
            Provider::Nginx,
            Front { source: Some("gone".to_owned()), ..front() },
            "Ingress gone.test not found",
        ),
        (
            Provider::Nginx,
            Front { apex: "none".to_owned(), ..front() },
            "ingress `web` has no rules using service none",
        ),
        (Provider::Nginx, trial(json!({"headers": {"x": {"prefix": "1"}}})), "analysis.match: NGINX tells"),
        (Provider::Skipper, sourceless.clone(), "ingressRef: must name the Ingress"),
        (
            Provider::Skipper,
            Front { apex: "none".to_owned(), ..front() },
            "ingress `web` has no rules using service none",
        ),
        (Provider::Apisix, sourceless, "routeRef: must name the ApisixRoute"),
        (
            Provider::Apisix,
            Front { apex: "none".to_owned(), ..front() },
            "ApisixRoute web.test has no route to none",
        ),
        (app_mesh, Front { mesh: None, ..front() }, "meshName: mesh name cannot be empty"),
        (Provider::AppMesh(AppMeshVersion::V1Beta2), odd_time, "timeout: time: invalid duration"),
    ] {
        let case = cases().into_iter().find(|case| case.provider == provider).unwrap();
        let error = provider.set(&front, Split::new(50, 50), &case.world.observed()).unwrap_err().to_string();
        assert!(error.starts_with(told), "{provider:?}: {error}");
    }
}

#[test]
fn a_route_that_its_gateway_has_not_taken_is_no_route() {
    let front = front();
    let key = V1.keys(&front).remove(0);
    let mut world = World::default();
    world = world.after(&V1.set(&front, Split::new(90, 10), &world.observed()).unwrap());
    let parent = |name: &str, status: &str, generation: i64| {
        let condition =
            json!({"type": "Accepted", "status": status, "reason": "Why", "observedGeneration": generation});
        json!({"parentRef": {"name": name, "namespace": "ingress"}, "conditions": [{"type": "Other", "status": "False"}, condition]})
    };
    for (parents, accepted) in [
        (json!(null), true),
        (json!([]), true),
        (json!([parent("gateway", "True", 3)]), true),
        (json!([parent("gateway", "True", 2)]), false),
        (json!([parent("gateway", "False", 3)]), false),
        (json!([parent("other", "False", 3)]), true),
        (json!([parent("other", "True", 3), parent("gateway", "Unknown", 3)]), false),
    ] {
        world.edit(&key, |route| {
            route["metadata"]["generation"] = json!(3);
            route["status"] = json!({"parents": parents});
        });
        let routes = V1.routes(&front, &world.observed());
        if accepted {
            assert_eq!(routes, Ok(Split::new(90, 10)), "{parents}");
        } else {
            let told = "HTTPRoute podinfo.test is not accepted by gateway in its current generation: Why";
            assert_eq!(routes.unwrap_err().to_string(), told, "{parents}");
        }
        assert_eq!(V1.reconcile(&front, &world.observed()), Ok(vec![]), "the split is live all the same");
    }
}

#[test]
fn what_the_schema_fills_in_is_no_drift() {
    for case in cases().iter().filter(|case| case.provider == V1) {
        // The rule for the bearers of a cookie then says nothing of a path.
        let front = Front { matches: Vec::new(), ..case.front.clone() };
        let mut world = case.world.clone();
        world = world.after(&V1.set(&front, case.splits[1], &world.observed()).unwrap());
        let key = V1.keys(&front).remove(0);
        world.edit(&key, |route| {
            for rule in route["spec"]["rules"].as_array_mut().unwrap() {
                for one in rule["matches"].as_array_mut().unwrap() {
                    if one.get("path").is_none() {
                        one["path"] = json!({"type": "PathPrefix", "value": "/"});
                    }
                }
            }
        });
        assert_eq!(V1.reconcile(&front, &world.observed()), Ok(vec![]), "{}", case.name);
    }
}

#[test]
fn nginx_knows_one_header_and_one_cookie() {
    let annotations = |headers: Value| {
        let front = Front { trial: vec![json!({ "headers": headers })], ..front() };
        let made = made(Provider::Nginx, &front, Split::new(0, 100), "Ingress").unwrap();
        let annotations = made["metadata"]["annotations"].as_object().unwrap().clone();
        let by = annotations.into_iter().filter_map(|(name, value)| {
            Some((name.strip_prefix("nginx.ingress.kubernetes.io/canary-by-")?.to_owned(), value))
        });
        Value::Object(by.collect())
    };
    for (headers, expected) in [
        (json!({"x": {"exact": "1"}}), json!({"header": "x", "header-value": "1"})),
        (json!({"x": {"regex": "1+"}}), json!({"header": "x", "header-pattern": "1+"})),
        (json!({"x": {"exact": "1"}, "y": {"regex": "2"}}), json!({"header": "y", "header-pattern": "2"})),
        (json!({"cookie": {"exact": "c"}}), json!({"cookie": "c"})),
        (json!({"cookie": {"regex": "c"}, "x": {"exact": "1"}}), json!({"header": "x", "header-value": "1"})),
    ] {
        assert_eq!(annotations(headers.clone()), expected, "{headers}");
    }
    let made = made(Provider::Nginx, &front(), Split::new(60, 40), "Ingress").unwrap();
    assert_eq!(made["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"], "40");
    assert_eq!(made["metadata"]["annotations"].get("kubectl.kubernetes.io/last-applied-configuration"), None);
}

#[test]
fn contour_knows_what_a_header_contains() {
    let headers =
        json!({"a": {"exact": "1"}, "b": {"prefix": "2"}, "c": {"suffix": "3"}, "d": {"regex": "4"}});
    let mut front = Front { trial: vec![json!({ "headers": headers })], ..front() };
    front.settings.ingress_class = Some("class".to_owned());
    let spec = made(Provider::Contour, &front, Split::new(0, 100), "HTTPProxy").unwrap()["spec"].clone();
    assert_eq!(spec["ingressClassName"], "class");
    assert_eq!(
        spec["routes"][0]["conditions"],
        json!([
            {"prefix": "/api", "header": {"name": "a", "exact": "1"}},
            {"prefix": "/api", "header": {"name": "b", "contains": "2"}},
            {"prefix": "/api", "header": {"name": "c", "contains": "3"}},
            {"prefix": "/api", "header": {"name": "d"}},
        ])
    );
    let retries = json!({"count": 3, "perTryTimeout": "1s", "retryOn": ["5xx", "reset"]});
    assert_eq!(spec["routes"][1]["retryPolicy"], retries);
    assert_eq!(spec["routes"][1]["timeoutPolicy"], json!({"response": "15s", "idle": "5m"}));
}

#[test]
fn a_share_of_one_of_several_backends_is_refused() {
    let case = cases().into_iter().find(|case| case.provider == Provider::Apisix).unwrap();
    let key = Provider::Apisix.keys(&case.front).remove(0);
    let mut world = case.world.clone();
    world.edit(&key, |route| {
        let more = json!({"serviceName": "more", "servicePort": 80});
        route["spec"]["http"][1]["backends"].as_array_mut().unwrap().push(more);
    });
    let error = Provider::Apisix.reconcile(&case.front, &world.observed()).unwrap_err();
    assert!(
        error.to_string().starts_with("ApisixRoute web.test: spec.http[1].backends must be podinfo alone"),
        "{error}"
    );
}

#[test]
fn a_route_of_the_cluster_is_not_taken_from_a_service_of_the_same_name() {
    let here = front();
    let there = Front { namespace: "elsewhere".to_owned(), ..front() };
    let world = World::default();
    let world = world.after(&Provider::Kuma.reconcile(&there, &world.observed()).unwrap());
    let error = Provider::Kuma.reconcile(&here, &world.observed()).unwrap_err().to_string();
    assert!(error.starts_with("TrafficRoute podinfo is the route of podinfo_elsewhere_svc_80: "), "{error}");
    assert_eq!(Provider::Kuma.finalize(&here, &world.observed()), Ok(vec![]), "nor deleted");
    let moved =
        Front { port: serin_traffic::front::Port { number: 81, ..there.port.clone() }, ..there.clone() };
    assert_eq!(Provider::Kuma.reconcile(&moved, &world.observed()).unwrap().len(), 1, "another port is ours");
    assert_eq!(Provider::Kuma.finalize(&there, &world.observed()).unwrap().len(), 1);
}

#[test]
fn smi_names_gateways_to_the_adapter_and_its_first_host() {
    let object = |istio| {
        let provider = Provider::Smi { version: SmiVersion::V1Alpha1, istio };
        made(provider, &front(), Split::new(75, 25), "TrafficSplit").unwrap()
    };
    let spec = &object(false)["spec"];
    assert_eq!(spec["service"], "app.example.com");
    assert_eq!(spec["backends"][0], json!({"service": "podinfo-canary", "weight": "25"}));
    assert_eq!(object(false)["metadata"].get("annotations"), None);
    let told = json!({"VirtualService.v1alpha3.networking.istio.io/spec.gateways": "[\"public\"]"});
    assert_eq!(object(true)["metadata"]["annotations"], told);
}

#[test]
fn gloo_takes_settings_over_once_and_keeps_balancing_alike() {
    let case = cases().into_iter().find(|case| case.name == "Gloo settings").unwrap();
    let mut world = case.world.clone();
    world = world.after(&Provider::Gloo.reconcile(&case.front, &world.observed()).unwrap());
    let keys = Provider::Gloo.keys(&case.front);
    let find = |name: &str| keys.iter().find(|key| key.name.contains(name)).unwrap().clone();
    let (upstream, settings): (Key, Key) = (find("canaryupstream"), find("settings"));
    let spec = &world.get(&upstream).unwrap()["spec"];
    assert_eq!((&spec["useHttp2"], &spec["loadBalancerConfig"]), (&json!(true), &json!({"roundRobin": {}})));
    assert_eq!(spec["kube"]["selector"], json!({"app": "podinfo"}));
    world.edit(&settings, |settings| {
        settings["spec"]["loadBalancerConfig"] = json!({"random": {}});
        settings["spec"]["useHttp2"] = json!(false);
    });
    world = world.after(&Provider::Gloo.reconcile(&case.front, &world.observed()).unwrap());
    let spec = &world.get(&upstream).unwrap()["spec"];
    assert_eq!((&spec["useHttp2"], &spec["loadBalancerConfig"]), (&json!(true), &json!({"random": {}})));
}

#[test]
fn app_mesh_knows_grpc_access_logs_and_what_its_controller_filled_in() {
    let v1 = Provider::AppMesh(AppMeshVersion::V1Beta1);
    let mut front = Front { access_log: true, ..front() };
    front.port.name = Some("grpc-web".to_owned());
    let node = made(v1, &front, Split::PRIMARY, "VirtualNode").unwrap();
    assert_eq!(node["spec"]["logging"]["accessLog"]["file"]["path"], "/dev/stdout");
    assert_eq!(node["spec"]["listeners"][0]["portMapping"], json!({"port": 80, "protocol": "grpc"}));
    let service = made(v1, &front, Split::PRIMARY, "VirtualService").unwrap();
    let policy = &service["spec"]["routes"][0]["http"]["retryPolicy"];
    assert_eq!(
        *policy,
        json!({"perRetryTimeoutMillis": 1000, "maxRetries": 3, "httpRetryEvents": ["5xx", "reset"]})
    );

    let v2 = Provider::AppMesh(AppMeshVersion::V1Beta2);
    let mut world = World::default();
    world = world.after(&v2.reconcile(&front, &world.observed()).unwrap());
    let router = v2.keys(&front).into_iter().find(|key| key.kind.kind == "VirtualRouter").unwrap();
    world.edit(&router, |router| {
        router["spec"]["awsName"] = json!("a");
        router["spec"]["meshRef"] = json!({"name": "m"});
    });
    assert_eq!(v2.reconcile(&front, &world.observed()), Ok(vec![]));
    world = world.after(&v2.set(&front, Split::new(50, 50), &world.observed()).unwrap());
    let spec = &world.get(&router).unwrap()["spec"];
    assert_eq!((&spec["awsName"], &spec["meshRef"]), (&json!("a"), &json!({"name": "m"})));
}

#[test]
fn skipper_switches_off_after_its_first_share_and_goes_in_the_end() {
    let case = cases().into_iter().find(|case| case.provider == Provider::Skipper).unwrap();
    let key = Provider::Skipper.keys(&case.front).pop().unwrap();
    let mut world = case.world.clone();
    for (split, predicate) in [
        (Split::PRIMARY, "Weight(100) && Host(/a/)"),
        (Split::new(80, 20), "Weight(100) && Host(/a/)"),
        (Split::PRIMARY, "False() && Host(/a/)"),
        (Split::PRIMARY, "False() && Host(/a/)"),
        (Split::new(50, 50), "Weight(100) && Host(/a/)"),
    ] {
        world = world.after(&Provider::Skipper.set(&case.front, split, &world.observed()).unwrap());
        let annotations = &world.get(&key).unwrap()["metadata"]["annotations"];
        assert_eq!(annotations["zalando.org/skipper-predicate"], predicate, "{split:?}");
    }
    let writes = Provider::Skipper.finalize(&case.front, &world.observed()).unwrap();
    assert!(world.after(&writes).get(&key).is_none());
}

#[test]
fn kubernetes_can_only_tell_whether_an_iteration_is_over() {
    let nothing = World::default();
    for (iterated, expected) in [(false, Split::PRIMARY), (true, Split::new(0, 100))] {
        let front = Front { iterated, ..front() };
        assert_eq!(Provider::Kubernetes.routes(&front, &nothing.observed()), Ok(expected));
        assert_eq!(Provider::Kubernetes.set(&front, Split::new(0, 100), &nothing.observed()), Ok(vec![]));
    }
}

#[test]
fn capabilities_say_what_objects_can_carry() {
    for case in cases() {
        let can = case.provider.capabilities();
        assert!(can.weights, "{}", case.name);
        if case.name.ends_with("trial") {
            assert!(can.matches, "{}", case.name);
            assert_eq!(can.match_weights, 2 < case.splits.len(), "{}", case.name);
        }
    }
    assert!(!Provider::Kubernetes.capabilities().weights);
}
