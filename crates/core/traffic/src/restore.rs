//! Giving adopted objects back: what their users had, from kubectl's annotation or from the one that was made when the
//! object was adopted, and none of the marks.

use serde_json::{Map, Value, json};
use serin_api::diff::merge_diff;
use serin_kernel::{Change, Key, LAST_APPLIED, Object, Observed, Write};

use crate::{Error, Front, cursor::named, wanted::is_ours};

/// The write that gives back the object with `key`; none when it is not there or goes with its owner.
///
/// `mend` has the last word on the specification.
pub(crate) fn restored(
    front: &Front,
    observed: &Observed,
    key: &Key,
    mend: fn(&mut Value),
) -> Result<Option<Write>, Error> {
    let Some(existing) = observed.get(key) else { return Ok(None) };
    if is_ours(front, existing.meta()) {
        return Ok(None);
    }
    let original = original(front, existing)?;
    let live = existing.value();
    let mut patch = Map::new();
    if let Some(mut spec) = original.spec {
        mend(&mut spec);
        let change = merge_diff(live.get("spec").unwrap_or(&Value::Null), &spec);
        patch.extend(change.map(|change| ("spec".to_owned(), change)));
    }
    patch.extend(
        unmarked(front, existing, &original.annotations).map(|change| ("metadata".to_owned(), change)),
    );
    Ok((!patch.is_empty()).then(|| Write::unchanged(existing, Change::Merge(Value::Object(patch)))))
}

/// What is known of an object before it was adopted.
struct Original {
    /// Its specification, if it is known.
    spec: Option<Value>,
    /// The annotations that its user gave it, as far as they are known.
    annotations: Value,
}

/// What is known of an adopted object before it was adopted. kubectl's annotation wins: it is what the user applied last.
fn original(front: &Front, existing: &Object) -> Result<Original, Error> {
    let annotations = &existing.meta().annotations;
    let parsed = |name: &str, text: &String| {
        serde_json::from_str::<Value>(text).map_err(|error| Error::Malformed {
            object: named(&existing.key()),
            field: format!("metadata.annotations[{name}]"),
            problem: format!("cannot be read, so that the object cannot be given back: {error}; remove it"),
        })
    };
    let is_spec = |spec: &Value| spec.is_object();
    if let Some(text) = annotations.get(LAST_APPLIED) {
        let mut applied = parsed(LAST_APPLIED, text)?;
        let mut take = |path: &str| applied.pointer_mut(path).map(Value::take);
        let annotations = take("/metadata/annotations").unwrap_or_default();
        return Ok(Original { spec: take("/spec").filter(is_spec), annotations });
    }
    let kept = annotations.get(&front.marks.original).map(|text| parsed(&front.marks.original, text));
    Ok(Original { spec: kept.transpose()?.filter(is_spec), annotations: Value::Null })
}

/// The change of the metadata that takes our marks off, apart from those that the user applied too.
fn unmarked(front: &Front, existing: &Object, applied: &Value) -> Option<Value> {
    let live = &existing.meta().annotations;
    let marks = front.marks.left_alone.iter().filter(|(mark, value)| live.get(*mark) == Some(value));
    let marks = marks.map(|(mark, _)| mark).filter(|mark| applied.get(mark.as_str()).is_none());
    let original = Some(&front.marks.original).filter(|mark| live.contains_key(*mark));
    let gone: Map<String, Value> = marks.chain(original).map(|mark| (mark.clone(), Value::Null)).collect();
    (!gone.is_empty()).then(|| json!({ "annotations": gone }))
}
