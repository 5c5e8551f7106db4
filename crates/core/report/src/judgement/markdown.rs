//! The report for a pull request: Markdown as GitHub and GitLab read it.

use serin_judge::{Label, Pair, PairResult};

use super::{View, heading, icon, outcome_icon, qualities, say};

/// Rows of metrics: a comment may have 65,536 characters, and nobody reads more.
const ROWS_MAX: usize = 150;
/// Reasons and notes.
const NOTES_MAX: usize = 100;

/// The whole report. Metrics that do not pass come first.
#[must_use]
pub fn markdown(view: &View) -> String {
    let (outcome, why) = view.verdict();
    let mut text = String::new();
    let verdict = (outcome_icon(outcome).0, outcome.as_str());
    say::add(
        &mut text,
        format_args!(
            "### {} {}: canary {}\n\n{}\n\n",
            verdict.0,
            verdict.1,
            escape(&view.title()),
            escape(&why)
        ),
    );
    text.push_str(
        "| | metric | canary | baseline | ratio | difference | must clear |\n|---|---|---|---|---|---|---|\n",
    );
    let (passed, others): (Vec<_>, Vec<_>) =
        view.rows().partition(|(result, _)| result.found.label == Label::Pass);
    let rows: Vec<(&PairResult, &Pair)> = others.into_iter().chain(passed).collect();
    for (result, _) in rows.iter().take(ROWS_MAX) {
        text.push_str(&row(result));
    }
    if ROWS_MAX < rows.len() {
        say::add(&mut text, format_args!("\n{} more metrics are not shown.\n", rows.len() - ROWS_MAX));
    }
    let absent: Vec<String> = view.absent().iter().take(ROWS_MAX).map(|name| escape(name)).collect();
    if !absent.is_empty() {
        say::add(&mut text, format_args!("\nNo data here, so not judged: {}\n", absent.join(", ")));
    }
    let groups = view.groups();
    if !groups.is_empty() {
        text.push_str("\n| group | weight | score |\n|---|---|---|\n");
        for group in groups.iter().take(ROWS_MAX) {
            say::add(
                &mut text,
                format_args!("| {} | {} | {} |\n", escape(&group.name), group.weight, group.score),
            );
        }
    }
    let notes: Vec<String> = rows.iter().flat_map(|(result, _)| notes(result)).collect();
    if !notes.is_empty() {
        say::add(
            &mut text,
            format_args!("\n<details><summary>Reasons and notes ({})</summary>\n\n", notes.len()),
        );
        text.extend(notes.iter().take(NOTES_MAX).map(String::as_str));
        if NOTES_MAX < notes.len() {
            say::add(&mut text, format_args!("- and {} more\n", notes.len() - NOTES_MAX));
        }
        text.push_str("\n</details>\n");
    }
    text
}

fn row(result: &PairResult) -> String {
    let mean = |summary: serin_stats::describe::Summary| match summary.count {
        0 => "no values".to_owned(),
        count => format!("{} ({count} values)", say::number(summary.mean)),
    };
    let compared = result.found.compared.as_ref();
    let ratio = compared.and(result.found.ratio).map(say::number).unwrap_or_default();
    let difference = compared.map(|compared| {
        format!("{} to {}", say::number(compared.interval.lower), say::number(compared.interval.upper))
    });
    let margin = compared.map(|compared| say::number(compared.margin)).unwrap_or_default();
    format!(
        "| {} {} | {} ({}) | {} | {} | {ratio} | {} | {margin} |\n",
        icon(result.found.label).0,
        result.found.label.as_str(),
        escape(&heading(result)),
        escape(&qualities(result)),
        mean(result.experiment),
        mean(result.control),
        difference.unwrap_or_default(),
    )
}

fn notes(result: &PairResult) -> Vec<String> {
    let name = escape(&heading(result));
    let reason = result.reason().map(|reason| say::clean(&reason));
    let what_if = result.evidence.what_if.map(|what_if| format!("would be {what_if}"));
    let findings = result.evidence.findings.iter().map(|finding| say::harmless(&finding.to_string()));
    let texts = reason.into_iter().chain(what_if).chain(findings);
    texts.map(|text| format!("- **{name}**: {}\n", escape(&text))).collect()
}

/// A text in which nothing is markup, a mention or a reference.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => escaped.extend(['\\', c]),
            '<' | '>' | '&' | '|' | '@' | '#' => say::add(&mut escaped, format_args!("&#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_user_is_markup() {
        assert_eq!(
            escape("a|b <img src=x> @all #1 **x** [l](u) `c` \\"),
            "a&#124;b &#60;img src=x&#62; &#64;all &#35;1 \\*\\*x\\*\\* \\[l\\](u) \\`c\\` \\\\"
        );
    }
}
