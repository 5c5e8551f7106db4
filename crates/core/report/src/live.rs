//! A rollout and the requests that its versions serve, in one picture.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    paint::{Hue, Paint, icon},
    rollout::{Info, tree},
};

/// Width of the longest bar, in characters.
const BAR_WIDTH: usize = 40;

/// Requests by the version that answered them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Good answers since the start, by version.
    pub total: BTreeMap<String, u64>,
    /// Answers, good or bad, among the latest requests, by version.
    pub recent: BTreeMap<String, u64>,
    /// Requests since the start that failed: no answer, or a status of 400 and above.
    pub failed: u64,
    /// Those of them that a version has answered, by version.
    pub refused: BTreeMap<String, u64>,
}

impl Requests {
    /// All requests since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.total.values().sum::<u64>() + self.failed
    }

    /// Requests since the start that have reached a version, whatever it made of them.
    #[must_use]
    pub fn reached(&self, version: &str) -> u64 {
        let of = |counts: &BTreeMap<String, u64>| counts.get(version).copied().unwrap_or_default();
        of(&self.total) + of(&self.refused)
    }
}

/// The picture: one line of status, the tree, and a bar for each version, in so many `columns`.
#[must_use]
pub fn live(info: &Info, requests: &Requests, paint: Paint, columns: usize) -> String {
    let (icon_text, hue) = icon(&info.status.phase);
    let mut text = format!(
        "{} {}   step {}   weight {}\n\n",
        paint.paint(hue, icon_text),
        info.status,
        info.step,
        info.actual_weight
    );
    text.push_str(&tree(info, paint));
    text.push('\n');
    text.push_str(&bars(requests, paint, columns));
    text
}

/// Requests by version: share of the latest ones as a bar, then the total. What does not fit into `columns` is taken off the bars.
#[must_use]
pub fn bars(requests: &Requests, paint: Paint, columns: usize) -> String {
    let mut text = String::new();
    let recent: u64 = requests.recent.values().sum();
    let versions: BTreeSet<&String> = requests.total.keys().chain(requests.refused.keys()).collect();
    let width = versions.iter().map(|version| version.chars().count()).max().unwrap_or_default();
    let tails: Vec<String> = versions.iter().map(|version| tail(requests, version)).collect();
    let beside = tails.iter().map(|tail| tail.chars().count()).max().unwrap_or_default();
    let longest = columns.saturating_sub(width + beside + 4).min(BAR_WIDTH);
    for (version, tail) in versions.into_iter().zip(tails) {
        let share = requests.recent.get(version).copied().unwrap_or_default();
        let length = (share * longest as u64).checked_div(recent).unwrap_or_default();
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        let hue = if requests.refused.contains_key(version) { Hue::Red } else { Hue::Green };
        let bar = paint.paint(Some(hue), &format!("{bar:<longest$}"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{version:<width$}  {bar}  {tail}");
    }
    let failed = format!("{} requests, {} failed", requests.count(), requests.failed);
    let hue = if requests.failed == 0 { Hue::Green } else { Hue::Red };
    let _ = writeln!(text, "{}", paint.paint(Some(hue), &failed));
    text
}

/// What stands behind a bar.
fn tail(requests: &Requests, version: &str) -> String {
    let recent: u64 = requests.recent.values().sum();
    let share = requests.recent.get(version).copied().unwrap_or_default();
    let percent = (share * 100).checked_div(recent).unwrap_or_default();
    let failed =
        requests.refused.get(version).map(|refused| format!(", {refused} failed")).unwrap_or_default();
    format!("{percent:>3} %  {:>7} requests{failed}", requests.reached(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_the_share_of_the_latest_requests() {
        let map = |pairs: [(&str, u64); 2]| pairs.map(|(version, count)| (version.to_owned(), count)).into();
        let requests = Requests {
            total: map([("1.0", 900), ("2.0", 50)]),
            recent: map([("1.0", 150), ("2.0", 50)]),
            failed: 1,
            ..Requests::default()
        };
        let text = bars(&requests, Paint::Plain, 100);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("1.0  {:<40}   75 %      900 requests", "█".repeat(30)));
        assert_eq!(lines[1], format!("2.0  {:<40}   25 %       50 requests", "█".repeat(10)));
        assert_eq!(lines[2], "951 requests, 1 failed");
        let text = bars(&requests, Paint::Plain, 44);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("1.0  {:<14}   75 %      900 requests", "█".repeat(10)));
        assert!(lines.iter().all(|line| line.chars().count() <= 44), "{text}");
        assert!(bars(&requests, Paint::Plain, 0).starts_with("1.0     75 %"));
    }

    #[test]
    fn a_version_that_only_fails_has_its_row() {
        let map = |version: &str, count| [(version.to_owned(), count)].into();
        let requests =
            Requests { total: map("1.0", 60), recent: map("2.0", 200), failed: 45, refused: map("2.0", 40) };
        let text = bars(&requests, Paint::Plain, 80);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("1.0 ") && lines[0].ends_with("  0 %       60 requests"), "{text}");
        assert!(
            lines[1].starts_with("2.0  ██") && lines[1].ends_with("100 %       40 requests, 40 failed"),
            "{text}"
        );
        assert_eq!(lines[2], "105 requests, 45 failed");
        assert_eq!((requests.reached("1.0"), requests.reached("2.0"), requests.reached("3.0")), (60, 40, 0));
    }

    #[test]
    fn no_requests_is_no_share() {
        assert_eq!(bars(&Requests::default(), Paint::Plain, 80), "0 requests, 0 failed\n");
    }
}
