//! The custom resource definitions of Flagger's three kinds: they accept, refuse, default and prune what Flagger's own do;
//! and that of Serin's own `AnalysisVariant`, whose fields are as strict.
//!
//! The fields come from the types. What types cannot say is a table here: closed sets, patterns, bounds, defaults, and
//! which fields are kept where one type serves two places. Numbers that count are `number`, as in Flagger's: a manifest
//! with a fraction is stored there, so it is stored here, and reading it names the field.

use serde_json::{Value, json};

use super::{
    AlertProvider, AnalysisVariant, Canary, CanaryPhase, ChatKind, MetricProviderKind, MetricTemplate,
    Provider,
};
use crate::{
    crds::{Column, Definition, Names, definition},
    kinds,
    network::PORT_MAX,
    wire::Wire,
};

/// A duration, loosely: `1m30s` passes, and so does `30sx`.
const DURATION: &str = "^[0-9]+(m|s)";
/// Label of DNS.
const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Name of DNS, or nothing.
const GROUP: &str = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Name of DNS.
const DOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Name of a kind.
const KIND: &str = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";

/// A column that every `kubectl get` prints, and one of `-o wide`.
const fn column(name: &'static str, kind: &'static str, path: &'static str) -> Column {
    Column { name, kind, path, description: "", priority: 0 }
}
const fn wide(name: &'static str, kind: &'static str, path: &'static str) -> Column {
    Column { name, kind, path, description: "", priority: 1 }
}

const COLUMNS: &[Column] = &[
    column("Status", "string", ".status.phase"),
    column("Weight", "string", ".status.canaryWeight"),
    wide("Suspended", "boolean", ".spec.suspend"),
    wide("FailedChecks", "string", ".status.failedChecks"),
    wide("Interval", "string", ".spec.analysis.interval"),
    wide("Mirror", "boolean", ".spec.analysis.mirror"),
    wide("StepWeight", "string", ".spec.analysis.stepWeight"),
    wide("StepWeights", "string", ".spec.analysis.stepWeights"),
    wide("MaxWeight", "string", ".spec.analysis.maxWeight"),
    column("LastTransitionTime", "string", ".status.lastTransitionTime"),
];

/// What is said of one place in a schema beyond its type: the keys are laid over it, null ones taken out.
type Fact = (&'static str, Value);

/// The definitions, as `apiextensions.k8s.io/v1` objects.
#[must_use]
pub fn crds() -> Vec<Value> {
    let names = Names { short: None, categories: &["all"] };
    let of = |kind, columns, description, schema, facts: Vec<Fact>| {
        let mut whole = definition(Definition {
            kind,
            names,
            description,
            columns,
            subresources: json!({ "status": {} }),
            schema: stated(schema, facts),
        });
        // A release of Helm's that goes leaves the definition, and with it every object of the kind.
        whole["metadata"]["annotations"] = json!({ "helm.sh/resource-policy": "keep" });
        whole
    };
    vec![
        of(
            kinds::CANARY,
            COLUMNS,
            "Canary analyses new versions of a workload before its users get them",
            Canary::schema(),
            canary_facts(),
        ),
        of(
            kinds::METRIC_TEMPLATE,
            &[column("Provider", "string", ".spec.provider.type")],
            "MetricTemplate is a query for use by name",
            MetricTemplate::schema(),
            metric_template_facts(),
        ),
        of(
            kinds::ALERT_PROVIDER,
            &[column("Type", "string", ".spec.type")],
            "AlertProvider is a chat that is told of releases",
            AlertProvider::schema(),
            alert_provider_facts(),
        ),
        of(
            kinds::ANALYSIS_VARIANT,
            &[],
            "AnalysisVariant changes the analysis of Canaries for one environment",
            AnalysisVariant::schema(),
            analysis_variant_facts(),
        ),
    ]
}

fn analysis_variant_facts() -> Vec<Fact> {
    // Of an empty text nothing is taken.
    let duration = json!({ "pattern": format!("^$|{DURATION}") });
    vec![
        ("spec.interval", duration.clone()),
        ("spec.metrics.set[].interval", duration.clone()),
        ("spec.webhooks.set[].timeout", duration),
        ("spec.webhooks.set[].type", words_or_none(super::HookKind::ALL)),
        ("spec.alerts.set[].severity", words_or_none(super::Severity::ALL)),
    ]
}

fn stated(mut schema: Value, facts: Vec<Fact>) -> Value {
    for (path, fact) in facts {
        for place in at(&mut schema, path) {
            lay_over(place, &fact);
        }
    }
    schema
}

/// The places in a schema that `path` names: fields behind dots, `[]` for the elements of a list, `{}` for the values of
/// a map, and `a|b` for several fields. A path that names nothing is found by a test.
fn at<'a>(schema: &'a mut Value, path: &str) -> Vec<&'a mut Value> {
    let mut places = vec![schema];
    for segment in path.split('.') {
        let (fields, inner) = match (segment.strip_suffix("[]"), segment.strip_suffix("{}")) {
            (Some(fields), _) => (fields, Some("items")),
            (None, Some(fields)) => (fields, Some("additionalProperties")),
            (None, None) => (segment, None),
        };
        let below = places.into_iter().filter_map(|place| place.get_mut("properties")?.as_object_mut());
        let below = below.flat_map(|properties| properties.iter_mut());
        let named = below.filter(|(name, _)| fields.split('|').any(|field| field == name.as_str()));
        places = named
            .filter_map(|(_, place)| match inner {
                Some(key) => place.get_mut(key),
                None => Some(place),
            })
            .collect();
    }
    places
}

