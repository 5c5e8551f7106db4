use std::collections::BTreeMap;

use super::*;

fn names() -> Names {
    Names {
        name: "podinfo".into(),
        namespace: "shop".into(),
        target: "podinfo".into(),
        service: "web".into(),
        ingress: "edge".into(),
        route: "r".into(),
        interval: "1m".into(),
        ..Names::default()
    }
}

fn source(provider: &str, global: &str, kind: &str) -> String {
    let canary = Canary {
        spec: serin_api::flagger::CanarySpec {
            provider: provider.into(),
            target_ref: serin_api::flagger::ObjectRef { kind: kind.into(), ..Default::default() },
            ..Default::default()
        },
        ..Default::default()
    };
    Source::of(&canary, global).as_str().to_owned()
}

#[test]
fn the_provider_of_the_metrics_is_chosen_as_flagger_chooses() {
    for (provider, global, kind, wanted) in [
        ("", "istio", "Deployment", "istio"),
        ("nginx", "istio", "Deployment", "nginx"),
        ("nginx", "linkerd", "Deployment", "linkerd"),
        ("nginx", "smi:linkerd", "Deployment", "linkerd"),
        ("", "smi:crossover", "Deployment", "crossover"),
        ("nginx", "smi:crossover", "Deployment", "nginx"),
        ("", "smi:linkerd", "Deployment", "smi:linkerd"),
        ("kubernetes", "istio", "Service", "kubernetes:service"),
        ("gloo", "istio", "Service", "gloo:service"),
        ("knative", "istio", "Service", "knative"),
    ] {
        assert_eq!(source(provider, global, kind), wanted, "{provider} {global} {kind}");
    }
    for (word, family) in [
        ("kubernetes", Family::Pods),
        ("kubernetes:service", Family::Istio),
        ("gloo:service", Family::Gloo),
        ("gatewayapi:v1:service", Family::Pods),
        ("gatewayapi:v1beta1", Family::Pods),
        ("appmesh:service", Family::AppMesh),
        ("appmesh:v1beta2", Family::AppMesh),
        ("nginx:service", Family::Istio),
        ("smi:v1alpha2", Family::Istio),
        ("smi:linkerd", Family::Istio),
        ("gatewayapi", Family::Istio),
        ("crossover", Family::Istio),
    ] {
        assert_eq!(Family::of(word), family, "{word}");
    }
}

#[test]
fn a_daemon_set_is_judged_by_its_own_pods() {
    let names = Names { is_daemon_set: true, ..names() };
    let query = Source("kubernetes".into()).query(Builtin::SuccessRate, &names).text;
    assert!(query.contains("kubernetes_pod_name=~\"podinfo-[0-9a-zA-Z]+\""), "{query}");
}

#[test]
fn a_canary_that_fails_every_request_succeeds_in_none() {
    assert_eq!(of_total(&Sample::Value(0.3)), Sample::Value(0.0));
    assert_eq!(of_total(&Sample::Value(0.0)), Sample::none());
    assert_eq!(of_total(&Sample::none()), Sample::none());
    let query = Source("nginx".into()).query(Builtin::SuccessRate, &names());
    let total = query.total.unwrap();
    assert!(total.contains("unless sum( count_over_time( nginx_ingress_controller_requests{"), "{total}");
    assert!(Source("nginx".into()).query(Builtin::Duration, &names()).total.is_none());
}

#[test]
fn skipper_is_asked_for_names_as_it_writes_them() {
    let names = Names { namespace: "a-b.c".into(), ..names() };
    let query = Source("skipper".into()).query(Builtin::Duration, &names).text;
    assert!(query.contains("kube(ew)?_a_b_c__edge_canary__.*__web_canary"), "{query}");
}

