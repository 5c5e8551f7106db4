//! The difference of two JSON values as a merge patch (RFC 7386).
//!
//! Applying the patch to `old` gives `new`, and equal values give no patch at all: an object at rest costs no
//! write. Lists are replaced as a whole, because a merge patch knows nothing else.

use serde_json::{Map, Value};

/// The merge patch that turns `old` into `new`; `None` when nothing changes.
///
/// A null inside `new` cannot be told from an absent field by a merge patch; it counts as absent.
#[must_use]
pub fn merge_diff(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut patch = Map::new();
    for (key, before) in old {
        if !before.is_null() && new.get(key).is_none_or(Value::is_null) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    for (key, after) in new.iter().filter(|(_, after)| !after.is_null()) {
        let change = match old.get(key).filter(|before| !before.is_null()) {
            Some(before) => merge_diff(before, after),
            None => Some(after.clone()),
        };
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Merge patch application as RFC 7386 section 2 defines it.
    fn apply(target: &Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut result = target.as_object().cloned().unwrap_or_default();
        for (key, value) in patch {
            if value.is_null() {
                result.remove(key);
            } else {
                let before = result.get(key).cloned().unwrap_or(Value::Null);
                result.insert(key.clone(), apply(&before, value));
            }
        }
        Value::Object(result)
    }

    #[test]
    fn a_patch_has_exactly_what_changed() {
        for (old, new, patch) in [
            (json!({"a": 1}), json!({"a": 1}), None),
            (json!({"a": 1}), json!({"a": 2}), Some(json!({"a": 2}))),
            (json!({"a": 1}), json!({}), Some(json!({"a": null}))),
            (json!({}), json!({"a": {"b": 1}}), Some(json!({"a": {"b": 1}}))),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1}}), Some(json!({"a": {"c": null}}))),
            (json!({"a": [1, 2]}), json!({"a": [1]}), Some(json!({"a": [1]}))),
            (json!({"a": {"b": 1}}), json!({"a": 1}), Some(json!({"a": 1}))),
            (json!({"a": null}), json!({}), None),
            (json!({}), json!({"a": null}), None),
            (json!(null), json!({"a": 1}), Some(json!({"a": 1}))),
            (json!({"a": 1, "b": {}}), json!({"b": {}, "a": 1}), None),
        ] {
            assert_eq!(merge_diff(&old, &new), patch, "{old} -> {new}");
        }
    }

    /// Every pair of small objects over two keys and five values each.
    #[test]
    fn applying_the_patch_gives_the_new_value() {
        let leaves =
            [None, Some(json!(1)), Some(json!({"x": 1})), Some(json!({"x": 2, "y": [1]})), Some(json!([]))];
        let mut all = Vec::new();
        for a in &leaves {
            for b in &leaves {
                let fields = [("a", a), ("b", b)];
                let present = fields.into_iter().filter_map(|(key, v)| Some((key.to_owned(), v.clone()?)));
                all.push(Value::Object(present.collect()));
            }
        }
        for old in &all {
            for new in &all {
                let patch = merge_diff(old, new);
                assert_eq!(patch.is_none(), old == new, "{old} -> {new}");
                let patched = patch.map_or(old.clone(), |patch| apply(old, &patch));
                assert_eq!(&patched, new, "{old} -> {new}");
            }
        }
    }
}
