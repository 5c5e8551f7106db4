//! The kinds that the API serves: a built-in table, and what `CustomResourceDefinition`s add.
//!
//! Discovery, tables, `OpenAPI`, patches and paths all read this one description, so they cannot disagree.

use crate::schema::Schema;
use std::sync::Arc;

mod builtin;
mod crd;

pub use crate::schema::FieldError;
pub use builtin::builtin;
pub use crd::from_crd;

/// The verbs of an ordinary kind, as discovery lists them.
pub const ALL_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// The verbs of the `status` and `scale` subresources.
pub const SUBRESOURCE_VERBS: &[&str] = &["get", "patch", "update"];

/// One version of one kind.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
pub struct KindInfo {
    /// API group; empty for the core group.
    pub group: String,
    /// Version inside the group.
    pub version: String,
    /// Kind of one object.
    pub kind: String,
    /// Kind of a list of objects.
    pub list_kind: String,
    /// Resource name in paths.
    pub plural: String,
    /// Name of one, for `kubectl get deployment/x`.
    pub singular: String,
    /// Abbreviations such as `deploy`.
    pub short_names: Vec<String>,
    /// Groups of kinds such as `all`.
    pub categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Verbs that are served.
    pub verbs: &'static [&'static str],
    /// Whether there is a `status` subresource.
    pub status: bool,
    /// The `scale` subresource, if there is one.
    pub scale: Option<ScalePaths>,
    /// Columns of a custom resource; built-in kinds have their own in the table code.
    pub columns: Vec<PrinterColumn>,
    /// Schema of a custom resource; `None` accepts any fields.
    pub schema: Option<Arc<Schema>>,
    /// Whether a CRD defined this kind: no strategic merge patch, generation counted by the schema.
    pub custom: bool,
    /// Whether this is the version in which objects are stored.
    pub storage: bool,
}

/// Where the `scale` subresource reads and writes, as dotted paths with a leading dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// Desired replicas, below `.spec`.
    pub spec: String,
    /// Actual replicas, below `.status`.
    pub status: String,
    /// The pod selector: a text for custom resources, a label selector object for built-in kinds.
    pub selector: Option<String>,
}

/// One of a CRD's `additionalPrinterColumns`.
#[derive(Clone, Debug)]
pub struct PrinterColumn {
    /// Header.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub type_: String,
    /// Format within the type, possibly empty.
    pub format: String,
    /// Explanation, possibly empty.
    pub description: String,
    /// 0 is always shown, more only with `-o wide`.
    pub priority: i64,
    /// Where the value is; a missing one is an empty cell.
    pub path: serin_lang::jsonpath::JsonPath,
    /// The text of `path`.
    pub path_text: String,
}

impl KindInfo {
    /// `v1` or `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `pods` in the core group: the name in messages.
    #[must_use]
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The subresources with the group, version and kind of their objects.
    #[must_use]
    pub fn subresources(&self) -> Vec<(&'static str, &str, &str, &str)> {
        let scale = self.scale.as_ref().map(|_| ("scale", "autoscaling", "v1", "Scale"));
        let status = self.status.then_some(("status", "", "", self.kind.as_str()));
        scale.into_iter().chain(status).collect()
    }
}

/// Group versions in order of first appearance, the core group first.
#[must_use]
pub fn group_versions<'a>(kinds: impl IntoIterator<Item = &'a KindInfo>) -> Vec<(String, Vec<String>)> {
    let mut groups: indexmap::IndexMap<String, Vec<String>> = indexmap::IndexMap::new();
    for kind in kinds {
        let versions = groups.entry(kind.group.clone()).or_default();
        if !versions.contains(&kind.version) {
            versions.push(kind.version.clone());
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(group, _)| !group.is_empty());
    groups
}

/// Kubernetes' order of versions: `v2` over `v1` over `v1beta1` over `v1alpha1` over anything else.
fn version_rank(version: &str) -> (u8, u32, u32, std::cmp::Reverse<String>) {
    let other = (0, 0, 0, std::cmp::Reverse(version.to_owned()));
    let Some(rest) = version.strip_prefix('v') else { return other };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let Ok(major) = rest[..digits].parse() else { return other };
    let (stability, minor) = match &rest[digits..] {
        "" => (3, Some(0)),
        tail if tail.starts_with("beta") => (2, tail[4..].parse().ok()),
        tail if tail.starts_with("alpha") => (1, tail[5..].parse().ok()),
        _ => (0, None),
    };
    minor.map_or(other, |minor| (stability, major, minor, std::cmp::Reverse(String::new())))
}

#[cfg(test)]
mod tests;
