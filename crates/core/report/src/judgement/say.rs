//! Numbers and users' text as they are printed.

pub(crate) use serin_picture::pen::add;

/// Characters of one text of a user's that a report shows.
const CHARS_MAX: usize = 120;
/// Digits that count in a number.
const DIGITS: i32 = 5;

/// A number for the eye: five digits, no trailing zeros, powers of ten only where it is very large or small.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "none".to_owned();
    }
    if value.is_infinite() {
        return if 0.0 < value { "infinite" } else { "-infinite" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let before = size.log10().floor() as i32 + 1;
    let decimals = (DIGITS - before).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Two numbers, in full when five digits would make different ones look equal.
pub(crate) fn apart(a: f64, b: f64) -> (String, String) {
    let short = (number(a), number(b));
    if short.0 == short.1 && a.to_bits() != b.to_bits() {
        (format!("{a:?}"), format!("{b:?}"))
    } else {
        short
    }
}

/// A user's text without what could move a cursor or turn a line around, shortened.
pub(crate) fn clean(text: &str) -> String {
    harmless(&shorten(text))
}

/// A text without what could move a cursor or turn a line around.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut harmless = String::new();
    for c in text.chars() {
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || turns { harmless.extend(c.escape_unicode()) } else { harmless.push(c) }
    }
    harmless
}

/// The beginning of a text that is too long.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `text` in lines of at most `width` characters, all but the first indented; words are never broken.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut used = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if indent < used && width < used + 1 + length {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if indent < used {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        for (value, wanted) in [
            (0.0, "0"),
            (-0.0, "0"),
            (40.017_566, "40.018"),
            (1.5, "1.5"),
            (100.0, "100"),
            (123_456.7, "123457"),
            (0.000_123_456, "0.00012346"),
            (-2.5e-7, "-2.500e-7"),
            (1e12, "1.000e12"),
            (f64::NAN, "none"),
            (f64::NEG_INFINITY, "-infinite"),
        ] {
            assert_eq!(number(value), wanted, "{value}");
        }
        assert_eq!(apart(1.000_000_1, 1.0), ("1.0000001".to_owned(), "1.0".to_owned()));
        assert_eq!(apart(1.5, 1.0), ("1.5".to_owned(), "1".to_owned()));
    }

    #[test]
    fn text_of_users_is_harmless_and_short() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}"), "a\\u{1b}[31mb\\u{a}c\\u{202e}");
        assert_eq!(clean(&"ä".repeat(500)).chars().count(), 121);
        assert_eq!(clean("größe 5 %"), "größe 5 %");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("one two three", 9, 2), "one two\n  three");
        assert_eq!(wrap("unbreakable", 4, 2), "unbreakable");
    }
}
