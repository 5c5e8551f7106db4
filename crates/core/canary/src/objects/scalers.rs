//! The target's autoscaler, and the primary's copy of it.
//!
//! Property: the copy has everything that the target's scaler has, in words that name the primary; the target's own is
//! changed by one annotation and nothing else, so that no field of it is lost.

use serde_json::{Map, Value, json};
use serin_api::{
    diff::merge_diff,
    flagger::{AutoscalerRef, CANARY_SUFFIX, PRIMARY_SUFFIX},
    kinds,
};
use serin_kernel::{Change, Key, Object, Write};

use super::{
    Target, Trouble, interests,
    json::{entries, list_mut, text},
    metadata::{all, owner},
    target::not_found,
};

/// Holds a `ScaledObject` at a number of pods.
const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";
/// That number.
const NONE: &str = "0";
/// The part of a trigger that Flagger rewrites.
const QUERY: &str = "query";

impl Target<'_> {
    /// The target's scaler, if it has one and it is there.
    pub(super) fn scaler(&self) -> Option<&Object> {
        self.observed.get(&self.scaler_key()?)
    }

    /// The primary's scaler, if it has one and it is there.
    pub(super) fn observed_primary_scaler(&self) -> Option<&Object> {
        self.observed.get(&self.primary_scaler_key()?)
    }

    fn scaler_key(&self) -> Option<Key> {
        let (kind, name) = interests::scaler(self.canary)?;
        Some(self.key(kind, &name))
    }

    fn primary_scaler_key(&self) -> Option<Key> {
        self.scaler_key().map(|key| self.key(key.kind, &format!("{}{PRIMARY_SUFFIX}", key.name)))
    }

    /// Makes the primary's scaler if there is none.
    ///
    /// # Errors
    /// The target's scaler is not there, or of a kind that there is no copy of.
    pub fn create_scaler(&self) -> Result<Vec<Write>, Trouble> {
        let Some((key, wanted)) = self.primary_scaler()? else { return Ok(Vec::new()) };
        let is_there = self.observed.get(&key).is_some();
        Ok(if is_there { Vec::new() } else { vec![Write::new(key, Change::Create(wanted))] })
    }

    /// Brings the primary's scaler to what the target's says now.
    ///
    /// # Errors
    /// The target's scaler is not there, or of a kind that there is no copy of.
    pub fn sync_scaler(&self) -> Result<Vec<Write>, Trouble> {
        let Some((key, wanted)) = self.primary_scaler()? else { return Ok(Vec::new()) };
        let Some(scaler) = self.observed.get(&key) else {
            return Ok(vec![Write::new(key, Change::Create(wanted))]);
        };
        let spec = |body: &Value| json!({"spec": body.get("spec")});
        let patch = merge_diff(&spec(&scaler.value()), &spec(&wanted));
        Ok(patch.map(|patch| Write::unchanged(scaler, Change::Merge(patch))).into_iter().collect())
    }

    /// Keeps the target's scaler from giving it pods. Kubernetes' own rests by itself while there are none.
    #[must_use]
    pub fn pause_scaler(&self) -> Vec<Write> {
        self.hold(Some(NONE))
    }

    /// Lets the target's scaler work again.
    #[must_use]
    pub fn resume_scaler(&self) -> Vec<Write> {
        self.hold(None)
    }

    fn hold(&self, at: Option<&str>) -> Vec<Write> {
        let scaler = self.scaler().filter(|scaler| scaler.kind() == kinds::SCALED_OBJECT);
        let Some(scaler) = scaler.filter(|it| it.meta().annotations.get(PAUSED).map(String::as_str) != at)
        else {
            return Vec::new();
        };
        vec![Write::same(scaler, Change::Merge(json!({"metadata": {"annotations": {PAUSED: at}}})))]
    }

    /// Key and body of the primary's scaler; `None` when the target has none.
    fn primary_scaler(&self) -> Result<Option<(Key, Value)>, Trouble> {
        let Some(named) = &self.canary.spec.autoscaler_ref else { return Ok(None) };
        let Some(key) = self.scaler_key() else {
            let kind = &named.kind;
            let text =
                format!("spec.autoscalerRef.kind: {kind:?} must be HorizontalPodAutoscaler or ScaledObject");
            return Err(Trouble(text));
        };
        let source = self.observed.get(&key).ok_or_else(|| Trouble(not_found(key.kind.kind, &key)))?;
        let body = source.value();
        if !body.get("spec").is_some_and(Value::is_object) {
            return Err(Trouble(format!("{} {} spec must be a map", key.kind.kind, self.named(&key.name))));
        }
        let is_keda = key.kind == kinds::SCALED_OBJECT;
        let spec = if is_keda { self.keda(&body, named) } else { self.horizontal(&body, named) };
        let meta = source.meta();
        let mut metadata = json!({
            "name": format!("{}{PRIMARY_SUFFIX}", key.name),
            "namespace": key.namespace,
            "ownerReferences": [owner(self.canary)],
        });
        let mut annotations = if is_keda { all(&meta.annotations) } else { Map::new() };
        annotations.shift_remove(PAUSED);
        for (part, texts) in [("labels", all(&meta.labels)), ("annotations", annotations)] {
            if !texts.is_empty() {
                metadata[part] = Value::Object(texts);
            }
        }
        let wanted = json!({
            "apiVersion": key.kind.api_version(), "kind": key.kind.kind, "metadata": metadata, "spec": spec,
        });
        let key = self.key(key.kind, &format!("{}{PRIMARY_SUFFIX}", key.name));
        Ok(Some((key, wanted)))
    }

    fn horizontal(&self, body: &Value, named: &AutoscalerRef) -> Value {
        let mut spec = body.get("spec").cloned().unwrap_or_default();
        self.aim(&mut spec);
        bound(&mut spec, named, "minReplicas", "maxReplicas");
        spec
    }

    fn keda(&self, body: &Value, named: &AutoscalerRef) -> Value {
        let mut spec = body.get("spec").cloned().unwrap_or_default();
        self.aim(&mut spec);
        bound(&mut spec, named, "minReplicaCount", "maxReplicaCount");
        if !spec.get("advanced").is_some_and(Value::is_object) {
            spec["advanced"] = json!({});
        }
        let advanced = &mut spec["advanced"]["horizontalPodAutoscalerConfig"];
        if !advanced.is_object() {
            *advanced = json!({});
        }
        if let Some(name) = text(advanced, "/name").filter(|name| !name.is_empty()) {
            advanced["name"] = json!(format!("{name}{PRIMARY_SUFFIX}"));
        }
        for trigger in list_mut(&mut spec, "/triggers") {
            let name = text(trigger, "/name").unwrap_or_default();
            let replaced = named.primary_scaler_queries.get(name);
            let query = text(trigger, "/metadata/query").map(str::to_owned);
            let wanted = if named.primary_scaler_queries.is_empty() {
                query.map(|query| primary_query(&query, &self.object.meta().name))
            } else {
                replaced.cloned()
            };
            if let (Some(wanted), Some(metadata)) =
                (wanted, trigger.get_mut("metadata").filter(|it| it.is_object()))
            {
                metadata[QUERY] = json!(wanted);
            }
        }
        spec
    }

    fn aim(&self, spec: &mut Value) {
        let mut aim: Map<String, Value> =
            entries(spec, "/scaleTargetRef").map(|(key, value)| (key.clone(), value.clone())).collect();
        aim.insert("name".to_owned(), json!(self.canary.primary_name()));
        spec["scaleTargetRef"] = Value::Object(aim);
    }
}

