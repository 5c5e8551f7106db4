//! A `CustomResourceDefinition` read into kinds, with the checks of the real API in its words.

use super::{ALL_VERBS, FieldError, KindInfo, PrinterColumn, ScalePaths};
use crate::schema::Schema;
use serde_json::Value;
use serin_lang::jsonpath::JsonPath;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The kinds that a CRD defines: one for each served version, and the storage version even if not served
/// (it is last then, without verbs).
///
/// # Errors
/// Everything that is wrong with the definition, and what this API does not support (conversion webhooks,
/// CEL rules other than `self == oldSelf`).
pub fn from_crd(crd: &Value) -> Result<Vec<KindInfo>, Vec<FieldError>> {
    let mut reader = Reader { errors: Vec::new() };
    let kinds = reader.crd(crd);
    if reader.errors.is_empty() { Ok(kinds) } else { Err(reader.errors) }
}

struct Reader {
    errors: Vec<FieldError>,
}

/// What all versions share.
#[allow(clippy::struct_field_names, reason = "shortNames is what Kubernetes calls it")]
struct Names {
    group: String,
    kind: String,
    list_kind: String,
    plural: String,
    singular: String,
    short_names: Vec<String>,
    categories: Vec<String>,
    namespaced: bool,
}

/// Where errors in the parts of a version are reported: a part that all versions share is hoisted, as the real
/// API does when it reads a definition.
struct Places {
    schema: String,
    subresources: String,
    columns: String,
}

impl Places {
    fn of(versions: &[Value], path: &str) -> Self {
        let shared =
            |key: &str| versions.iter().all(|one| !one[key].is_null() && one[key] == versions[0][key]);
        let place = |key: &str, hoisted: &str| {
            if shared(key) { format!("spec.{hoisted}") } else { format!("{path}.{key}") }
        };
        Self {
            schema: place("schema", "validation"),
            subresources: place("subresources", "subresources"),
            columns: place("additionalPrinterColumns", "additionalPrinterColumns"),
        }
    }
}

impl Reader {
    fn crd(&mut self, crd: &Value) -> Vec<KindInfo> {
        let spec = &crd["spec"];
        let names = self.names(spec);
        let expected = format!("{}.{}", names.plural, names.group);
        let name = crd["metadata"]["name"].as_str().unwrap_or_default();
        if name != expected {
            let detail = "must be spec.names.plural+\".\"+spec.group";
            self.errors.push(FieldError::invalid("metadata.name", name, detail));
        }
        self.refuse(spec);
        let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
        if versions.is_empty() {
            let detail = "must have exactly one version marked as storage version";
            self.errors.push(FieldError::invalid("spec.versions", spec["versions"].clone(), detail));
            return Vec::new();
        }
        let stored = versions.iter().filter(|version| version["storage"] == true).count();
        if stored != 1 {
            let detail = "must have exactly one version marked as storage version";
            self.errors.push(FieldError::invalid("spec.versions", spec["versions"].clone(), detail));
        }
        let mut seen = BTreeSet::new();
        let mut kinds = Vec::new();
        for (index, version) in versions.iter().enumerate() {
            let path = format!("spec.versions[{index}]");
            let at = Places::of(versions, &path);
            let kind = self.version(&names, version, &path, &at);
            if !seen.insert(kind.version.clone()) {
                let detail = "must contain unique version names";
                self.errors.push(FieldError::invalid("spec.versions", spec["versions"].clone(), detail));
            }
            if version["served"] == true || kind.storage {
                kinds.push(kind);
            }
        }
        // What all versions share is reported at one place, once.
        let mut once = Vec::new();
        for error in self.errors.drain(..) {
            if !once.contains(&error) {
                once.push(error);
            }
        }
        self.errors = once;
        kinds.sort_by_key(|kind| kind.verbs.is_empty());
        kinds
    }

