//! What the current step asks of the new version: a share, or a number of pods.

/// What the new version should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// So many pods, whatever the traffic.
    Replicas(u32),
    /// Enough pods for this share.
    Weight(u32),
}

/// The parts of a step that scale something. One step may carry both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// `setWeight`.
    pub weight: Option<u32>,
    /// `setCanaryScale`.
    pub scale: Option<CanaryScale>,
}

/// `setCanaryScale`: pods that do not follow the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CanaryScale {
    /// So many pods; wins over the others.
    pub replicas: Option<u32>,
    /// Pods for this share.
    pub weight: Option<u32>,
    /// Follow the traffic again; wins over all.
    pub match_traffic: bool,
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts about an update, no state machine")]
pub struct Course<'a> {
    /// The weight that stands for all traffic.
    pub max_weight: u32,
    /// All steps.
    pub steps: &'a [Step],
    /// The current step; the number of steps once all are done; none when there are no steps.
    pub index: Option<u32>,
    /// The new version goes straight to everything: full promotion was asked for, nothing is stable yet, or the new
    /// version is the stable one.
    pub straight: bool,
    /// The update was aborted.
    pub aborted: bool,
    /// A router holds the weight; without one, `setCanaryScale` has no meaning.
    pub routed: bool,
    /// `setCanaryScale` still holds after an abort: `abortScaleDownDelaySeconds: 0`.
    pub scale_survives_abort: bool,
}

/// The weight or the number of pods for the new version.
///
/// For an aborted update with a dynamic stable version the caller uses [`super::Fallback`] in place of a weight.
#[must_use]
pub fn target(course: &Course<'_>) -> Target {
    if course.straight {
        return Target::Weight(course.max_weight);
    }
    match scale(course) {
        Some(CanaryScale { replicas: Some(replicas), .. }) => Target::Replicas(replicas),
        Some(CanaryScale { weight: Some(weight), .. }) => Target::Weight(weight),
        _ => Target::Weight(weight(course)),
    }
}

/// The share that the steps up to the current one have set: 0 after an abort or before the first `setWeight`,
/// everything once all steps are done.
#[must_use]
pub fn weight(course: &Course<'_>) -> u32 {
    if course.aborted {
        return 0;
    }
    let Some(reached) = reached(course) else {
        return course.max_weight;
    };
    reached.iter().rev().find_map(|step| step.weight).unwrap_or(0)
}

/// The `setCanaryScale` in force: the nearest one at or before the current step.
fn scale(course: &Course<'_>) -> Option<CanaryScale> {
    if !course.routed || (course.aborted && !course.scale_survives_abort) {
        return None;
    }
    let nearest = reached(course)?.iter().rev().find_map(|step| step.scale)?;
    (!nearest.match_traffic).then_some(nearest)
}

/// The steps up to and with the current one; none when there is no current step.
fn reached<'a>(course: &Course<'a>) -> Option<&'a [Step]> {
    course.steps.get(..=usize::try_from(course.index?).ok()?)
}
