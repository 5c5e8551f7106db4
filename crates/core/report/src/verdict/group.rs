//! A verdict of a group: which member says what, and how that became one.

use serde_json::{Value, json};
use serin_gate::{
    Look, Word,
    group::{Group, GroupLook, GroupVerdict},
    policy::Class,
    record::{self, GroupRecord, combined, group_reasons, member_name},
};

use super::{against, icon, odds, time};
use crate::{
    judgement::{markdown_escape as escape, say},
    paint::Paint,
};

/// Where the text beside a word begins.
const INDENT: usize = 12;

/// What a member says of a metric: its look and its verdict, by name.
struct Part<'a> {
    name: String,
    word: Word,
    look: Option<&'a Look>,
}

fn word(record: &GroupRecord) -> Word {
    record.outcome.verdict.as_ref().map_or(Word::Hold, GroupVerdict::word)
}

fn parts(record: &GroupRecord) -> Vec<Part<'_>> {
    let of = |(place, member): (usize, &'_ record::Record)| (place, super::word(member));
    let words = record.members.iter().enumerate().map(of);
    let look = |place: usize| record.members[place].looks.last();
    words
        .map(|(place, word)| Part {
            name: say::clean(&member_name(&record.terms, place)),
            word,
            look: look(place),
        })
        .collect()
}

fn reasons(record: &GroupRecord) -> String {
    let reasons: Vec<String> = record.outcome.reasons.iter().map(|reason| say::clean(reason)).collect();
    if reasons.is_empty() { "nothing was judged".to_owned() } else { reasons.join("; ") }
}

fn how(record: &GroupRecord) -> String {
    let members = record.members.len();
    match record.looks.last() {
        Some(look) => format!(
            "{members} members, their evidence {}",
            say::clean(&combined(look.combined, &record.terms))
        ),
        None => format!("{members} members, no block of which was seen"),
    }
}

fn span(record: &GroupRecord) -> String {
    let first = record.members.first().and_then(|member| member.blocks.first());
    let (Some(first), Some(last)) = (first, record.looks.last()) else {
        return "no block was seen".to_owned();
    };
    let seconds = last.at.saturating_since(first.start).as_secs();
    format!("after {} blocks of each member, {} until {}", record.looks.len(), time(seconds), last.at)
}

/// The whole report, in lines of about `width` characters.
#[must_use]
pub fn group_terminal(record: &GroupRecord, paint: Paint, width: usize) -> String {
    let word = word(record);
    let (mark, hue) = icon(word);
    let verdict = paint.paint(Some(hue), &format!("{mark} {}", word.as_str()));
    let mut text = format!("{verdict} {}\n", say::wrap(&span(record), width, 2));
    for sentence in [reasons(record), how(record)] {
        say::add(&mut text, format_args!("  {}\n", say::wrap(&sentence, width, 2)));
    }
    let Some(look) = record.looks.last() else { return text };
    let parts = parts(record);
    let metrics = look.metrics.iter().zip(&record.policy.metrics).zip(&record.outcome.bars).enumerate();
    for (place, ((joint, metric), bars)) in metrics {
        let class = match metric.class {
            Class::Guard => "guard",
            Class::Watch => "watch",
            Class::Note => "note",
        };
        say::add(&mut text, format_args!("\n{}  ({class})\n", say::clean(&metric.name)));
        let mut row = |name: &str, rest: &str| {
            say::add(
                &mut text,
                format_args!("  {name:<pad$}{}\n", say::wrap(rest, width, INDENT), pad = INDENT - 2),
            );
        };
        let no_worse = bars.no_worse.map_or(String::new(), |bar| {
            format!(", no worse {} for PASS", against(joint.no_worse, Some(bar)))
        });
        row("together", &format!("worse {} for FAIL{no_worse}", against(joint.harm, bars.harm)));
        for (part, member) in parts.iter().zip(&record.members) {
            let Some(own) = part.look.and_then(|look| look.metrics.get(place)) else { continue };
            let hold = own.hold.as_ref().map_or(String::new(), |hold| format!(" ({})", hold.name()));
            let veto = record::bars(&member.opening.policy).get(place).and_then(|bars| bars.harm);
            let said = format!(
                "worse {} for its veto, no worse {}; {} pods of the canary{hold}",
                against(own.harm, veto),
                odds(own.no_worse),
                super::ratio(own.canary_pods)
            );
            row(&part.name, &said);
        }
    }
    text
}