    fn names(&mut self, spec: &Value) -> Names {
        let mut text = |parent: &Value, path: &str, key: &str| {
            let found = parent[key].as_str().unwrap_or_default().to_owned();
            if found.is_empty() {
                self.errors.push(FieldError::required(format!("{path}{key}"), ""));
            }
            found
        };
        let group = text(spec, "spec.", "group");
        let names = &spec["names"];
        let plural = text(names, "spec.names.", "plural");
        let kind = text(names, "spec.names.", "kind");
        if kind.is_empty() {
            // Both have their default from the kind.
            text(names, "spec.names.", "singular");
            text(names, "spec.names.", "listKind");
        }
        if !group.is_empty() && !is_dns(&group, true) {
            self.errors.push(FieldError::invalid("spec.group", group.clone(), RFC_1123));
        }
        if !group.is_empty() && !group.contains('.') {
            let detail = "should be a domain with at least one dot";
            self.errors.push(FieldError::invalid("spec.group", group.clone(), detail));
        }
        if !plural.is_empty() && !is_dns(&plural, false) {
            self.errors.push(FieldError::invalid("spec.names.plural", plural.clone(), RFC_1035));
        }
        if !kind.is_empty() && !is_dns(&kind.to_lowercase(), false) {
            let detail = format!("may have mixed case, but should otherwise match: {RFC_1035}");
            self.errors.push(FieldError::invalid("spec.names.kind", kind.clone(), detail));
        }
        let scope = &spec["scope"];
        match scope.as_str() {
            Some("Namespaced" | "Cluster") => {}
            None => self.errors.push(FieldError::required("spec.scope", "")),
            Some(_) => {
                let supported = ["Cluster", "Namespaced"].map(Value::from);
                self.errors.push(FieldError::not_supported("spec.scope", scope.clone(), &supported));
            }
        }
        let or = |key: &str, default: String| names[key].as_str().map_or(default, str::to_owned);
        Names {
            list_kind: or("listKind", format!("{kind}List")),
            singular: or("singular", kind.to_lowercase()),
            short_names: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            namespaced: scope == "Namespaced",
            group,
            kind,
            plural,
        }
    }

    /// What the real API knows and this one does not.
    fn refuse(&mut self, spec: &Value) {
        if spec["preserveUnknownFields"] == true {
            let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
                          spec.versions[*].schema instead";
            self.errors.push(FieldError::invalid("spec.preserveUnknownFields", true, detail));
        }
        let strategy = spec["conversion"]["strategy"].as_str().unwrap_or("None");
        if strategy != "None" {
            let supported = [Value::from("None")];
            self.errors.push(FieldError::not_supported("spec.conversion.strategy", strategy, &supported));
        }
    }

    fn version(&mut self, names: &Names, version: &Value, path: &str, at: &Places) -> KindInfo {
        let name = version["name"].as_str().unwrap_or_default();
        if !is_dns(name, false) {
            self.errors.push(FieldError::invalid(format!("{path}.name"), name, RFC_1035));
        }
        for key in ["served", "storage"] {
            if !version[key].is_boolean() {
                self.errors.push(FieldError::required(format!("{path}.{key}"), ""));
            }
        }
        let subresources = &version["subresources"];
        KindInfo {
            group: names.group.clone(),
            version: name.to_owned(),
            kind: names.kind.clone(),
            list_kind: names.list_kind.clone(),
            plural: names.plural.clone(),
            singular: names.singular.clone(),
            short_names: names.short_names.clone(),
            categories: names.categories.clone(),
            namespaced: names.namespaced,
            verbs: if version["served"] == true { ALL_VERBS } else { &[] },
            status: subresources["status"].is_object(),
            scale: self.scale(&subresources["scale"], &format!("{}.scale", at.subresources)),
            columns: self.columns(&version["additionalPrinterColumns"], &at.columns),
            schema: self.schema(&version["schema"]["openAPIV3Schema"], &at.schema),
            custom: true,
            storage: version["storage"] == true,
        }
    }

