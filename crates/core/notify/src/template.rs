//! The text of an alert in a user's own words: a Go template over what is known of the release.
//!
//! Property: a template gives a text of bounded length soon, or an error that says why; never half of one.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_lang::template::{self, Limits, TemplateError};

/// What a template may cost: a message is some lines, and its chats take some thousand characters.
const LIMITS: Limits =
    Limits { text_max: 8 << 10, depth_max: 16, rounds_max: 1000, output_max: 3000, work_max: 64 << 10 };

/// All that a template can name. Its names in templates stay as they are: users build on them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// `.name`: the Canary.
    pub name: String,
    /// `.namespace`: where it is.
    pub namespace: String,
    /// `.target`: kind and name of the workload, such as `Deployment/podinfo`.
    pub target: String,
    /// `.phase`: the phase of the release.
    pub phase: String,
    /// `.weight`: percent of the traffic at the new version.
    pub weight: i32,
    /// `.iterations`: how many there were.
    pub iterations: i32,
    /// `.failedChecks`: how many there were.
    pub failed_checks: i32,
    /// `.threshold`: how many are too many.
    pub threshold: i32,
    /// `.message`: what is told without a template.
    pub message: String,
    /// `.severity`: `info`, `warn` or `error`.
    pub severity: String,
    /// `.cluster`: the name of the cluster; empty when it has none.
    pub cluster: String,
    /// `.metrics`: the last finding of each metric of the run.
    pub metrics: Vec<Measured>,
    /// `.links`: addresses by name.
    pub links: BTreeMap<String, String>,
}

/// A metric in [`Fields`]: `.name`, `.value` (nothing when there was none), `.unit`, `.min`, `.max` and `.passed`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// The value of the last look that asked for it.
    pub value: Option<f64>,
    /// What it is counted in.
    pub unit: String,
    /// The lowest good value.
    pub min: Option<f64>,
    /// The highest good value.
    pub max: Option<f64>,
    /// Whether the value was within them.
    pub passed: bool,
}

/// Why a template gives no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What it gives says nothing.
    #[error("the template gives an empty text")]
    Empty,
}

/// The text that `template` makes of `fields`.
///
/// # Errors
/// [`Error`].
pub fn text(template: &str, fields: &Fields) -> Result<String, Error> {
    let text = template::render(template, &BTreeMap::new(), &data(fields), &LIMITS)?;
    let text = text.trim();
    if text.is_empty() { Err(Error::Empty) } else { Ok(text.to_owned()) }
}

fn data(fields: &Fields) -> Value {
    let metric = |it: &Measured| {
        json!({
            "name": it.name, "value": it.value, "unit": it.unit, "min": it.min, "max": it.max, "passed": it.passed,
        })
    };
    json!({
        "name": fields.name,
        "namespace": fields.namespace,
        "target": fields.target,
        "phase": fields.phase,
        "weight": fields.weight,
        "iterations": fields.iterations,
        "failedChecks": fields.failed_checks,
        "threshold": fields.threshold,
        "message": fields.message,
        "severity": fields.severity,
        "cluster": fields.cluster,
        "metrics": fields.metrics.iter().map(metric).collect::<Value>(),
        "links": fields.links,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let metric = |name: &str, value, passed| Measured {
            name: name.to_owned(),
            value,
            unit: "%".to_owned(),
            min: Some(99.0),
            passed,
            ..Measured::default()
        };
        Fields {
            name: "podinfo".to_owned(),
            namespace: "test".to_owned(),
            target: "Deployment/podinfo".to_owned(),
            phase: "Progressing".to_owned(),
            weight: 20,
            failed_checks: 1,
            threshold: 5,
            message: "m <1>".to_owned(),
            severity: "warn".to_owned(),
            metrics: vec![metric("rate", Some(97.5), false), metric("other", None, false)],
            links: [("board".to_owned(), "https://g/d".to_owned())].into(),
            ..Fields::default()
        }
    }

    #[test]
    fn a_template_names_what_is_known_of_the_release() {
        for (template, expected) in [
            ("{{ .message }}", "m <1>"),
            (" {{ .name }}.{{ .namespace }} {{ .target }}\n", "podinfo.test Deployment/podinfo"),
            (
                "{{ .phase }} {{ .weight }}% {{ .failedChecks }}/{{ .threshold }} {{ .iterations }}",
                "Progressing 20% 1/5 0",
            ),
            ("{{ if eq .severity \"error\" }}!{{ else }}{{ .severity }}{{ end }}", "warn"),
            ("{{ with .cluster }}on {{ . }}{{ else }}anywhere{{ end }}", "anywhere"),
            (
                "{{ range .metrics }}{{ if not .passed }}{{ .name }}={{ with .value }}{{ . }}{{ else }}none{{ end }} {{ end }}{{ end }}",
                "rate=97.5 other=none",
            ),
            ("{{ index .links \"board\" }}{{ with index .links \"none\" }}x{{ end }}", "https://g/d"),
        ] {
            assert_eq!(text(template, &fields()).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_template_that_gives_no_text_says_why() {
        let doubled = "{{define \"a\"}}{{template \"b\" .}}{{template \"b\" .}}{{end}}{{define \"b\"}}{{template \"a\" .}}{{template \"a\" .}}{{end}}{{template \"a\" .}}";
        for (template, expected) in [
            ("{{ .nme }}", "cannot be rendered"),
            ("{{ .links.none }}", "cannot be rendered"),
            ("{{ name }}", "which is no function"),
            ("{{ if }}", "malformed"),
            (" \n", "an empty text"),
            (doubled, "the template"),
            (&"x".repeat(3001), "gives more bytes"),
            (&"x".repeat(9000), "is longer in bytes"),
        ] {
            let why = text(template, &fields()).unwrap_err().to_string();
            assert!(why.contains(expected), "{template:.40}: {why}");
        }
    }
}
