//! Text to steps. The grammar is that of kubectl, quirks included: the body of `[…]` ends at the first `]`,
//! is split at every comma, and a quoted key is read again as a field path (so its dots need `\.`).

use super::{Comparison, Filter, JsonPathError, MAX_RANGE_DEPTH, MAX_TEXT_BYTES, Node, Part, Slice};
use serde_json::Value;

type Result<T> = std::result::Result<T, JsonPathError>;

/// Reads a template with actions in braces.
pub(super) fn template(text: &str) -> Result<Vec<Part>> {
    check_length(text)?;
    let mut cursor = Cursor { text, at: 0, base: 0 };
    // The innermost open range is last; the first entry is the template itself.
    let mut open: Vec<(Vec<Node>, Vec<Part>)> = vec![(Vec::new(), Vec::new())];
    while cursor.at < text.len() {
        let rest = cursor.rest();
        let literal = rest.find('{').unwrap_or(rest.len());
        if 0 < literal {
            push(&mut open, Part::Text(rest[..literal].to_owned()));
            cursor.at += literal;
            continue;
        }
        let begin = cursor.at;
        cursor.at += 1;
        let action = cursor.action(Some('}'))?;
        match action.keyword.as_deref() {
            None => push(&mut open, Part::Action(action.nodes)),
            Some("range") if open.len() <= MAX_RANGE_DEPTH => open.push((action.nodes, Vec::new())),
            Some("range") => return Err(JsonPathError::Limit("ranges are nested too deeply (at most 8)")),
            _ => match open.pop() {
                Some((path, body)) if !open.is_empty() => push(&mut open, Part::Range { path, body }),
                _ => return cursor.fail(begin, "not in range, nothing to end"),
            },
        }
    }
    match open.pop() {
        Some((_, parts)) if open.is_empty() => Ok(parts),
        _ => cursor.fail(text.len(), "a range is not closed, add {end}"),
    }
}

/// Reads one path without braces.
pub(super) fn bare(text: &str) -> Result<Vec<Node>> {
    check_length(text)?;
    let first = text.chars().next();
    // A bare word is a field here: there are no ranges outside braces.
    let lead = first.filter(|c| is_word(*c));
    let mut cursor = Cursor { text, at: 0, base: 0 };
    let mut nodes = lead.map(|_| cursor.field()).into_iter().collect::<Vec<_>>();
    nodes.extend(cursor.path_only()?);
    Ok(nodes)
}

fn check_length(text: &str) -> Result<()> {
    if MAX_TEXT_BYTES < text.len() {
        return Err(JsonPathError::Limit("the expression is too long (at most 4096 bytes)"));
    }
    Ok(())
}

fn push(open: &mut [(Vec<Node>, Vec<Part>)], part: Part) {
    if let Some((_, parts)) = open.last_mut() {
        parts.push(part);
    }
}

/// What one `{…}` held.
#[derive(Default)]
struct Action {
    keyword: Option<String>,
    nodes: Vec<Node>,
}