fn bound(spec: &mut Value, named: &AutoscalerRef, least: &str, most: &str) {
    let Some(bounds) = &named.primary_scaler_replicas else { return };
    for (field, bound) in [(least, bounds.min_replicas), (most, bounds.max_replicas)] {
        if let Some(bound) = bound {
            spec[field] = json!(bound);
        }
    }
}

/// A query that names the primary wherever it named the target or its canary.
///
/// A name ends where a letter, a digit or an underscore could not go on: `podinfo-.*` means pods of `podinfo`, while
/// `my-podinfo`, `podinfo2` and `podinfo_total` mean something else.
pub(super) fn primary_query(query: &str, target: &str) -> String {
    if target.is_empty() {
        return query.to_owned();
    }
    let (mut rewritten, mut rest, mut before) = (String::new(), query, None);
    while let Some(at) = rest.find(target) {
        let (passed, found) = rest.split_at(at);
        let behind = found.strip_prefix(target).unwrap_or_default();
        rewritten.push_str(passed);
        rewritten.push_str(target);
        let begins = !passed.chars().next_back().or(before).is_some_and(|c| is_of_word(c) || c == '-');
        let suffix = [CANARY_SUFFIX, PRIMARY_SUFFIX].into_iter().find(|suffix| {
            behind.strip_prefix(suffix).is_some_and(|further| !further.starts_with(is_of_word))
        });
        let ends = suffix.is_some() || !behind.starts_with(is_of_word);
        if begins && ends {
            rewritten.push_str(PRIMARY_SUFFIX);
            rest = behind.strip_prefix(suffix.unwrap_or_default()).unwrap_or(behind);
            before = Some('y');
        } else {
            rest = behind;
            before = target.chars().next_back();
        }
    }
    rewritten + rest
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::primary_query;

    #[test]
    fn a_query_names_the_primary_wherever_it_named_the_target() {
        for (query, expected) in [
            ("", ""),
            ("up", "up"),
            ("podinfo", "podinfo-primary"),
            ("podinfo-canary", "podinfo-primary"),
            ("podinfo-primary", "podinfo-primary"),
            ("podinfo,podinfo", "podinfo-primary,podinfo-primary"),
            (
                r#"sum(rate(http_requests_total{app="podinfo",d=~"podinfo-canary"}[30s]))"#,
                r#"sum(rate(http_requests_total{app="podinfo-primary",d=~"podinfo-primary"}[30s]))"#,
            ),
            (r#"m{pod=~"podinfo-[0-9a-z]+"}"#, r#"m{pod=~"podinfo-primary-[0-9a-z]+"}"#),
            (r#"m{pod=~"podinfo-canary-.*"}"#, r#"m{pod=~"podinfo-primary-.*"}"#),
            ("podinfo_total my-podinfo podinfo2 xpodinfo", "podinfo_total my-podinfo podinfo2 xpodinfo"),
            ("podinfo-canaryx", "podinfo-primary-canaryx"),
            ("podinfopodinfo", "podinfopodinfo"),
            ("ünpodinfo podinfö", "ünpodinfo podinfö"),
        ] {
            assert_eq!(primary_query(query, "podinfo"), expected, "{query}");
        }
        assert_eq!(primary_query("a", ""), "a");
        assert_eq!(primary_query("aaaa aa", "aa"), "aaaa aa-primary");
    }
}