fn lay_over(place: &mut Value, fact: &Value) {
    let (Some(place), Some(fact)) = (place.as_object_mut(), fact.as_object()) else { return };
    for (key, value) in fact {
        match (value, place.get_mut(key)) {
            (Value::Null, _) => {
                place.shift_remove(key);
            }
            (Value::Object(_), Some(inner)) => lay_over(inner, value),
            _ => {
                place.insert(key.clone(), value.clone());
            }
        }
    }
}

fn words<T: Copy + Into<String>>(all: &[T]) -> Value {
    json!({ "enum": all.iter().map(|word| (*word).into()).collect::<Vec<String>>() })
}

/// The words, and the empty text.
fn words_or_none<T: Copy + Into<String>>(all: &[T]) -> Value {
    let all = std::iter::once(String::new()).chain(all.iter().map(|word| (*word).into()));
    json!({ "enum": all.collect::<Vec<String>>() })
}

/// Exactly one of the fields.
fn one_of(fields: &[&[&str]]) -> Value {
    json!({ "oneOf": fields.iter().map(|fields| json!({ "required": fields })).collect::<Vec<_>>() })
}

/// One of the fields, or none.
fn at_most_one(fields: &[&str]) -> Value {
    let alone = |field: &&str| json!({ "required": [field] });
    let each: Vec<Value> = fields.iter().map(alone).collect();
    let none = json!({ "not": { "anyOf": each } });
    json!({ "oneOf": std::iter::once(none).chain(each).collect::<Vec<_>>() })
}

fn canary_facts() -> Vec<Fact> {
    let mut facts = spec_facts();
    facts.extend(reference_facts());
    facts.extend(policy_facts());
    facts.extend(match_facts());
    facts.extend(analysis_facts());
    facts.extend([
        ("status.phase", words_or_none(CanaryPhase::ALL)),
        ("status.failedChecks|canaryWeight|iterations", number()),
        ("status.conditions[]", json!({ "required": ["type", "status", "reason"] })),
    ]);
    facts
}

/// A count that may have been written with a fraction.
fn number() -> Value {
    json!({ "type": "number", "format": null })
}

/// An integer of any size.
fn integer() -> Value {
    json!({ "format": null })
}

fn spec_facts() -> Vec<Fact> {
    let scalers = words(super::ScalerKind::ALL);
    vec![
        ("spec.provider", words(Provider::ALL)),
        ("spec.progressDeadlineSeconds", number()),
        ("spec.targetRef.kind", words(super::TargetKind::ALL)),
        ("spec.autoscalerRef.kind", scalers),
        (
            "spec.autoscalerRef.primaryScalerReplicas.minReplicas|maxReplicas",
            json!({ "minimum": 1, "format": null }),
        ),
        ("spec.ingressRef.kind", json!({ "enum": ["Ingress"] })),
        ("spec.routeRef.kind", json!({ "enum": ["ApisixRoute"] })),
        ("spec.upstreamRef.kind", json!({ "enum": ["Upstream"] })),
        ("spec.service.port", number()),
        (
            "spec.service.trafficDistribution",
            json!({ "enum": ["PreferClose", "PreferSameZone", "PreferSameNode"] }),
        ),
        ("spec.service.corsPolicy.allowOrigins[]", one_of(&[&["exact"], &["prefix"], &["regex"]])),
        ("spec.service.corsPolicy.allowOrigins[]", without(&["suffix"])),
    ]
}

