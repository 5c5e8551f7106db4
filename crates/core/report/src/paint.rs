//! Icons and colours. No meaning is told by colour alone: each colour goes with an icon or a word.

/// Whether colour codes are written. Callers say [`Paint::Plain`] unless a terminal reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Text without escape codes.
    Plain,
    /// Text with ANSI colours.
    Colour,
}

/// The four colours in use, with their ANSI codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hue {
    /// Bad news.
    Red,
    /// Good news; the stable version.
    Green,
    /// In between; the canary.
    Yellow,
    /// In motion.
    Blue,
}

impl Hue {
    const fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "94",
        }
    }
}

impl Paint {
    /// `text` in `hue`, or as it is.
    #[must_use]
    pub fn paint(self, hue: Option<Hue>, text: &str) -> String {
        match (self, hue) {
            (Self::Colour, Some(hue)) => format!("\u{1b}[{}m{text}\u{1b}[0m", hue.code()),
            _ => text.to_owned(),
        }
    }
}

/// The icon of a status word, and its colour.
#[must_use]
pub fn icon(status: &str) -> (&'static str, Option<Hue>) {
    match status {
        "Healthy" | "Running" | "Completed" | "Successful" => ("✔", Some(Hue::Green)),
        "Degraded" | "Failed" | "ReplicaFailure" => ("✖", Some(Hue::Red)),
        "Paused" => ("॥", None),
        "ScaledDown" => ("•", None),
        "Progressing" | "Pending" | "ContainerCreating" | "PodInitializing" | "Terminating" => {
            ("◌", Some(Hue::Blue))
        }
        "Unknown" | "" => ("?", Some(Hue::Yellow)),
        word if word.starts_with("Init:") => ("◌", Some(Hue::Blue)),
        // An image that does not come may still come.
        "ImagePullBackOff" | "RegistryUnavailable" => ("⚠", Some(Hue::Red)),
        word if word.ends_with("Error") || word.starts_with("Err") => ("⚠", Some(Hue::Red)),
        // Whatever else a pod says of itself (CrashLoopBackOff, OOMKilled …) is trouble.
        _ => ("✖", Some(Hue::Red)),
    }
}

/// The beginning of a line of which at most `width` characters are seen; colours end where they do.
#[must_use]
pub fn clip(line: &str, width: usize) -> String {
    if visible_width(line) <= width {
        return line.to_owned();
    }
    let (mut clipped, mut seen, mut is_inside) = (String::new(), 0, false);
    for character in line.chars() {
        let is_code = is_inside || character == '\u{1b}';
        is_inside = is_code && character != 'm';
        if is_code || seen + 1 < width {
            clipped.push(character);
        } else if seen + 1 == width {
            clipped.push('…');
        }
        seen += usize::from(!is_code);
    }
    clipped
}

/// How many characters of `text` are seen: all but ANSI colour codes.
pub(crate) fn visible_width(text: &str) -> usize {
    let mut in_code = false;
    text.chars()
        .filter(|&character| match character {
            '\u{1b}' => {
                in_code = true;
                false
            }
            'm' if in_code => {
                in_code = false;
                false
            }
            _ => !in_code,
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_the_icon_that_the_plugin_gives_it() {
        for (status, wanted) in [
            ("ErrImagePull", "⚠"),
            ("ImagePullBackOff", "⚠"),
            ("CreateContainerConfigError", "⚠"),
            ("Error", "⚠"),
            ("CrashLoopBackOff", "✖"),
            ("Init:Error", "◌"),
            ("Unknown", "?"),
        ] {
            assert_eq!(icon(status).0, wanted, "{status}");
        }
    }

    #[test]
    fn colour_does_not_count_as_width() {
        let painted = Paint::Colour.paint(Some(Hue::Green), "✔ Healthy");
        assert_eq!(painted, "\u{1b}[32m✔ Healthy\u{1b}[0m");
        assert_eq!(visible_width(&painted), 9);
        assert_eq!(Paint::Plain.paint(Some(Hue::Green), "✔"), "✔");
    }

    #[test]
    fn a_line_is_clipped_by_what_is_seen_of_it() {
        let painted = Paint::Colour.paint(Some(Hue::Green), "✔ Healthy");
        for (line, width, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("abcd", 1, "…"),
            ("abcd", 0, ""),
            ("", 0, ""),
            (&painted, 9, &painted),
            (&painted, 4, "\u{1b}[32m✔ H…\u{1b}[0m"),
        ] {
            assert_eq!(clip(line, width), expected, "{line} {width}");
        }
    }
}
