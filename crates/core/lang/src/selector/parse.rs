//! The text form of label selectors.

use super::{Operator, Requirement, Selector, SelectorError};

/// Reads a selector; the caller has checked its length.
pub(super) fn selector(text: &str) -> Result<Selector, SelectorError> {
    Parser { text, at: 0 }.selector()
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

impl<'a> Parser<'a> {
    fn selector(mut self) -> Result<Selector, SelectorError> {
        let mut requirements = Vec::new();
        if self.peek() == Token::End {
            return Ok(Selector::everything());
        }
        loop {
            requirements.push(self.requirement()?);
            match self.next() {
                Token::End => return Ok(Selector::of(requirements)),
                Token::Symbol(",") if self.peek() != Token::End => {}
                _ => return self.fail("expected ',' and another requirement"),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let negated = self.peek() == Token::Symbol("!");
        if negated {
            self.next();
        }
        let Token::Word(key) = self.next() else { return self.fail("expected a label key") };
        if negated {
            return Requirement::new("key", key, Operator::DoesNotExist, Vec::new());
        }
        let operator = match self.peek() {
            Token::End | Token::Symbol(",") => {
                return Requirement::new("key", key, Operator::Exists, Vec::new());
            }
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            _ => {
                self.next();
                return self.fail("expected one of in, notin, =, ==, !=, >, <");
            }
        };
        self.next();
        let values = match operator {
            Operator::In | Operator::NotIn => self.set()?,
            _ => vec![self.value()],
        };
        Requirement::new("values", key, operator, values)
    }

    fn value(&mut self) -> String {
        match self.peek() {
            Token::Word(word) => {
                self.next();
                word.to_owned()
            }
            _ => String::new(),
        }
    }

    fn set(&mut self) -> Result<Vec<String>, SelectorError> {
        if self.next() != Token::Symbol("(") {
            return self.fail("expected '('");
        }
        let mut values = vec![self.value()];
        loop {
            match self.next() {
                Token::Symbol(")") => return Ok(values),
                Token::Symbol(",") => values.push(self.value()),
                _ => return self.fail("expected ',' or ')'"),
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
            return Token::Symbol(symbol);
        }
        let length = rest.find(|c: char| c.is_whitespace() || "=!><(),".contains(c)).unwrap_or(rest.len());
        self.at += length;
        if length == 0 { Token::End } else { Token::Word(&rest[..length]) }
    }

    fn fail<T>(&self, message: &str) -> Result<T, SelectorError> {
        Err(SelectorError::Parse { at: self.at, message: message.to_owned() })
    }
}
