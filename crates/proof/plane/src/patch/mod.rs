//! The three kinds of patch. Each is a pure function from an object and a patch to the patched object.
//!
//! 1. A patch that fails changes nothing.
//! 2. Strategic merge follows the merge keys of Kubernetes' own types, so client-side `kubectl apply` gives
//!    the same object here as on a real API server.
//! 3. Custom resources have no strategic merge patch (the server answers 415).

mod meta;
mod strategic;
#[cfg(test)]
mod tests;

use crate::kinds::KindInfo;
use serde_json::Value;

/// Operations in one JSON patch; the API server has the same limit.
pub const MAX_JSON_PATCH_OPERATIONS: usize = 10_000;

/// Why a patch could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself is malformed: 400.
    #[error("{0}")]
    Malformed(String),
    /// The patch does not fit the object (a missing path, a failed test, a missing merge key): 422.
    #[error("{0}")]
    DoesNotApply(String),
    /// More operations than [`MAX_JSON_PATCH_OPERATIONS`]: 413.
    #[error("The allowed maximum operations in a JSON patch is 10000, got {0}")]
    TooMany(usize),
    /// The kind has no strategic merge patch: 415.
    #[error(
        "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json"
    )]
    NoStrategicMerge,
}

/// RFC 6902.
///
/// # Errors
/// [`PatchError::Malformed`], [`PatchError::TooMany`] or [`PatchError::DoesNotApply`].
pub fn json(original: &Value, patch: &Value) -> Result<Value, PatchError> {
    let count = patch.as_array().map_or(0, Vec::len);
    if MAX_JSON_PATCH_OPERATIONS < count {
        return Err(PatchError::TooMany(count));
    }
    let operations: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| PatchError::Malformed(format!("error decoding patch: {error}")))?;
    let mut patched = original.clone();
    json_patch::patch(&mut patched, &operations)
        .map_err(|error| PatchError::DoesNotApply(error.to_string()))?;
    Ok(patched)
}

/// RFC 7386.
#[must_use]
pub fn merge(original: &Value, patch: &Value) -> Value {
    let mut patched = original.clone();
    json_patch::merge(&mut patched, patch);
    patched
}

/// Strategic merge patch of a built-in kind.
///
/// # Errors
/// [`PatchError::NoStrategicMerge`] for custom resources, [`PatchError::Malformed`] for directives that make
/// no sense, [`PatchError::DoesNotApply`] for list items without their merge key.
pub fn strategic(original: &Value, patch: &Value, kind: &KindInfo) -> Result<Value, PatchError> {
    if kind.custom {
        return Err(PatchError::NoStrategicMerge);
    }
    strategic::apply(original, patch, meta::root(&kind.group, &kind.kind))
}
