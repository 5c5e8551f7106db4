//! What a person's tools see of a Canary: the objects around it, the split that is live, and the revision of its target.
//!
//! Property: no configuration and no Secret is looked at, so that whoever may see workloads and routes may use it.

use serin_api::{
    flagger::{self, Canary, CanaryAnalysis, PRIMARY_SUFFIX, Strategy},
    lenient,
};
use serin_kernel::{Key, Object, Observed};
use serin_traffic::{Provider, Split, front::Selector};

use crate::{
    front, objects,
    settings::{Environment, Settings},
    status, strategy, variant,
};

/// The target, its primary and the three Services.
#[must_use]
pub fn objects(canary: &Canary) -> Vec<Key> {
    let namespace = &canary.metadata.namespace;
    let services =
        [canary.apex_name().to_owned(), canary.primary_service_name(), canary.canary_service_name()];
    let workloads = [canary.spec.target_ref.name.clone(), canary.primary_name()];
    let kind = objects::Shape::of(&canary.spec.target_ref).map(objects::Shape::kind);
    let mut keys: Vec<Key> = Vec::new();
    for key in kind.iter().flat_map(|kind| workloads.iter().map(|name| kind.key(namespace.clone(), name))) {
        keys.push(key);
    }
    for name in services {
        let key = serin_api::kinds::SERVICE.key(namespace.clone(), name);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The objects of the router.
#[must_use]
pub fn routes(object: &Object, settings: &Settings) -> Vec<Key> {
    let canary = lenient::<Canary>(object.value()).value;
    let front = front::front(&canary, object.meta(), settings, Selector::default());
    front::provider(canary.spec.provider(&settings.mesh_provider)).keys(&front)
}

/// How the router's objects split the traffic; without a router, where the Service leads.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn live(observed: &Observed, settings: &Settings) -> Result<Split, String> {
    let canary = lenient::<Canary>(observed.object.value()).value;
    let front = front::front(&canary, observed.object.meta(), settings, Selector::default());
    let provider = front::provider(canary.spec.provider(&settings.mesh_provider));
    if provider == Provider::Kubernetes {
        return served(&canary, observed);
    }
    let keys = provider.keys(&front);
    if !keys.is_empty() && !keys.iter().any(|key| observed.get(key).is_some()) {
        return Err("there are no routes yet".to_owned());
    }
    provider.routes(&front, observed).map_err(|error| error.to_string())
}

/// The strategy that is run where `provider` routes the traffic, and how many iterations it has.
#[must_use]
pub fn course(analysis: &CanaryAnalysis, provider: &str) -> (Strategy, i32) {
    strategy::course(analysis, flagger::Provider::of(provider) == flagger::Provider::Kubernetes)
}

/// The variants of the analysis that the Canary names.
#[must_use]
pub fn variants(object: &Object) -> Vec<Key> {
    variant::named(object.meta()).collect()
}

/// The analysis that its controller has chosen among the `variants`, which its status names; none where there is no choice, or
/// none was made.
///
/// # Errors
/// It cannot be told what it is, as the variant is not there or does not fit.
#[must_use]
pub fn analysis(observed: &Observed) -> Option<Result<CanaryAnalysis, String>> {
    let mut canary = lenient::<Canary>(observed.object.value()).value;
    let chosen = canary.status.conditions.iter().find(|condition| condition.kind == status::VARIANT)?;
    let (environment, _) = chosen.message.split_once(": ")?;
    if environment == variant::AS_IT_IS {
        return None;
    }
    let environment = Environment::Named(environment.to_owned());
    let settings = Settings { environment, ..Settings::default() };
    let laid = variant::lay_over(&mut canary, observed, &settings);
    Some(laid.map(|_| canary.spec.analysis.unwrap_or_default()))
}

/// Which version the Service leads to: it knows nothing between all and none.
fn served(canary: &Canary, observed: &Observed) -> Result<Split, String> {
    let namespace = &canary.metadata.namespace;
    let service = observed.get(&serin_api::kinds::SERVICE.key(namespace.clone(), canary.apex_name()));
    let service = service.ok_or_else(|| "the Service is not there".to_owned())?.value();
    let selector = service.pointer("/spec/selector").and_then(serde_json::Value::as_object);
    let values = selector.into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let is_primary = values.into_iter().any(|value| value.ends_with(PRIMARY_SUFFIX));
    Ok(if is_primary { Split::PRIMARY } else { Split::new(0, 100) })
}

/// The revision that the target is at; none when it is not there.
#[must_use]
pub fn revision(observed: &Observed) -> Option<String> {
    let canary = lenient::<Canary>(observed.object.value()).value;
    let labels = objects::ObjectSettings::default();
    objects::Target::revision_of(observed, &canary, &labels)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_api::kinds;
    use serin_kernel::Object;

    use super::*;

    #[test]
    fn without_a_router_users_are_where_the_service_leads_however_far_the_run_is() {
        let canary = json!({
            "metadata": {"name": "web", "namespace": "n"},
            "spec": {"provider": "kubernetes", "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
            "status": {"phase": "Progressing", "iterations": 3},
        });
        for (selector, expected) in [
            (Some("web-primary"), Ok(Split::PRIMARY)),
            (Some("web"), Ok(Split::new(0, 100))),
            (None, Err("the Service is not there".to_owned())),
        ] {
            let service = selector.map(|app| {
                let service = json!({"metadata": {"name": "web", "namespace": "n"}, "spec": {"selector": {"app": app}}});
                Object::new(kinds::SERVICE, &service).unwrap()
            });
            let observed = Observed::new(Object::new(kinds::CANARY, &canary).unwrap(), service);
            assert_eq!(live(&observed, &Settings::default()), expected, "{selector:?}");
        }
    }
}
