//! A Knative Service, which keeps its own revisions: which of them is promoted stands in an annotation.

use serde_json::{Value, json};
use serin_kernel::{Change, Object, Write};

use super::{
    Target, Trouble,
    json::{list, text},
};

/// The revision that is promoted.
pub(crate) const PRIMARY_REVISION: &str = "flagger.app/primary-revision";

/// The revision that was made last, if one was.
pub(super) fn latest(body: &Value) -> Option<&str> {
    text(body, "/status/latestCreatedRevisionName").filter(|name| !name.is_empty())
}

fn promoted(body: &Value) -> Option<&str> {
    body.pointer("/metadata/annotations")?.get(PRIMARY_REVISION)?.as_str()
}

/// The revisions that matter: the newest and the promoted one.
pub(super) fn revisions(body: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        [latest(body), promoted(body)].into_iter().flatten().map(str::to_owned).collect();
    names.dedup();
    names
}

/// Says which revision is promoted, and gives it the traffic, when nothing is said yet.
pub(super) fn adopt(target: &Target<'_>) -> Result<Vec<Write>, Trouble> {
    if promoted(&target.body).is_some() {
        return Ok(Vec::new());
    }
    let Some(revision) = latest(&target.body) else {
        return Err(Trouble(format!(
            "{} status.latestCreatedRevisionName is empty: it has no revision yet",
            target.called()
        )));
    };
    let patch = json!({
        "metadata": {"annotations": {PRIMARY_REVISION: revision}},
        "spec": {"traffic": [
            {"latestRevision": true, "percent": 0},
            {"revisionName": revision, "percent": 100},
        ]},
    });
    Ok(vec![Write::unchanged(target.object, Change::Merge(patch))])
}

/// Makes the newest revision the promoted one.
pub(super) fn promote(target: &Target<'_>) -> Vec<Write> {
    let newest = latest(&target.body).filter(|newest| promoted(&target.body) != Some(*newest));
    let patch = newest.map(|newest| json!({"metadata": {"annotations": {PRIMARY_REVISION: newest}}}));
    patch.map(|patch| Write::same(target.object, Change::Merge(patch))).into_iter().collect()
}

pub(super) fn is_promoted(body: &Value, primary: &Object) -> bool {
    let promoted = primary.meta().annotations.get(PRIMARY_REVISION).map(String::as_str);
    promoted.is_some() && promoted == latest(body)
}

/// Takes the mark away.
pub(super) fn release(target: &Target<'_>) -> Vec<Write> {
    let patch = json!({"metadata": {"annotations": {PRIMARY_REVISION: null}}});
    let marked = promoted(&target.body).map(|_| Write::same(target.object, Change::Merge(patch)));
    marked.into_iter().collect()
}

/// Which revision is asked about, and whether it is ready.
pub(super) fn readiness<'a>(target: &'a Target<'_>, of_primary: bool) -> (&'a str, bool) {
    let name = if of_primary { promoted(&target.body) } else { latest(&target.body) }.unwrap_or_default();
    let revision = target.observed.get(&target.key(serin_api::kinds::KNATIVE_REVISION, name));
    let is_ready = revision.is_some_and(|revision| {
        let body = revision.value();
        let mut conditions = list(&body, "/status/conditions");
        conditions.any(|one| text(one, "/type") == Some("Ready") && text(one, "/status") == Some("True"))
    });
    (name, is_ready)
}
