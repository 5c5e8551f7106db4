//! What is done to requests and answers on their way, as filters of the Gateway API, in the order in which they apply.

use serde_json::{Value, json};
use serin_lang::duration::GoDuration;

use crate::{
    Error, Front,
    front::Rewrite,
    wanted::{compact, filled},
};

/// The filters of a rule; those for foreign origins where the version knows them.
///
/// # Errors
/// A value that the Gateway API cannot express.
pub(super) fn filters(front: &Front, knows_cors: bool) -> Result<Vec<Value>, Error> {
    let headers = front.headers.as_ref();
    let part = |name: &str| headers.and_then(|headers| headers.get(name)).and_then(modifier);
    let mut filters = Vec::new();
    filters.extend(
        part("request")
            .map(|change| json!({"type": "RequestHeaderModifier", "requestHeaderModifier": change})),
    );
    filters.extend(
        part("response")
            .map(|change| json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": change})),
    );
    filters.extend(front.rewrite.as_ref().map(rewrite));
    filters
        .extend(front.mirrors.iter().map(|mirror| json!({"type": "RequestMirror", "requestMirror": mirror})));
    if let Some(policy) = front.cors.as_ref().filter(|_| knows_cors) {
        filters.push(json!({"type": "CORS", "cors": cors(policy)?}));
    }
    Ok(filters)
}

/// Headers that are added, set and removed, by name; none when nothing is said.
fn modifier(said: &Value) -> Option<Value> {
    let list = |field: &str| {
        let headers = said.get(field)?.as_object()?;
        let mut headers: Vec<_> = headers.iter().collect();
        headers.sort_by(|one, other| one.0.cmp(other.0));
        let headers: Vec<Value> =
            headers.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        filled(headers)
    };
    let remove = said.get("remove").filter(|names| names.as_array().is_some_and(|names| !names.is_empty()));
    let change = compact(json!({"add": list("add"), "set": list("set"), "remove": remove}));
    change.as_object().is_some_and(|change| !change.is_empty()).then_some(change)
}

fn rewrite(rewrite: &Rewrite) -> Value {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let path = filled(&rewrite.uri).map(|uri| match rewrite.kind.as_deref() {
        Some("ReplacePrefixMatch") => json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": uri}),
        _ => json!({"type": "ReplaceFullPath", "replaceFullPath": uri}),
    });
    let change = compact(json!({"hostname": filled(&rewrite.authority), "path": path}));
    json!({"type": "URLRewrite", "urlRewrite": change})
}

fn cors(policy: &Value) -> Result<Value, Error> {
    let unsupported =
        |field: &str, problem: String| Error::Unsupported { field: format!("corsPolicy.{field}"), problem };
    let age = match policy.get("maxAge").and_then(Value::as_str).filter(|age| !age.is_empty()) {
        Some(age) => {
            let age = GoDuration::parse(age).map_err(|error| unsupported("maxAge", error.to_string()))?;
            Some(age.seconds())
        }
        None => None,
    };
    Ok(compact(json!({
        "allowOrigins": policy.get("allowOrigin"),
        "allowMethods": policy.get("allowMethods"),
        "allowHeaders": policy.get("allowHeaders"),
        "exposeHeaders": policy.get("exposeHeaders"),
        "allowCredentials": policy.get("allowCredentials"),
        "maxAge": age,
    })))
}
