//! A rollout and the requests that its versions serve, in one picture.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    paint::{Hue, Paint, icon},
    rollout::{Info, tree},
};

/// Width of the longest bar, in characters.
const BAR_WIDTH: u64 = 40;

/// Requests by the version that answered them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Answers since the start, by version.
    pub total: BTreeMap<String, u64>,
    /// Answers among the latest requests, by version.
    pub recent: BTreeMap<String, u64>,
    /// Requests since the start that failed: no answer, or a status of 400 and above.
    pub failed: u64,
}

impl Requests {
    /// All requests since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.total.values().sum::<u64>() + self.failed
    }
}

/// The picture: one line of status, the tree, and a bar for each version.
#[must_use]
pub fn live(info: &Info, requests: &Requests, paint: Paint) -> String {
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
    text.push_str(&bars(requests, paint));
    text
}

/// Requests by version: share of the latest ones as a bar, then the total.
#[must_use]
pub fn bars(requests: &Requests, paint: Paint) -> String {
    let mut text = String::new();
    let recent: u64 = requests.recent.values().sum();
    let width = requests.total.keys().map(|version| version.chars().count()).max().unwrap_or_default();
    for (version, total) in &requests.total {
        let share = requests.recent.get(version).copied().unwrap_or_default();
        let (bar, percent) = match recent {
            0 => (0, 0),
            recent => (share * BAR_WIDTH / recent, share * 100 / recent),
        };
        let bar = "█".repeat(usize::try_from(bar).unwrap_or_default());
        let bar = paint.paint(Some(Hue::Green), &format!("{bar:<40}"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{version:<width$}  {bar}  {percent:>3} %  {total:>7} requests");
    }
    let failed = format!("{} requests, {} failed", requests.count(), requests.failed);
    let hue = if requests.failed == 0 { Hue::Green } else { Hue::Red };
    let _ = writeln!(text, "{}", paint.paint(Some(hue), &failed));
    text
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
        };
        let text = bars(&requests, Paint::Plain);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("1.0  {:<40}   75 %      900 requests", "█".repeat(30)));
        assert_eq!(lines[1], format!("2.0  {:<40}   25 %       50 requests", "█".repeat(10)));
        assert_eq!(lines[2], "951 requests, 1 failed");
    }

    #[test]
    fn no_requests_is_no_share() {
        assert_eq!(bars(&Requests::default(), Paint::Plain), "0 requests, 0 failed\n");
    }
}
