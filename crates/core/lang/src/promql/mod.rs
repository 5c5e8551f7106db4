//! `PromQL`, as far as it must be understood to say which raw samples a query means and what it does to them.
//!
//! Property: what is read is read as Prometheus reads it; what is not known is refused with its place. Nothing is evaluated.

mod lex;
mod parse;

use std::fmt;

pub use parse::parse;

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number or a text.
    Literal(String),
    /// Series by their labels.
    Selector(Selector),
    /// A function.
    Call {
        /// Its name.
        name: String,
        /// What it is given.
        args: Vec<Expr>,
    },
    /// Many series to few.
    Aggregate {
        /// How.
        op: String,
        /// The labels that stay (`by`) or go (`without`), if any are named.
        grouping: Option<(bool, Vec<String>)>,
        /// What it is given.
        args: Vec<Expr>,
    },
    /// Two operands.
    Binary {
        /// Its sign.
        op: String,
        /// The left one.
        left: Box<Expr>,
        /// The right one.
        right: Box<Expr>,
    },
    /// A sign before an operand.
    Unary(Box<Expr>),
    /// A query asked again and again over a window.
    Subquery {
        /// The query.
        inner: Box<Expr>,
        /// The window in milliseconds.
        range: u64,
        /// The step in milliseconds, if it is written.
        step: Option<u64>,
        /// `offset` or `@` is there.
        is_shifted: bool,
    },
}

/// Series by their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// The name of the metric.
    pub name: Option<String>,
    /// What the labels must be.
    pub matchers: Vec<Matcher>,
    /// The window in milliseconds.
    pub range: Option<u64>,
    /// `offset` or `@` is there.
    pub is_shifted: bool,
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// How it is compared.
    pub op: MatchOp,
    /// With what.
    pub value: String,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {place}: {what}")]
pub struct ParseError {
    /// The character, from 1.
    pub place: usize,
    /// What is wrong there.
    pub what: String,
}

impl Selector {
    /// It asks for series as they are: no window, and no other time.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.range.is_none() && !self.is_shifted
    }

    /// The metric's name, also where it is written as a label.
    #[must_use]
    pub fn metric(&self) -> Option<&str> {
        let named = self.matchers.iter().find(|m| m.label == "__name__" && m.op == MatchOp::Equal);
        self.name.as_deref().or(named.map(|matcher| &*matcher.value))
    }
}

/// Without its window.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or_default())?;
        if self.matchers.is_empty() {
            return Ok(());
        }
        let matcher = |m: &Matcher| {
            let op = match m.op {
                MatchOp::Equal => "=",
                MatchOp::NotEqual => "!=",
                MatchOp::Matches => "=~",
                MatchOp::NotMatches => "!~",
            };
            let value = m.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{}{op}\"{value}\"", m.label)
        };
        let all: Vec<String> = self.matchers.iter().map(matcher).collect();
        write!(f, "{{{}}}", all.join(","))
    }
}

impl Expr {
    /// This and everything in it, from the outside in.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Literal(_) | Self::Selector(_) => {}
            Self::Call { args, .. } | Self::Aggregate { args, .. } => {
                for arg in args {
                    arg.walk(visit);
                }
            }
            Self::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            Self::Unary(inner) | Self::Subquery { inner, .. } => inner.walk(visit),
        }
    }

    /// The selectors in it, from left to right.
    #[must_use]
    pub fn selectors(&self) -> Vec<&Selector> {
        let mut found = Vec::new();
        self.walk(&mut |expr| {
            if let Self::Selector(selector) = expr {
                found.push(selector);
            }
        });
        found
    }
}