/// References of the Gateway API.
fn reference_facts() -> Vec<Fact> {
    let mut facts = vec![("spec.service.gatewayRefs", json!({ "maxItems": 32 }))];
    for (of, group, kind) in [
        (GatewayPaths::PARENT, super::GATEWAY_GROUP, super::GATEWAY_KIND),
        (GatewayPaths::BACKEND, "", super::BACKEND_KIND),
    ] {
        facts.extend([
            (of.group, json!({ "default": group, "maxLength": 253, "pattern": GROUP })),
            (of.kind, json!({ "default": kind, "maxLength": 63, "minLength": 1, "pattern": KIND })),
            (of.name, json!({ "maxLength": 253, "minLength": 1 })),
            (of.namespace, json!({ "maxLength": 63, "minLength": 1, "pattern": LABEL })),
            (of.port, json!({ "maximum": PORT_MAX, "minimum": 1 })),
        ]);
    }
    facts.push((
        "spec.service.gatewayRefs[].sectionName",
        json!({ "maxLength": 253, "minLength": 1, "pattern": DOMAIN }),
    ));
    // Flagger's definition asks for it at a place where that means nothing; validation does.
    facts.push(("spec.service.mirror[]", json!({ "required": null })));
    // A Service is reached at a port; the defaults above are filled in before this is looked at.
    facts.push((
        "spec.service.mirror[].backendRef",
        json!({ "anyOf": [
            { "required": ["port"] },
            { "properties": { "group": { "minLength": 1 } } },
            { "properties": { "kind": { "not": { "enum": [super::BACKEND_KIND] } } } },
        ] }),
    ));
    facts
}

/// Where the parts of a reference are.
struct GatewayPaths {
    group: &'static str,
    kind: &'static str,
    name: &'static str,
    namespace: &'static str,
    port: &'static str,
}

impl GatewayPaths {
    const PARENT: Self = Self {
        group: "spec.service.gatewayRefs[].group",
        kind: "spec.service.gatewayRefs[].kind",
        name: "spec.service.gatewayRefs[].name",
        namespace: "spec.service.gatewayRefs[].namespace",
        port: "spec.service.gatewayRefs[].port",
    };
    const BACKEND: Self = Self {
        group: "spec.service.mirror[].backendRef.group",
        kind: "spec.service.mirror[].backendRef.kind",
        name: "spec.service.mirror[].backendRef.name",
        namespace: "spec.service.mirror[].backendRef.namespace",
        port: "spec.service.mirror[].backendRef.port",
    };
}

