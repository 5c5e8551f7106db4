//! A path and a query become a typed request, or a clear refusal; nothing later looks at text.
//!
//! Kubernetes' path grammar is regular: `/api/{version}` for the core group, `/apis/{group}/{version}`
//! for the others, then optionally `namespaces/{namespace}`, then `{plural}[/{name}[/{subresource}]]`.
//! `namespaces` itself is a resource whose subresources look like resources within it, which is
//! why [`Target::parse`] knows two of them by name.

use serde_json::Value;
use serin_lang::selector::Selector;

use crate::fields::Fields;
use crate::status::Refusal;
use crate::table::IncludeObject;
use crate::verbs::write::WriteOptions;

/// What a resource path names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// The API group, empty for the core group.
    pub(crate) group: String,
    /// The version.
    pub(crate) version: String,
    /// The namespace, empty for all or for cluster-wide kinds.
    pub(crate) namespace: String,
    /// The plural.
    pub(crate) plural: String,
    /// The name, empty for the whole collection.
    pub(crate) name: String,
    /// The subresource, empty for the object itself.
    pub(crate) subresource: String,
}

impl Target {
    /// Reads a path below `/api/` or `/apis/`; `None` when it is not a resource path.
    #[must_use]
    pub(crate) fn parse(path: &str) -> Option<Target> {
        let parts: Vec<String> = path
            .trim_matches('/')
            .split('/')
            .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", _] | ["namespaces", _, "finalize" | "status"] => ("", rest),
            ["namespaces", namespace, rest @ ..] if group.is_empty() || !rest.is_empty() => {
                (*namespace, rest)
            }
            rest => ("", rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, "", String::new()),
            [plural, name] => (*plural, *name, String::new()),
            [plural, name, subresource @ ..] => (*plural, *name, subresource.join("/")),
            [] => return None,
        };
        Some(Target {
            group: group.into(),
            version: version.into(),
            namespace: namespace.into(),
            plural: plural.into(),
            name: name.into(),
            subresource,
        })
    }
}

/// How `resourceVersion` is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    /// Any state at least as new.
    NotOlderThan,
    /// Exactly that state.
    Exact,
}

/// The query of a request, read and checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// The label selector; everything when absent.
    pub(crate) labels: Option<Selector>,
    /// The field selector; everything when empty.
    pub(crate) fields: Fields,
    /// At most so many objects on this page.
    pub(crate) limit: Option<usize>,
    /// Where the page before ended.
    pub(crate) continue_token: Option<String>,
    /// The version asked for; `None` when absent or empty.
    pub(crate) version: Option<u64>,
    /// How the version is meant.
    pub(crate) version_match: Option<VersionMatch>,
    /// Watch instead of list.
    pub(crate) watch: bool,
    /// Send bookmarks.
    pub(crate) bookmarks: bool,
    /// Start a watch with the present objects and a marking bookmark.
    pub(crate) send_initial_events: Option<bool>,
    /// End a watch after so many seconds.
    pub(crate) timeout_seconds: Option<u64>,
    /// Do everything but write.
    pub(crate) dry_run: bool,
    /// `Ignore`, `Warn` or `Strict` for fields that the schema does not know.
    pub(crate) field_validation: Option<String>,
    /// How much of each object a table carries.
    pub(crate) include_object: IncludeObject,
    /// Delete options given in the query instead of the body.
    pub(crate) delete: Value,
}

impl Query {
    /// Reads a query string.
    ///
    /// # Errors
    /// 400 for a parameter that cannot be read.
    pub(crate) fn parse(query: &str) -> Result<Query, Refusal> {
        let mut out = Query { delete: Value::Object(serde_json::Map::new()), ..Query::default() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            let value = percent_encoding::percent_decode_str(&value).decode_utf8_lossy();
            out.read(name, &value)?;
        }
        out.check()?;
        Ok(out)
    }

