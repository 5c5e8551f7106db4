//! What must be seen to look at a Canary.

use serin_api::{
    flagger::{AlertProvider, Canary, MetricTemplate},
    kinds, lenient,
};
use serin_kernel::{Interest, Key, Object, Observed};
use serin_traffic::front::Selector;

use crate::{front, objects, rivals, settings::Settings, variant};

/// What the Canary names itself.
pub(crate) fn interests(object: &Object, settings: &Settings) -> Vec<Interest> {
    let canary = lenient::<Canary>(object.value()).value;
    let mut found = objects::interests(&canary);
    found.push(rivals::of_target(&canary));
    let front = front::front(&canary, object.meta(), settings, Selector::default());
    let provider = front::provider(canary.spec.provider(&settings.mesh_provider));
    found.extend(provider.keys(&front).into_iter().map(Interest::Named));
    let (templates, alerts) = policies(&canary);
    found.extend(templates.into_iter().chain(alerts).map(Interest::Named));
    found.extend(variant::interests(object.meta(), settings));
    found
}

/// What is named by what the Canary names: configuration, secrets, and other Canaries that have it.
pub(crate) fn further(observed: &Observed, settings: &Settings) -> Vec<Interest> {
    let mut canary = lenient::<Canary>(observed.object.value()).value;
    // What does not fit is said when it is planned.
    let is_varied = variant::lay_over(&mut canary, observed, settings).is_ok_and(|chosen| chosen.is_some());
    let mut found = objects::further_interests(observed, &canary, &settings.objects);
    let (templates, alerts) = policies(&canary);
    if is_varied {
        found.extend(templates.iter().chain(&alerts).cloned().map(Interest::Named));
    }
    let of_templates = templates.iter().filter_map(|key| {
        let spec = lenient::<MetricTemplate>(observed.get(key)?.value()).value.spec;
        Some((key.namespace.clone(), spec.provider.secret_ref?.name))
    });
    let of_alerts = alerts.iter().filter_map(|key| {
        let spec = lenient::<AlertProvider>(observed.get(key)?.value()).value.spec;
        Some((key.namespace.clone(), spec.secret_ref?.name))
    });
    let secrets = of_templates.chain(of_alerts).map(|(namespace, name)| kinds::SECRET.key(namespace, name));
    found.extend(secrets.map(Interest::Named));
    found.extend(rivals::interests(observed));
    found
}

/// The templates and the chats that a Canary names.
fn policies(canary: &Canary) -> (Vec<Key>, Vec<Key>) {
    let Some(analysis) = canary.spec.analysis.as_ref() else { return Default::default() };
    let own = &canary.metadata.namespace;
    let templates = analysis.metrics.iter().filter_map(|metric| metric.template_ref.as_ref());
    let alerts = analysis.alerts.iter().map(|alert| &alert.provider_ref);
    (
        templates
            .map(|it| kinds::METRIC_TEMPLATE.key(it.namespace(own).to_owned(), it.name.clone()))
            .collect(),
        alerts.map(|it| kinds::ALERT_PROVIDER.key(it.namespace(own).to_owned(), it.name.clone())).collect(),
    )
}
