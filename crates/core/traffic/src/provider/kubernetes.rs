//! Kubernetes alone: nothing but the Services stands before the versions. The proven version gets everything, and how far a
//! trial is can only be told from its record.

use serin_kernel::{Key, Observed};

use super::Route;
use crate::{Error, Front, Split, Wanted};

/// Kubernetes alone.
pub(crate) struct Kubernetes;

impl Route for Kubernetes {
    fn keys(&self, _front: &Front) -> Vec<Key> {
        Vec::new()
    }

    fn wanted(&self, _front: &Front, _split: Split, _observed: &Observed) -> Result<Vec<Wanted>, Error> {
        Ok(Vec::new())
    }

    fn read(&self, front: &Front, _observed: &Observed) -> Result<Split, Error> {
        Ok(if front.iterated { Split::new(0, 100) } else { Split::PRIMARY })
    }
}
