//! What users should meet, in the words of no router.

use serin_kernel::{Object, Weight};

/// A split of traffic between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent<'a> {
    /// On whose behalf: it controls what a router creates, and events are about it.
    pub owner: &'a Object,
    /// The version that has proved itself.
    pub stable: Arm<'a>,
    /// The version under trial.
    pub canary: Arm<'a>,
}

/// One version's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm<'a> {
    /// The Service in front of its pods.
    pub service: &'a str,
    /// Its share, out of the sum of all arms.
    pub weight: Weight,
}

impl<'a> Intent<'a> {
    /// `weight` out of `whole` for the canary, the rest for the stable version.
    #[must_use]
    pub fn split(owner: &'a Object, services: (&'a str, &'a str), weight: Weight, whole: Weight) -> Self {
        let (stable, canary) = services;
        Self {
            owner,
            stable: Arm { service: stable, weight: weight.rest_of(whole) },
            canary: Arm { service: canary, weight },
        }
    }
}
