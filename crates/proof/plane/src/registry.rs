//! Which kinds are served: the built-in table, and what `CustomResourceDefinition`s add while the
//! plane runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kinds::KindInfo;
use crate::store::Resource;

/// The served kinds by group, plural and version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    kinds: BTreeMap<(String, String, String), Arc<KindInfo>>,
    order: Vec<(String, String, String)>,
}

impl Registry {
    /// The registry of these kinds.
    #[must_use]
    pub(crate) fn new(kinds: Vec<KindInfo>) -> Registry {
        let mut registry = Registry::default();
        for kind in kinds {
            registry.add(kind);
        }
        registry
    }

    /// Serves a kind, in place of an older one at the same path.
    pub(crate) fn add(&mut self, kind: KindInfo) {
        let key = (kind.group.clone(), kind.plural.clone(), kind.version.clone());
        if self.kinds.insert(key.clone(), Arc::new(kind)).is_none() {
            self.order.push(key);
        }
    }

    /// Serves no version of a resource any longer.
    pub(crate) fn remove(&mut self, resource: &Resource) {
        let gone = |key: &(String, String, String)| key.0 == resource.group && key.1 == resource.plural;
        self.kinds.retain(|key, _| !gone(key));
        self.order.retain(|key| !gone(key));
    }

    /// The kind at a path.
    #[must_use]
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<KindInfo>> {
        self.kinds.get(&(group.to_owned(), plural.to_owned(), version.to_owned())).cloned()
    }

    /// Any served version of a resource, the first that was registered.
    #[must_use]
    pub(crate) fn any_version(&self, resource: &Resource) -> Option<Arc<KindInfo>> {
        let key = self.order.iter().find(|key| key.0 == resource.group && key.1 == resource.plural)?;
        self.kinds.get(key).cloned()
    }

    /// Every kind in the order of registration, which is the order of discovery.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<KindInfo> {
        self.order.iter().filter_map(|key| self.kinds.get(key)).map(|kind| KindInfo::clone(kind)).collect()
    }
}
