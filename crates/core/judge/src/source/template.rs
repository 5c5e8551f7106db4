//! Filter templates: `${name}`, `${name:-default}`, and `$${name}` for a literal `${name}`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::QueryError;
use super::scope::Scope;

/// The filter that `query` asks for with its variables replaced; none if it asks for none.
pub(super) fn custom_filter(
    query: &Map<String, Value>,
    templates: Option<&IndexMap<String, Value>>,
    scope: &Scope,
) -> Result<Option<String>, QueryError> {
    if query.get("customFilter").is_some_and(|value| !value.is_null()) {
        return Err(QueryError::CustomFilter);
    }
    let text = |name| query.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let template = match (text("customInlineTemplate"), text("customFilterTemplate")) {
        (Some(inline), _) => inline,
        (None, None) => return Ok(None),
        (None, Some(name)) => {
            let templates = templates.filter(|templates| !templates.is_empty());
            let templates = templates.ok_or_else(|| QueryError::NoTemplates(name.to_owned()))?;
            let found = templates.get(name).and_then(Value::as_str);
            found.ok_or_else(|| QueryError::UnknownTemplate(name.to_owned()))?
        }
    };
    expand(template, &bindings(query, scope)).map(Some)
}

/// The variables: what the scope says, then the query, then the scope's own parameters; the last wins.
fn bindings(query: &Map<String, Value>, scope: &Scope) -> IndexMap<String, String> {
    let attributes = [("project", &scope.project), ("scope", &scope.scope), ("location", &scope.location)];
    let given = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    let mut bindings: IndexMap<String, String> = attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), given(value.as_deref())?)))
        .collect();
    for name in ["project", "resourceType", "scope", "location"] {
        if let Some(value) = given(query.get(name).and_then(Value::as_str)) {
            bindings.insert(name.to_owned(), value);
        }
    }
    for (name, value) in scope.extended_scope_params.iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        bindings.insert(name.clone(), text);
    }
    bindings
}

fn expand(template: &str, bindings: &IndexMap<String, String>) -> Result<String, QueryError> {
    // Kayenta stores templates escaped, against its own orchestration.
    let template = template.replace("$\\{", "${");
    let mut text = String::new();
    let mut rest = template.as_str();
    while let Some(at) = rest.find("${") {
        let (before, variable) = (&rest[..at], &rest[at + 2..]);
        let Some(end) = variable.find('}') else { break };
        rest = &variable[end + 1..];
        if let Some(literal) = before.strip_suffix('$') {
            text.extend([literal, "${", &variable[..end], "}"]);
            continue;
        }
        let (name, default) = variable[..end]
            .split_once(":-")
            .map_or((&variable[..end], None), |(name, text)| (name, Some(text)));
        let value = bindings.get(name).map(String::as_str).or(default);
        text.extend([before, value.ok_or_else(|| QueryError::Unbound(template.clone()))?]);
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once() {
        let bindings: IndexMap<String, String> =
            [("a", "1"), ("b", "${a}")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (template, wanted) in [
            ("plain", Some("plain")),
            ("x=${a} y=$\\{a}", Some("x=1 y=1")),
            ("${b}", Some("${a}")),
            ("${c:-d}${a:-d}", Some("d1")),
            ("$${a}${a}", Some("${a}1")),
            ("${a", Some("${a")),
            ("${c}", None),
        ] {
            assert_eq!(expand(template, &bindings).ok().as_deref(), wanted, "{template}");
        }
    }
}
