//! Steps applied to data. Each step maps the list of current values to the next list.

use super::{Comparison, Filter, JsonPathError, MAX_DATA_DEPTH, MAX_STEPS, Node, Part, Slice};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

type Item<'a> = Cow<'a, Value>;
type Result<T> = std::result::Result<T, JsonPathError>;

/// Evaluates `parts` with `data` as the current value.
pub(super) fn run<'a>(parts: &'a [Part], data: &'a Value, allow_missing: bool) -> Result<Vec<Vec<Item<'a>>>> {
    let mut eval = Eval { allow_missing, steps: 0 };
    let mut out = Vec::new();
    eval.parts(parts, &Cow::Borrowed(data), &mut out)?;
    Ok(out)
}

struct Eval {
    allow_missing: bool,
    steps: usize,
}

impl Eval {
    fn parts<'a>(&mut self, parts: &'a [Part], item: &Item<'a>, out: &mut Vec<Vec<Item<'a>>>) -> Result<()> {
        for part in parts {
            match part {
                Part::Text(text) => out.push(vec![Cow::Owned(Value::String(text.clone()))]),
                Part::Action(nodes) => out.push(self.path(nodes, vec![item.clone()])?),
                Part::Range { path, body } => {
                    for value in self.path(path, vec![item.clone()])? {
                        self.count(1)?;
                        self.parts(body, &value, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn path<'a>(&mut self, nodes: &'a [Node], start: Vec<Item<'a>>) -> Result<Vec<Item<'a>>> {
        let mut items = start;
        for node in nodes {
            self.count(1 + items.len())?;
            items = self.step(node, items)?;
        }
        Ok(items)
    }

    fn count(&mut self, steps: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(steps);
        if MAX_STEPS < self.steps {
            return Err(JsonPathError::Limit("the expression visits too many values (at most 1000000)"));
        }
        Ok(())
    }

    fn step<'a>(&mut self, node: &'a Node, items: Vec<Item<'a>>) -> Result<Vec<Item<'a>>> {
        match node {
            Node::Text(text) => Ok(vec![Cow::Owned(Value::String(text.clone()))]),
            Node::Literal(value) => Ok(items.iter().map(|_| Cow::Borrowed(value)).collect()),
            Node::Field(name) => self.field(name, items),
            Node::Wildcard => {
                let found: Vec<_> = items.iter().flat_map(children).collect();
                self.count(found.len())?;
                Ok(found)
            }
            Node::Recursive => {
                let mut out = Vec::new();
                for item in &items {
                    self.descend(item, 0, &mut out)?;
                }
                Ok(out)
            }
            Node::Slice(slice) => self.slice(*slice, items),
            Node::Union(members) => {
                let mut out = Vec::new();
                for member in members {
                    out.extend(self.path(member, items.clone())?);
                }
                Ok(out)
            }
            Node::Filter(filter) => self.filter(filter, items),
        }
    }

    fn field<'a>(&mut self, name: &str, items: Vec<Item<'a>>) -> Result<Vec<Item<'a>>> {
        let any = !items.is_empty();
        let found: Vec<_> = items.into_iter().filter_map(|item| get(&item, name)).collect();
        if any && found.is_empty() && !self.allow_missing {
            return Err(JsonPathError::NotFound(name.to_owned()));
        }
        Ok(found)
    }

    fn descend<'a>(&mut self, item: &Item<'a>, depth: usize, out: &mut Vec<Item<'a>>) -> Result<()> {
        if MAX_DATA_DEPTH < depth {
            return Err(JsonPathError::Limit("the data is nested too deeply (at most 128)"));
        }
        self.count(1)?;
        let below = children(item);
        if !below.is_empty() || item.as_str().is_some_and(|text| !text.is_empty()) {
            out.push(item.clone());
        }
        below.iter().try_for_each(|child| self.descend(child, depth + 1, out))
    }

    fn slice<'a>(&mut self, slice: Slice, items: Vec<Item<'a>>) -> Result<Vec<Item<'a>>> {
        let mut out = Vec::new();
        for item in items {
            if item.is_null() {
                continue;
            }
            let Value::Array(list) = item.as_ref() else {
                return Err(JsonPathError::Data(format!("{} is not array or slice", type_name(&item))));
            };
            let Some((start, end, step)) = slice.bounds(list.len())? else {
                return Ok(out);
            };
            self.count(end - start)?;
            out.extend((start..end).step_by(step).filter_map(|index| at(&item, index)));
        }
        Ok(out)
    }

    fn filter<'a>(&mut self, filter: &'a Filter, items: Vec<Item<'a>>) -> Result<Vec<Item<'a>>> {
        let mut out = Vec::new();
        for item in items {
            let Value::Array(list) = item.as_ref() else {
                let what = type_name(&item);
                return Err(JsonPathError::Data(format!(
                    "{what} is not array or slice and cannot be filtered"
                )));
            };
            for index in 0..list.len() {
                let Some(element) = at(&item, index) else { continue };
                if self.passes(filter, &element)? {
                    out.push(element);
                }
            }
        }
        Ok(out)
    }

    fn passes<'a>(&mut self, filter: &'a Filter, element: &Item<'a>) -> Result<bool> {
        let lefts = self.path(&filter.left, vec![element.clone()]);
        let Some((comparison, right)) = &filter.test else {
            return match lefts {
                Err(JsonPathError::Limit(limit)) => Err(JsonPathError::Limit(limit)),
                found => Ok(found.is_ok_and(|values| !values.is_empty())),
            };
        };
        let lefts = lefts?;
        if lefts.is_empty() {
            return Ok(false);
        }
        let rights = self.path(right, vec![element.clone()])?;
        match (lefts.as_slice(), rights.as_slice()) {
            (_, []) => Ok(false),
            ([left], [right]) => compare(left, *comparison, right),
            _ => Err(JsonPathError::Data("can only compare one element at a time".to_owned())),
        }
    }
}

