//! `OpenAPI`, as small as lets kubectl validate and explain.
//!
//! 1. Each patch operation offers `fieldValidation` and `dryRun`, so kubectl leaves validation to the server.
//! 2. None offers strategic merge by schema: kubectl then takes the merge keys of its own types.
//! 3. Custom resources have their real schema; built-in kinds names and types without prose, and any field in version 2.

use crate::kinds::{KindInfo, group_versions};
use crate::proto::describe;
use serde_json::{Map, Value, json};
use std::borrow::Borrow;
use std::hash::{DefaultHasher, Hash, Hasher};

pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// What `kubectl explain` says about a built-in kind.
const UNDESCRIBED: &str =
    "Names and types alone: this embedded Kubernetes API keeps no prose about built-in kinds.";

/// `/openapi/v3`: where the document of each group version is. The address holds a hash of the content, because
/// clients keep documents for ever.
#[must_use]
pub fn v3_index(kinds: &[impl Borrow<KindInfo>]) -> Value {
    let mut paths = Map::new();
    for (group, versions) in group_versions(kinds.iter().map(Borrow::borrow)) {
        for version in versions {
            let (path, group_version) = match group.as_str() {
                "" => (format!("api/{version}"), version),
                group => (format!("apis/{group}/{version}"), format!("{group}/{version}")),
            };
            let mut hasher = DefaultHasher::new();
            v3_group(kinds, &group_version).unwrap_or_default().to_string().hash(&mut hasher);
            let url = format!("/openapi/v3/{path}?hash={:016X}", hasher.finish());
            paths.insert(path, json!({ "serverRelativeURL": url }));
        }
    }
    json!({ "paths": paths })
}

/// The document of `v1` or `GROUP/VERSION`; `None` if nothing is served there.
#[must_use]
pub fn v3_group(kinds: &[impl Borrow<KindInfo>], group_version: &str) -> Option<Value> {
    let served = kinds.iter().map(Borrow::borrow).filter(|kind| !kind.verbs.is_empty());
    let here: Vec<&KindInfo> = served.filter(|kind| kind.api_version() == group_version).collect();
    if here.is_empty() {
        return None;
    }
    let schema_root = "#/components/schemas/";
    let mut schemas = Map::from_iter([(OBJECT_META.to_owned(), object_meta())]);
    let mut wanted = std::collections::BTreeSet::new();
    for kind in &here {
        let described = describe::kind(&kind.api_version(), &kind.kind, schema_root);
        let base = described.filter(|_| !kind.custom).map(|(schema, mut more)| {
            wanted.append(&mut more);
            let mut schema = schema;
            schema["description"] = UNDESCRIBED.into();
            schema
        });
        schemas.insert(schema_name(kind), schema(kind, base, schema_root));
    }
    schemas.extend(describe::messages(wanted, schema_root));
    let operation = |kind: &KindInfo, verb: &str| v3_operation(kind, verb, schema_root);
    Some(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.33.0" },
        "paths": paths(&here, &operation),
        "components": { "schemas": schemas },
    }))
}

/// `/openapi/v2`, in JSON.
#[must_use]
pub fn v2(kinds: &[impl Borrow<KindInfo>]) -> Value {
    let served: Vec<&KindInfo> =
        kinds.iter().map(Borrow::borrow).filter(|kind| !kind.verbs.is_empty()).collect();
    let mut definitions = Map::from_iter([(OBJECT_META.to_owned(), object_meta())]);
    for kind in &served {
        definitions.insert(schema_name(kind), schema(kind, None, "#/definitions/"));
    }
    json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": "v1.33.0" },
        "paths": paths(&served, &v2_operation),
        "definitions": definitions,
    })
}

/// The paths of collections and objects, each with the operations for its verbs.
fn paths(kinds: &[&KindInfo], operation: &dyn Fn(&KindInfo, &str) -> Value) -> Map<String, Value> {
    let mut paths = Map::new();
    for kind in kinds {
        let prefix = if kind.group.is_empty() { "/api" } else { "/apis" };
        let scope = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
        let collection = format!("{prefix}/{}/{scope}{}", kind.api_version(), kind.plural);
        let object = format!("{collection}/{{name}}");
        let of = |verbs: &[&str]| -> Value {
            verbs.iter().map(|verb| ((*verb).to_owned(), operation(kind, verb))).collect::<Map<_, _>>().into()
        };
        paths.insert(collection, of(&["get", "post"]));
        paths.insert(object, of(&["get", "put", "patch", "delete"]));
    }
    paths
}

fn v3_operation(kind: &KindInfo, verb: &str, schema_root: &str) -> Value {
    let schema = json!({ "$ref": format!("{schema_root}{}", schema_name(kind)) });
    let content = json!({ "application/json": { "schema": schema } });
    let parameter = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    let mut operation = base_operation(kind, verb);
    operation["responses"] = json!({ "200": { "description": "OK", "content": content } });
    operation["parameters"] = parameters(verb).iter().map(|name| parameter(name)).collect();
    if matches!(verb, "post" | "put") {
        operation["requestBody"] = json!({ "content": content });
    }
    if verb == "patch" {
        let body = json!({ "schema": { "type": "object" } });
        operation["requestBody"] = json!({ "content": {
            "application/json-patch+json": body,
            "application/merge-patch+json": body,
        } });
    }
    operation
}

