//! OpenAPI, as small as kubectl's validation and `explain` need.

use crate::kinds::KindInfo;
use serde_json::{Value, json};
use std::borrow::Borrow;

/// `/openapi/v3`.
#[must_use]
pub fn v3_index(_kinds: &[impl Borrow<KindInfo>]) -> Value {
    json!({ "paths": {} })
}

/// `/openapi/v3/api/v1` or `/openapi/v3/apis/G/V` (`group_version` without the prefix); `None` if unknown.
#[must_use]
pub fn v3_group(_kinds: &[impl Borrow<KindInfo>], _group_version: &str) -> Option<Value> {
    None
}

/// `/openapi/v2`.
#[must_use]
pub fn v2(_kinds: &[impl Borrow<KindInfo>]) -> Value {
    json!({ "swagger": "2.0" })
}
