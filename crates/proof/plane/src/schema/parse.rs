//! `openAPIV3Schema` to [`Node`]s, with the rules of structural schemas.

use super::{Additional, Bound, FieldError, Format, ListType, MAX_SCHEMA_DEPTH, Node, Rules, Type, child};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

/// Compiled size of one pattern in bytes; larger ones cost more than any check of a manifest is worth.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Keywords of JSON Schema that Kubernetes refuses, with its reasons.
const FORBIDDEN: &[(&str, &str)] = &[
    ("$ref", "$ref is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("deprecated", "deprecated is not supported"),
    ("discriminator", "discriminator is not supported"),
    ("id", "id is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    ("additionalItems", "additionalItems is not supported"),
    ("readOnly", "readOnly is not supported"),
    ("writeOnly", "writeOnly is not supported"),
    ("xml", "xml is not supported"),
];

/// What may stand only outside `allOf`, `anyOf`, `oneOf` and `not`.
const STRUCTURAL_ONLY: &[(&str, &str)] = &[
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
];

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
    /// Inside `allOf` and its kin; the flag allows the types of the int-or-string pattern.
    Nested(bool),
}

/// Reads the schema of a whole object.
pub(super) fn root(schema: &Value, path: &str) -> Result<Node, Vec<FieldError>> {
    let mut parser = Parser { errors: Vec::new() };
    let node = parser.node(schema, path, Level::Root, 0);
    if parser.errors.is_empty() { Ok(node) } else { Err(parser.errors) }
}

struct Parser {
    errors: Vec<FieldError>,
}

impl Parser {
    fn node(&mut self, schema: &Value, path: &str, level: Level, depth: usize) -> Node {
        let Some(map) = schema.as_object() else {
            self.errors.push(FieldError::invalid(path, schema.clone(), "must be an object"));
            return Node::default();
        };
        if MAX_SCHEMA_DEPTH < depth {
            self.errors
                .push(FieldError::forbidden(path, "the schema is nested too deeply (at most 64 levels)"));
            return Node::default();
        }
        self.refuse(map, path, level);
        let int_or_string = flag(map, "x-kubernetes-int-or-string");
        let mut node = Node {
            type_: self.type_of(map, path),
            nullable: flag(map, "nullable"),
            int_or_string,
            preserve_unknown: flag(map, "x-kubernetes-preserve-unknown-fields"),
            embedded: level == Level::Root || flag(map, "x-kubernetes-embedded-resource"),
            default: map.get("default").filter(|value| !value.is_null()).cloned(),
            ..Node::default()
        };
        self.children(&mut node, map, path, level, depth);
        node.rules = self.rules(map, path, int_or_string, depth);
        node.list = self.list_type(map, path);
        if !matches!(level, Level::Nested(_)) {
            node.immutable = self.immutable(map, path);
            self.structural(&node, map, path, level);
        }
        node
    }

    fn refuse(&mut self, map: &Map<String, Value>, path: &str, level: Level) {
        let set = |key: &str| map.get(key).is_some_and(|v| !v.is_null() && *v != Value::Bool(false));
        for (key, detail) in FORBIDDEN.iter().filter(|(key, _)| set(key)) {
            self.errors.push(FieldError::forbidden(child(path, key), *detail));
        }
        if flag(map, "uniqueItems") {
            let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.errors.push(FieldError::forbidden(child(path, "uniqueItems"), detail));
        }
        if let Level::Nested(types_allowed) = level {
            for (key, detail) in STRUCTURAL_ONLY.iter().filter(|(key, _)| set(key)) {
                if !(types_allowed && *key == "type") {
                    self.errors.push(FieldError::forbidden(child(path, key), *detail));
                }
            }
            if map.get("properties").is_some_and(|properties| properties.get("metadata").is_some()) {
                let field = format!("{path}.properties[metadata]");
                self.errors.push(FieldError::forbidden(field, "must not be specified in a nested context"));
            }
        }
    }

    fn type_of(&mut self, map: &Map<String, Value>, path: &str) -> Option<Type> {
        let name = match map.get("type") {
            None | Some(Value::Null) => return None,
            Some(Value::String(name)) => name.as_str(),
            Some(other) => {
                self.errors.push(FieldError::invalid(child(path, "type"), other.clone(), "must be a string"));
                return None;
            }
        };
        let found = Type::from_name(name);
        if found.is_none() && !name.is_empty() {
            let supported = ["array", "boolean", "integer", "number", "object", "string"].map(Value::from);
            self.errors.push(FieldError::not_supported(child(path, "type"), name, &supported));
        }
        found
    }

    fn children(
        &mut self,
        node: &mut Node,
        map: &Map<String, Value>,
        path: &str,
        level: Level,
        depth: usize,
    ) {
        let below =
            |other: Level| if matches!(level, Level::Nested(_)) { Level::Nested(false) } else { other };
        if let Some(Value::Object(properties)) = map.get("properties") {
            for (name, schema) in properties {
                let at = format!("{path}.properties[{name}]");
                let schema = self.node(schema, &at, below(Level::Field), depth + 1);
                node.properties.insert(name.clone(), schema);
            }
        }
        let at = child(path, "additionalProperties");
        node.additional = match map.get("additionalProperties") {
            None | Some(Value::Null | Value::Bool(false)) => Additional::None,
            Some(Value::Bool(true)) => Additional::Any,
            Some(schema) => {
                Additional::Schema(Box::new(self.node(schema, &at, below(Level::Field), depth + 1)))
            }
        };
        if !matches!(node.additional, Additional::None) && !node.properties.is_empty() {
            let detail = "additionalProperties and properties are mutual exclusive";
            self.errors.push(FieldError::forbidden(child(path, "additionalProperties"), detail));
        }
        match map.get("items") {
            None | Some(Value::Null) => {}
            Some(Value::Array(_)) => {
                let detail = "items must be a schema object and not an array";
                self.errors.push(FieldError::forbidden(child(path, "items"), detail));
            }
            Some(schema) => {
                let items = self.node(schema, &child(path, "items"), below(Level::Item), depth + 1);
                node.items = Some(Box::new(items));
            }
        }
    }

    fn rules(&mut self, map: &Map<String, Value>, path: &str, int_or_string: bool, depth: usize) -> Rules {
        let count = |key: &str| map.get(key).and_then(Value::as_u64);
        let pattern = map.get("pattern").and_then(Value::as_str).filter(|pattern| !pattern.is_empty());
        let required = map.get("required").and_then(Value::as_array).into_iter().flatten();
        let format = map.get("format").and_then(Value::as_str);
        let not = map
            .get("not")
            .filter(|schema| !schema.is_null())
            .map(|schema| Box::new(self.node(schema, &child(path, "not"), Level::Nested(false), depth + 1)));
        Rules {
            required: required.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            one_of_values: map.get("enum").and_then(Value::as_array).cloned(),
            minimum: bound(map, "minimum", "exclusiveMinimum"),
            maximum: bound(map, "maximum", "exclusiveMaximum"),
            multiple_of: map.get("multipleOf").and_then(Value::as_f64).filter(|factor| 0.0 < *factor),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            pattern: pattern.and_then(|pattern| self.pattern(pattern, path)),
            format: format.and_then(Format::from_name),
            all_of: self.nested(map, "allOf", path, int_or_string, depth),
            any_of: self.nested(map, "anyOf", path, int_or_string, depth),
            one_of: self.nested(map, "oneOf", path, false, depth),
            not,
        }
    }

    fn nested(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        path: &str,
        types: bool,
        depth: usize,
    ) -> Vec<Node> {
        let list = map.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
        list.map(|(index, schema)| {
            let at = format!("{path}.{key}[{index}]");
            self.node(schema, &at, Level::Nested(types), depth + 1)
        })
        .collect()
    }

    fn pattern(&mut self, pattern: &str, path: &str) -> Option<Regex> {
        match RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build() {
            Ok(regex) => Some(regex),
            Err(error) => {
                let detail = format!("must be a valid regular expression, but isn't: {error}");
                self.errors.push(FieldError::invalid(child(path, "pattern"), pattern, detail));
                None
            }
        }
    }

    fn list_type(&mut self, map: &Map<String, Value>, path: &str) -> ListType {
        let keys = map.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<String> = keys.filter_map(|key| key.as_str().map(str::to_owned)).collect();
        let name = map.get("x-kubernetes-list-type").and_then(Value::as_str);
        let keys_path = child(path, "x-kubernetes-list-map-keys");
        match name {
            None | Some("atomic") => ListType::Atomic,
            Some("set") => ListType::Set,
            Some("map") if keys.is_empty() => {
                let detail = "must not be empty if x-kubernetes-list-type is map";
                self.errors.push(FieldError::required(keys_path, detail));
                ListType::Atomic
            }
            Some("map") => ListType::Map(keys),
            Some(other) => {
                let supported = ["atomic", "set", "map"].map(Value::from);
                let at = child(path, "x-kubernetes-list-type");
                self.errors.push(FieldError::not_supported(at, other, &supported));
                ListType::Atomic
            }
        }
    }

    /// The message of the one CEL rule that is understood; any other rule is refused by name.
    fn immutable(&mut self, map: &Map<String, Value>, path: &str) -> Option<String> {
        let rules = map.get("x-kubernetes-validations").and_then(Value::as_array)?;
        let mut message = None;
        for (index, entry) in rules.iter().enumerate() {
            let rule = entry["rule"].as_str().unwrap_or_default().trim();
            if rule.split_whitespace().collect::<Vec<_>>() == ["self", "==", "oldSelf"] {
                let said =
                    entry["message"].as_str().map_or_else(|| format!("failed rule: {rule}"), str::to_owned);
                message = Some(said);
                continue;
            }
            let at = format!("{path}.x-kubernetes-validations[{index}].rule");
            let detail = "unsupported CEL rule: this API evaluates only `self == oldSelf`, remove the rule";
            self.errors.push(FieldError::invalid(at, rule, detail));
        }
        message
    }

    /// The rules that make a schema structural.
    fn structural(&mut self, node: &Node, map: &Map<String, Value>, path: &str, level: Level) {
        let mut missing =
            |key: &str, detail: &str| self.errors.push(FieldError::required(child(path, key), detail));
        if node.type_ == Some(Type::Array) && node.items.is_none() {
            missing("items", "must be specified");
        }
        if map.get("type").is_none_or(Value::is_null) && !node.int_or_string && !node.preserve_unknown {
            missing(
                "type",
                match level {
                    Level::Root => "must not be empty at the root",
                    Level::Item => "must not be empty for specified array items",
                    _ => "must not be empty for specified object fields",
                },
            );
        }
        let embedded = flag(map, "x-kubernetes-embedded-resource");
        if embedded && !node.preserve_unknown && node.properties.is_empty() {
            let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                          x-kubernetes-preserve-unknown-fields";
            missing("properties", detail);
        }
        let type_name = map.get("type").cloned().unwrap_or_default();
        let mut invalid = |key: &str, value: Value, detail: &str| {
            self.errors.push(FieldError::invalid(child(path, key), value, detail));
        };
        if level == Level::Root && node.type_.is_some_and(|t| t != Type::Object) {
            invalid("type", type_name.clone(), "must be object at the root");
        }
        if embedded && node.type_ != Some(Type::Object) {
            invalid("type", type_name, "must be object if x-kubernetes-embedded-resource is true");
        }
        if node.int_or_string && node.preserve_unknown {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            invalid("x-kubernetes-preserve-unknown-fields", Value::Bool(true), detail);
        }
        if level == Level::Root && !matches!(node.additional, Additional::None) {
            let at = child(path, "additionalProperties");
            self.errors.push(FieldError::forbidden(at, "must not be used at the root"));
        }
    }
}

impl Type {
    const NAMES: [(Type, &'static str); 6] = [
        (Type::Object, "object"),
        (Type::Array, "array"),
        (Type::String, "string"),
        (Type::Integer, "integer"),
        (Type::Number, "number"),
        (Type::Boolean, "boolean"),
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, one)| *one == name).map(|(found, _)| *found)
    }

    /// The name in schemas and messages.
    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }
}

fn flag(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key) == Some(&Value::Bool(true))
}

fn bound(map: &Map<String, Value>, key: &str, exclusive: &str) -> Option<Bound> {
    let limit = map.get(key)?.as_number()?.clone();
    Some(Bound { limit, exclusive: flag(map, exclusive) })
}
