//! The report as one page of HTML: no scripts, nothing from elsewhere, light and dark as the reader prefers.

use serin_judge::{Label, Outcome, Pair, PairResult};

pub(crate) use serin_picture::pen::escape;

use super::{View, heading, icon, outcome_icon, qualities, say, svg};

/// Metrics that are drawn; further ones are in the table only. A picture has some ten kilobytes.
const DRAWN_MAX: usize = 500;

pub(crate) const HEAD: &str = r#"<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<meta http-equiv=Content-Security-Policy content="default-src 'none'; style-src 'unsafe-inline'">
"#;
pub(crate) const STYLE: &str = include_str!("page.css");

/// The whole page.
#[must_use]
pub fn html(view: &View) -> String {
    let title = escape(&view.title());
    let (outcome, why) = view.verdict();
    let mut page =
        format!("{HEAD}<title>{}: {title}</title>\n<style>\n{STYLE}</style>\n<main>\n", outcome.as_str());
    say::add(
        &mut page,
        format_args!(
            "<h1>{title}</h1>\n<p class=\"verdict {}\"><strong>{} {}</strong> {}</p>\n",
            class_of(outcome),
            outcome_icon(outcome).0,
            outcome.as_str(),
            escape(&why)
        ),
    );
    page.push_str(&table(view));
    page.push_str(&groups(view));
    page.push_str(
        "<p class=key><span class=canary>canary</span> <span class=baseline>baseline</span> \
         <span class=margin>margin</span></p>\n",
    );
    for (number, (result, pair)) in view.rows().enumerate().take(DRAWN_MAX) {
        page.push_str(&section(number, result, pair));
    }
    if DRAWN_MAX < view.pairs.len() {
        say::add(
            &mut page,
            format_args!("<p>The first {DRAWN_MAX} of {} are drawn.</p>\n", view.pairs.len()),
        );
    }
    page.push_str("</main>\n</html>\n");
    page
}

fn table(view: &View) -> String {
    let mut text =
        "<table>\n<tr><th>metric<th>label<th>canary<th>baseline<th>ratio<th>difference<th>must clear\n"
            .to_owned();
    for (number, (result, _)) in view.rows().enumerate() {
        let mean = |summary: serin_stats::describe::Summary| match summary.count {
            0 => "no values".to_owned(),
            _ => say::number(summary.mean),
        };
        let name = escape(&heading(result));
        let name = if number < DRAWN_MAX { format!("<a href=#m{number}>{name}</a>") } else { name };
        let compared = result.found.compared.as_ref();
        let ratio = compared.and(result.found.ratio).map(say::number).unwrap_or_default();
        let (difference, margin) = compared
            .map(|compared| {
                let interval = &compared.interval;
                let ends = format!("{} to {}", say::number(interval.lower), say::number(interval.upper));
                (ends, say::number(compared.margin))
            })
            .unwrap_or_default();
        say::add(
            &mut text,
            format_args!(
                "<tr><td>{name}<td>{}<td class=n>{}<td class=n>{}<td class=n>{ratio}<td class=n>{difference}<td class=n>{margin}\n",
                badge(result),
                mean(result.experiment),
                mean(result.control),
            ),
        );
    }
    for name in view.absent() {
        let name = escape(&name);
        say::add(
            &mut text,
            format_args!("<tr><td>{name}<td colspan=6>no data here: nothing was judged for it\n"),
        );
    }
    text + "</table>\n"
}

fn groups(view: &View) -> String {
    let groups = view.groups();
    if groups.is_empty() {
        return String::new();
    }
    let mut text = "<table>\n<tr><th>group<th>weight<th>score\n".to_owned();
    for group in groups {
        let name = escape(&group.name);
        say::add(
            &mut text,
            format_args!("<tr><td>{name}<td class=n>{}<td class=n>{}\n", group.weight, group.score),
        );
    }
    text + "</table>\n"
}

fn section(number: usize, result: &PairResult, pair: &Pair) -> String {
    let mut text = format!(
        "<section id=m{number}>\n<h2>{} {}</h2>\n<p class=dim>{}</p>\n",
        escape(&heading(result)),
        badge(result),
        escape(&qualities(result))
    );
    let reason = result.reason().map(|reason| say::clean(&reason));
    let what_if = result.evidence.what_if.map(|what_if| format!("It would be {what_if}."));
    for sentence in reason.into_iter().chain(what_if) {
        say::add(&mut text, format_args!("<p>{}</p>\n", escape(&sentence)));
    }
    let (canary, baseline) =
        (pair.experiment.as_deref().unwrap_or_default(), pair.control.as_deref().unwrap_or_default());
    let figures = [
        ("values in time", svg::series(canary, baseline)),
        ("distributions and means", svg::distributions(canary, baseline)),
        (
            "the difference, and the margin that it must clear",
            result.found.compared.as_ref().and_then(svg::interval),
        ),
    ];
    for (caption, picture) in figures {
        if let Some(picture) = picture {
            say::add(
                &mut text,
                format_args!("<figure><figcaption>{caption}</figcaption>\n{picture}</figure>\n"),
            );
        }
    }
    if !result.evidence.findings.is_empty() {
        text.push_str("<ul>\n");
        for finding in &result.evidence.findings {
            say::add(&mut text, format_args!("<li>{}\n", escape(&say::harmless(&finding.to_string()))));
        }
        text.push_str("</ul>\n");
    }
    text + "</section>\n"
}

fn badge(result: &PairResult) -> String {
    let label = result.found.label;
    let class = match label {
        Label::Pass => "good",
        Label::High | Label::Low | Label::NodataFailMetric => "bad",
        Label::Nodata | Label::Error => "unsure",
    };
    format!("<span class=\"badge {class}\">{} {}</span>", icon(label).0, label.as_str())
}

fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "good",
        Outcome::Fail => "bad",
        Outcome::Marginal | Outcome::NoEvidence => "unsure",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_judge::{Input, judge};

    use super::*;

    #[test]
    fn nothing_of_a_user_is_markup_and_nothing_comes_from_elsewhere() {
        let evil = "</title><script>alert('1')</script>\"";
        let input: Input = serde_json::from_value(json!({
            "canaryConfig": {"name": evil, "classifier": {"groupWeights": {evil: 60}},
                             "metrics": [{"name": evil, "groups": [evil]}, {"name": format!("{evil}2")}]},
            "scoreThresholds": {"pass": 95, "marginal": 75},
            "metricSetPairList": [{"name": evil, "tags": {evil: evil},
                                   "values": {"experiment": [7, 8, 9, 7, 8, 9], "control": [1, 2, 3, 1, 2, 3]}}],
        }))
        .unwrap();
        let judgement = judge(&input).unwrap();
        let pairs = input.metric_set_pair_list.as_deref().unwrap();
        let thresholds = input.score_thresholds.unwrap();
        let page = html(&View { config: &input.canary_config, thresholds, pairs, judgement: &judgement });
        for forbidden in ["<script", "http:", "https:", "src=", "url(", "@import", "onload"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("</title>").count(), 1);
        assert_eq!(page.matches("<svg").count(), 3);
        assert!(page.contains("prefers-color-scheme: dark"));
    }
}
