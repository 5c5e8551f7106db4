//! Which fields a list or a watch may be asked by: a closed set for each resource, because an unknown
//! field must be refused and not match nothing.

use serde_json::Value;
use serin_lang::selector::{FieldSelector, SelectorError};

use crate::status::Refusal;
use crate::store::Resource;

/// The fields that a request selects by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    asked: FieldSelector,
    /// The one name that the path gives.
    name: Option<String>,
}

impl Fields {
    /// Reads `a=b,c!=d`.
    ///
    /// # Errors
    /// 400 with the part that was not understood.
    pub(crate) fn parse(text: &str) -> Result<Fields, Refusal> {
        let asked = FieldSelector::parse(text).map_err(|error| match error {
            SelectorError::Parse { message, .. } => Refusal::bad_request(message),
            error @ SelectorError::Invalid { .. } => Refusal::bad_request(error.to_string()),
        })?;
        Ok(Fields { asked, name: None })
    }

    /// Whether nothing is excluded.
    #[must_use]
    pub(crate) fn is_everything(&self) -> bool {
        self.asked.is_everything() && self.name.is_none()
    }

    /// Refuses fields that the resource does not offer.
    ///
    /// # Errors
    /// 400 with the field's name.
    pub(crate) fn check(&self, resource: &Resource) -> Result<(), Refusal> {
        let offered = offered(resource);
        let known =
            |name: &str| matches!(name, "metadata.name" | "metadata.namespace") || offered.contains(&name);
        match self.asked.terms().iter().find(|term| !known(&term.field)) {
            None => Ok(()),
            Some(term) => Err(Refusal::bad_request(format!("field label not supported: {}", term.field))),
        }
    }

    /// Asks for one object by its name too.
    pub(crate) fn and_name(&mut self, name: &str) {
        self.name = Some(name.to_owned());
    }

    /// Whether the object satisfies every rule.
    #[must_use]
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.name.as_ref().is_none_or(|name| object["metadata"]["name"] == **name)
            && self.asked.terms().iter().all(|term| (field(object, &term.field) == term.value) == term.equal)
    }
}

fn offered(resource: &Resource) -> &'static [&'static str] {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("", "secrets") => &["type"],
        ("", "namespaces") => &["status.phase"],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        _ => &[],
    }
}

fn field(object: &Value, name: &str) -> String {
    let path = match name {
        "source" => "source.component",
        other => other,
    };
    let found = path.split('.').fold(object, |value, part| &value[part]);
    match found {
        Value::String(text) => text.clone(),
        Value::Null if matches!(name, "spec.unschedulable" | "spec.hostNetwork") => "false".into(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_field_is_refused_and_a_known_one_reads_an_absent_value_as_empty() {
        let pods = Resource::new("", "pods");
        let unknown = Fields::parse("spec.foo=1").unwrap();
        assert!(unknown.check(&pods).is_err());
        let mut known = Fields::parse("spec.nodeName=,metadata.name!=b").unwrap();
        assert!(known.check(&pods).is_ok());
        assert!(known.matches(&json!({ "metadata": { "name": "a" } })));
        known.and_name("c");
        assert!(!known.matches(&json!({ "metadata": { "name": "a" } })));
    }
}
