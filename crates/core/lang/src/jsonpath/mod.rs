//! Kubernetes JSONPath: the same text selects the same values as in kubectl.
//!
//! The dialect is not RFC 9535: templates (`{.a}{"\n"}`), `{range}…{end}`, `\.` escapes, quirks in unions
//! and keys. Users paste expressions that worked in kubectl, so an expression means here what it means there.
//!
//! 1. Parsing and evaluating end: length, nesting of ranges and visited values have limits.
//! 2. No input overflows the stack: the recursion of the parser is bounded by the grammar and the limits,
//!    the recursion over data by [`MAX_DATA_DEPTH`].
//! 3. Every parse error names a byte offset in the text.
//! 4. Map wildcards visit in the order of the map, so equal inputs give equal output.

mod eval;
mod parse;
mod print;
#[cfg(test)]
mod tests;

use serde_json::Value;
use std::borrow::Cow;

/// Longest accepted expression in bytes: ten times the longest seen in the wild, short enough to parse in
/// microseconds.
pub const MAX_TEXT_BYTES: usize = 4096;
/// Deepest nesting of `{range}`: each level multiplies the work.
pub const MAX_RANGE_DEPTH: usize = 8;
/// Deepest data that `..` follows; `serde_json` itself refuses to read deeper documents.
pub const MAX_DATA_DEPTH: usize = 128;
/// Values that one evaluation may visit: a list of 1,000 pods visited wholly by `..` stays below.
pub const MAX_STEPS: usize = 1_000_000;

/// Why an expression could not be read or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    /// The text is not an expression; `at` is a byte offset into it.
    #[error("JSONPath: {message} at position {at}")]
    Parse {
        /// Byte offset into the text that was parsed.
        at: usize,
        /// What is wrong there.
        message: String,
    },
    /// A field is missing and missing keys are not allowed.
    #[error("{0} is not found")]
    NotFound(String),
    /// The data does not fit the expression (an index into a map, a comparison of different types, …).
    #[error("{0}")]
    Data(String),
    /// A limit of this module was reached.
    #[error("JSONPath: {0}")]
    Limit(&'static str),
}

/// A parsed expression or template.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    parts: Vec<Part>,
    allow_missing_keys: bool,
}

/// One stretch of a template.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// Literal text outside braces.
    Text(String),
    /// One `{…}`.
    Action(Vec<Node>),
    /// `{range path}body{end}`.
    Range { path: Vec<Node>, body: Vec<Part> },
}

/// One step inside an action; steps apply from left to right.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// A quoted string: one result whatever came in.
    Text(String),
    /// A number or boolean: one result for each value that came in.
    Literal(Value),
    Field(String),
    Wildcard,
    Recursive,
    Slice(Slice),
    Union(Vec<Vec<Node>>),
    Filter(Box<Filter>),
}

/// `[start:end:step]`; `[n]` is a slice whose end was derived from its start.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    end_derived: bool,
    step: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Vec<Node>,
    /// `None` asks whether `left` exists.
    test: Option<(Comparison, Vec<Node>)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    Greater,
    Equal,
    NotEqual,
    LessEqual,
    GreaterEqual,
}

impl JsonPath {
    /// Reads a template as kubectl's `-o jsonpath=` takes it: text with `{…}` actions.
    ///
    /// # Errors
    /// [`JsonPathError::Parse`] with the offset, [`JsonPathError::Limit`] when it is too long.
    pub fn parse(template: &str) -> Result<Self, JsonPathError> {
        Ok(Self { parts: parse::template(template)?, allow_missing_keys: false })
    }

    /// Reads one path with or without braces and leading dot: `.a.b`, `a.b`, `{.a.b}`, `$.a`; the form in
    /// printer columns, scale paths and metric providers.
    ///
    /// # Errors
    /// As [`JsonPath::parse`].
    pub fn parse_path(path: &str) -> Result<Self, JsonPathError> {
        if path.contains('{') {
            return Self::parse(path);
        }
        let nodes = parse::bare(path)?;
        Ok(Self { parts: vec![Part::Action(nodes)], allow_missing_keys: false })
    }

    /// Whether a missing field selects nothing (as in kubectl) instead of being an error (the default).
    #[must_use]
    pub fn allow_missing_keys(mut self, allow: bool) -> Self {
        self.allow_missing_keys = allow;
        self
    }

    /// The values that the whole template selects, one list for each text and action, ranges unrolled.
    ///
    /// # Errors
    /// [`JsonPathError::NotFound`], [`JsonPathError::Data`] or [`JsonPathError::Limit`].
    pub fn find_all<'a>(&'a self, data: &'a Value) -> Result<Vec<Vec<Cow<'a, Value>>>, JsonPathError> {
        eval::run(&self.parts, data, self.allow_missing_keys)
    }

    /// The values that the first action selects: all there is for a single path.
    ///
    /// # Errors
    /// As [`JsonPath::find_all`].
    pub fn find<'a>(&'a self, data: &'a Value) -> Result<Vec<Cow<'a, Value>>, JsonPathError> {
        Ok(self.find_all(data)?.into_iter().next().unwrap_or_default())
    }

    /// The text that kubectl would print.
    ///
    /// # Errors
    /// As [`JsonPath::find_all`].
    pub fn render(&self, data: &Value) -> Result<String, JsonPathError> {
        let lists = self.find_all(data)?;
        Ok(lists.iter().map(|list| print::list(list)).collect())
    }
}

/// The text of one value as kubectl prints it: strings bare, maps and lists as JSON with sorted keys.
#[must_use]
pub fn text_of(value: &Value) -> String {
    print::value(value)
}