fn v2_operation(kind: &KindInfo, verb: &str) -> Value {
    let parameter = |name: &str| json!({ "name": name, "in": "query", "type": "string" });
    let mut operation = base_operation(kind, verb);
    operation["responses"] = json!({ "200": { "description": "OK" } });
    operation["parameters"] = parameters(verb).iter().map(|name| parameter(name)).collect();
    operation
}

fn base_operation(kind: &KindInfo, verb: &str) -> Value {
    json!({
        "operationId": format!("{verb}{}{}", kind.group.replace(['.', '-'], ""), kind.kind),
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": group_version_kind(kind),
    })
}

/// The query parameters that kubectl looks for.
fn parameters(verb: &str) -> &'static [&'static str] {
    match verb {
        "post" | "put" | "patch" => &["dryRun", "fieldManager", "fieldValidation"],
        "delete" => &["dryRun"],
        _ => &[],
    }
}

fn group_version_kind(kind: &KindInfo) -> Value {
    json!({ "group": kind.group, "version": kind.version, "kind": kind.kind })
}

/// Reversed group, version and kind: `io.argoproj.v1alpha1.Rollout`.
fn schema_name(kind: &KindInfo) -> String {
    let group = if kind.group.is_empty() { "core" } else { &kind.group };
    let reversed: Vec<&str> = group.split('.').rev().collect();
    format!("{}.{}.{}", reversed.join("."), kind.version, kind.kind)
}

/// The schema of a kind: its own, or else `base`, or else one that accepts any field.
fn schema(kind: &KindInfo, base: Option<Value>, schema_root: &str) -> Value {
    let any = || json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let own = kind.schema.as_ref().map(|schema| schema.source().clone());
    let mut schema = own.or(base).unwrap_or_else(any);
    let text = |description: &str| json!({ "type": "string", "description": description });
    let properties = [
        ("apiVersion", text("Group and version of this object.")),
        ("kind", text("Kind of this object.")),
        (
            "metadata",
            json!({
                "description": "Standard object's metadata.",
                "allOf": [{ "$ref": format!("{schema_root}{OBJECT_META}") }],
            }),
        ),
    ];
    for (name, property) in properties {
        schema["properties"][name] = property;
    }
    schema["x-kubernetes-group-version-kind"] = json!([group_version_kind(kind)]);
    schema
}

fn object_meta() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let map = |description: &str| json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": description });
    let objects = |description: &str| {
        let item = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        json!({ "type": "array", "items": item, "description": description })
    };
    json!({
        "type": "object",
        "description": "Metadata that all persisted objects have.",
        "properties": {
            "name": text("Name, unique within a namespace."),
            "generateName": text("Prefix of a name that the server makes."),
            "namespace": text("Namespace that the object is in."),
            "uid": text("Identity of the object in time and space."),
            "resourceVersion": text("Opaque version of the stored object."),
            "generation": { "type": "integer", "format": "int64", "description": "Version of the desired state." },
            "creationTimestamp": text("When the object was created."),
            "deletionTimestamp": text("When deletion was asked for."),
            "deletionGracePeriodSeconds": { "type": "integer", "description": "Seconds until it is removed." },
            "labels": map("Pairs to select by."),
            "annotations": map("Pairs that tools store."),
            "ownerReferences": objects("Objects that this one depends on."),
            "finalizers": {
                "type": "array", "items": { "type": "string" }, "description": "What must happen before removal.",
            },
            "managedFields": objects("Which manager set which fields."),
            "selfLink": text("Deprecated."),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::builtin;

    #[test]
    fn every_indexed_document_exists_and_describes_every_kind_of_its_version() {
        let kinds = builtin();
        let index = v3_index(&kinds);
        for (path, entry) in index["paths"].as_object().unwrap() {
            assert!(
                entry["serverRelativeURL"]
                    .as_str()
                    .unwrap()
                    .starts_with(&format!("/openapi/v3/{path}?hash="))
            );
            let group_version = path.strip_prefix("apis/").or(path.strip_prefix("api/")).unwrap();
            let document = v3_group(&kinds, group_version).unwrap();
            for kind in kinds.iter().filter(|kind| kind.api_version() == group_version) {
                let schema = &document["components"]["schemas"][schema_name(kind)];
                assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], json!(kind.kind));
            }
        }
        assert!(v3_group(&kinds, "apps/v9").is_none());
    }

    #[test]
    fn a_patch_offers_field_validation_and_no_strategic_merge() {
        let document = v3_group(&builtin(), "apps/v1").unwrap();
        let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
        let names: Vec<_> =
            patch["parameters"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
        assert!(names.contains(&json!("fieldValidation")) && names.contains(&json!("dryRun")));
        assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_none());
        assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    }
}
