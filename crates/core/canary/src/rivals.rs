//! Two Canaries that want the same object.
//!
//! Property: an object has one Canary, the one that made it. Any other says whose it is and which field to change, touches
//! nothing, and runs when the first one is gone.
//!
//! Reason: Flagger lets both work. One takes the target's pods away while the other sends users to them, and Services and
//! routes go back and forth at each look.
//!
//! Mechanics: what a Canary makes it controls by owner reference, so that an object tells whose it is, also after a restart
//! or a change of controllers; making it is the claim, and of two that are made at once the API takes one.

use serin_api::kinds;
use serin_kernel::{Interest, Key, Kind, Meta, Object, Observed};
use serin_traffic::{Provider, front::Selector};

use crate::{
    desk::Desk,
    front,
    objects::{SERVICE, TARGET, claims, is_canary},
};

/// Something that another Canary has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The field that names it.
    field: &'static str,
    kind: Kind,
    name: String,
    /// Whose it is.
    by: String,
}

impl Taken {
    /// Whether it is the target itself, or its primary.
    pub(crate) fn is_target(&self) -> bool {
        self.field == TARGET
    }

    /// What is to be done about it.
    pub(crate) fn text(&self) -> String {
        let Self { field, kind, name, by } = self;
        format!(
            "{field}: {} {name} belongs to the Canary {by:?}: name another one here, or delete one of the two \
             Canaries",
            kind.kind
        )
    }
}

/// The Canary that controls an object, if it is another one; one of the same name was here before and is gone.
fn other<'a>(meta: &'a Meta, own: &Meta) -> Option<&'a serin_kernel::Owner> {
    let controls = |owner: &&serin_kernel::Owner| owner.controller && is_canary(owner);
    let owner = meta.owner_references.iter().find(controls)?;
    (owner.uid != own.uid && owner.name != own.name).then_some(owner)
}

fn key_of(owner: &serin_kernel::Owner, own: &Meta) -> Key {
    kinds::CANARY.key(own.namespace.clone(), owner.name.clone())
}

/// The Canaries that control anything that is seen: whether they are still there decides.
pub(crate) fn interests(observed: &Observed) -> impl Iterator<Item = Interest> {
    let own = observed.object.meta();
    observed.related().filter_map(|object| Some(Interest::Named(key_of(other(object.meta(), own)?, own))))
}

/// What another Canary has of what this one needs.
pub(crate) fn taken(desk: &Desk<'_>) -> Option<Taken> {
    let (observed, own) = (desk.observed, desk.observed.object.meta());
    let holder = |object: &Object| {
        let owner = other(object.meta(), own)?;
        let canary = observed.get(&key_of(owner, own))?;
        (canary.meta().uid == owner.uid).then(|| owner.name.clone())
    };
    if !observed.related().any(|object| holder(object).is_some()) {
        return None;
    }
    let front = front::front(desk.canary, own, desk.settings, Selector::default());
    let provider = front::provider(desk.provider());
    let field = match provider {
        Provider::Nginx | Provider::Skipper => "spec.ingressRef.name",
        Provider::Apisix => "spec.routeRef.name",
        _ => SERVICE,
    };
    let routes = provider.keys(&front).into_iter().map(|key| (key, field));
    claims(desk.canary).into_iter().chain(routes).find_map(|(key, field)| {
        let by = holder(observed.get(&key)?)?;
        Some(Taken { field, kind: key.kind, name: key.name, by })
    })
}
