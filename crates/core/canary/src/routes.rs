//! The road to the two versions: keeping it, reading it, and splitting it anew.

use serin_traffic::{
    Front, Mirroring, Provider, Split,
    front::{Letters, Selector},
};

use crate::{
    desk::{Desk, Halt},
    front,
    letters::letters,
    objects::Target,
};

/// The router's objects of one Canary.
pub(crate) struct Routes {
    front: Front,
    provider: Provider,
}

impl Routes {
    /// The road to `target`.
    pub(crate) fn new(desk: &Desk<'_>, target: &Target<'_>) -> Self {
        let meta = desk.observed.object.meta();
        let selector = Selector { key: target.label().to_owned(), value: target.label_value().to_owned() };
        let front = front::front(desk.canary, meta, desk.settings, selector);
        Self { front, provider: front::provider(desk.provider()) }
    }

    /// Whether copies of requests can be sent before the first step of a weighted run.
    pub(crate) fn can_mirror_weighted(&self) -> bool {
        self.provider.capabilities().mirror == Mirroring::Always
    }

    /// Whether copies of requests can be sent at all.
    pub(crate) fn can_mirror(&self) -> bool {
        self.provider.capabilities().mirror != Mirroring::No
    }

    /// Brings the objects into their shape and leaves the split as it is.
    pub(crate) fn reconcile(&self, desk: &mut Desk<'_>) -> Result<(), Halt> {
        match self.provider.reconcile(&self.front, desk.observed) {
            Ok(writes) => desk.write(writes),
            Err(error) => return desk.stop(error.to_string()),
        }
        Ok(())
    }

    /// How the traffic is split now; why that cannot be told otherwise. Objects that are not there yet lead to the primary.
    pub(crate) fn split(&self, desk: &Desk<'_>) -> Result<Split, String> {
        let is_there = |key| desk.observed.get(&key).is_some();
        if !self.provider.keys(&self.front).into_iter().any(is_there) && self.provider != Provider::Kubernetes
        {
            return Ok(Split::PRIMARY);
        }
        self.provider.routes(&self.front, desk.observed).map_err(|error| error.to_string())
    }

    /// Splits the traffic anew; with it users get or lose the cookies that keep them with a version.
    pub(crate) fn set(&self, desk: &mut Desk<'_>, split: Split) -> Result<(), Halt> {
        let mut front = self.front.clone();
        if let Some(affinity) = &mut front.affinity {
            let stickiness = self.provider.capabilities().affinity;
            let (canary, primary) = letters(desk);
            let cookies =
                affinity.with_share(split.canary, stickiness, Letters { canary: &canary, primary: &primary });
            desk.status.session_affinity_cookie.clone_from(&cookies.current);
            desk.status.previous_session_affinity_cookie.clone_from(&cookies.previous);
            desk.status.primary_session_affinity_cookie.clone_from(&cookies.primary);
            affinity.cookies = cookies;
        }
        match self.provider.set(&front, split, desk.observed) {
            Ok(writes) => desk.write(writes),
            Err(error) => return desk.stop(error.to_string()),
        }
        Ok(())
    }

    /// The writes that give back what was adopted.
    pub(crate) fn finalize(&self, desk: &mut Desk<'_>) -> Result<Vec<serin_kernel::Write>, Halt> {
        match self.provider.finalize(&self.front, desk.observed) {
            Ok(writes) => Ok(writes),
            Err(error) => desk.stop(error.to_string()),
        }
    }
}
