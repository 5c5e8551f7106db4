//! Go's `text/template`, for queries and messages that users write.
//!
//! Property: what is rendered is what Go renders of the same text, or it is an error; and every rendering ends soon, in
//! bounded memory, whatever the text says.
//!
//! Reason: the text comes from manifests and the values from other manifests; a controller that hangs or runs out of
//! memory over one of them stops all the others.
//!
//! Mechanics: a template engine behind a facade. `blocks` counts blocks, which the engine does not; `guard` rewrites
//! the parsed tree so that each body, each value and each function call is charged to one budget; `print` writes
//! numbers as Go does. Functions take no arguments beside those of Go's own: a set with arguments goes into
//! `guard::functions`.

mod blocks;
mod guard;
mod print;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// The name that the text itself goes by; no name in a text is without letters.
const ROOT: &str = "";

/// What one rendering may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text: a query is a few hundred, a message a few thousand.
    pub text_max: usize,
    /// Blocks in blocks, and parentheses in parentheses: each costs stack.
    pub depth_max: usize,
    /// Rounds of all loops together.
    pub rounds_max: u64,
    /// Bytes of the result, and of any value on the way to it.
    pub output_max: usize,
    /// Nodes visited and bytes handled by functions: what bounds the time.
    pub work_max: u64,
}

impl Default for Limits {
    /// For a query: a second at the worst, in a build without optimisation.
    fn default() -> Self {
        Self { text_max: 64 << 10, depth_max: 64, rounds_max: 10_000, output_max: 1 << 20, work_max: 2 << 20 }
    }
}

/// What a function that a template may call gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    /// A text.
    Text(String),
    /// Texts by name, as Go's `map[string]string`: `{{ variables.x }}` of a name that is not there is an error, and
    /// `index` of it gives the empty text.
    Texts(BTreeMap<String, String>),
    /// Anything, as Go reads it from JSON: every number is a float.
    Json(Value),
}

impl From<&str> for Named {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Why a template gives nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is no template.
    #[error("the template is malformed: {0}")]
    Malformed(String),
    /// It calls what is not there.
    #[error("the template calls {name}, which is no function; there are {known}")]
    UnknownFunction {
        /// The function.
        name: String,
        /// The functions that are there beside Go's own.
        known: String,
    },
    /// A value is missing or of another kind.
    #[error("the template cannot be rendered: {0}")]
    Unrendered(String),
    /// It costs too much.
    #[error("the template {what}, more than the {limit} that are allowed: make it shorter or simpler")]
    TooMuch {
        /// Which limit.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
}

/// Renders a template: `functions` can be called by their names, `data` is what `.` stands for.
///
/// # Errors
/// [`TemplateError`] for what Go refuses too (a missing key of a map is an error), and for what costs more than `limits`.
pub fn render(
    text: &str,
    functions: &BTreeMap<String, Named>,
    data: &Value,
    limits: &Limits,
) -> Result<String, TemplateError> {
    if limits.text_max < text.len() {
        return Err(TemplateError::TooMuch { what: "is longer in bytes", limit: limits.text_max as u64 });
    }
    blocks::check(text, limits.depth_max)?;
    let budget = guard::Budget::new(limits);
    let template = guard::guarded(text, functions, limits, &budget)?;
    let mut output = Output { text: String::new(), max: limits.output_max, is_full: false };
    match template.execute_template_fmt(&mut output, ROOT, &print::value(data)) {
        Ok(()) => Ok(output.text),
        Err(_) if output.is_full => Err(too_long(limits)),
        Err(error) => Err(budget.overrun().unwrap_or_else(|| match error {
            gotmpl::TemplateError::RangeIterLimit => {
                TemplateError::TooMuch { what: "loops more often", limit: limits.rounds_max }
            }
            other => TemplateError::Unrendered(shortened(&other.to_string())),
        })),
    }
}

fn too_long(limits: &Limits) -> TemplateError {
    TemplateError::TooMuch { what: "gives more bytes", limit: limits.output_max as u64 }
}

/// An error may quote a value, which may be long.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text that refuses to grow too long.
struct Output {
    text: String,
    max: usize,
    is_full: bool,
}

impl fmt::Write for Output {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.max < self.text.len() + part.len() {
            self.is_full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}
