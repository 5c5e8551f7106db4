//! The custom resource definitions of Argo's five kinds, made from the types; those of Flagger's are in `flagger`.
//!
//! They accept and keep what Argo Rollouts' own definitions accept and keep: the same fields with the same types,
//! columns, short names and subresources. Pod templates and Job specifications are kept as they are instead of being
//! described field by field; that makes each definition a tenth as large, so that a client-side `kubectl apply`
//! (which stores a copy in an annotation of at most 256 KiB) works.

use serde_json::{Value, json};
use serin_kernel::Kind;

use crate::{
    analysis::{AnalysisRun, AnalysisTemplate},
    experiment::Experiment,
    kinds,
    rollout::Rollout,
    wire::Wire,
};

/// A column that `kubectl get` prints.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) path: &'static str,
    /// May be empty.
    pub(crate) description: &'static str,
    /// 0 is always printed, more with `-o wide`.
    pub(crate) priority: i32,
}

/// What a kind is called besides its name.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) short: Option<&'static str>,
    pub(crate) categories: &'static [&'static str],
}

/// What is particular to one kind.
pub(crate) struct Definition<'a> {
    pub(crate) kind: Kind,
    pub(crate) names: Names,
    pub(crate) description: &'static str,
    pub(crate) columns: &'a [Column],
    pub(crate) subresources: Value,
    pub(crate) schema: Value,
}

const fn short(name: &'static str) -> Names {
    Names { short: Some(name), categories: &[] }
}

const AGE: Column = Column {
    name: "Age",
    kind: "date",
    path: ".metadata.creationTimestamp",
    description: "Time since resource was created",
    priority: 0,
};
const PHASE: Column = Column {
    name: "Status",
    kind: "string",
    path: ".status.phase",
    description: "Where it stands",
    priority: 0,
};
const ROLLOUT_COLUMNS: &[Column] = &[
    Column {
        name: "Desired",
        kind: "integer",
        path: ".spec.replicas",
        description: "Number of desired pods",
        priority: 0,
    },
    Column {
        name: "Current",
        kind: "integer",
        path: ".status.replicas",
        description: "Total number of non-terminated pods targeted by this rollout",
        priority: 0,
    },
    Column {
        name: "Up-to-date",
        kind: "integer",
        path: ".status.updatedReplicas",
        description: "Total number of non-terminated pods targeted by this rollout that have the desired template spec",
        priority: 0,
    },
    Column {
        name: "Available",
        kind: "integer",
        path: ".status.availableReplicas",
        description: "Total number of available pods (ready for at least minReadySeconds) targeted by this rollout",
        priority: 0,
    },
    AGE,
];

/// All five definitions, as `apiextensions.k8s.io/v1` objects.
#[must_use]
pub fn crds() -> Vec<Value> {
    let template = || AnalysisTemplate::schema();
    vec![
        definition(Definition {
            kind: kinds::ANALYSIS_RUN,
            names: short("ar"),
            description: "AnalysisRun measures the metrics of one or more templates and says how it went",
            columns: &[PHASE, AGE],
            subresources: json!({}),
            schema: AnalysisRun::schema(),
        }),
        definition(Definition {
            kind: kinds::ANALYSIS_TEMPLATE,
            names: short("at"),
            description: "AnalysisTemplate holds metrics for use by name",
            columns: &[AGE],
            subresources: json!({}),
            schema: template(),
        }),
        definition(Definition {
            kind: kinds::CLUSTER_ANALYSIS_TEMPLATE,
            names: short("cat"),
            description: "ClusterAnalysisTemplate holds metrics for use by name in every namespace",
            columns: &[AGE],
            subresources: json!({}),
            schema: template(),
        }),
        definition(Definition {
            kind: kinds::EXPERIMENT,
            names: short("exp"),
            description: "Experiment runs pods of several templates side by side for a while",
            columns: &[PHASE, AGE],
            subresources: json!({}),
            schema: Experiment::schema(),
        }),
        definition(Definition {
            kind: kinds::ROLLOUT,
            names: short("ro"),
            description: "Rollout is a workload that gets new versions step by step",
            columns: ROLLOUT_COLUMNS,
            subresources: json!({
                "scale": {
                    "labelSelectorPath": ".status.selector",
                    "specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.HPAReplicas",
                },
                "status": {},
            }),
            schema: rollout_schema(),
        }),
    ]
}

