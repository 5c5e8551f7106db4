//! Bodies in and out: what the client sent is read within limits or refused, and what it accepts is
//! what it gets.
//!
//! JSON and YAML are spoken; protobuf is read but not written. Clients list JSON behind it in
//! `Accept`, and the first type that can be produced wins.

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use crate::proto;
use crate::status::Refusal;

/// Deeper values than this are refused before anything walks them: recursion over user input needs
/// a bound, and no Kubernetes kind nests half as deep (a `CustomResourceDefinition`'s schema is
/// the deepest, at about 45).
pub(crate) const DEPTH_MAX: usize = 100;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The object as it is.
    Whole,
    /// A `Table` for people.
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `PartialObjectMetadataList`.
    MetadataList,
    /// The aggregated discovery document, with its version (`v2`).
    Discovery,
}

/// What the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// How the answer is written.
    pub(crate) shape: Shape,
    /// YAML instead of JSON.
    pub(crate) yaml: bool,
}

/// The first media type of `Accept` that can be produced.
///
/// # Errors
/// 406 when there is none.
pub(crate) fn negotiate(headers: &HeaderMap) -> Result<Accepted, Refusal> {
    let all: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let joined = all.join(",");
    if joined.trim().is_empty() {
        return Ok(Accepted { shape: Shape::Whole, yaml: false });
    }
    joined.split(',').find_map(media_type).ok_or_else(Refusal::not_acceptable)
}

fn media_type(text: &str) -> Option<Accepted> {
    let mut parts = text.split(';').map(str::trim);
    let yaml = match parts.next()? {
        "application/json" | "*/*" | "application/*" => false,
        "application/yaml" => true,
        _ => return None,
    };
    let (mut kind, mut group, mut version) = ("", "", "");
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name {
            "as" => kind = value,
            "g" => group = value,
            "v" => version = value,
            _ => {}
        }
    }
    let shape = match (kind, group, version) {
        ("", ..) => Shape::Whole,
        ("Table", "meta.k8s.io", "v1") => Shape::Table,
        ("PartialObjectMetadata", "meta.k8s.io", "v1") => Shape::Metadata,
        ("PartialObjectMetadataList", "meta.k8s.io", "v1") => Shape::MetadataList,
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Shape::Discovery,
        _ => return None,
    };
    Some(Accepted { shape, yaml })
}

/// Reads a JSON or YAML body; an empty one is `None`.
///
/// # Errors
/// 415 for other media types, 400 for a body that is not what it says or nests too deep.
pub(crate) fn decode(headers: &HeaderMap, body: &Bytes) -> Result<Option<Value>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    let value = match media(headers) {
        "" | "application/json" => {
            serde_json::from_slice(body).map_err(|error| unreadable("json", &error))?
        }
        "application/yaml" => yaml(body)?,
        proto::MEDIA_TYPE => proto::decode(body)?,
        _ => {
            return Err(Refusal::unsupported_media_type("application/json, application/yaml"));
        }
    };
    within_depth(&value, DEPTH_MAX)?;
    Ok(Some(value))
}

/// The body's media type without parameters; empty when there is none.
#[must_use]
pub(crate) fn media(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// Reads YAML.
///
/// # Errors
/// 400 with the place of the fault.
pub(crate) fn yaml(body: &[u8]) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| unreadable("yaml", &error))?;
    serde_saphyr::from_str(text).map_err(|error| unreadable("yaml", &error))
}

/// Reads a patch: JSON, or YAML, of which JSON is a part.
///
/// # Errors
/// 400 with the place of the fault, or for a body that nests too deep.
pub(crate) fn yaml_or_json(body: &[u8]) -> Result<Value, Refusal> {
    let value = serde_json::from_slice(body).or_else(|_| yaml(body))?;
    within_depth(&value, DEPTH_MAX)?;
    Ok(value)
}

fn unreadable(language: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::bad_request(format!("error decoding the body of the request as {language}: {error}"))
}

fn within_depth(value: &Value, left: usize) -> Result<(), Refusal> {
    if left == 0 {
        return Err(Refusal::bad_request(format!(
            "the body of the request nests deeper than {DEPTH_MAX} levels"
        )));
    }
    match value {
        Value::Array(all) => all.iter().try_for_each(|one| within_depth(one, left - 1)),
        Value::Object(all) => all.values().try_for_each(|one| within_depth(one, left - 1)),
        _ => Ok(()),
    }
}

/// Writes a value in the accepted language.
#[must_use]
pub(crate) fn encode(value: &Value, yaml: bool) -> Bytes {
    let text = if yaml {
        serde_saphyr::to_string(value).map_err(|error| error.to_string())
    } else {
        serde_json::to_string(value).map_err(|error| error.to_string())
    };
    // A Value has only string keys and finite numbers, which both languages can write.
    Bytes::from(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_type_that_can_be_produced_wins() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        for (accept, want) in [
            ("application/vnd.kubernetes.protobuf,application/json", Some(Shape::Whole)),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,*/*", Some(Shape::Whole)),
            (table, Some(Shape::Table)),
            ("application/vnd.kubernetes.protobuf", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(negotiate(&headers).ok().map(|got| got.shape), want, "{accept}");
        }
    }

    #[test]
    fn a_deep_body_is_refused_and_not_walked() {
        let deep = "[".repeat(120) + &"]".repeat(120);
        assert_eq!(decode(&HeaderMap::new(), &Bytes::from(deep)).unwrap_err().code, 400);
    }
}
