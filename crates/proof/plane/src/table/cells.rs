//! stub
use crate::kinds::KindInfo;
use jiff::Timestamp;
use serde_json::{Value, json};
pub(super) fn definitions(_kind: &KindInfo) -> Vec<Value> {
    vec![json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0})]
}
pub(super) fn row(_kind: &KindInfo, object: &Value, _now: Timestamp) -> Vec<Value> {
    vec![object["metadata"]["name"].clone()]
}
