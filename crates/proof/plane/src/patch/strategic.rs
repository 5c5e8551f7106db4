//! Strategic merge. In a patch, `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/F` and `$setElementOrder/F`
//! are directives; everything else is merged by the strategy of its place.

use super::PatchError;
use super::meta::{Place, Strategy};
use serde_json::{Map, Value};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_PREFIX: &str = "$deleteFromPrimitiveList/";
const ORDER_PREFIX: &str = "$setElementOrder/";

type Object = Map<String, Value>;

/// Applies a patch to an object at a place.
pub(super) fn apply(original: &Value, patch: &Value, place: Place) -> Result<Value, PatchError> {
    let (Value::Object(original), Value::Object(patch)) = (original, patch) else {
        return malformed("a strategic merge patch must be an object".to_owned());
    };
    merge_map(original.clone(), patch.clone(), place).map(Value::Object)
}

fn merge_map(mut original: Object, mut patch: Object, place: Place) -> Result<Object, PatchError> {
    match patch.shift_remove(DIRECTIVE) {
        None => {}
        Some(Value::String(word)) if word == "replace" => return Ok(patch),
        Some(Value::String(word)) if word == "delete" => return Ok(Object::new()),
        // A map merges anyway.
        Some(Value::String(word)) if word == "merge" => {}
        Some(other) => return malformed(format!("Unknown patch type found: {other} in map")),
    }
    retain_keys(&mut original, &mut patch)?;
    let orders = take_prefixed(&mut patch, ORDER_PREFIX);
    for (field, order) in orders {
        set_order(&mut original, &mut patch, &field, &order, place)?;
    }
    for (field, gone) in take_prefixed(&mut patch, DELETE_PREFIX) {
        let Value::Array(gone) = gone else {
            return malformed(format!("{DELETE_PREFIX}{field} must be a list"));
        };
        if let Some(Value::Array(list)) = original.get_mut(&field) {
            list.retain(|item| !gone.contains(item));
        }
    }
    for (field, value) in patch {
        let (strategy, below) = place.field(&field);
        let merged = match (original.get_mut(&field).map(Value::take), value) {
            (_, Value::Null) => None,
            (Some(Value::Object(old)), Value::Object(new)) if strategy != Strategy::Replace => {
                Some(Value::Object(merge_map(old, new, below)?))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                Some(Value::Array(merge_list(old, new, strategy, below)?))
            }
            (_, new) => without_directives(new),
        };
        match merged {
            Some(merged) => drop(original.insert(field, merged)),
            None => drop(original.shift_remove(&field)),
        }
    }
    Ok(original)
}

/// `$retainKeys` names the keys that may remain, for unions such as a volume's source.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), PatchError> {
    let Some(keep) = patch.shift_remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(keep) = keep else {
        return malformed("$retainKeys must be a list of keys".to_owned());
    };
    let kept = |key: &str| keep.iter().any(|one| one == key);
    let directive = |key: &str| key.starts_with(DELETE_PREFIX) || key.starts_with(ORDER_PREFIX);
    if patch.iter().any(|(key, value)| !value.is_null() && !directive(key) && !kept(key)) {
        return malformed("a key of the patch is missing in $retainKeys".to_owned());
    }
    original.retain(|key, _| kept(key));
    Ok(())
}

fn take_prefixed(patch: &mut Object, prefix: &str) -> Vec<(String, Value)> {
    let keys: Vec<String> = patch.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
    let take = |key: String| {
        let value = patch.shift_remove(&key)?;
        Some((key[prefix.len()..].to_owned(), value))
    };
    keys.into_iter().filter_map(take).collect()
}

/// Merges a list and puts it into the order that the patch wants, with the server's own items between.
fn set_order(
    original: &mut Object,
    patch: &mut Object,
    field: &str,
    order: &Value,
    place: Place,
) -> Result<(), PatchError> {
    let Value::Array(order) = order else {
        return malformed(format!("{ORDER_PREFIX}{field} must be a list"));
    };
    let (strategy, below) = place.field(field);
    let list = |value: Option<Value>| match value {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(other) => malformed(format!("expected {field} to be a list, got {other}")),
    };
    let old = list(original.get(field).cloned())?;
    let new = list(patch.shift_remove(field))?;
    let server = old.clone().unwrap_or_default();
    let merged = match (old, new) {
        (None, None) => return Ok(()),
        (Some(old), None) => old,
        (None, Some(new)) => match without_directives(Value::Array(new)) {
            Some(Value::Array(list)) => list,
            _ => return Ok(()),
        },
        (Some(old), Some(new)) => merge_list(old, new, strategy, below)?,
    };
    let ordered = in_order(merged, order, &server, strategy)?;
    original.insert(field.to_owned(), Value::Array(ordered));
    Ok(())
}

