//! What plans and backtests share: times, shares and tables, as text or as Markdown.

use crate::table::align;

/// The two forms of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns of text.
    Text,
    /// As GitHub and GitLab read it.
    Markdown,
}

/// What never comes.
pub(crate) const NEVER: &str = "—";

impl Form {
    /// A table, whose first row is its heading.
    pub(crate) fn table(self, rows: &[Vec<String>]) -> String {
        match self {
            Self::Text => align(rows),
            Self::Markdown => {
                let line = |row: &Vec<String>| {
                    let cells: Vec<String> = row.iter().map(|cell| self.safe(cell)).collect();
                    format!("| {} |\n", cells.join(" | "))
                };
                let rule =
                    rows.first().map_or(String::new(), |row| format!("|{}\n", "---|".repeat(row.len())));
                let mut lines = rows.iter().map(line);
                let heading = lines.next().unwrap_or_default();
                heading + &rule + &lines.collect::<String>() + "\n"
            }
        }
    }

    /// A heading.
    pub(crate) fn heading(self, text: &str) -> String {
        match self {
            Self::Text => format!("{text}\n"),
            Self::Markdown => format!("### {}\n\n", self.safe(text)),
        }
    }

    /// A line of its own.
    pub(crate) fn line(self, text: &str) -> String {
        match self {
            Self::Text => format!("{text}\n"),
            Self::Markdown => format!("- {}\n", self.safe(text)),
        }
    }

    /// What must stay as it is.
    pub(crate) fn picture(self, text: &str) -> String {
        match self {
            Self::Text => text.to_owned(),
            Self::Markdown => format!("```text\n{text}```\n"),
        }
    }

    /// A user's words without what the form would read.
    fn safe(self, text: &str) -> String {
        let mut safe = String::new();
        for c in text.chars() {
            if self == Self::Markdown && matches!(c, '|' | '<' | '>' | '*' | '_' | '`' | '[' | ']' | '\\') {
                safe.push('\\');
            }
            safe.push(c);
        }
        safe
    }
}

/// Minutes as 45s, 12m, 3h10m or 5d2h; to the nearest.
pub(crate) fn minutes(minutes: f64) -> String {
    let [seconds, whole, hours] = [minutes * 60.0, minutes, minutes / 60.0].map(|time| time.round() as u64);
    let two = |big: u64, unit: &str, small: u64, under: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{under}") }
    };
    match (seconds, whole) {
        (0..=59 | 61..=99, _) => format!("{seconds}s"),
        (_, 0..=59 | 61..=99) => format!("{whole}m"),
        (_, 0..2880) => two(whole / 60, "h", whole % 60, "m"),
        _ => two(hours / 24, "d", hours % 24, "h"),
    }
}

/// A share in percent, with as many decimals as say something.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", short(share * 100.0))
}

/// A number with three digits that say something, large ones whole.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || size >= 100.0 {
        return format!("{value:.0}");
    }
    let decimals = (2 - size.log10().floor() as i64).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_long_as_they_are_worth() {
        for (value, wanted) in [
            (0.25, "15s"),
            (1.0, "1m"),
            (1.5, "90s"),
            (1.7, "2m"),
            (12.4, "12m"),
            (60.0, "1h"),
            (99.6, "1h40m"),
            (120.0, "2h"),
            (2879.0, "47h59m"),
            (7300.0, "5d2h"),
            (525_600.0, "365d"),
        ] {
            assert_eq!(minutes(value), wanted, "{value}");
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, wanted) in [
            (0.0, "0"),
            (0.003, "0.003"),
            (0.012_345, "0.0123"),
            (1.5, "1.5"),
            (12.345, "12.3"),
            (1234.5, "1234"),
            (99.99, "100"),
            (20.0, "20"),
        ] {
            assert_eq!(short(value), wanted, "{value}");
        }
        assert_eq!(percent(0.003), "0.3 %");
    }

    #[test]
    fn a_cell_cannot_end_a_table() {
        let rows = [vec!["a".to_owned(), "b|c".to_owned()], vec!["<x>".to_owned(), String::new()]];
        assert_eq!(Form::Markdown.table(&rows), "| a | b\\|c |\n|---|---|\n| \\<x\\> |  |\n\n");
        assert_eq!(Form::Text.table(&rows), "a    b|c\n<x>  \n");
    }
}
