//! A query to its words.

use super::ParseError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Number(String),
    /// Milliseconds.
    Duration(u64),
    Text(String),
    Sign(&'static str),
    End,
}

/// The longest first.
const SIGNS: [&str; 25] = [
    "==", "!=", "=~", "!~", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", "+", "-", "*", "/", "%", "^", "=",
    ">", "<", "@", ":", ";",
];
const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
];

/// The words with the place of each, from 1, and the end.
pub(super) fn lex(text: &str) -> Result<Vec<(usize, Token)>, ParseError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    // Inside of [ and ], a colon parts the window from the step; elsewhere it may be in a name.
    let mut is_in_window = false;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix('#') {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        let place = text[..text.len() - rest.len()].chars().count() + 1;
        let Some(first) = rest.chars().next() else {
            tokens.push((place, Token::End));
            return Ok(tokens);
        };
        let (token, after) = match first {
            '"' | '\'' | '`' => quoted(rest, first).map_err(|what| ParseError { place, what })?,
            '0'..='9' | '.' => number(rest),
            _ if first.is_ascii_alphabetic() || first == '_' || (first == ':' && !is_in_window) => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                (Token::Word(word.to_owned()), after)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| {
                    let hint = if first == '$' { ": put in what the variable stands for" } else { "" };
                    ParseError { place, what: format!("{first:?} does not belong into a query{hint}") }
                })?;
                is_in_window = sign == "[" || (is_in_window && sign != "]");
                (Token::Sign(sign), &rest[sign.len()..])
            }
        };
        tokens.push((place, token));
        rest = after;
    }
}

fn quoted(rest: &str, quote: char) -> Result<(Token, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(text), &rest[at + c.len_utf8()..])),
            '\\' if quote != '`' => match chars.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                Some(c) => return Err(format!("\\{c} is no escape in a text: write \\\\{c}")),
                None => break,
            },
            _ => text.push(c),
        }
    }
    Err("the text has no end".to_owned())
}

/// A number, or a duration such as `1h30m`.
fn number(rest: &str) -> (Token, &str) {
    let mut total: u64 = 0;
    let mut after = rest;
    loop {
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = UNITS.iter().find(|(name, _)| after[digits..].starts_with(name));
        let (Some((name, ms)), Ok(count)) = (unit, after[..digits].parse::<u64>()) else { break };
        total = total.saturating_add(count.saturating_mul(*ms));
        after = &after[digits + name.len()..];
    }
    let goes_on = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    if after.len() < rest.len() && !goes_on {
        return (Token::Duration(total), after);
    }
    let mut before = ' ';
    let end = rest.find(|c: char| {
        let is_part = c.is_ascii_alphanumeric() || c == '.' || ("+-".contains(c) && "eE".contains(before));
        before = c;
        !is_part
    });
    let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
    (Token::Number(number.to_owned()), after)
}
