//! Looks in little room: a list of equal structures as a structure of lists.

use serde_json::{Map, Number, Value};

/// The key under which the places of equally long lists are written.
const PLACES: &str = "[]";
/// Digits of a number that is recorded: more would differ between platforms.
const DIGITS: usize = 12;

/// A number with twelve digits that count.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

/// Rounds every number that is no integer.
pub(super) fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().map(rounded).and_then(Number::from_f64);
            if let Some(float) = float {
                *number = float;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(round),
        Value::Object(map) => map.values_mut().for_each(round),
        _ => {}
    }
}

/// Rows of the same shape to columns, all the way down. A key that some rows have not is null there.
pub(super) fn pack(rows: Vec<Value>) -> Value {
    let first = rows.first();
    if let Some(Value::Object(_)) = first
        && rows.iter().all(|row| row.as_object().is_some_and(|row| !row.is_empty()))
    {
        let mut keys: Vec<String> = Vec::new();
        for row in rows.iter().filter_map(Value::as_object) {
            for key in row.keys().filter(|key| *key != PLACES) {
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
        }
        let mut columns: Vec<Vec<Value>> = vec![Vec::with_capacity(rows.len()); keys.len()];
        for row in rows {
            let Value::Object(mut row) = row else { continue };
            for (key, column) in keys.iter().zip(&mut columns) {
                column.push(row.shift_remove(key).unwrap_or(Value::Null));
            }
        }
        let columns = keys.into_iter().zip(columns.into_iter().map(pack));
        return Value::Object(columns.collect::<Map<_, _>>());
    }
    let length = first.and_then(Value::as_array).map_or(0, Vec::len);
    if length > 0 && rows.iter().all(|row| row.as_array().is_some_and(|row| row.len() == length)) {
        let mut columns: Vec<Vec<Value>> = vec![Vec::with_capacity(rows.len()); length];
        for row in rows {
            let Value::Array(row) = row else { continue };
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let columns = Value::Array(columns.into_iter().map(pack).collect());
        return Value::Object([(PLACES.to_owned(), columns)].into_iter().collect());
    }
    Value::Array(rows)
}

/// The `count` rows of what [`pack`] made.
pub(super) fn unpack(packed: Value, count: usize) -> Result<Vec<Value>, String> {
    match packed {
        Value::Array(rows) if rows.len() == count => Ok(rows),
        Value::Array(rows) => Err(format!("a column of {} rows, of {count}", rows.len())),
        Value::Object(mut map) => {
            if let Some(Value::Array(places)) = map.get_mut(PLACES) {
                if places.is_empty() {
                    return Err("columns of nothing".to_owned());
                }
                let mut all = vec![Vec::with_capacity(places.len()); count];
                for column in std::mem::take(places) {
                    all.iter_mut().zip(unpack(column, count)?).for_each(|(row, value)| row.push(value));
                }
                return Ok(all.into_iter().map(Value::Array).collect());
            }
            // Each column has a row for each look, so that a short text cannot stand for a large one.
            if map.is_empty() {
                return Err("columns of nothing".to_owned());
            }
            let mut all = vec![Map::new(); count];
            for (key, column) in map {
                for (row, value) in all.iter_mut().zip(unpack(column, count)?) {
                    if !value.is_null() {
                        row.insert(key.clone(), value);
                    }
                }
            }
            Ok(all.into_iter().map(Value::Object).collect())
        }
        _ => Err("a column is no list".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_come_back_from_their_columns() {
        let rows = vec![
            json!({"at": 1, "metrics": [{"harm": 0.5}, {"harm": 1.5, "hold": {"reason": "warming"}}]}),
            json!({"at": 2, "metrics": [{"harm": 0.7}, {"harm": 1.7}], "split": {"odds": [1, 2]}}),
        ];
        let packed = pack(rows.clone());
        let wanted = json!({"at": [1, 2], "metrics": {"[]": [{"harm": [0.5, 0.7]},
            {"harm": [1.5, 1.7], "hold": [{"reason": "warming"}, null]}]}, "split": [null, {"odds": [1, 2]}]});
        assert_eq!(packed, wanted);
        assert_eq!(unpack(packed, 2).unwrap(), rows);
        assert_eq!(pack(Vec::new()), json!([]));
        assert!(unpack(json!({"at": [1, 2], "step": [1]}), 2).is_err());
        for none in [json!(3), json!({}), json!({"[]": []}), json!({"a": {}})] {
            assert!(unpack(none.clone(), 2).is_err(), "{none}");
        }
    }

    #[test]
    fn numbers_have_twelve_digits_and_integers_all() {
        let mut value =
            json!({"a": 1.234_567_890_123_456_7, "b": [9_007_199_254_740_993_u64, -2e-300_f64 / 3.0]});
        round(&mut value);
        assert_eq!(value.to_string(), r#"{"a":1.23456789012,"b":[9007199254740993,-6.66666666667e-301]}"#);
    }
}
