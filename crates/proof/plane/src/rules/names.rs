//! Which texts may be names, by RFC 1123 and RFC 1035, in Kubernetes' words.

/// The longest DNS label.
const LABEL_MAX: usize = 63;
/// The longest DNS subdomain.
const SUBDOMAIN_MAX: usize = 253;

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
pub(super) fn label(name: &str) -> Option<String> {
    if LABEL_MAX < name.len() {
        return Some(format!("must be no more than {LABEL_MAX} characters"));
    }
    (!is_label(name)).then(|| LABEL_RULE.to_owned())
}

/// Why `name` is no DNS label that starts with a letter, if it is none.
pub(super) fn label_1035(name: &str) -> Option<String> {
    if LABEL_MAX < name.len() {
        return Some(format!("must be no more than {LABEL_MAX} characters"));
    }
    let good = is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
    (!good).then(|| LABEL_1035_RULE.to_owned())
}

/// Why `name` is no DNS subdomain, if it is none.
pub(super) fn subdomain(name: &str) -> Option<String> {
    if SUBDOMAIN_MAX < name.len() {
        return Some(format!("must be no more than {SUBDOMAIN_MAX} characters"));
    }
    (!name.split('.').all(is_label)).then(|| SUBDOMAIN_RULE.to_owned())
}

/// Why `name` is no path segment, the rule of the RBAC kinds, if it is none.
pub(super) fn path_segment(name: &str) -> Option<String> {
    match name {
        "." | ".." => Some(format!("may not be '{name}'")),
        name => {
            ['/', '%'].iter().find(|bad| name.contains(**bad)).map(|bad| format!("may not contain '{bad}'"))
        }
    }
}

const QUALIFIED_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
    '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Why `key` is no key of a label or an annotation, if it is none.
pub(super) fn qualified(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix == Some("") {
        return Some("prefix part must be non-empty".to_owned());
    }
    if let Some(why) = prefix.and_then(subdomain) {
        return Some(format!("prefix part {why}"));
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if LABEL_MAX < name.len() {
        return Some(format!("name part must be no more than {LABEL_MAX} characters"));
    }
    (!is_word(name)).then(|| QUALIFIED_RULE.to_owned())
}

/// Why `value` is no label value, if it is none.
pub(super) fn label_value(value: &str) -> Option<String> {
    if LABEL_MAX < value.len() {
        return Some(format!("must be no more than {LABEL_MAX} characters"));
    }
    (!value.is_empty() && !is_word(value)).then(|| VALUE_RULE.to_owned())
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
        assert!(qualified("app.kubernetes.io/name").is_none());
        assert!(qualified("/name").is_some());
        assert!(label_value("").is_none());
        assert!(label_value("a b").is_some());
    }
}
