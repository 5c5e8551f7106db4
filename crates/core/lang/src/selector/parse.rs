//! The text form of label selectors, and what is wrong with one in the words of Kubernetes.

use super::{Operator, Requirement, Selector, SelectorError, bad_key};

/// Reads a selector; the caller has checked its length.
pub(super) fn selector(text: &str) -> Result<Selector, SelectorError> {
    let mut parser = Parser { text, at: 0 };
    parser.selector().map_err(|message| SelectorError::Parse { at: parser.at, message })
}

/// The text form, one token at a time.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}
use Token::{End, Symbol, Word};

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Word(text) | Symbol(text) => text,
            End => "",
        }
    }

    /// The complaint about this token where something else should be.
    fn not<T>(self, expected: &str) -> Result<T, String> {
        Err(format!("found '{}', expected: {expected}", self.text()))
    }
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Result<Selector, String> {
        let mut requirements = Vec::new();
        match self.peek() {
            End => return Ok(Selector::everything()),
            Word(_) | Symbol("!") => {}
            other @ Symbol(_) => return other.not("!, identifier, or 'end of string'"),
        }
        loop {
            let read = self.requirement();
            requirements.push(read.map_err(|why| format!("unable to parse requirement: {why}"))?);
            match self.next() {
                End => return Ok(Selector::of(requirements)),
                Symbol(",") => {}
                other => return other.not("',' or 'end of string'"),
            }
            match self.peek() {
                Word(_) | Symbol("!") => {}
                other => return other.not("identifier after ','"),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = self.peek() == Symbol("!");
        if negated {
            self.next();
        }
        let key = match self.next() {
            Word(key) => key,
            other => return other.not("identifier"),
        };
        if let Some(fault) = bad_key(key) {
            return Err(format!("<nil>: {fault}"));
        }
        if negated {
            return requirement(key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek(), End | Symbol(",")) {
            return requirement(key, Operator::Exists, Vec::new());
        }
        let operator = match self.next() {
            Symbol("=") => Operator::Equals,
            Symbol("==") => Operator::DoubleEquals,
            Symbol("!=") => Operator::NotEquals,
            Symbol(">") => Operator::GreaterThan,
            Symbol("<") => Operator::LessThan,
            Word("in") => Operator::In,
            Word("notin") => Operator::NotIn,
            other => return other.not("in, notin, =, ==, !=, gt, lt"),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => vec![self.value()?],
        };
        requirement(key, operator, values)
    }

    fn value(&mut self) -> Result<String, String> {
        if matches!(self.peek(), End | Symbol(",")) {
            return Ok(String::new());
        }
        match self.next() {
            Word(word) => Ok(word.to_owned()),
            other => other.not("identifier"),
        }
    }

    /// A list in parentheses; between two commas, or beside one, is the empty text.
    fn set(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Symbol("(") => {}
            // Without a comma, as in Kubernetes.
            other => return Err(format!("found '{}' expected: '('", other.text())),
        }
        if !matches!(self.peek(), Word(_) | Symbol("," | ")")) {
            return self.next().not("',', ')' or identifier");
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                Word(word) => {
                    self.next();
                    values.push(word.to_owned());
                }
                Symbol("," | ")") => values.push(String::new()),
                _ => return self.next().not("',', or identifier"),
            }
            match self.next() {
                Symbol(")") => return Ok(values),
                Symbol(",") => {}
                other => return other.not("',' or ')'"),
            }
        }
    }

    fn peek(&self) -> Token<'a> {
        Parser { text: self.text, at: self.at }.next()
    }

    fn next(&mut self) -> Token<'a> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        let symbol =
            ["==", "!=", "=", "!", ">", "<", "(", ")", ","].into_iter().find(|one| rest.starts_with(one));
        if let Some(symbol) = symbol {
            self.at += symbol.len();
            return Symbol(symbol);
        }
        let length = rest.find(|c: char| c.is_whitespace() || "=!><(),".contains(c)).unwrap_or(rest.len());
        self.at += length;
        if length == 0 { End } else { Word(&rest[..length]) }
    }
}

/// A requirement, or all of its faults as Kubernetes joins them.
fn requirement(key: &str, operator: Operator, values: Vec<String>) -> Result<Requirement, String> {
    Requirement::checked(key, operator, values).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|(field, why)| format!("{field}: {why}")).collect();
        match faults.as_slice() {
            [one] => one.clone(),
            all => format!("[{}]", all.join(", ")),
        }
    })
}
