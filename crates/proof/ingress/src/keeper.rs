//! Ingresses, Services and EndpointSlices, kept in the tables of the ingress.

use crate::World;
use crate::pool::{Name, Pools};
use crate::route::{Ingress, Table};
use crate::watch::{Keeper, Names};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is watched.
pub(crate) const KINDS: [Names; 3] =
    [("networking.k8s.io", "v1", "Ingress", "ingresses"), Pools::SERVICES, Pools::SLICES];
const INGRESS: usize = 0;

/// Keeps the tables of a world.
pub(crate) struct Tables {
    world: Arc<World>,
    ingresses: BTreeMap<Name, Ingress>,
}

impl Tables {
    pub(crate) fn of(world: Arc<World>) -> Self {
        Self { world, ingresses: BTreeMap::new() }
    }
}

impl Keeper for Tables {
    fn keep(&mut self, kind: usize, name: &Name, object: Option<&Value>) {
        if kind != INGRESS {
            self.world.tables.write().pools.keep(&KINDS[kind], name, object);
            return;
        }
        match object.and_then(|object| Ingress::read(object, &self.world.class)) {
            Some(ingress) => self.ingresses.insert(name.clone(), ingress),
            None => self.ingresses.remove(name),
        };
    }

    fn settled(&mut self, kind: usize) {
        if kind == INGRESS {
            let tables = &mut self.world.tables.write();
            let built = Table::build(self.ingresses.values(), &tables.routes);
            tables.routes = built;
        }
    }
}
