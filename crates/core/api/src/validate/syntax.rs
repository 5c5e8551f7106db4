//! The spelling of names, label keys and label values, with Kubernetes' texts for what is wrong with them.

/// Characters of a DNS label, a label value and the name part of a label key.
const NAME_MAX: usize = 63;
/// Characters of the prefix of a label key.
const PREFIX_MAX: usize = 253;

const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_SUBDOMAIN: &str = "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED_NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with a DNS label, such as a container's name.
pub(super) fn dns_label(name: &str) -> Option<String> {
    too_long(name, NAME_MAX).or_else(|| (!is_dns_label(name)).then(|| DNS_LABEL.to_owned()))
}

/// What is wrong with the key of a label or annotation.
pub(super) fn label_key(key: &str) -> Option<String> {
    let name = match key.split_once('/') {
        None => key,
        Some((_, name)) if name.contains('/') => {
            return Some("a qualified name must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')".to_owned());
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                return Some("prefix part must be non-empty".to_owned());
            }
            if let Some(problem) = too_long(prefix, PREFIX_MAX) {
                return Some(format!("prefix part {problem}"));
            }
            if !prefix.split('.').all(is_dns_label) {
                return Some(DNS_SUBDOMAIN.to_owned());
            }
            name
        }
    };
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if let Some(problem) = too_long(name, NAME_MAX) {
        return Some(format!("name part {problem}"));
    }
    (!is_label_word(name)).then(|| QUALIFIED_NAME.to_owned())
}

/// What is wrong with the value of a label.
pub(super) fn label_value(value: &str) -> Option<String> {
    let wrong = !value.is_empty() && !is_label_word(value);
    too_long(value, NAME_MAX).or_else(|| wrong.then(|| LABEL_VALUE.to_owned()))
}

fn too_long(text: &str, max: usize) -> Option<String> {
    (max < text.len()).then(|| format!("must be no more than {max} characters"))
}

fn is_dns_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

fn is_label_word(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes_spelling() {
        for (good, check) in
            [("a", dns_label as fn(&str) -> Option<String>), ("web-1", dns_label), ("a", label_key)]
        {
            assert_eq!(check(good), None, "{good}");
        }
        for key in ["app", "App_1.x", "example.com/My.Name", "a.b-c.d/x"] {
            assert_eq!(label_key(key), None, "{key}");
        }
        for value in ["", "a", "A_b.c-d", "1"] {
            assert_eq!(label_value(value), None, "{value}");
        }
        for name in ["", "Web", "-a", "a-", "a.b", "a_b", "ä"] {
            assert_eq!(dns_label(name).as_deref(), Some(DNS_LABEL), "{name}");
        }
        for key in ["a b", "-a", "a-", ".", "ä"] {
            assert_eq!(label_key(key).as_deref(), Some(QUALIFIED_NAME), "{key}");
        }
        for key in ["", "/a", "a/", "a/b/c", "A/b", "a..b/c"] {
            assert!(label_key(key).is_some(), "{key}");
        }
        assert_eq!(label_value("a b").as_deref(), Some(LABEL_VALUE));
        assert_eq!(dns_label(&"a".repeat(64)).unwrap(), "must be no more than 63 characters");
        assert_eq!(label_value(&"a".repeat(64)).unwrap(), "must be no more than 63 characters");
    }
}
