//! One Canary, several analyses: the variant of this environment laid over `spec.analysis`.
//!
//! Property: the analysis that runs is the one that the environment's variant makes, or none: what cannot be read, is not
//! there or does not fit refuses the Canary and names the place. Without the annotation nothing of this is looked at, and
//! Flagger looks at none of it ever.
//!
//! Mechanics: the Canary says in [`VARIANTS`] which `AnalysisVariant` each environment has; the label [`CHOICE`] of its
//! namespace, or the controller's flag, says which environment this is. It is worked out anew at each look, so that a change
//! in mid-run is what an edit of `spec.analysis` is.

use std::collections::BTreeMap;

use serin_api::{
    flagger::{AnalysisVariant, AnalysisVariantSpec, Canary},
    kinds, lenient,
};
use serin_kernel::{Interest, Key, Meta, Observed};

use crate::settings::{Environment, Settings};

/// The annotation of a Canary: `development=acceptance-only, production=`. An empty name is `spec.analysis` as it is.
pub(crate) const VARIANTS: &str = "serin.dev/analysis-variants";
/// The label of a namespace that says which environment it is.
pub(crate) const CHOICE: &str = "serin.dev/analysis-variant";
/// What is said of an analysis without a variant.
pub(crate) const AS_IT_IS: &str = "spec.analysis as it is";
/// Environments that one Canary may tell apart. Companies have some ten; the list is one annotation,
/// read at every pass, that a person must be able to read too.
const VARIANTS_MAX: usize = 64;

/// The analysis that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The environment; none where nothing says it.
    environment: Option<String>,
    /// The `AnalysisVariant`; none for `spec.analysis` as it is.
    variant: Option<String>,
    /// Who says which environment this is.
    by: String,
}

impl Chosen {
    /// What the condition says.
    pub(crate) fn condition(&self) -> String {
        match &self.environment {
            Some(environment) => format!("{environment}: {}, by {}", self.analysis(), self.by),
            None => format!("{}: {} says nothing", self.analysis(), self.by),
        }
    }

    /// What is said when a run begins.
    pub(crate) fn news(&self, canary: &str) -> Option<String> {
        let environment = self.environment.as_ref()?;
        Some(format!("Analysis variant {environment} for {canary}: {}", self.analysis()))
    }

    /// What an error of the analysis is said to be of.
    pub(crate) fn blame(&self) -> Option<String> {
        self.variant.as_ref().map(|_| self.analysis())
    }

    fn analysis(&self) -> String {
        self.variant.as_ref().map_or_else(|| AS_IT_IS.to_owned(), |name| format!("AnalysisVariant {name}"))
    }
}

/// Whether a Canary has variants.
pub(crate) fn has_any(meta: &Meta) -> bool {
    meta.annotations.contains_key(VARIANTS)
}

/// What must be seen to choose.
pub(crate) fn interests(meta: &Meta, settings: &Settings) -> Vec<Interest> {
    if !has_any(meta) {
        return Vec::new();
    }
    let namespace = Some(kinds::NAMESPACE.key("", meta.namespace.clone()))
        .filter(|_| settings.environment == Environment::OfNamespace);
    named(meta).chain(namespace).map(Interest::Named).collect()
}

/// The variants that a Canary names.
pub(crate) fn named(meta: &Meta) -> impl Iterator<Item = Key> {
    let text = meta.annotations.get(VARIANTS);
    let named = text.and_then(|text| parse(text).ok()).unwrap_or_default().into_values().flatten();
    named.map(|name| kinds::ANALYSIS_VARIANT.key(meta.namespace.clone(), name))
}

