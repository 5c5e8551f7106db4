//! Which objects a list or a watch is about: labels by Kubernetes' selector language, fields by a
//! closed set for each resource, because an unknown field must be refused and not match nothing.

use serde_json::Value;

use crate::status::Refusal;
use crate::store::Resource;

/// A label selector of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
enum Rule {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    /// Reads `a=b,c!=d,e in (f,g),!h`.
    ///
    /// # Errors
    /// 400 with the text that was not understood.
    pub(crate) fn parse(text: &str) -> Result<Selector, Refusal> {
        let rules = split_top(text)
            .into_iter()
            .filter(|part| !part.trim().is_empty())
            .map(|part| rule(part.trim()))
            .collect::<Result<_, Refusal>>()?;
        Ok(Selector { rules })
    }

    /// Whether nothing is excluded.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether `labels`, a map or null, satisfy every rule.
    #[must_use]
    pub(crate) fn matches(&self, labels: &Value) -> bool {
        self.rules.iter().all(|rule| match rule {
            Rule::In(key, values) => {
                labels[key].as_str().is_some_and(|have| values.iter().any(|value| value == have))
            }
            Rule::NotIn(key, values) => {
                !labels[key].as_str().is_some_and(|have| values.iter().any(|value| value == have))
            }
            Rule::Exists(key) => !labels[key].is_null(),
            Rule::Missing(key) => labels[key].is_null(),
        })
    }
}

fn split_top(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn rule(part: &str) -> Result<Rule, Refusal> {
    let refuse = || Refusal::bad_request(format!("unable to parse requirement: {part:?}"));
    let key = |text: &str| {
        let text = text.trim();
        let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        good.then(|| text.to_owned()).ok_or_else(refuse)
    };
    let set = |text: &str| -> Result<Vec<String>, Refusal> {
        let inner = text.trim().strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        Ok(inner.ok_or_else(refuse)?.split(',').map(|one| one.trim().to_owned()).collect())
    };
    if let Some(missing) = part.strip_prefix('!') {
        return Ok(Rule::Missing(key(missing)?));
    }
    if let Some((name, values)) = part.split_once(" notin ") {
        return Ok(Rule::NotIn(key(name)?, set(values)?));
    }
    if let Some((name, values)) = part.split_once(" in ") {
        return Ok(Rule::In(key(name)?, set(values)?));
    }
    if let Some((name, value)) = part.split_once("!=") {
        return Ok(Rule::NotIn(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Rule::In(key(name)?, vec![value.trim().to_owned()]));
    }
    Ok(Rule::Exists(key(part)?))
}

/// The `LabelSelector` object of a manifest, `matchLabels` and `matchExpressions`; an absent one
/// matches nothing.
#[must_use]
pub(crate) fn object_matches(selector: &Value, labels: &Value) -> bool {
    if !selector.is_object() {
        return false;
    }
    let pairs = selector["matchLabels"].as_object().into_iter().flatten();
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    pairs.into_iter().all(|(key, value)| labels[key] == *value)
        && expressions.into_iter().all(|expression| {
            let have = &labels[expression["key"].as_str().unwrap_or_default()];
            let listed = expression["values"].as_array().is_some_and(|all| all.contains(have));
            match expression["operator"].as_str() {
                Some("In") => listed,
                Some("NotIn") => !listed,
                Some("Exists") => !have.is_null(),
                Some("DoesNotExist") => have.is_null(),
                _ => false,
            }
        })
}

/// A field selector of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldSelector {
    rules: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Reads `a=b,c!=d`.
    ///
    /// # Errors
    /// 400 with the part that was not understood.
    pub(crate) fn parse(text: &str) -> Result<FieldSelector, Refusal> {
        let rules = text
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, wanted, value) = part
                    .split_once("!=")
                    .map(|(name, value)| (name, false, value))
                    .or_else(|| {
                        let found = part.split_once("==").or_else(|| part.split_once('='));
                        found.map(|(name, value)| (name, true, value))
                    })
                    .ok_or_else(|| {
                        Refusal::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'"))
                    })?;
                Ok((name.trim().to_owned(), wanted, value.trim().to_owned()))
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(FieldSelector { rules })
    }

    /// Whether nothing is excluded.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether every field named is one that `resource` offers.
    ///
    /// # Errors
    /// 400 with the first that is not.
    pub(crate) fn check(&self, resource: &Resource) -> Result<(), Refusal> {
        let offered = offered(resource);
        let known =
            |name: &str| matches!(name, "metadata.name" | "metadata.namespace") || offered.contains(&name);
        match self.rules.iter().find(|(name, ..)| !known(name)) {
            None => Ok(()),
            Some((name, ..)) => Err(Refusal::bad_request(format!("field label not supported: {name}"))),
        }
    }

    /// Asks for one object by its name too.
    pub(crate) fn and_name(&mut self, name: &str) {
        self.rules.push(("metadata.name".to_owned(), true, name.to_owned()));
    }

    /// Whether the object satisfies every rule.
    #[must_use]
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.rules.iter().all(|(name, wanted, value)| (field(object, name) == *value) == *wanted)
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
    fn each_selector_form() {
        let labels = json!({ "a": "b", "tier": "web" });
        for (text, want) in [
            ("", true),
            ("a=b", true),
            ("a==b", true),
            ("a!=b", false),
            ("c!=d", true),
            ("a in (x,b)", true),
            ("a notin (x, b)", false),
            ("tier", true),
            ("!tier", false),
            ("a in (b),tier=web", true),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(&labels), want, "{text}");
        }
        assert!(Selector::parse("a=b,=").is_err());
    }

    #[test]
    fn an_unknown_field_is_refused_and_a_known_one_reads_an_absent_value_as_empty() {
        let pods = Resource::new("", "pods");
        let unknown = FieldSelector::parse("spec.foo=1").unwrap();
        assert!(unknown.check(&pods).is_err());
        let known = FieldSelector::parse("spec.nodeName=,metadata.name!=b").unwrap();
        assert!(known.check(&pods).is_ok());
        assert!(known.matches(&json!({ "metadata": { "name": "a" } })));
    }
}
