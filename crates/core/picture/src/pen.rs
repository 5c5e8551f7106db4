//! Pens: what every picture of ours is written with. Colours are classes, which a picture or its page defines.

use std::fmt::{Arguments, Write as _};

/// Adds to a text; writing to a text cannot fail.
pub fn add(body: &mut String, more: Arguments<'_>) {
    let _ = body.write_fmt(more);
}

/// `text` as it must be written in HTML and SVG.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no such characters, also not escaped.
            c if c.is_control() && !c.is_ascii_whitespace() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A line of text; `class` may hold `bold`, `end` and `middle`, which are written as attributes.
pub fn text(body: &mut String, x: f64, y: f64, size: u32, class: &str, words: &str) {
    let weight = if class.contains("bold") { " font-weight=\"bold\"" } else { "" };
    let anchor = if class.contains("end") {
        " text-anchor=\"end\""
    } else if class.contains("middle") {
        " text-anchor=\"middle\""
    } else {
        ""
    };
    let words = escape(words);
    add(
        body,
        format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" class=\"{class}\"{weight}{anchor}>{words}</text>"
        ),
    );
}

/// At most so many characters of `words`, and a sign that there were more.
#[must_use]
pub fn cut(words: &str, most: usize) -> String {
    match words.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

/// A coordinate with one digit behind the point: a picture needs no more.
#[must_use]
pub fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_never_markup() {
        let mut body = String::new();
        text(&mut body, 1.0, 2.5, 22, "dim end bold", "</text><script>\u{1}\"x\" & 'y'");
        let words = "&lt;/text&gt;&lt;script&gt;\u{fffd}&quot;x&quot; &amp; &#39;y&#39;";
        let expected = format!(
            "<text x=\"1\" y=\"2.5\" font-size=\"22\" class=\"dim end bold\" font-weight=\"bold\" text-anchor=\"end\">{words}</text>"
        );
        assert_eq!(body, expected);
    }

    #[test]
    fn long_words_are_cut_between_letters() {
        assert_eq!((cut("größe", 3).as_str(), cut("größe", 5).as_str()), ("grö…", "größe"));
        assert_eq!((tenth(1.26), tenth(-0.04)), (1.3, -0.0));
    }
}