/// A place in a stretch of text; `base` is where that stretch begins in the whole.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    base: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T> {
        Err(JsonPathError::Parse { at: self.base + at, message: message.into() })
    }

    /// A cursor over `text[from..to]` that reports positions of the whole.
    fn part(&self, from: usize, to: usize) -> Cursor<'a> {
        Cursor { text: &self.text[from..to], at: 0, base: self.base + from }
    }

    /// Steps to the end of the text, where keywords have no meaning.
    fn path_only(mut self) -> Result<Vec<Node>> {
        let begin = self.at;
        let action = self.action(None)?;
        match action.keyword {
            Some(word) => self.fail(begin, format!("unrecognized identifier {word}")),
            None => Ok(action.nodes),
        }
    }

    /// Steps up to `close`, or to the end of the text if there is none.
    fn action(&mut self, close: Option<char>) -> Result<Action> {
        let mut action = Action::default();
        loop {
            let begin = self.at;
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                return if close.is_none() { Ok(action) } else { self.fail(begin, "unclosed action") };
            };
            let node = match first {
                _ if rest.starts_with("[?(") => self.filter()?,
                _ if rest.starts_with("..") => self.recursive(&mut action.nodes)?,
                '}' if close.is_some() => {
                    self.at += 1;
                    return Ok(action);
                }
                '\n' | '\r' => return self.fail(begin, "unclosed action"),
                ' ' | '@' | '$' => {
                    self.at += 1;
                    continue;
                }
                '[' => self.bracket()?,
                '"' | '\'' => vec![Node::Text(self.quoted(first)?)],
                '.' => {
                    self.at += 1;
                    vec![self.field()]
                }
                '+' | '-' | '0'..='9' => vec![Node::Literal(self.number()?)],
                c if is_word(c) => self.word(&mut action)?,
                other => return self.fail(begin, format!("unrecognized character {other:?} in action")),
            };
            action.nodes.extend(node);
        }
    }

    fn word(&mut self, action: &mut Action) -> Result<Vec<Node>> {
        let begin = self.at;
        let rest = self.rest();
        let length = rest.find(is_terminator).unwrap_or(rest.len());
        self.at += length;
        match &rest[..length] {
            "true" => Ok(vec![Node::Literal(Value::Bool(true))]),
            "false" => Ok(vec![Node::Literal(Value::Bool(false))]),
            word @ ("range" | "end") if action.keyword.is_none() && action.nodes.is_empty() => {
                action.keyword = Some(word.to_owned());
                Ok(Vec::new())
            }
            word => self.fail(begin, format!("unrecognized identifier {word}")),
        }
    }

    fn recursive(&mut self, before: &mut [Node]) -> Result<Vec<Node>> {
        if before.last() == Some(&Node::Recursive) {
            return self.fail(self.at, "invalid multiple recursive descent");
        }
        self.at += 2;
        let mut nodes = vec![Node::Recursive];
        if self.rest().chars().next().is_some_and(is_word) {
            nodes.push(self.field());
        }
        Ok(nodes)
    }

    /// A field name up to the next terminator that no backslash precedes.
    fn field(&mut self) -> Node {
        let mut name = String::new();
        let mut escaped = false;
        let mut chars = self.rest().char_indices();
        let length = loop {
            match chars.next() {
                None => break self.rest().len(),
                Some((_, c)) if escaped => {
                    escaped = false;
                    name.push(c);
                }
                Some((_, '\\')) => escaped = true,
                Some((at, c)) if is_terminator(c) => break at,
                Some((_, c)) => name.push(c),
            }
        };
        self.at += length;
        if name == "*" { Node::Wildcard } else { Node::Field(name) }
    }

    fn number(&mut self) -> Result<Value> {
        let begin = self.at;
        let rest = self.rest();
        let signed = usize::from(rest.starts_with(['+', '-']));
        let digits = rest[signed..].find(|c: char| c != '.' && !c.is_ascii_digit());
        let length = digits.map_or(rest.len(), |at| at + signed);
        self.at += length;
        let text = rest[..length].trim_start_matches('+');
        if let Ok(integer) = text.parse::<i64>() {
            return Ok(Value::from(integer));
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::from(float)),
            _ => self.fail(begin, format!("cannot parse number {}", &rest[..length])),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String> {
        let begin = self.at;
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        loop {
            let (at, c) = match chars.next() {
                None | Some((_, '\n')) => return self.fail(begin, "unterminated quoted string"),
                Some(pair) => pair,
            };
            if c == quote {
                self.at = begin + at + 1;
                return Ok(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(c) if c == '\\' || c == quote => out.push(c),
                _ => return self.fail(begin + at, "unknown escape in quoted string"),
            }
        }
    }

    fn bracket(&mut self) -> Result<Vec<Node>> {
        let begin = self.at;
        let Some(length) = self.rest().find([']', '\n']).filter(|at| self.rest()[*at..].starts_with(']'))
        else {
            return self.fail(begin, "unterminated array");
        };
        self.at += length + 1;
        let (from, to) = (begin + 1, begin + length);
        if !self.text[from..to].contains(',') {
            return self.subscript(from, to);
        }
        let mut members = Vec::new();
        let mut start = from;
        for member in self.text[from..to].split(',') {
            let lead = member.len() - member.trim_start_matches(' ').len();
            let trimmed = member.trim_matches(' ');
            members.push(self.subscript(start + lead, start + lead + trimmed.len())?);
            start += member.len() + 1;
        }
        Ok(vec![Node::Union(members)])
    }

    /// One member of `[…]`: `*`, a quoted key, an index or a slice.
    fn subscript(&self, from: usize, to: usize) -> Result<Vec<Node>> {
        let text = &self.text[from..to];
        let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).filter(|t| !t.contains('\''));
        if inner.is_some() && 2 <= text.len() {
            let mut key = self.part(from + 1, to - 1);
            let mut nodes = vec![key.field()];
            nodes.extend(key.path_only()?);
            return Ok(nodes);
        }
        let text = if text == "*" { ":" } else { text };
        let fields: Vec<&str> = text.split(':').collect();
        if 3 < fields.len() {
            return self.fail(from, format!("invalid array index {text}"));
        }
        let mut numbers = [None; 3];
        for (number, field) in numbers.iter_mut().zip(&fields) {
            if !field.is_empty() {
                *number = match field.parse::<i32>() {
                    Ok(parsed) if !field.starts_with('+') => Some(i64::from(parsed)),
                    _ => return self.fail(from, format!("invalid array index {text}")),
                };
            }
        }
        let [start, end, step] = numbers;
        let end_derived = fields.len() == 1;
        let end = if end_derived { Some(start.unwrap_or(0) + 1) } else { end };
        Ok(vec![Node::Slice(Slice { start, end, end_derived, step })])
    }

    fn filter(&mut self) -> Result<Vec<Node>> {
        let begin = self.at;
        let from = begin + "[?(".len();
        let Some(to) = filter_end(&self.text[from..]).map(|length| from + length) else {
            return self.fail(begin, "unterminated filter");
        };
        if !self.text[to + 1..].starts_with(']') {
            return self.fail(to + 1, "unclosed array expect ]");
        }
        self.at = to + 2;
        let text = &self.text[from..to];
        let operator = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let split = text.find(operator).filter(|at| 0 < *at).and_then(|at| {
            let length = text[at..].find(|c| !operator(c))?;
            Some((from + at, from + at + length))
        });
        let Some((left_end, right_begin)) = split else {
            let left = self.part(from, to).path_only()?;
            return Ok(vec![Node::Filter(Box::new(Filter { left, test: None }))]);
        };
        let comparison = match &self.text[left_end..right_begin] {
            "<" => Comparison::Less,
            ">" => Comparison::Greater,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<=" => Comparison::LessEqual,
            ">=" => Comparison::GreaterEqual,
            other => return self.fail(left_end, format!("unrecognized filter operator {other}")),
        };
        let left = self.part(from, left_end).path_only()?;
        let right = self.part(right_begin, to).path_only()?;
        Ok(vec![Node::Filter(Box::new(Filter { left, test: Some((comparison, right)) }))])
    }
}

/// Offset of the `)` that ends a filter: the first one outside quotes.
fn filter_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (_, '\n') => return None,
            (None, ')') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open && !escaped => quote = None,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
