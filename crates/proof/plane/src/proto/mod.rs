//! Protobuf bodies of built-in kinds as the JSON they stand for: `kubectl create deployment` and its
//! like send nothing else, and do not fall back.
//!
//! Reading only; answers are JSON. The same table tells the types of JSON bodies ([`conform`]).
//! `fields.txt` has the field numbers. What it does not name is
//! refused, never dropped, and a field that Go would leave out as empty is left out here, so that an
//! object is the same whichever way it came.

pub(crate) mod describe;
mod quantity;
mod typed;

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::status::Refusal;

pub(crate) use typed::conform;

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What every body starts with.
const MAGIC: &[u8] = b"k8s\0";
/// Messages of built-in kinds nest less than half as deep.
const DEPTH_MAX: usize = 40;
const TABLE: &str = include_str!("fields.txt");

type Fault = String;

#[expect(clippy::struct_excessive_bools, reason = "each is a mark of the table, and all combine")]
struct Field {
    number: u64,
    name: &'static str,
    pointer: bool,
    repeated: bool,
    map: bool,
    always: bool,
    inline: bool,
    base: &'static str,
}

/// Reads a body.
///
/// # Errors
/// 400 for a body that is not what it says, 415 for a kind that is not in the table.
pub(crate) fn decode(body: &[u8]) -> Result<Value, Refusal> {
    let unreadable = |fault: Fault| {
        Refusal::bad_request(format!("error decoding the body of the request as protobuf: {fault}"))
    };
    let envelope = body.strip_prefix(MAGIC).ok_or_else(|| unreadable("no k8s prefix".into()))?;
    let (mut type_meta, mut raw): (&[u8], &[u8]) = (&[], &[]);
    for part in Parts(envelope) {
        match part.map_err(unreadable)? {
            (1, Wire::Bytes(bytes)) => type_meta = bytes,
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (mut api_version, mut kind) = (String::new(), String::new());
    for part in Parts(type_meta) {
        match part.map_err(unreadable)? {
            (1, Wire::Bytes(bytes)) => api_version = text(bytes).map_err(unreadable)?,
            (2, Wire::Bytes(bytes)) => kind = text(bytes).map_err(unreadable)?,
            _ => {}
        }
    }
    let name = message_name(&api_version, &kind);
    let Some(name) = name.filter(|name| table().contains_key(name.as_str())) else {
        return Err(Refusal::unsupported_media_type("application/json, application/yaml"));
    };
    let mut object = json!({ "apiVersion": api_version, "kind": kind });
    let fields = message(&name, raw, DEPTH_MAX).map_err(unreadable)?;
    if let Value::Object(object) = &mut object {
        object.extend(fields);
    }
    Ok(object)
}

fn message_name(api_version: &str, kind: &str) -> Option<String> {
    let package = match (api_version, kind) {
        (_, "DeleteOptions") => "meta",
        ("v1", _) => "core",
        ("apps/v1", _) => "apps",
        ("autoscaling/v1", _) => "as1",
        ("autoscaling/v2", _) => "as2",
        ("policy/v1", _) => "policy",
        ("networking.k8s.io/v1", _) => "net",
        ("coordination.k8s.io/v1", _) => "coord",
        ("discovery.k8s.io/v1", _) => "disc",
        ("events.k8s.io/v1", _) => "ev",
        ("rbac.authorization.k8s.io/v1", _) => "rbac",
        _ => return None,
    };
    Some(format!("{package}.{kind}"))
}

fn table() -> &'static HashMap<&'static str, Vec<Field>> {
    static PARSED: OnceLock<HashMap<&'static str, Vec<Field>>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let mut words = line.split(' ');
                Some((words.next()?, words.filter_map(field).collect()))
            })
            .collect()
    })
}

fn field(word: &'static str) -> Option<Field> {
    let mut parts = word.splitn(3, ':');
    let number = parts.next()?.parse().ok()?;
    let kind = parts.next()?;
    let base = kind.trim_start_matches(['?', '*', '%', '!', '=']);
    let marks = &kind[..kind.len() - base.len()];
    Some(Field {
        number,
        name: parts.next()?,
        pointer: marks.contains('?'),
        repeated: marks.contains('*'),
        map: marks.contains('%'),
        always: marks.contains('!'),
        inline: marks.contains('='),
        base,
    })
}

