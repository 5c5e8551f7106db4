//! What the planners of this crate are told once.

use serin_api::names::labels;
use serin_kernel::{Object, Planner};

use crate::{RolloutPlanner, ServicePlanner};

/// Settings of the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Only objects with this value of the label `argo-rollouts.argoproj.io/controller-instance-id` are served; none
    /// serves those without the label.
    pub instance: Option<String>,
}

impl Settings {
    /// Whether `object` belongs to this instance of the controller.
    #[must_use]
    pub fn serves(&self, object: &Object) -> bool {
        object.meta().labels.get(labels::INSTANCE_ID) == self.instance.as_ref()
    }
}

/// All planners of this crate.
#[must_use]
pub fn planners(settings: Settings) -> Vec<Box<dyn Planner>> {
    vec![Box::new(RolloutPlanner::new(settings)), Box::new(ServicePlanner)]
}
