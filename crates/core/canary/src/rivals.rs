//! Two Canaries that want the same object.
//!
//! Property: an object has one Canary, the one that made it; and a target for which nothing is made yet has the one that has
//! begun, or else the elder, or else the first by name, in whatever order they are seen. Any other says whose it is and which
//! field to change, touches nothing, and runs when the first one is gone.
//!
//! Reason: Flagger lets both work. One takes the target's pods away while the other sends users to them, and Services and
//! routes go back and forth at each look.
//!
//! Mechanics: what a Canary makes it controls by owner reference, so that an object tells whose it is, also after a restart
//! or a change of controllers; making it is the claim. Where nothing is made yet, all Canaries that name a target are seen, and
//! each comes to the same order of them. The API tells ages by the second: a new one waits for that second to pass, so that
//! none begins before its elder is in sight ([`crate::memory::Memory::arriving`]).
//! A Knative Service has nothing made for it ever, so that there this order decides at each look.

use serin_api::{
    flagger::{Canary, CanaryPhase, CanaryStatus},
    kinds, lenient,
};
use serin_kernel::{Interest, Key, Kind, Meta, Object, Observed};
use serin_traffic::{Provider, front::Selector};

use crate::{
    desk::Desk,
    front,
    objects::{SERVICE, Shape, TARGET, claims, is_canary},
    status,
};

/// Where a Canary names its target.
const TARGET_NAME: &[&str] = &["spec", "targetRef", "name"];

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

/// The other Canaries that name the target of `canary`.
pub(crate) fn of_target(canary: &Canary) -> Interest {
    let (namespace, value) = (canary.metadata.namespace.clone(), canary.spec.target_ref.name.clone());
    Interest::Naming { kind: kinds::CANARY, namespace, field: TARGET_NAME, value }
}

/// What another Canary has of what this one needs.
pub(crate) fn taken(desk: &Desk<'_>) -> Option<Taken> {
    // In this order, because it is said once: what is named stays so while more and more of it is made.
    named(desk).or_else(|| made(desk))
}

/// What another Canary has named before this one, which has nothing there. One that is kept from its first look stands in
/// nobody's way.
fn named(desk: &Desk<'_>) -> Option<Taken> {
    let (canary, own) = (desk.canary, desk.observed.object.meta());
    let target = &canary.spec.target_ref;
    let shape = Shape::of(target)?;
    let is_own = |key: &Key| desk.observed.get(key).is_some_and(|it| it.meta().is_controlled_by(&own.uid));
    if claims(canary).iter().any(|(key, field)| *field == TARGET && is_own(key)) {
        return None;
    }
    let order = |meta: &Meta, has_begun: bool| (!has_begun, meta.creation_timestamp, meta.name.clone());
    let others = desk.observed.all(kinds::CANARY).filter_map(|object| {
        let (meta, other) = (object.meta(), lenient::<Canary>(object.value()).value);
        let is_rival = meta.uid != own.uid
            && meta.namespace == own.namespace
            && Shape::of(&other.spec.target_ref) == Some(shape)
            && other.spec.target_ref.name == target.name;
        let has_begun = has_begun(&other.status);
        let is_refused = other.status.conditions.iter().any(|condition| condition.kind == status::INVALID);
        let is_kept = meta.deletion_timestamp.is_some() || other.spec.suspend || is_refused;
        (is_rival && (has_begun || !is_kept)).then(|| order(meta, has_begun))
    });
    let own = order(own, has_begun(&canary.status));
    let (.., by) = others.min().filter(|first| *first < own)?;
    Some(Taken { field: TARGET, kind: shape.kind(), name: target.name.clone(), by })
}

/// Whether a Canary has had a first look, and has not been refused since it was made.
fn has_begun(status: &CanaryStatus) -> bool {
    status.phase == Some(CanaryPhase::Initializing) || !status.last_applied_spec.is_empty()
}

/// What another Canary has made of what this one needs.
fn made(desk: &Desk<'_>) -> Option<Taken> {
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
