//! A judgement as text: for a terminal, step by step, as Markdown and as one page of HTML.
//!
//! Text that users wrote (names, groups, tags) is shortened and freed of control characters before it is printed, and
//! escaped where the format has a syntax of its own.

mod explain;
pub(crate) mod html;
mod markdown;
mod plot;
pub(crate) mod say;
mod svg;
mod terminal;

use std::collections::BTreeSet;

use serin_judge::{CanaryConfig, Judgement, Label, Metric, Outcome, Pair, PairResult, Thresholds, shares};

use crate::paint::Hue;

pub use explain::explain;
pub use html::html;
pub(crate) use markdown::escape as markdown_escape;
pub use markdown::markdown;
pub use say::harmless;
pub use terminal::terminal;

/// A judgement and what it was made of.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The configuration.
    pub config: &'a CanaryConfig,
    /// From where on a score passes.
    pub thresholds: Thresholds,
    /// What was judged, one for each result.
    pub pairs: &'a [Pair],
    /// The judgement.
    pub judgement: &'a Judgement,
}

impl<'a> View<'a> {
    /// The configuration's name.
    fn title(&self) -> String {
        self.config.name.as_deref().filter(|name| !name.is_empty()).map_or("canary".to_owned(), say::clean)
    }

    /// Each result with the pair that it is about.
    fn rows(&self) -> impl Iterator<Item = (&'a PairResult, &'a Pair)> {
        self.judgement.results.iter().zip(self.pairs)
    }

    /// Each group by its name, with its weight in percent and its score.
    fn groups(&self) -> Vec<Group> {
        let weights =
            self.config.classifier.as_ref().and_then(|c| c.group_weights.clone()).unwrap_or_default();
        let groups = &self.judgement.score.groups;
        let group = |(group, share): (&serin_judge::GroupScore, f64)| Group {
            name: group.name.as_deref().map_or("(no name)".to_owned(), say::clean),
            weight: format!("{} %", say::number(share)),
            score: if group.has_data { say::number(group.score) } else { "none, counts as 100".to_owned() },
        };
        groups.iter().zip(shares(groups, &weights)).map(group).collect()
    }

    /// The verdict, and a sentence about it.
    fn verdict(&self) -> (Outcome, String) {
        let outcome = self.judgement.outcome(self.pairs);
        let score = &self.judgement.score;
        let (pass, marginal) = (say::number(self.thresholds.pass), say::number(self.thresholds.marginal));
        let mut text =
            format!("score {} (pass from {pass}, marginal from {marginal})", say::number(score.score));
        if outcome == Outcome::NoEvidence {
            text = format!(
                "no metric that counts was compared; by Kayenta's rule this is {} with {text}",
                score.verdict.as_str()
            );
        }
        if !score.reason.is_empty() {
            text = format!("{text}: {}", say::clean(&score.reason));
        }
        (outcome, text)
    }

    /// The names of the metrics of the configuration for which there is no pair.
    fn absent(&self) -> Vec<String> {
        let metrics = self.config.metrics.iter().flatten();
        let names = metrics.filter_map(|metric: &Metric| metric.name.as_deref());
        let there: BTreeSet<&str> = self.pairs.iter().map(|pair| &*pair.name).collect();
        names.filter(|name| !there.contains(name)).map(say::clean).collect()
    }
}

struct Group {
    name: String,
    weight: String,
    score: String,
}

/// The icon of a label and its colour.
fn icon(label: Label) -> (&'static str, Hue) {
    match label {
        Label::Pass => ("✔", Hue::Green),
        Label::High | Label::Low | Label::NodataFailMetric => ("✖", Hue::Red),
        Label::Nodata | Label::Error => ("?", Hue::Yellow),
    }
}

/// The icon of an outcome and its colour.
fn outcome_icon(outcome: Outcome) -> (&'static str, Hue) {
    match outcome {
        Outcome::Pass => ("✔", Hue::Green),
        Outcome::Fail => ("✖", Hue::Red),
        Outcome::Marginal => ("~", Hue::Yellow),
        Outcome::NoEvidence => ("?", Hue::Yellow),
    }
}

/// The metric's name with the tags of its pair.
fn heading(result: &PairResult) -> String {
    let tags = result.tags.iter().flatten();
    let tag = |(key, value): (&String, &Option<serin_judge::Text>)| {
        format!(
            "{}={}",
            say::clean(key),
            value.as_ref().map_or("null".to_owned(), |value| say::clean(&value.0))
        )
    };
    let tags: Vec<String> = tags.map(tag).collect();
    let name = say::clean(&result.name);
    if tags.is_empty() { name } else { format!("{name} {{{}}}", say::shorten(&tags.join(", "))) }
}

/// What stands behind the label: "critical", "muted", the groups.
fn qualities(result: &PairResult) -> String {
    let mut words: Vec<String> = Vec::new();
    if result.found.critical {
        words.push("critical".to_owned());
    }
    if result.muted {
        words.push("muted".to_owned());
    }
    let groups: Vec<String> =
        result.groups.iter().map(|g| g.as_deref().map_or("(no name)".to_owned(), say::clean)).collect();
    if groups.is_empty() {
        words.push("in no group: does not count".to_owned());
    } else {
        words.push(format!("group {}", say::shorten(&groups.join(", "))));
    }
    words.join(", ")
}