    /// How a write is meant.
    pub(crate) fn write(&self) -> WriteOptions {
        let strict = self.field_validation.as_deref() == Some("Strict");
        WriteOptions { dry_run: self.dry_run, strict, patch: false }
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "labelSelector" => {
                let read = Selector::parse(value);
                self.labels = Some(read.map_err(|error| Refusal::bad_request(error.to_string()))?);
            }
            "fieldSelector" => self.fields = Fields::parse(value)?,
            "limit" => self.limit = positive(name, value)?,
            "continue" if !value.is_empty() => self.continue_token = Some(value.to_owned()),
            "resourceVersion" if !value.is_empty() => {
                let read = value.parse().map_err(|_| {
                    Refusal::bad_request(format!("resourceVersion: Invalid value: {value:?}"))
                })?;
                self.version = Some(read);
            }
            "resourceVersionMatch" => {
                self.version_match = match value {
                    "" => None,
                    "Exact" => Some(VersionMatch::Exact),
                    "NotOlderThan" => Some(VersionMatch::NotOlderThan),
                    _ => {
                        return Err(Refusal::bad_request(format!(
                            "resourceVersionMatch: Unsupported value: {value:?}: supported values: \
                             \"Exact\", \"NotOlderThan\", \"\""
                        )));
                    }
                }
            }
            "watch" => self.watch = truth(value),
            "allowWatchBookmarks" => self.bookmarks = truth(value),
            "sendInitialEvents" => self.send_initial_events = Some(truth(value)),
            "timeoutSeconds" => self.timeout_seconds = positive(name, value)?.map(|n| n as u64),
            "dryRun" => match value {
                "All" => self.dry_run = true,
                _ => {
                    return Err(Refusal::bad_request(format!(
                        "dryRun: Unsupported value: {value:?}: supported values: \"All\""
                    )));
                }
            },
            "fieldValidation" => self.field_validation = Some(value.to_owned()),
            "includeObject" => {
                self.include_object = IncludeObject::from_query(value).ok_or_else(|| {
                    Refusal::bad_request(format!("includeObject: Unsupported value: {value:?}"))
                })?;
            }
            "gracePeriodSeconds" => {
                let seconds: i64 = value.parse().map_err(|_| {
                    Refusal::bad_request(format!("gracePeriodSeconds: Invalid value: {value:?}"))
                })?;
                self.delete["gracePeriodSeconds"] = seconds.into();
            }
            "propagationPolicy" => self.delete["propagationPolicy"] = value.into(),
            "orphanDependents" => self.delete["orphanDependents"] = truth(value).into(),
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        let refuse = |text: &str| Err(Refusal::bad_request(text));
        match self.send_initial_events {
            Some(_) if !self.watch => {
                refuse("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list")
            }
            Some(_) if self.version_match != Some(VersionMatch::NotOlderThan) => refuse(
                "resourceVersionMatch: Forbidden: sendInitialEvents requires setting \
                 resourceVersionMatch to NotOlderThan",
            ),
            None if self.watch && self.version_match.is_some() => refuse(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch \
                 unless sendInitialEvents is provided",
            ),
            _ if !self.watch && self.version_match.is_some() && self.version.is_none() => refuse(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless \
                 resourceVersion is provided",
            ),
            _ if self.version_match == Some(VersionMatch::Exact) && self.version == Some(0) => refuse(
                "resourceVersionMatch: Forbidden: resourceVersionMatch \"Exact\" is forbidden \
                     for resourceVersion \"0\"",
            ),
            _ => Ok(()),
        }
    }
}

fn positive(name: &str, value: &str) -> Result<Option<usize>, Refusal> {
    match value.parse::<i64>() {
        Ok(number) => Ok(usize::try_from(number).ok().filter(|number| 0 < *number)),
        Err(_) if value.is_empty() => Ok(None),
        Err(_) => Err(Refusal::bad_request(format!("{name}: Invalid value: {value:?}"))),
    }
}

/// Go's rule for query booleans: present without a value is true.
fn truth(value: &str) -> bool {
    !matches!(value, "false" | "0" | "f" | "F" | "False" | "FALSE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> [String; 6] {
        let found = Target::parse(path).unwrap();
        [found.group, found.version, found.namespace, found.plural, found.name, found.subresource]
    }

    #[test]
    fn each_path_names_one_thing() {
        for (path, want) in [
            ("/api/v1/pods", ["", "v1", "", "pods", "", ""]),
            ("/api/v1/namespaces", ["", "v1", "", "namespaces", "", ""]),
            ("/api/v1/namespaces/a", ["", "v1", "", "namespaces", "a", ""]),
            ("/api/v1/namespaces/a/finalize", ["", "v1", "", "namespaces", "a", "finalize"]),
            ("/api/v1/namespaces/a/pods", ["", "v1", "a", "pods", "", ""]),
            ("/api/v1/namespaces/a/pods/b/log", ["", "v1", "a", "pods", "b", "log"]),
            (
                "/apis/apps/v1/namespaces/a/deployments/d/scale",
                ["apps", "v1", "a", "deployments", "d", "scale"],
            ),
            ("/apis/x.io/v1/things/n%3Aa", ["x.io", "v1", "", "things", "n:a", ""]),
        ] {
            assert_eq!(target(path), want, "{path}");
        }
        assert_eq!(Target::parse("/apis/apps/v1"), None);
        assert_eq!(Target::parse("/version"), None);
    }

    #[test]
    fn a_version_match_without_a_version_is_refused() {
        assert!(Query::parse("resourceVersionMatch=Exact").is_err());
        assert!(Query::parse("watch=1&sendInitialEvents=true").is_err());
        let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        assert!(Query::parse(query).is_ok());
    }
}
