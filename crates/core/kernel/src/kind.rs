//! Which kind an object is of, and which object of that kind is meant.

use std::fmt;

/// A Kubernetes kind, as its API path needs it. All parts are known at compile time: planners name kinds, users do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version, such as `v1`.
    pub version: &'static str,
    /// Kind in CamelCase, such as `ReplicaSet`.
    pub kind: &'static str,
    /// Resource name in the API path, such as `replicasets`.
    pub plural: &'static str,
    /// Whether objects of this kind live in a namespace.
    pub namespaced: bool,
}

impl Kind {
    /// A kind whose objects live in a namespace.
    #[must_use]
    pub const fn namespaced(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self { group, version, kind, plural, namespaced: true }
    }

    /// A kind whose objects belong to the whole cluster.
    #[must_use]
    pub const fn cluster(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self { group, version, kind, plural, namespaced: false }
    }

    /// `group/version`, or the version alone in the core group: the `apiVersion` of an object.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The key of one object of this kind.
    #[must_use]
    pub fn key(self, namespace: impl Into<String>, name: impl Into<String>) -> Key {
        Key { kind: self, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(self.plural)
        } else {
            write!(f, "{}.{}", self.plural, self.group)
        }
    }
}

/// One object, by kind, namespace (empty for cluster-wide kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The object's kind.
    pub kind: Kind,
    /// Its namespace; empty when the kind is cluster-wide.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn the_core_group_has_a_bare_version() {
        let service = Kind::namespaced("", "v1", "Service", "services");
        let rollout = Kind::namespaced("argoproj.io", "v1alpha1", "Rollout", "rollouts");
        assert_eq!(service.api_version(), "v1");
        assert_eq!(rollout.api_version(), "argoproj.io/v1alpha1");
        assert_eq!(rollout.key("ns", "demo").to_string(), "rollouts.argoproj.io ns/demo");
    }
}