/// One line about the look after a moment: time, verdict, the joint evidence, and who says what.
#[must_use]
pub fn group_line(look: &GroupLook, looks: &[Look], group: &Group, paint: Paint) -> String {
    let policy = group.policy();
    let (mark, hue) = icon(look.verdict.word());
    let verdict = paint.paint(Some(hue), &format!("{mark} {:<4}", look.verdict.word().as_str()));
    let metrics: Vec<String> = look
        .metrics
        .iter()
        .zip(&policy.metrics)
        .map(|(joint, metric)| {
            format!("{} worse {} ok {}", say::clean(&metric.name), odds(joint.harm), odds(joint.no_worse))
        })
        .collect();
    let count = |word| looks.iter().filter(|look| look.verdict.word() == word).count();
    let members =
        format!("members {} PASS {} FAIL {} HOLD", count(Word::Pass), count(Word::Fail), count(Word::Hold));
    let why = if look.verdict == GroupVerdict::Pass {
        String::new()
    } else {
        let reasons = group_reasons(&look.verdict, policy, group.terms());
        format!("  {}", reasons.iter().map(|reason| say::clean(reason)).collect::<Vec<_>>().join("; "))
    };
    format!("{} {verdict} step {} | {} | {members} |{why}", look.at, look.step + 1, metrics.join(" | "))
}

/// The report for a pull request.
#[must_use]
pub fn group_markdown(record: &GroupRecord) -> String {
    let word = word(record);
    let mut text = format!("### {} {}\n\n{}\n\n", icon(word).0, word.as_str(), escape(&reasons(record)));
    say::add(&mut text, format_args!("Judged {}: {}.\n", escape(&span(record)), escape(&how(record))));
    if let Some(look) = record.looks.last() {
        text.push_str("\n| metric | who | alone | worse | no worse |\n|---|---|---|---|---|\n");
        let parts = parts(record);
        let metrics = look.metrics.iter().zip(&record.policy.metrics).zip(&record.outcome.bars).enumerate();
        for (place, ((joint, metric), bars)) in metrics {
            let name = escape(&say::clean(&metric.name));
            let no_worse = bars.no_worse.map_or(String::new(), |bar| against(joint.no_worse, Some(bar)));
            let worse = against(joint.harm, bars.harm);
            say::add(&mut text, format_args!("| {name} | **together** | | {worse} | {no_worse} |\n"));
            for (part, member) in parts.iter().zip(&record.members) {
                let Some(own) = part.look.and_then(|look| look.metrics.get(place)) else { continue };
                let veto = record::bars(&member.opening.policy).get(place).and_then(|bars| bars.harm);
                say::add(
                    &mut text,
                    format_args!(
                        "| {name} | {} | {} | {} | {} |\n",
                        escape(&part.name),
                        part.word.as_str(),
                        against(own.harm, veto),
                        odds(own.no_worse)
                    ),
                );
            }
        }
    }
    say::add(&mut text, format_args!("\nRecord `{}`\n", record.hash()));
    text
}

/// The judgement as JSON: that of the group, and that of each member as of a single gate.
#[must_use]
pub fn group_json(record: &GroupRecord) -> String {
    let member = |(part, member): (Part<'_>, &record::Record)| -> Value {
        let own: Value = serde_json::from_str(&super::json(member)).unwrap_or_default();
        json!({"name": part.name, "judgement": own})
    };
    let members: Vec<Value> = parts(record).into_iter().zip(&record.members).map(member).collect();
    let combined = record.looks.last().map(|look| look.combined);
    let whole = json!({
        "verdict": word(record).as_str(),
        "rule": record.outcome.rule,
        "reasons": record.outcome.reasons,
        "why": record.outcome.verdict,
        "combined": combined,
        "group": record.terms,
        "bars": record.outcome.bars,
        "policy": record.policy,
        "looks": record.looks,
        "members": members,
        "hash": record.hash(),
    });
    format!("{whole:#}\n")
}
