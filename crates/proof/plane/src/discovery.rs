//! What the API says about itself: the legacy documents and the aggregated ones that kubectl prefers.
//!
//! Both are views of the same [`KindInfo`]s, so short names, categories and subresources are listed exactly
//! where they are served.

use crate::kinds::{KindInfo, SUBRESOURCE_VERBS, group_versions};
use serde_json::{Value, json};
use std::borrow::Borrow;

/// `Accept` parameters with which a client asks for the aggregated form.
pub const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/api`.
#[must_use]
pub fn core_versions(server_address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": server_address }],
    })
}

/// `/apis`.
#[must_use]
pub fn groups(kinds: &[impl Borrow<KindInfo>]) -> Value {
    let groups = named_groups(kinds).into_iter().map(|(group, versions)| group_entry(&group, &versions));
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() })
}

/// `/apis/GROUP`; `None` if there is no such group.
#[must_use]
pub fn group(kinds: &[impl Borrow<KindInfo>], name: &str) -> Option<Value> {
    let (group, versions) = named_groups(kinds).into_iter().find(|(group, _)| group == name)?;
    let mut entry = group_entry(&group, &versions);
    entry["kind"] = json!("APIGroup");
    entry["apiVersion"] = json!("v1");
    Some(entry)
}

/// `/api/v1` (`group` empty) or `/apis/GROUP/VERSION`; `None` if nothing is served there.
#[must_use]
pub fn resources(kinds: &[impl Borrow<KindInfo>], group: &str, version: &str) -> Option<Value> {
    let here = served(kinds).filter(|kind| kind.group == group && kind.version == version);
    let resources: Vec<Value> = here.flat_map(legacy_entries).collect();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": resources,
        })
    })
}

/// The aggregated form of `/api` (`core`) or `/apis`.
#[must_use]
pub fn aggregated(kinds: &[impl Borrow<KindInfo>], core: bool) -> Value {
    let groups = group_versions(served(kinds)).into_iter().filter(|(group, _)| group.is_empty() == core);
    let items = groups.map(|(group, versions)| {
        let versions = versions.iter().map(|version| {
            let here = served(kinds).filter(|kind| kind.group == group && kind.version == *version);
            json!({
                "version": version,
                "resources": here.map(aggregated_entry).collect::<Vec<_>>(),
                "freshness": "Current",
            })
        });
        let metadata = if core { json!({}) } else { json!({ "name": group }) };
        json!({ "metadata": metadata, "versions": versions.collect::<Vec<_>>() })
    });
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items.collect::<Vec<_>>(),
    })
}

/// Kinds with verbs; a CRD's storage version may have none.
fn served(kinds: &[impl Borrow<KindInfo>]) -> impl Iterator<Item = &KindInfo> {
    kinds.iter().map(Borrow::borrow).filter(|kind| !kind.verbs.is_empty())
}

fn named_groups(kinds: &[impl Borrow<KindInfo>]) -> Vec<(String, Vec<String>)> {
    group_versions(served(kinds)).into_iter().filter(|(group, _)| !group.is_empty()).collect()
}

fn group_entry(group: &str, versions: &[String]) -> Value {
    let entry =
        |version: &String| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    json!({
        "name": group,
        "versions": versions.iter().map(entry).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(entry),
    })
}

fn legacy_entries(kind: &KindInfo) -> Vec<Value> {
    let mut main = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": kind.verbs,
    });
    add_names(&mut main, kind);
    let mut entries = vec![main];
    for (name, group, version, object_kind) in kind.subresources() {
        let mut entry = json!({
            "name": format!("{}/{name}", kind.plural),
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": object_kind,
            "verbs": SUBRESOURCE_VERBS,
        });
        if !group.is_empty() {
            entry["group"] = json!(group);
            entry["version"] = json!(version);
        }
        entries.push(entry);
    }
    entries
}

fn aggregated_entry(kind: &KindInfo) -> Value {
    let response =
        |group: &str, version: &str, kind: &str| json!({ "group": group, "version": version, "kind": kind });
    let mut entry = json!({
        "resource": kind.plural,
        "responseKind": response(&kind.group, &kind.version, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    });
    add_names(&mut entry, kind);
    let subresources = kind.subresources().into_iter().map(|(name, group, version, object_kind)| {
        let (group, version) =
            if group.is_empty() { (kind.group.as_str(), kind.version.as_str()) } else { (group, version) };
        json!({
            "subresource": name,
            "responseKind": response(group, version, object_kind),
            "verbs": SUBRESOURCE_VERBS,
        })
    });
    let subresources: Vec<Value> = subresources.collect();
    if !subresources.is_empty() {
        entry["subresources"] = json!(subresources);
    }
    entry
}

fn add_names(entry: &mut Value, kind: &KindInfo) {
    for (key, names) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
        if !names.is_empty() {
            entry[key] = json!(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::builtin;

    fn entry<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
        list.as_array().unwrap().iter().find(|one| one[key] == name).unwrap()
    }

    #[test]
    fn the_legacy_and_the_aggregated_form_name_the_same_resources() {
        let kinds = builtin();
        for core in [true, false] {
            let aggregated = aggregated(&kinds, core);
            for item in aggregated["items"].as_array().unwrap() {
                let group = item["metadata"]["name"].as_str().unwrap_or_default();
                for version in item["versions"].as_array().unwrap() {
                    let legacy = resources(&kinds, group, version["version"].as_str().unwrap()).unwrap();
                    let mut names = Vec::new();
                    for resource in version["resources"].as_array().unwrap() {
                        let plural = resource["resource"].as_str().unwrap();
                        names.push(plural.to_owned());
                        let below = resource["subresources"].as_array().into_iter().flatten();
                        names.extend(
                            below.map(|s| format!("{plural}/{}", s["subresource"].as_str().unwrap())),
                        );
                    }
                    let listed: Vec<_> =
                        legacy["resources"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
                    assert_eq!(json!(names), json!(listed), "{group}");
                }
            }
        }
    }

    #[test]
    fn a_deployment_is_described_as_on_a_real_server() {
        let apps = resources(&builtin(), "apps", "v1").unwrap();
        assert_eq!(
            *entry(&apps["resources"], "name", "deployments/scale"),
            json!({"name": "deployments/scale", "singularName": "", "namespaced": true, "kind": "Scale",
                "verbs": ["get", "patch", "update"], "group": "autoscaling", "version": "v1"})
        );
        assert_eq!(entry(&apps["resources"], "name", "deployments")["shortNames"], json!(["deploy"]));
        assert_eq!(entry(&apps["resources"], "name", "deployments")["categories"], json!(["all"]));
    }

    #[test]
    fn the_newest_stable_version_of_a_group_is_preferred() {
        let groups = groups(&builtin());
        let autoscaling = entry(&groups["groups"], "name", "autoscaling");
        assert_eq!(autoscaling["preferredVersion"]["version"], "v2");
        assert_eq!(autoscaling["versions"][1]["version"], "v1");
        assert_eq!(group(&builtin(), "apps").unwrap()["preferredVersion"]["groupVersion"], "apps/v1");
        assert!(group(&builtin(), "nope").is_none() && resources(&builtin(), "apps", "v2").is_none());
    }
}
