//! `Canary.spec.analysis`: steps, thresholds, metrics, web hooks, alerts, cookies.

use serin_lang::duration::GoDuration;

use super::{url, word};
use crate::{
    flagger::{
        Canary, CanaryAnalysis, CanaryMetric, CanaryWebhook, HookKind, INTERVAL_MIN, Provider, SUCCESS_RATE,
        SameSite, Severity, Strategy, WHOLE,
    },
    validate::field::Errors,
};

const PATH: &str = "spec.analysis";
/// Tries beyond this many hold one look for hours: the pauses between them grow to half a minute.
const RETRIES_MAX: i32 = 100;

/// Metrics, or web hooks, of one Canary: all of them are asked one after the other within one look.
pub const ASKED_MAX: usize = 100;

/// How often something is tried again.
pub(super) fn count(path: &str, retries: Option<i32>, errors: &mut Errors) {
    if let Some(retries) = retries.filter(|retries| !(0..=RETRIES_MAX).contains(retries)) {
        errors.invalid(path, retries, format!("must be between 0 and {RETRIES_MAX}"));
    }
}

pub(super) fn check(canary: &Canary, provider: Provider, errors: &mut Errors) {
    let Some(analysis) = &canary.spec.analysis else {
        // The definition asks for it also where it is skipped.
        errors.required(
            PATH,
            "say how a new version is judged: interval, threshold and stepWeight or iterations",
        );
        return;
    };
    if GoDuration::parse(&analysis.interval).is_ok_and(|interval| interval <= GoDuration::default()) {
        let detail = "must be longer than 0, such as 1m; shorter than 10s means 10s";
        errors.invalid(format!("{PATH}.interval"), analysis.interval.as_str(), detail);
    }
    numbers(analysis, errors);
    // Where the analysis is skipped, there are no steps.
    if !canary.spec.skip_analysis {
        steps(analysis, provider, errors);
        mirror(analysis, provider, errors);
    }
    for (field, count) in [("metrics", analysis.metrics.len()), ("webhooks", analysis.webhooks.len())] {
        if ASKED_MAX < count {
            let detail = format!("must not be more than {ASKED_MAX}: one look asks all of them");
            errors.invalid(format!("{PATH}.{field}"), count, detail);
        }
    }
    metrics(analysis, errors);
    for (index, hook) in analysis.webhooks.iter().enumerate() {
        self::hook(hook, &format!("{PATH}.webhooks[{index}]"), errors);
    }
    for (index, alert) in analysis.alerts.iter().enumerate() {
        let path = format!("{PATH}.alerts[{index}]");
        word(&format!("{path}.severity"), &alert.severity, Severity::ALL, Severity::as_str, errors);
        if alert.provider_ref.name.is_empty() {
            errors.required(format!("{path}.providerRef.name"), "name the AlertProvider");
        }
    }
    cookies(analysis, errors);
}

/// Counts that cannot be below nothing, and percentages.
fn numbers(analysis: &CanaryAnalysis, errors: &mut Errors) {
    for (field, number) in [
        ("threshold", analysis.threshold),
        ("iterations", analysis.iterations),
        ("stepWeight", analysis.step_weight),
        ("stepWeightPromotion", analysis.step_weight_promotion),
    ] {
        errors.not_negative(format!("{PATH}.{field}"), number.unwrap_or(0));
    }
    for (field, number) in [
        ("maxWeight", analysis.max_weight),
        ("mirrorWeight", analysis.mirror_weight),
        ("primaryReadyThreshold", analysis.primary_ready_threshold),
        ("canaryReadyThreshold", analysis.canary_ready_threshold),
    ] {
        if let Some(number) = number.filter(|number| !(0..=WHOLE).contains(number)) {
            errors.invalid(format!("{PATH}.{field}"), number, "must be between 0 and 100");
        }
    }
}

/// Whether there is a way from 0 to the end.
fn steps(analysis: &CanaryAnalysis, provider: Provider, errors: &mut Errors) {
    let weights = &analysis.step_weights;
    let path = |index: usize| format!("{PATH}.stepWeights[{index}]");
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight < 1) {
        errors.invalid(path(index), *weight, "must be greater than 0");
    }
    for (index, pair) in weights.windows(2).enumerate().filter(|(_, pair)| pair[1] <= pair[0]) {
        let detail = format!("must be greater than the weight before it, {}", pair[0]);
        errors.invalid(path(index + 1), pair[1], detail);
    }
    // Services alone route nothing by weight: there Flagger counts checks, ten if nothing is said.
    let weighted = analysis.strategy() == Strategy::Canary && provider != Provider::Kubernetes;
    if weighted && analysis.step_weight() == 0 && weights.is_empty() {
        let detail = "the weight would never grow: set stepWeight above 0, or stepWeights, or iterations";
        errors.invalid(format!("{PATH}.stepWeight"), 0, detail);
    }
}