pub(crate) fn definition(it: Definition<'_>) -> Value {
    let Kind { group, version, kind, plural, namespaced } = it.kind;
    let mut names = json!({ "kind": kind, "listKind": format!("{kind}List"), "plural": plural });
    if let Some(short) = it.names.short {
        names["shortNames"] = json!([short]);
    }
    names["singular"] = json!(kind.to_lowercase());
    if !it.names.categories.is_empty() {
        names["categories"] = json!(it.names.categories);
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "names": names,
            "scope": if namespaced { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "additionalPrinterColumns": it.columns.iter().map(column).collect::<Vec<_>>(),
                "subresources": it.subresources,
                "schema": { "openAPIV3Schema": whole_object(it.schema, it.description) },
            }],
        },
    })
}

fn column(it: &Column) -> Value {
    let mut column = json!({ "name": it.name, "type": it.kind, "jsonPath": it.path });
    if !it.description.is_empty() {
        column["description"] = json!(it.description);
    }
    if it.priority != 0 {
        column["priority"] = json!(it.priority);
    }
    column
}

/// Adds what every object has, and what the types cannot say.
fn whole_object(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    adjust(&mut schema);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("metadata".to_owned(), json!({ "type": "object" }));
        for (name, description) in [
            ("kind", "Kind is a string value representing the REST resource this object represents."),
            ("apiVersion", "APIVersion defines the versioned schema of this representation of an object."),
        ] {
            properties.shift_insert(
                0,
                name.to_owned(),
                json!({ "description": description, "type": "string" }),
            );
        }
    }
    schema
}

fn rollout_schema() -> Value {
    let mut schema = Rollout::schema();
    let selector = &mut schema["properties"]["spec"]["properties"]["selector"];
    selector["x-kubernetes-validations"] =
        json!([{ "message": ".spec.selector is immutable", "rule": "self == oldSelf" }]);
    schema
}

/// Walks a schema: label selectors change as a whole, as in Kubernetes itself, and Datadog queries have defaults.
fn adjust(schema: &mut Value) {
    if schema.pointer("/properties/matchExpressions").is_some() {
        schema["x-kubernetes-map-type"] = json!("atomic");
        let expressions = &mut schema["properties"]["matchExpressions"];
        expressions["x-kubernetes-list-type"] = json!("atomic");
        expressions["items"]["properties"]["values"]["x-kubernetes-list-type"] = json!("atomic");
    }
    if let Some(datadog) = schema.pointer_mut("/properties/datadog/properties") {
        datadog["interval"]["default"] = json!("5m");
        datadog["requestTimeout"]["default"] = json!("10s");
        datadog["apiVersion"]["default"] = json!("v1");
        datadog["apiVersion"]["enum"] = json!(["v1", "v2"]);
        datadog["aggregator"]["enum"] =
            json!(["avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area"]);
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(adjust);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            adjust(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that `kubectl apply` stores of one definition; the API's limit for all annotations is 262,144.
    const APPLIED_MAX: usize = 60_000;

    #[test]
    fn every_definition_is_small_enough_for_a_client_side_apply() {
        for crd in crds().into_iter().chain(crate::flagger::crds()) {
            let size = crd.to_string().len();
            assert!(size < APPLIED_MAX, "{}: {size} bytes", crd["metadata"]["name"]);
        }
    }

    #[test]
    fn every_node_is_structural_and_every_field_is_described() {
        fn walk(schema: &Value, path: &str) {
            let typed = schema["type"].is_string() || schema["x-kubernetes-int-or-string"] == true;
            assert!(typed, "{path} has no type");
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}.{name}");
                assert!(inner["description"].is_string() || name == "metadata", "{path} has no description");
                walk(inner, &path);
            }
            for key in ["items", "additionalProperties"] {
                if let Some(inner) = schema.get(key) {
                    walk(inner, &format!("{path}[]"));
                }
            }
        }
        for crd in crds().into_iter().chain(crate::flagger::crds()) {
            let name = crd["metadata"]["name"].as_str().unwrap();
            walk(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], name);
        }
    }
}