fn policy_facts() -> Vec<Fact> {
    let hash = one_of(&[&["httpHeaderName"], &["httpCookie"], &["useSourceIp"], &["httpQueryParameterName"]]);
    let balancer = json!({ "oneOf": [
        { "required": ["simple"] },
        { "required": ["consistentHash"], "properties": { "consistentHash": hash } },
    ] });
    vec![
        ("spec.service.trafficPolicy.loadBalancer", balancer),
        (
            "spec.service.trafficPolicy.loadBalancer.simple",
            json!({ "enum": ["ROUND_ROBIN", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "LEAST_REQUEST"] }),
        ),
        ("spec.service.trafficPolicy.loadBalancer.consistentHash.minimumRingSize", integer()),
        ("spec.service.trafficPolicy.loadBalancer.localityLbSetting.distribute[].to{}", integer()),
        (
            "spec.service.trafficPolicy.connectionPool.http.h2UpgradePolicy",
            json!({ "enum": ["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] }),
        ),
        ("spec.service.trafficPolicy.outlierDetection.consecutive5xxErrors", integer()),
        (
            "spec.service.trafficPolicy.tls.mode",
            json!({ "enum": ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] }),
        ),
    ]
}

/// Takes fields out of an object.
fn without(fields: &[&str]) -> Value {
    let gone: serde_json::Map<String, Value> =
        fields.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
    json!({ "properties": gone })
}

/// Texts are compared in one way; where Flagger's definition prunes a way, so does this one.
fn match_facts() -> Vec<Fact> {
    let loose = at_most_one(&["exact", "prefix", "regex"]);
    let mut facts = Vec::new();
    for path in [
        "spec.service.match[].authority|method|scheme|uri",
        "spec.service.match[].headers{}",
        "spec.service.match[].queryParams|withoutHeaders{}",
        "spec.analysis.match[].queryParams{}",
    ] {
        facts.extend([(path, loose.clone()), (path, without(&["suffix"]))]);
    }
    facts.push(("spec.service.match[].port", integer()));
    facts.push((
        "spec.analysis.match[].headers{}",
        one_of(&[&["exact"], &["prefix"], &["suffix"], &["regex"]]),
    ));
    facts.push((
        "spec.analysis.match[]",
        without(&[
            "name",
            "uri",
            "scheme",
            "method",
            "authority",
            "port",
            "sourceNamespace",
            "gateways",
            "ignoreUriCase",
            "withoutHeaders",
        ]),
    ));
    facts
}

fn analysis_facts() -> Vec<Fact> {
    let strategies = one_of(&[
        &["interval", "threshold", "iterations"],
        &["interval", "threshold", "stepWeight"],
        &["interval", "threshold", "stepWeights"],
    ]);
    vec![
        ("spec.analysis", strategies),
        ("spec.analysis.interval", json!({ "pattern": DURATION })),
        ("spec.analysis.metrics[].interval", json!({ "pattern": DURATION })),
        ("spec.analysis.webhooks[].timeout", json!({ "pattern": DURATION })),
        (
            "spec.analysis.iterations|threshold|maxWeight|stepWeight|stepWeightPromotion|mirrorWeight",
            number(),
        ),
        ("spec.analysis.primaryReadyThreshold|canaryReadyThreshold", number()),
        ("spec.analysis.stepWeights[]", number()),
        ("spec.analysis.alerts[].severity", words_or_none(super::Severity::ALL)),
        ("spec.analysis.webhooks[].type", words_or_none(super::HookKind::ALL)),
        ("spec.analysis.webhooks[].retries", number()),
        ("spec.analysis.sessionAffinity.maxAge", number()),
        ("spec.analysis.sessionAffinity.maxAge", json!({ "default": super::COOKIE_MAX_AGE })),
        ("spec.analysis.sessionAffinity.sameSite", words(super::SameSite::ALL)),
    ]
}

fn metric_template_facts() -> Vec<Fact> {
    vec![("spec.provider.type", words(MetricProviderKind::ALL))]
}

fn alert_provider_facts() -> Vec<Fact> {
    vec![
        ("spec", one_of(&[&["type", "address"], &["type", "secretRef"]])),
        ("spec", json!({ "required": null })),
        ("spec.type", words(ChatKind::ALL)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_keeps_no_field_that_it_does_not_have_and_no_word_that_means_nothing() {
        let all = crds();
        let schema = &all.last().unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        assert!(!schema.to_string().contains("preserve-unknown"));
        let at = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("{path}"));
        let spec = "/properties/spec/properties";
        assert_eq!(at(&format!("{spec}/iterations/type")), "integer");
        let hook = format!("{spec}/webhooks/properties/set/items/properties");
        assert_eq!(at(&format!("{hook}/type/enum/1")), "confirm-rollout");
        assert_eq!(at(&format!("{hook}/url/type")), "string");
    }

    #[test]
    fn every_fact_is_about_a_field_that_is_there() {
        for (schema, facts) in [
            (Canary::schema(), canary_facts()),
            (MetricTemplate::schema(), metric_template_facts()),
            (AlertProvider::schema(), alert_provider_facts()),
            (AnalysisVariant::schema(), analysis_variant_facts()),
        ] {
            for (path, _) in facts {
                let last = path.rsplit('.').next().unwrap_or_default();
                let wanted = last.split('|').count();
                assert_eq!(at(&mut schema.clone(), path).len(), wanted, "{path}");
            }
        }
    }
}