fn merge_list(
    old: Vec<Value>,
    new: Vec<Value>,
    strategy: Strategy,
    below: Place,
) -> Result<Vec<Value>, PatchError> {
    match strategy {
        Strategy::MergeSet => {
            let mut merged: Vec<Value> = Vec::with_capacity(old.len() + new.len());
            for item in old.iter().chain(&new) {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            in_order(merged, &new, &old, strategy)
        }
        Strategy::MergeBy(key) => merge_by_key(old, new, key, below),
        Strategy::Default | Strategy::Replace => match without_directives(Value::Array(new)) {
            Some(Value::Array(list)) => Ok(list),
            _ => Ok(Vec::new()),
        },
    }
}

fn merge_by_key(
    old: Vec<Value>,
    new: Vec<Value>,
    key: &'static str,
    below: Place,
) -> Result<Vec<Value>, PatchError> {
    let mut merged = old;
    let mut replace = false;
    let mut changes = Vec::new();
    for item in new {
        let Value::Object(item) = item else {
            return malformed(format!("items of a list merged by {key} must be objects, got {item}"));
        };
        match item.get(DIRECTIVE).map(|directive| directive.as_str()) {
            None => changes.push(item),
            Some(Some("delete")) => {
                let gone = key_of(&item, key)?;
                merged.retain(|one| one.get(key) != Some(&gone));
            }
            Some(Some("replace")) => replace = true,
            Some(Some("merge")) => {
                return malformed("merging lists cannot yet be specified in the patch".to_owned());
            }
            Some(_) => return malformed(format!("Unknown patch type found: {}", item[DIRECTIVE])),
        }
    }
    if replace {
        return Ok(changes.into_iter().filter_map(|item| without_directives(Value::Object(item))).collect());
    }
    let server = merged.clone();
    let mut order = Vec::new();
    for item in changes {
        let identity = key_of(&item, key)?;
        order.push(Value::Object(Map::from_iter([(key.to_owned(), identity.clone())])));
        let place_of = merged.iter().position(|one| one.get(key) == Some(&identity));
        match place_of.and_then(|at| merged[at].as_object_mut().map(|map| (at, std::mem::take(map)))) {
            Some((at, old)) => merged[at] = Value::Object(merge_map(old, item, below)?),
            None => merged.extend(without_directives(Value::Object(item))),
        }
    }
    in_order(merged, &order, &server, Strategy::MergeBy(key))
}

fn key_of(item: &Object, key: &str) -> Result<Value, PatchError> {
    item.get(key).cloned().ok_or_else(|| {
        let shown = Value::Object(item.clone());
        PatchError::DoesNotApply(format!("map: {shown} does not contain declared merge key: {key}"))
    })
}

/// Puts `merged` in order: items of the patch as `order` has them, the others as the server had them; where both
/// orders know two items, the server's order decides which stretch goes first.
fn in_order(
    merged: Vec<Value>,
    order: &[Value],
    server: &[Value],
    strategy: Strategy,
) -> Result<Vec<Value>, PatchError> {
    let same = |a: &Value, b: &Value| match strategy {
        Strategy::MergeBy(key) => a.get(key).is_some() && a.get(key) == b.get(key),
        _ => a == b,
    };
    if let Strategy::MergeBy(key) = strategy {
        for item in merged.iter().chain(order) {
            key_of(item.as_object().unwrap_or(&Object::new()), key)?;
        }
    }
    let index = |list: &[Value], item: &Value| list.iter().position(|one| same(one, item));
    let (mut patched, mut own): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| index(order, item).is_some());
    patched.sort_by_key(|item| index(order, item));
    own.sort_by_key(|item| index(server, item));
    let mut out = Vec::with_capacity(patched.len() + own.len());
    let (mut own, mut patched) = (own.into_iter().peekable(), patched.into_iter().peekable());
    loop {
        let own_first = match (own.peek(), patched.peek()) {
            (None, None) => return Ok(out),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(left), Some(right)) => {
                index(server, left).zip(index(server, right)).is_some_and(|(left, right)| left < right)
            }
        };
        out.extend(if own_first { own.next() } else { patched.next() });
    }
}

/// What a patch creates where nothing was: no nulls, no directives, and nothing for what it deletes.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.contains_key(DIRECTIVE) {
                return None;
            }
            let clean = map.into_iter().filter(|(_, value)| !value.is_null());
            Some(Value::Object(
                clean.filter_map(|(key, value)| Some((key, without_directives(value)?))).collect(),
            ))
        }
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}

fn malformed<T>(message: String) -> Result<T, PatchError> {
    Err(PatchError::Malformed(message))
}
