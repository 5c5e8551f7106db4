//! Which texts may be names and labels, by RFC 1123, RFC 1035 and Kubernetes, in Kubernetes' words.

/// The longest DNS label.
const LABEL_MAX: usize = 63;
/// The longest DNS subdomain.
const SUBDOMAIN_MAX: usize = 253;

const EMPTY: &str = "must be non-empty";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
    characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
    '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
    alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
    (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters \
    or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. \
    'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// Why `name` is no DNS label, if it is none.
#[must_use]
pub fn label(name: &str) -> Option<String> {
    if LABEL_MAX < name.len() {
        return Some(too_long(LABEL_MAX));
    }
    (!is_label(name)).then(|| LABEL_RULE.to_owned())
}

/// Why `name` is no DNS label that starts with a letter, if it is none.
#[must_use]
pub fn label_1035(name: &str) -> Option<String> {
    if LABEL_MAX < name.len() {
        return Some(too_long(LABEL_MAX));
    }
    let good = is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
    (!good).then(|| LABEL_1035_RULE.to_owned())
}

/// Why `name` is no DNS subdomain, if it is none.
#[must_use]
pub fn subdomain(name: &str) -> Option<String> {
    if SUBDOMAIN_MAX < name.len() {
        return Some(too_long(SUBDOMAIN_MAX));
    }
    (!name.split('.').all(is_label)).then(|| SUBDOMAIN_RULE.to_owned())
}

/// Why `name` is no path segment, the rule of the RBAC kinds, if it is none.
#[must_use]
pub fn path_segment(name: &str) -> Option<String> {
    match name {
        "." | ".." => Some(format!("may not be '{name}'")),
        name => {
            ['/', '%'].iter().find(|bad| name.contains(**bad)).map(|bad| format!("may not contain '{bad}'"))
        }
    }
}

const QUALIFIED_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
    '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Everything why `key` is no key of a label or an annotation; nothing if it is one.
#[must_use]
pub fn qualified(key: &str) -> Vec<String> {
    let mut parts = key.splitn(3, '/');
    let mut errors = Vec::new();
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(_), Some(_)) => {
            let prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a qualified name {QUALIFIED_RULE} {prefix}")];
        }
        (Some(prefix), Some(name), None) => {
            let wrong = if prefix.is_empty() { Some(EMPTY.to_owned()) } else { subdomain(prefix) };
            errors.extend(wrong.map(|why| format!("prefix part {why}")));
            name
        }
        _ => key,
    };
    if name.is_empty() {
        errors.push(format!("name part {EMPTY}"));
    }
    if LABEL_MAX < name.len() {
        errors.push(format!("name part {}", too_long(LABEL_MAX)));
    }
    if !is_word(name) {
        errors.push(format!("name part {QUALIFIED_RULE}"));
    }
    errors
}

/// Everything why `value` is no label value; nothing if it is one.
#[must_use]
pub fn label_value(value: &str) -> Vec<String> {
    let long = (LABEL_MAX < value.len()).then(|| too_long(LABEL_MAX));
    let wrong = (!value.is_empty() && !is_word(value)).then(|| VALUE_RULE.to_owned());
    long.into_iter().chain(wrong).collect()
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_word(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(end)
        && text.ends_with(end)
        && text.chars().all(|c| end(c) || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_rule() {
        for (name, is_label, is_1035, is_subdomain) in [
            ("a", true, true, true),
            ("1a", true, false, true),
            ("a.b", false, false, true),
            ("A", false, false, false),
            ("-a", false, false, false),
            ("a..b", false, false, false),
            ("", false, false, false),
        ] {
            assert_eq!(label(name).is_none(), is_label, "label {name:?}");
            assert_eq!(label_1035(name).is_none(), is_1035, "1035 {name:?}");
            assert_eq!(subdomain(name).is_none(), is_subdomain, "subdomain {name:?}");
        }
        assert_eq!(label(&"a".repeat(64)).unwrap(), "must be no more than 63 characters");
    }

    #[test]
    fn each_label_rule() {
        for key in ["app", "App_1.x", "example.com/My.Name", "a.b-c.d/x", "app.kubernetes.io/name"] {
            assert_eq!(qualified(key), Vec::<String>::new(), "{key}");
        }
        for key in ["a b", "-a", "a-", ".", "ä"] {
            assert_eq!(qualified(key), [format!("name part {QUALIFIED_RULE}")], "{key}");
        }
        for (key, errors) in [
            ("/a", vec!["prefix part must be non-empty"]),
            ("A/b", vec!["prefix part a lowercase RFC 1123 subdomain"]),
            ("a..b/c", vec!["prefix part a lowercase RFC 1123 subdomain"]),
            ("", vec!["name part must be non-empty", "name part must consist"]),
            ("a/", vec!["name part must be non-empty", "name part must consist"]),
            ("a/b/c", vec!["a qualified name must consist"]),
        ] {
            let found = qualified(key);
            assert_eq!(found.len(), errors.len(), "{key}: {found:?}");
            assert!(found.iter().zip(errors).all(|(one, start)| one.starts_with(start)), "{key}: {found:?}");
        }
        for value in ["", "a", "A_b.c-d", "1"] {
            assert_eq!(label_value(value), Vec::<String>::new(), "{value}");
        }
        assert_eq!(label_value("a b"), [VALUE_RULE]);
        assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 characters"]);
        assert_eq!(qualified(&"a".repeat(64)), ["name part must be no more than 63 characters"]);
    }
}