    fn schema(&mut self, schema: &Value, path: &str) -> Option<Arc<Schema>> {
        let path = format!("{path}.openAPIV3Schema");
        if schema.is_null() {
            self.errors.push(FieldError::required(path, "schemas are required"));
            return None;
        }
        match Schema::parse_at(schema, &path) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(errors) => {
                self.errors.extend(errors);
                None
            }
        }
    }

    fn scale(&mut self, scale: &Value, path: &str) -> Option<ScalePaths> {
        let scale = scale.as_object()?;
        let mut checked = |key: &str, below: &[&str], required: bool| {
            let field = format!("{path}.{key}");
            let text = scale.get(key).and_then(Value::as_str).unwrap_or_default();
            if text.is_empty() {
                if required {
                    self.errors.push(FieldError::required(field, ""));
                }
                return None;
            }
            if text.contains(['[', '{', '*']) || !text.starts_with('.') {
                let detail = "array notation is not supported, must be a simple dotted path";
                self.errors.push(FieldError::invalid(field, text, detail));
            } else if !below.iter().any(|one| text.starts_with(&format!("{one}."))) {
                let detail = format!("should be a json path under {}", below.join(" or "));
                self.errors.push(FieldError::invalid(field, text, detail));
            }
            Some(text.to_owned())
        };
        let spec = checked("specReplicasPath", &[".spec"], true);
        let status = checked("statusReplicasPath", &[".status"], true);
        let selector = checked("labelSelectorPath", &[".spec", ".status"], false);
        Some(ScalePaths { spec: spec?, status: status?, selector })
    }

    fn columns(&mut self, columns: &Value, path: &str) -> Vec<PrinterColumn> {
        let Some(columns) = columns.as_array().filter(|columns| !columns.is_empty()) else {
            return default_columns();
        };
        let read = |(index, column): (usize, &Value)| {
            let path = format!("{path}[{index}]");
            let text = |key: &str| column[key].as_str().unwrap_or_default().to_owned();
            for key in ["name", "type", "jsonPath"] {
                if text(key).is_empty() {
                    self.errors.push(FieldError::required(format!("{path}.{key}"), ""));
                }
            }
            let type_ = text("type");
            if !type_.is_empty() && !COLUMN_TYPES.contains(&type_.as_str()) {
                let detail = format!("must be one of {}", COLUMN_TYPES.join(","));
                self.errors.push(FieldError::invalid(format!("{path}.type"), type_.clone(), detail));
            }
            let path_text = text("jsonPath");
            if !path_text.is_empty() && !path_text.starts_with('.') {
                let detail = "must be a simple json path starting with .";
                self.errors.push(FieldError::invalid(format!("{path}.JSONPath"), path_text.clone(), detail));
            }
            let jsonpath = match JsonPath::parse_path(&path_text) {
                Ok(jsonpath) => jsonpath.allow_missing_keys(true),
                Err(error) => {
                    let field = format!("{path}.JSONPath");
                    self.errors.push(FieldError::invalid(field, path_text, error.to_string()));
                    return None;
                }
            };
            Some(PrinterColumn {
                name: text("name"),
                type_,
                format: text("format"),
                description: text("description"),
                priority: column["priority"].as_i64().unwrap_or(0),
                path: jsonpath,
                path_text,
            })
        };
        columns.iter().enumerate().filter_map(read).collect()
    }
}

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const RFC_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const RFC_1123: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// The column of a CRD that names none.
fn default_columns() -> Vec<PrinterColumn> {
    let path_text = ".metadata.creationTimestamp".to_owned();
    let Ok(path) = JsonPath::parse_path(&path_text) else { return Vec::new() };
    vec![PrinterColumn {
        name: "Age".to_owned(),
        type_: "date".to_owned(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        path: path.allow_missing_keys(true),
        path_text,
    }]
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// A DNS label, or (`dotted`) a DNS name.
fn is_dns(text: &str, dotted: bool) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            && (dotted || label.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    if dotted { text.split('.').all(label) } else { label(text) }
}
