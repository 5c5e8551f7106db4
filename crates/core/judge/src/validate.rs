//! Whether a configuration can be saved: Kayenta's checks in its words, all problems at once, each with its place; and what
//! Kayenta finds out only when the judge runs.

use indexmap::{IndexMap, IndexSet};

use crate::config::{CanaryConfig, Metric, Weight};
use crate::evidence::SUM_SLACK;
use crate::options::{self, Options};

/// Something wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON path.
    pub path: String,
    /// What, in Kayenta's words where it has any.
    pub message: String,
    /// Whether Kayenta refuses to save it; otherwise it fails, or counts for nothing, when it is used.
    pub is_refused: bool,
}

/// Everything that is wrong with `config`, in the order in which Kayenta would find it.
#[must_use]
pub fn validate(config: &CanaryConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |path: &str, message: String| {
        problems.push(Problem { path: path.to_owned(), message, is_refused: true });
    };
    let name = config.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        refuse("name", "Canary config must specify a name.".to_owned());
    }
    if config.applications.as_ref().is_none_or(Vec::is_empty) {
        refuse("applications", "Canary config must specify at least one application.".to_owned());
    }
    // Commas are taken too, although the message does not say so: a slip in Kayenta's pattern.
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ',');
    if !name.chars().all(is_allowed) {
        let letters = "Names must contain only letters, numbers, dashes (-) and underscores (_).";
        refuse("name", format!("Canary config cannot be named '{name}'. {letters}"));
    }
    let metrics = config.metrics.as_deref().unwrap_or_default();
    let mut seen: IndexMap<&str, usize> = IndexMap::new();
    for (index, metric) in metrics.iter().enumerate() {
        let path = format!("metrics[{index}].name");
        match metric.name.as_deref() {
            None | Some("") => refuse(&path, "Metric config must specify a name.".to_owned()),
            Some(name) if seen.contains_key(name) => {
                refuse(&path, format!("Metric config name must be unique. '{name}' is duplicated."));
            }
            Some(name) => drop(seen.insert(name, index)),
        }
    }
    for (index, metric) in metrics.iter().enumerate() {
        problems.extend(of_metric(index, metric));
    }
    problems.extend(of_weights(config));
    problems
}

fn of_metric(index: usize, metric: &Metric) -> Vec<Problem> {
    let problem = |path: &str, message: String| Problem {
        path: format!("metrics[{index}].{path}"),
        message,
        is_refused: false,
    };
    let mut problems = Vec::new();
    if metric.groups.is_none() {
        problems
            .push(problem("groups", "is missing, which fails the judge: write [] for no group".to_owned()));
    }
    match Options::of(metric) {
        Err(mistyped) => {
            let message = format!("must be {}, and is {}", mistyped.wanted, mistyped.found);
            problems.push(problem(&mistyped.path, message));
        }
        Ok(options) if options.outlier_factor.is_some_and(|factor| factor.is_nan() || factor <= 0.0) => {
            let path = "analysisConfigurations.canary.outliers.outlierFactor";
            problems.push(problem(path, "must be above 0 to remove outliers, or the judge fails".to_owned()));
        }
        Ok(_) => {}
    }
    problems.extend(options::odd(metric).into_iter().map(|(path, message)| problem(&path, message)));
    problems
}

fn of_weights(config: &CanaryConfig) -> Vec<Problem> {
    let problem = |path: String, message: String| Problem { path, message, is_refused: false };
    let Some(classifier) = &config.classifier else {
        let message = "is missing, which fails the judge: write {} for equal weights".to_owned();
        return vec![problem("classifier".to_owned(), message)];
    };
    let none = IndexMap::new();
    let weights = classifier.group_weights.as_ref().unwrap_or(&none);
    let used: IndexSet<&str> = config
        .metrics
        .iter()
        .flatten()
        .flat_map(|metric| metric.groups.iter().flatten().flatten())
        .map(|g| &**g)
        .collect();
    let mut problems = Vec::new();
    let path = |group: &str| format!("classifier.groupWeights[{group:?}]");
    for (group, weight) in weights {
        if !(0.0..=100.0).contains(&weight.0) {
            problems.push(problem(path(group), format!("must lie between 0 and 100, and is {}", weight.0)));
        }
        if !used.contains(&**group) {
            problems.push(problem(path(group), "no metric is in this group: its weight is lost".to_owned()));
        }
    }
    let bare = used.iter().find(|group| !weights.contains_key(**group));
    problems
        .extend(of_sum(weights, bare).map(|message| problem("classifier.groupWeights".to_owned(), message)));
    problems
}

