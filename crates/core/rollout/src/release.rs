//! Services that no Rollout manages any more.
//!
//! Property: a Service is let go only when the API itself says that its Rollout is gone or no longer names it; then it
//! selects by the labels that its author gave it.

use serde_json::{Value, json};
use serin_api::{
    kinds,
    names::{annotations, labels},
    rollout::Rollout,
    validate::referenced_services,
};
use serin_kernel::{
    Act, Answer, Answers, Ask, Change, Freeze, Interest, Key, Kind, Moment, Object, Observed, Plan, Planner,
    Question, Write,
};

/// The name of the question for the Rollout.
const ROLLOUT: &str = "rollout";

/// Plans for Services that carry the name of a Rollout.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServicePlanner;

impl Planner for ServicePlanner {
    fn kind(&self) -> Kind {
        kinds::SERVICE
    }

    fn concerns(&self, object: &Object) -> bool {
        object.meta().annotations.contains_key(annotations::MANAGED_BY)
    }

    fn interests(&self, object: &Object) -> Vec<Interest> {
        rollout(object).map(Interest::Named).into_iter().collect()
    }

    fn plan(&self, observed: &Observed, answers: &Answers, _: Moment) -> Plan {
        let service = &observed.object;
        let Some(key) = rollout(service) else { return Plan::Act(Act::default()) };
        let is_needed = |found: Option<&Object>| found.is_some_and(|rollout| names(rollout, service));
        if service.meta().deletion_timestamp.is_some() || is_needed(observed.get(&key)) {
            return Plan::Act(Act::default());
        }
        match answers.get(ROLLOUT) {
            None => Plan::Ask(vec![Ask { id: ROLLOUT.to_owned(), question: Question::Read(key) }]),
            Some(Answer::Object(found)) if !is_needed(found.as_ref()) => {
                let reasons =
                    vec![format!("Service {} is no longer named by its Rollout", service.meta().name)];
                Plan::Act(Act { writes: vec![release(service)], reasons, ..Act::default() })
            }
            Some(_) => Plan::Act(Act::default()),
        }
    }

    fn freeze(&self, _: &Object, _: &Freeze, _: Moment) -> Act {
        Act::default()
    }
}

fn rollout(service: &Object) -> Option<Key> {
    let name = service.meta().annotations.get(annotations::MANAGED_BY)?;
    Some(kinds::ROLLOUT.key(service.meta().namespace.clone(), name.clone()))
}

/// Whether the Rollout names the Service; one that cannot be read in full is taken to.
fn names(rollout: &Object, service: &Object) -> bool {
    let read = serin_api::lenient::<Rollout>(rollout.value());
    let named = referenced_services(&read.value);
    !read.problems.is_empty() || named.iter().any(|reference| reference.name == service.meta().name)
}

fn release(service: &Object) -> Write {
    let patch = json!({
        "metadata": {"annotations": {annotations::MANAGED_BY: Value::Null}},
        "spec": {"selector": {labels::POD_TEMPLATE_HASH: Value::Null}},
    });
    Write::unchanged(service, Change::Merge(patch))
}