/// Lays the variant of this environment over the Canary's analysis.
///
/// # Errors
/// Why it cannot be told which analysis is meant; the Canary is as it was then.
pub(crate) fn lay_over(
    canary: &mut Canary,
    observed: &Observed,
    settings: &Settings,
) -> Result<Option<Chosen>, String> {
    let meta = observed.object.meta();
    let Some(text) = meta.annotations.get(VARIANTS) else { return Ok(None) };
    let at = format!("metadata.annotations[{VARIANTS}]");
    let variants = parse(text).map_err(|why| format!("{at}: Invalid value: {text:?}: {why}"))?;
    let (environment, by) = environment(observed, settings).map_err(|why| format!("{at}: {why}"))?;
    let Some(environment) = environment else {
        return Ok(Some(Chosen { environment: None, variant: None, by }));
    };
    let Some(variant) = variants.get(&environment) else {
        let known = variants.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "{at}: has no variant for {environment:?}, which {by} says, but for {known}: add {environment}=, for \
             spec.analysis as it is, or correct the label or the flag"
        ));
    };
    if let (Some(name), Some(analysis)) = (variant, canary.spec.analysis.as_ref()) {
        let key = kinds::ANALYSIS_VARIANT.key(meta.namespace.clone(), name.clone());
        let object = observed.get(&key).ok_or_else(|| {
            format!("{at}: AnalysisVariant {name} is not there: create it in namespace {}", meta.namespace)
        })?;
        let read = lenient::<AnalysisVariant>(object.value());
        let of_variant = |what: String| format!("AnalysisVariant {name} {what}");
        if let Some(problem) = read.problems.first() {
            return Err(of_variant(problem.to_string()));
        }
        if let Some(unknown) = read.unknown.iter().find(|path| !path.starts_with("status")) {
            return Err(of_variant(format!(
                "{unknown}: Forbidden: there is no such field: remove or correct it"
            )));
        }
        // Of a field that there is not, the API server keeps nothing.
        if read.value.spec == AnalysisVariantSpec::default() {
            return Err(of_variant(format!(
                "spec: Required value: changes nothing: correct the names of its fields, or write {environment}= for \
                 spec.analysis as it is"
            )));
        }
        let laid = read.value.spec.laid_over(analysis);
        let laid = laid.map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            of_variant(all.join("; "))
        })?;
        canary.spec.analysis = Some(laid);
    }
    Ok(Some(Chosen { environment: Some(environment), variant: variant.clone(), by }))
}

/// Which environment this is, and who says so.
fn environment(observed: &Observed, settings: &Settings) -> Result<(Option<String>, String), String> {
    let namespace = &observed.object.meta().namespace;
    match &settings.environment {
        Environment::Named(name) => Ok((Some(name.clone()), "the flag -analysis-variant".to_owned())),
        Environment::Unknown => {
            Err("this controller serves one namespace and cannot read its label: set -analysis-variant"
                .to_owned())
        }
        Environment::OfNamespace => {
            let object = observed.get(&kinds::NAMESPACE.key("", namespace.clone()));
            let object = object.ok_or_else(|| {
                format!("the namespace {namespace} is not seen, so that its label cannot be read: set -analysis-variant")
            })?;
            let label = object.meta().labels.get(CHOICE).filter(|label| !label.is_empty());
            Ok((label.cloned(), format!("the label {CHOICE} of the namespace")))
        }
    }
}

/// Environments and their variants.
fn parse(text: &str) -> Result<BTreeMap<String, Option<String>>, String> {
    let mut variants = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (environment, name) = entry.split_once('=').ok_or_else(|| {
            format!("{entry:?} must be ENVIRONMENT=NAME, or ENVIRONMENT= for spec.analysis as it is")
        })?;
        let (environment, name) = (environment.trim(), name.trim());
        if environment.is_empty() {
            return Err(format!("{entry:?} must name the environment before the ="));
        }
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        if variants.insert(environment.to_owned(), name).is_some() {
            return Err(format!("{environment:?} is there twice"));
        }
        if VARIANTS_MAX < variants.len() {
            return Err(format!("there may be {VARIANTS_MAX} environments at most"));
        }
    }
    if variants.is_empty() {
        return Err("must name at least one environment, such as staging=plus-load".to_owned());
    }
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_read_and_what_is_none_is_said() {
        let read = |text| {
            parse(text).map(|all| {
                let text = |(environment, name): (String, Option<String>)| {
                    format!("{environment}>{}", name.unwrap_or_default())
                };
                all.into_iter().map(text).collect::<Vec<_>>().join(" ")
            })
        };
        for (text, expected) in [("a=b", "a>b"), (" a = b ,\n c=,", "a>b c>"), ("a=b=c", "a>b=c")] {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("", "must name at least one environment"),
            (" , ", "must name at least one environment"),
            ("a", "\"a\" must be ENVIRONMENT=NAME"),
            ("=b", "\"=b\" must name the environment"),
            ("a=b,a=", "\"a\" is there twice"),
        ] {
            assert!(read(text).unwrap_err().starts_with(expected), "{text}: {:?}", read(text));
        }
        let many: Vec<String> = (0..65).map(|n| format!("e{n}=")).collect();
        assert!(read(&many.join(",")).unwrap_err().contains("64"));
    }
}