fn message(name: &str, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, Fault> {
    if depth == 0 {
        return Err(format!("messages nest deeper than {DEPTH_MAX}"));
    }
    let fields = table().get(name).ok_or_else(|| format!("unknown message {name}"))?;
    let mut out = Map::new();
    for part in Parts(bytes) {
        let (number, wire) = part?;
        let field = fields
            .iter()
            .find(|field| field.number == number)
            .ok_or_else(|| format!("unknown field {number} of {name}"))?;
        let value = if field.map { pair(field, &wire, depth)? } else { scalar(field, &wire, depth)? };
        match value {
            Value::Object(inner) if field.inline => out.extend(inner),
            Value::Object(inner) if field.map => {
                if let Value::Object(map) = out.entry(field.name).or_insert_with(|| json!({})) {
                    map.extend(inner);
                }
            }
            value if field.repeated => {
                if let Value::Array(list) = out.entry(field.name).or_insert_with(|| json!([])) {
                    list.push(value);
                }
            }
            value if field.pointer || field.always || !is_zero(&value) => {
                out.insert(field.name.to_owned(), value);
            }
            _ => {}
        }
    }
    Ok(out)
}

fn is_zero(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
        || *value == 0
        || value.as_str().is_some_and(str::is_empty)
}

/// One entry of a map.
fn pair(field: &Field, wire: &Wire<'_>, depth: usize) -> Result<Value, Fault> {
    let Wire::Bytes(bytes) = wire else { return Err(format!("{} is no map", field.name)) };
    let (mut key, mut value) = (String::new(), None);
    for part in Parts(bytes) {
        match part? {
            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
            (2, wire) => value = Some(scalar(field, &wire, depth)?),
            _ => {}
        }
    }
    // An absent value is the type's zero, which for every map of these kinds is the empty text.
    Ok(json!({ key: value.unwrap_or_else(|| json!("")) }))
}

fn scalar(field: &Field, wire: &Wire<'_>, depth: usize) -> Result<Value, Fault> {
    Ok(match (field.base, wire) {
        ("s", Wire::Bytes(bytes)) => text(bytes)?.into(),
        ("y", Wire::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        ("i", Wire::Number(number)) => number.cast_signed().into(),
        ("b", Wire::Number(number)) => (*number != 0).into(),
        ("d", Wire::Fixed(bits)) => json!(f64::from_bits(*bits)),
        ("quantity", Wire::Bytes(bytes)) => numbered(bytes, 1)?.text()?.into(),
        ("ios", Wire::Bytes(bytes)) => match numbered(bytes, 1)?.number() {
            0 => numbered(bytes, 2)?.number().into(),
            _ => numbered(bytes, 3)?.text()?.into(),
        },
        ("time", Wire::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%SZ")?,
        ("micro", Wire::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")?,
        ("raw", Wire::Bytes(bytes)) => {
            let raw = numbered(bytes, 1)?;
            serde_json::from_slice(raw.bytes()).map_err(|error| format!("{}: {error}", field.name))?
        }
        (base, Wire::Bytes(bytes)) if base.starts_with('M') => message(&base[1..], bytes, depth - 1)?.into(),
        _ => return Err(format!("{} has another type than it should", field.name)),
    })
}

fn time(bytes: &[u8], format: &str) -> Result<Value, Fault> {
    let seconds = numbered(bytes, 1)?.number();
    let nanos = i32::try_from(numbered(bytes, 2)?.number()).map_err(|error| error.to_string())?;
    // Go's zero time is how an absent one is written.
    if bytes.is_empty() || seconds == GO_ZERO_TIME_SECONDS {
        return Ok(Value::Null);
    }
    let time = Timestamp::new(seconds, nanos).map_err(|error| error.to_string())?;
    Ok(time.strftime(format).to_string().into())
}

/// The year 1, in seconds from 1970.
const GO_ZERO_TIME_SECONDS: i64 = -62_135_596_800;

/// The field `number` of a small message; absent fields are zero.
fn numbered(bytes: &[u8], number: u64) -> Result<Wire<'_>, Fault> {
    let mut found = Wire::Number(0);
    for part in Parts(bytes) {
        let (at, wire) = part?;
        if at == number {
            found = wire;
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

enum Wire<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn number(&self) -> i64 {
        match self {
            Wire::Number(number) => number.cast_signed(),
            _ => 0,
        }
    }

    fn bytes(&self) -> &'a [u8] {
        match self {
            Wire::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    fn text(&self) -> Result<String, Fault> {
        text(self.bytes())
    }
}

/// The fields of a message in the order they were written.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Result<(u64, Wire<'a>), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let part = self.part();
        if part.is_none() {
            self.0 = &[];
        }
        Some(part.ok_or_else(|| "the message ends too early".to_owned()))
    }
}

impl<'a> Parts<'a> {
    fn part(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Fixed(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                let bits = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
                Wire::Fixed(f64::from(f32::from_bits(bits)).to_bits())
            }
            _ => return None,
        };
        Some((tag >> 3, wire))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend(bytes);
        out
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_meta = [part(1, b"v1"), part(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), part(1, &type_meta), part(2, raw)].concat()
    }

    #[test]
    fn a_namespace_comes_out_as_its_json_without_what_go_leaves_out() {
        let metadata = [part(1, b"foo"), part(2, b""), vec![7 << 3, 0], part(8, b"")].concat();
        let raw = [part(1, &metadata), part(2, b""), part(3, &part(1, b""))].concat();
        let want = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": "foo" }, "spec": {}, "status": {},
        });
        assert_eq!(decode(&body("Namespace", &raw)).unwrap(), want);
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_dropped() {
        assert_eq!(decode(&body("Namespace", &part(9, b""))).unwrap_err().code, 400);
        assert_eq!(decode(&body("Nothing", b"")).unwrap_err().code, 415);
        assert_eq!(decode(b"{}").unwrap_err().code, 400);
        let mut cut = body("Namespace", &part(1, &part(1, b"foo")));
        cut.truncate(cut.len() - 1);
        assert_eq!(decode(&cut).unwrap_err().code, 400);
    }
}
