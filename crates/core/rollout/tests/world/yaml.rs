//! The little YAML that `kubectl get -o yaml` writes for a status: maps, lists of maps, plain and quoted scalars.

use serde_json::{Map, Value, json};

/// Reads a block of it.
pub fn read(text: &str) -> Value {
    let lines: Vec<(usize, String)> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| (line.len() - line.trim_start().len(), line.trim_start().to_owned()))
        .collect();
    let mut at = 0;
    block(&lines, &mut at)
}

fn block(lines: &[(usize, String)], at: &mut usize) -> Value {
    let indent = lines[*at].0;
    if lines[*at].1.starts_with("- ") {
        let mut items = Vec::new();
        while *at < lines.len() && lines[*at].0 == indent && lines[*at].1.starts_with("- ") {
            let mut inner = vec![(indent + 2, lines[*at].1[2..].to_owned())];
            *at += 1;
            while *at < lines.len() && lines[*at].0 > indent {
                inner.push(lines[*at].clone());
                *at += 1;
            }
            items.push(block(&inner, &mut 0));
        }
        return Value::Array(items);
    }
    let mut fields = Map::new();
    while *at < lines.len() && lines[*at].0 == indent {
        let (key, value) = lines[*at].1.split_once(':').unwrap();
        let (key, value) = (key.to_owned(), value.trim().to_owned());
        *at += 1;
        let is_list = |line: &(usize, String)| line.0 == indent && line.1.starts_with("- ");
        let value =
            if value.is_empty() && *at < lines.len() && (lines[*at].0 > indent || is_list(&lines[*at])) {
                block(lines, at)
            } else {
                scalar(&value)
            };
        fields.insert(key, value);
    }
    Value::Object(fields)
}

fn scalar(text: &str) -> Value {
    match text {
        "{}" => json!({}),
        "true" => json!(true),
        "false" => json!(false),
        _ => {
            if let Ok(number) = text.parse::<i64>() {
                return json!(number);
            }
            let quoted =
                text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).map(|t| t.replace("''", "'"));
            let plain = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).map(str::to_owned);
            json!(quoted.or(plain).unwrap_or_else(|| text.to_owned()))
        }
    }
}