impl Slice {
    /// Start, end and step for a list of `length`; `None` asks for nothing.
    fn bounds(self, length: usize) -> Result<Option<(usize, usize, usize)>> {
        let size = length as i64;
        let mut start = self.start.unwrap_or(0);
        if start < 0 {
            start += size;
        }
        let mut end = self.end.unwrap_or(size);
        if end < 0 || (end == 0 && self.end_derived) {
            end += size;
        }
        if start == end {
            return Ok(None);
        }
        let out_of_bounds = |index: i64| {
            Err(JsonPathError::Data(format!("array index out of bounds: index {index}, length {size}")))
        };
        if start < 0 || size <= start {
            return out_of_bounds(start);
        }
        if end < 0 || size < end {
            return out_of_bounds(end - 1);
        }
        if end < start {
            let message = format!("starting index {start} is greater than ending index {end}");
            return Err(JsonPathError::Data(message));
        }
        let step = self.step.unwrap_or(1);
        if step <= 0 {
            return Err(JsonPathError::Data("step must be > 0".to_owned()));
        }
        Ok(Some((start as usize, end as usize, step as usize)))
    }
}

fn get<'a>(item: &Item<'a>, name: &str) -> Option<Item<'a>> {
    match item {
        Cow::Borrowed(value) => value.as_object()?.get(name).map(Cow::Borrowed),
        Cow::Owned(value) => value.as_object()?.get(name).cloned().map(Cow::Owned),
    }
}

fn at<'a>(item: &Item<'a>, index: usize) -> Option<Item<'a>> {
    match item {
        Cow::Borrowed(value) => value.as_array()?.get(index).map(Cow::Borrowed),
        Cow::Owned(value) => value.as_array()?.get(index).cloned().map(Cow::Owned),
    }
}

fn children<'a>(item: &Item<'a>) -> Vec<Item<'a>> {
    match item {
        Cow::Borrowed(Value::Array(list)) => list.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(map)) => map.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(list)) => list.iter().cloned().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(map)) => map.values().cloned().map(Cow::Owned).collect(),
        _ => Vec::new(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "map",
    }
}

/// Compares two scalars of one type; kubectl refuses an integer against a float, so this does too.
fn compare(left: &Value, comparison: Comparison, right: &Value) -> Result<bool> {
    let order = match (left, right) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => match comparison {
            Comparison::Equal | Comparison::NotEqual => Some(a.cmp(b)),
            _ => return bad_type(),
        },
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            (None, None) => a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
            _ => return incompatible(),
        },
        (Value::Null | Value::Array(_) | Value::Object(_), _)
        | (_, Value::Null | Value::Array(_) | Value::Object(_)) => return bad_type(),
        _ => return incompatible(),
    };
    Ok(match comparison {
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn bad_type<T>() -> Result<T> {
    Err(JsonPathError::Data("invalid type for comparison".to_owned()))
}

fn incompatible<T>() -> Result<T> {
    Err(JsonPathError::Data("incompatible types for comparison".to_owned()))
}