/// What is wrong with the sum of the weights; `bare` is a group without one, which gets of what is left of 100.
fn of_sum(weights: &IndexMap<String, Weight>, bare: Option<&&str>) -> Option<String> {
    let sum: f64 = weights.values().map(|weight| weight.0).sum();
    if weights.is_empty() {
        return None;
    }
    let is_whole = (sum - 100.0).abs() <= SUM_SLACK;
    match bare {
        None if is_whole => None,
        None if sum < 100.0 => {
            Some(format!("the weights sum to {sum}, not to 100: the score cannot reach 100"))
        }
        None => Some(format!("the weights sum to {sum}, not to 100: the score can exceed 100")),
        Some(bare) if is_whole => Some(format!(
            "nothing is left for group {bare:?}, which has no weight: it cannot change the score"
        )),
        Some(_) if sum < 100.0 => None,
        Some(bare) => Some(format!(
            "the weights sum to {sum}, above 100: group {bare:?}, which has no weight, gets less than none, and what passes \
             in it lowers the score"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<(String, bool)> {
        let config = serde_json::from_str(json).unwrap();
        validate(&config).into_iter().map(|p| (format!("{}: {}", p.path, p.message), p.is_refused)).collect()
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let found = problems(
            r#"{"name": "a b", "metrics": [{"name": "m", "groups": ["g"]}, {"name": "m", "groups": []}, {},
                {"name": "n", "groups": ["g"], "analysisConfigurations": {"canary": {"critical": "yes"}}}],
                "classifier": {"groupWeights": {"g": 60, "ghost": 120}}}"#,
        );
        let wanted = [
            ("applications: Canary config must specify at least one application.", true),
            (
                "name: Canary config cannot be named 'a b'. Names must contain only letters, numbers, dashes (-) and underscores (_).",
                true,
            ),
            ("metrics[1].name: Metric config name must be unique. 'm' is duplicated.", true),
            ("metrics[2].name: Metric config must specify a name.", true),
            ("metrics[2].groups: is missing, which fails the judge: write [] for no group", false),
            (
                "metrics[3].analysisConfigurations.canary.critical: must be true or false, and is \"yes\"",
                false,
            ),
            ("classifier.groupWeights[\"ghost\"]: must lie between 0 and 100, and is 120", false),
            ("classifier.groupWeights[\"ghost\"]: no metric is in this group: its weight is lost", false),
            ("classifier.groupWeights: the weights sum to 180, not to 100: the score can exceed 100", false),
        ];
        let wanted: Vec<(String, bool)> = wanted.iter().map(|(text, r)| ((*text).to_owned(), *r)).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_a_sum_of_weights_means_depends_on_groups_without_one() {
        for (weights, groups, wanted) in [
            (r#"{"a": 60, "b": 40}"#, r#"["a", "b"]"#, None),
            (r#"{"a": 60}"#, r#"["a", "b"]"#, None),
            (r#"{"a": 60}"#, r#"["a"]"#, Some("the score cannot reach 100")),
            (r#"{"a": 60, "b": 60}"#, r#"["a", "b"]"#, Some("the score can exceed 100")),
            (r#"{"a": 100}"#, r#"["a", "b"]"#, Some("nothing is left for group \"b\"")),
            (
                r#"{"a": 70, "c": 70}"#,
                r#"["a", "b", "c"]"#,
                Some("group \"b\", which has no weight, gets less than none"),
            ),
        ] {
            let found = problems(&format!(
                r#"{{"name": "x", "applications": ["a"], "metrics": [{{"name": "m", "groups": {groups}}}],
                    "classifier": {{"groupWeights": {weights}}}}}"#
            ));
            assert_eq!(found.len(), usize::from(wanted.is_some()), "{weights} {groups}: {found:?}");
            assert!(found.iter().all(|(text, _)| text.contains(wanted.unwrap_or_default())), "{found:?}");
        }
    }

    #[test]
    fn words_and_options_that_mean_nothing_are_named() {
        let found = problems(
            r#"{"name": "x", "applications": ["a"], "classifier": {}, "metrics": [{"name": "m", "groups": [],
                "analysisConfigurations": {"canary": {"direction": "Increase", "crtical": true, "outliers": {"factor": 2},
                "nanStrategy": "none", "effectSize": {"measure": "mean", "allowedIncrease": 1.2}}}}]}"#,
        );
        let path = "metrics[0].analysisConfigurations.canary";
        let wanted = [
            format!(
                "{path}.direction: \"Increase\" is none of increase, decrease, either: it counts as either"
            ),
            format!("{path}.effectSize.measure: \"mean\" is none of meanRatio, cles: it counts as meanRatio"),
            format!("{path}.crtical: there is no such option: it changes nothing"),
            format!("{path}.outliers.factor: there is no such option: it changes nothing"),
        ];
        assert_eq!(found.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>(), wanted);
        assert!(found.iter().all(|(_, is_refused)| !is_refused));
    }

    #[test]
    fn a_sound_configuration_has_none() {
        let sound = r#"{"name": "cpu-canary", "applications": ["a"], "metrics": [{"name": "m", "groups": ["CPU"]}],
            "classifier": {"groupWeights": {"CPU": 100}}}"#;
        assert!(problems(sound).is_empty());
    }
}
