//! What is served besides objects: discovery, OpenAPI, version and health.

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};

use crate::api::Call;
use crate::content::{self, Shape};
use crate::kinds::KindInfo;
use crate::plane::{Body, Inner, whole};
use crate::status::Refusal;

/// The version that `/version` gives: clients compare the minor with their own.
const MINOR: &str = "33";
/// The whole version; the suffix says what it really is.
const GIT_VERSION: &str = "v1.33.0+serin";

/// Answers a path that names no resource.
pub(crate) fn answer(inner: &Inner, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let path = call.uri.path().trim_end_matches('/');
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Refusal::method_not_allowed());
    }
    if matches!(path, "/healthz" | "/readyz" | "/livez") {
        return Ok(whole(200, Bytes::from_static(b"ok"), "text/plain; charset=utf-8"));
    }
    let kinds = inner.cluster.lock().registry.all();
    let accepted = content::negotiate(call.headers);
    let aggregated = accepted.as_ref().is_ok_and(|accepted| accepted.shape == Shape::Discovery);
    let value = match parts.as_slice() {
        ["version"] => version(),
        ["api"] if aggregated => return Ok(aggregated_document(&kinds, true)),
        ["apis"] if aggregated => return Ok(aggregated_document(&kinds, false)),
        ["api"] => crate::discovery::core_versions("localhost"),
        ["apis"] => crate::discovery::groups(&kinds),
        _ => found(&kinds, &parts)?,
    };
    let yaml = accepted.as_ref().is_ok_and(|accepted| accepted.yaml);
    let media_type = if yaml { "application/yaml" } else { "application/json" };
    Ok(whole(200, content::encode(&value, yaml), media_type))
}

fn aggregated_document(kinds: &[KindInfo], core: bool) -> Response<Body> {
    let value = crate::discovery::aggregated(kinds, core);
    let media_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    whole(200, content::encode(&value, false), media_type)
}

fn found(kinds: &[KindInfo], parts: &[&str]) -> Result<Value, Refusal> {
    let value = match parts {
        ["api", version] => crate::discovery::resources(kinds, "", version),
        ["apis", group, version] => crate::discovery::resources(kinds, group, version),
        ["apis", group] => crate::discovery::group(kinds, group),
        ["openapi", "v2"] => Some(crate::openapi::v2(kinds)),
        ["openapi", "v3"] => Some(crate::openapi::v3_index(kinds)),
        ["openapi", "v3", "api", version] => crate::openapi::v3_group(kinds, version),
        ["openapi", "v3", "apis", group, version] => {
            crate::openapi::v3_group(kinds, &format!("{group}/{version}"))
        }
        _ => None,
    };
    value.ok_or_else(Refusal::no_such_resource)
}

fn version() -> Value {
    json!({
        "major": "1", "minor": MINOR, "gitVersion": GIT_VERSION, "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
        "compiler": "rustc", "platform": format!("{}/amd64", std::env::consts::OS),
    })
}
