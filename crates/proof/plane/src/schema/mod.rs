//! Structural schemas of `CustomResourceDefinition`s: what a custom object may hold.
//!
//! 1. What is stored has been pruned, defaulted and validated by the schema of its version, as on a real
//!    API server, so a manifest that passes here passes there.
//! 2. Every refusal is a [`FieldError`] in Kubernetes' own words.
//! 3. A schema that uses what is not implemented (CEL but for `self == oldSelf`) is refused when it is
//!    parsed, never half-applied.
//! 4. Schemas are immutable and shared.

mod error;
mod format;
mod parse;
mod shape;
#[cfg(test)]
mod tests;
mod validate;

pub use error::{FieldError, FieldErrorKind, go_quote};

use format::Format;
use indexmap::IndexMap;
use regex::Regex;
use serde_json::{Number, Value};

/// Deepest nesting of a schema. A schema level takes two JSON levels, and `serde_json` reads 128 of those.
pub const MAX_SCHEMA_DEPTH: usize = 64;

/// The schema of one version of a custom resource.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Node,
    source: Value,
}

impl Schema {
    /// Reads `openAPIV3Schema`. Paths in errors begin with `openAPIV3Schema`.
    ///
    /// # Errors
    /// Every rule of structural schemas that it breaks, and every feature that is not supported.
    pub fn parse(schema: &Value) -> Result<Self, Vec<FieldError>> {
        Self::parse_at(schema, "openAPIV3Schema")
    }

    /// As [`Schema::parse`], with the path of the schema inside its CRD.
    ///
    /// # Errors
    /// As [`Schema::parse`].
    pub fn parse_at(schema: &Value, path: &str) -> Result<Self, Vec<FieldError>> {
        let root = parse::root(schema, path)?;
        Ok(Self { root, source: schema.clone() })
    }

    /// Drops the fields that the schema does not name. `apiVersion`, `kind` and `metadata` stay at the root
    /// and in embedded resources. Returns the paths of what was dropped (as `spec.a[0].b`), for warnings and
    /// strict field validation.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        shape::prune(&self.root, object)
    }

    /// Fills in defaults, and drops nulls where the schema has no use for them.
    pub fn default(&self, object: &mut Value) {
        shape::default(&self.root, object);
    }

    /// Everything that is wrong with an object that has been pruned and defaulted.
    #[must_use]
    pub fn validate(&self, object: &Value) -> Vec<FieldError> {
        validate::object(&self.root, object)
    }

    /// As [`Schema::validate`], and what changed although it must not.
    #[must_use]
    pub fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = validate::object(&self.root, new);
        validate::immutable(&self.root, "", new, old, &mut errors);
        errors
    }

    /// The document that was parsed, for `explain` and client-side validation.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// How the items of a list relate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

#[derive(Clone, Debug, Default)]
enum Additional {
    /// Only `properties`.
    #[default]
    None,
    /// Anything, kept as it is: `additionalProperties: true`.
    Any,
    /// Values of one schema.
    Schema(Box<Node>),
}

/// One level of a schema, or of the rules inside `allOf` and its kin (those have no type or extensions).
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent keywords of a schema, not a state")]
struct Node {
    type_: Option<Type>,
    nullable: bool,
    int_or_string: bool,
    preserve_unknown: bool,
    embedded: bool,
    properties: IndexMap<String, Node>,
    additional: Additional,
    items: Option<Box<Node>>,
    default: Option<Value>,
    list: ListType,
    /// The message of a `self == oldSelf` rule.
    immutable: Option<String>,
    rules: Rules,
}

/// A bound and whether the value must stay off it.
#[derive(Clone, Debug)]
struct Bound {
    limit: Number,
    exclusive: bool,
}

/// What a value must satisfy besides its type.
#[derive(Clone, Debug, Default)]
struct Rules {
    required: Vec<String>,
    one_of_values: Option<Vec<Value>>,
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    multiple_of: Option<f64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
    pattern: Option<Regex>,
    format: Option<Format>,
    all_of: Vec<Node>,
    any_of: Vec<Node>,
    one_of: Vec<Node>,
    not: Option<Box<Node>>,
}

/// `path.name`, or `name` at the root.
fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