#[test]
fn names_are_those_around_the_canary() {
    let names = names();
    let variables = BTreeMap::from([("x".to_owned(), "a \"q\" b".to_owned())]);
    let query = names.within("45s", &variables).render(
        "c{ns=\"{{ namespace }}\", svc=\"{{ service }}\", ing=\"{{ ingress }}\", route=\"{{ route }}\", x=\"{{ variables.x }}\"}[{{ interval }}]",
    );
    let wanted = "c{ns=\"shop\", svc=\"web\", ing=\"edge\", route=\"r\", x=\"a \"q\" b\"}[45s]";
    assert_eq!(query.as_deref(), Ok(wanted));
    assert!(names.render("{{ variables.x }}").unwrap_err().to_string().contains('x'));
    assert!(names.render("{{ targte }}").is_err());
}

/// Every query that was recorded, from the recording's Canary alone.
#[test]
fn every_recorded_query_is_asked_to_the_last_character() {
    let Some(folder) = serin_needs::shared("recorded/flagger") else { return };
    let mut seen = 0;
    for (canary, global, queries) in recorded(&folder) {
        let names = Names::of(&canary, Some("podinfo-00002"));
        let source = Source::of(&canary, &global);
        let wanted = |names: &Names| {
            [(Builtin::SuccessRate, "1m"), (Builtin::Duration, "30s")].map(|(builtin, interval)| {
                source.query(builtin, &names.within(interval, &BTreeMap::new())).text
            })
        };
        let (mut wanted, mended) = (wanted(&Names { is_daemon_set: false, ..names.clone() }), wanted(&names));
        for line in queries.lines().filter(|line| line.starts_with(' ')) {
            assert!(wanted.iter().any(|query| query == line), "{}\n{line}\n{wanted:#?}", names.namespace);
            seen += 1;
        }
        // What is mended differs in the pattern of the pods, and in nothing else.
        for query in &mut wanted {
            if names.is_daemon_set {
                *query = query.replace("+(-[0-9a-zA-Z]+)\"", "+\"");
            }
        }
        assert_eq!(wanted, mended, "{}", names.namespace);
    }
    assert!(200 < seen, "only {seen} queries");
}

/// The Canary, the provider and the queries of each recording.
#[allow(clippy::disallowed_methods)] // a test reads files
fn recorded(folder: &std::path::Path) -> Vec<(Canary, String, String)> {
    let inside = |folder: &std::path::Path| -> Vec<std::path::PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    };
    let mut found = Vec::new();
    for provider in inside(folder) {
        let word = provider.file_name().unwrap().to_str().unwrap().replacen('-', ":", 1);
        for scenario in inside(&provider) {
            let Ok(queries) = std::fs::read_to_string(scenario.join("queries.txt")) else { continue };
            let inputs = std::fs::read_to_string(scenario.join("inputs.yaml")).unwrap();
            let is_canary = |text: &&str| text.contains("\nkind: Canary\n") && text.contains("# create");
            let Some(text) = inputs.split("\n---\n").find(is_canary) else { continue };
            found.push((serde_saphyr::from_str(text).unwrap(), word.clone(), queries));
        }
    }
    found
}

#[test]
fn every_golden_query_is_asked_to_the_last_character() {
    let Some(file) = serin_needs::shared("recorded/flagger/golden-queries.jsonl") else { return };
    #[allow(clippy::disallowed_methods)] // a test reads files
    let rows = std::fs::read_to_string(file).unwrap();
    let mut seen = 0;
    for row in rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let (builtin, interval) = match row["kind"].as_str().unwrap() {
            "rate" => (Builtin::SuccessRate, "1m"),
            "duration" => (Builtin::Duration, "30s"),
            _ => continue,
        };
        let all = || "podinfo".to_owned();
        let route = if row["provider"] == "knative" { "podinfo-00002".to_owned() } else { all() };
        let names = Names {
            namespace: "NS".into(),
            target: all(),
            service: all(),
            ingress: all(),
            route,
            interval: interval.into(),
            ..Names::default()
        };
        let source = Source(row["provider"].as_str().unwrap().replacen('-', ":", 1));
        assert_eq!(source.query(builtin, &names).text, row["query"].as_str().unwrap(), "{}", row["provider"]);
        seen += 1;
    }
    assert!(30 < seen, "only {seen} queries");
}