/// Of weighted canaries Istio alone copies requests before the first step; Flagger waits for other providers to do it.
/// Services alone have no weights, and blue-green passes the copying over where there is none.
fn mirror(analysis: &CanaryAnalysis, provider: Provider, errors: &mut Errors) {
    let weighted = analysis.strategy() == Strategy::Canary;
    if analysis.mirror && weighted && !matches!(provider, Provider::Istio | Provider::Kubernetes) {
        let detail = format!("provider {provider} cannot copy requests before the first step: remove it");
        errors.forbidden(format!("{PATH}.mirror"), detail);
    }
}

fn metrics(analysis: &CanaryAnalysis, errors: &mut Errors) {
    for (index, metric) in analysis.metrics.iter().enumerate() {
        let path = format!("{PATH}.metrics[{index}]");
        if metric.name.is_empty() {
            errors.required(format!("{path}.name"), "name the metric");
        }
        if metric.template_ref.as_ref().is_some_and(|template| template.name.is_empty()) {
            errors.required(format!("{path}.templateRef.name"), "name the MetricTemplate");
        }
        let Some(range) = &metric.threshold_range else { continue };
        if let (Some(min), Some(max)) = (range.min, range.max)
            && max < min
        {
            errors.invalid(
                format!("{path}.thresholdRange.max"),
                max,
                "must not be below min: no value would pass",
            );
        }
    }
}

fn hook(hook: &CanaryWebhook, path: &str, errors: &mut Errors) {
    if hook.name.is_empty() {
        errors.required(format!("{path}.name"), "name the web hook");
    }
    word(&format!("{path}.type"), &hook.kind, HookKind::ALL, HookKind::as_str, errors);
    url(&format!("{path}.url"), &hook.url, errors);
    match hook.timeout() {
        Ok(timeout) if timeout <= GoDuration::default() => {
            errors.invalid(format!("{path}.timeout"), hook.timeout.as_str(), "must be longer than 0");
        }
        Ok(_) => {}
        Err(error) => errors.invalid(format!("{path}.timeout"), hook.timeout.as_str(), error.to_string()),
    }
    count(&format!("{path}.retries"), hook.retries, errors);
}

fn cookies(analysis: &CanaryAnalysis, errors: &mut Errors) {
    let Some(affinity) = &analysis.session_affinity else { return };
    let path = format!("{PATH}.sessionAffinity");
    if affinity.cookie_name.is_empty() {
        errors.required(format!("{path}.cookieName"), "name the cookie");
    } else if affinity.cookie_name == affinity.primary_cookie_name {
        let detail = "must differ from cookieName: one cookie cannot lead to two versions";
        errors.invalid(format!("{path}.primaryCookieName"), affinity.primary_cookie_name.as_str(), detail);
    }
    errors.not_negative(format!("{path}.maxAge"), affinity.max_age());
    word(&format!("{path}.sameSite"), &affinity.same_site, SameSite::ALL, SameSite::as_str, errors);
}

/// Whether no value is bad. In the older form nothing is 0, which each rate of success reaches.
fn is_unlimited(metric: &CanaryMetric) -> bool {
    match &metric.threshold_range {
        Some(range) => range.min.is_none() && range.max.is_none(),
        None => metric.name == SUCCESS_RATE && metric.threshold.unwrap_or(0.0) <= 0.0,
    }
}

pub(super) fn doubts(canary: &Canary, provider: Provider, errors: &mut Errors) {
    let Some(analysis) = &canary.spec.analysis else { return };
    let path = |field: &str| format!("{PATH}.{field}");
    match GoDuration::parse(&analysis.interval) {
        Ok(interval) if interval < INTERVAL_MIN => {
            errors.invalid(path("interval"), analysis.interval.as_str(), "is taken for 10s");
        }
        Ok(_) => {}
        Err(error) => {
            errors.invalid(
                path("interval"),
                analysis.interval.as_str(),
                format!("is taken for 60s: {error}"),
            );
        }
    }
    if let Some(weight) = analysis.step_weights.iter().find(|weight| WHOLE < **weight) {
        errors.invalid(path("stepWeights"), *weight, "is taken for 100");
    }
    if analysis.threshold == Some(0) {
        errors.invalid(path("threshold"), 0, "is taken for 1");
    }
    if 0 < analysis.step_weight() && !analysis.step_weights.is_empty() {
        let detail = "stepWeight is what counts; the last of the list is taken for maxWeight";
        errors.invalid(path("stepWeights"), analysis.step_weights.clone(), detail);
    }
    for (index, metric) in analysis.metrics.iter().enumerate() {
        if let Err(error) = GoDuration::parse(metric.interval()) {
            errors.invalid(path(&format!("metrics[{index}].interval")), metric.interval(), error.to_string());
        }
        if !canary.spec.skip_analysis && is_unlimited(metric) {
            let detail = "without min and max all that is measured passes: set one of them";
            errors.required(path(&format!("metrics[{index}].thresholdRange")), detail);
        }
    }
    let has_second = analysis.session_affinity.as_ref().is_some_and(|it| !it.primary_cookie_name.is_empty());
    if provider == Provider::GatewayApiV1Beta1 && has_second {
        let detail = format!("provider {provider} has one cookie: it is not looked at");
        errors.forbidden(path("sessionAffinity.primaryCookieName"), detail);
    }
}
