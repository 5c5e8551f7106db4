//! Label selectors: which objects belong together.

use std::{collections::BTreeMap, fmt};

/// All requirements must hold. An empty selector matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// The requirements, each on one label.
    pub requirements: Vec<Requirement>,
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// How the label's value is compared.
    pub operator: Operator,
    /// The values compared with; empty for [`Operator::Exists`] and [`Operator::DoesNotExist`].
    pub values: Vec<String>,
}

/// The comparisons of Kubernetes' `LabelSelectorRequirement`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The label is there and has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// The selector of a `matchLabels` map.
    #[must_use]
    pub fn equalities<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let requirements = labels
            .into_iter()
            .map(|(key, value)| Requirement {
                key: key.clone(),
                operator: Operator::In,
                values: vec![value.clone()],
            })
            .collect();
        Self { requirements }
    }

    /// Whether an object with `labels` is selected.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// One `key = value` that every selected object must have, if there is such: what an index can be asked for.
    #[must_use]
    pub fn anchor(&self) -> Option<(&str, &str)> {
        self.requirements.iter().find_map(|requirement| {
            match (requirement.operator, &requirement.values[..]) {
                (Operator::In, [value]) => Some((requirement.key.as_str(), value.as_str())),
                _ => None,
            }
        })
    }
}

/// The text form that the API takes as `labelSelector`, such as `app in (demo),tier`.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, operator, values }) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let values = values.join(",");
            match operator {
                Operator::In => write!(f, "{comma}{key} in ({values})")?,
                Operator::NotIn => write!(f, "{comma}{key} notin ({values})")?,
                Operator::Exists => write!(f, "{comma}{key}")?,
                Operator::DoesNotExist => write!(f, "{comma}!{key}")?,
            }
        }
        Ok(())
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator() {
        let labels = BTreeMap::from([("app".to_owned(), "demo".to_owned())]);
        for (key, operator, values, expected) in [
            ("app", Operator::In, &["demo"][..], true),
            ("app", Operator::In, &["other"], false),
            ("tier", Operator::In, &["demo"], false),
            ("app", Operator::NotIn, &["demo"], false),
            ("tier", Operator::NotIn, &["demo"], true),
            ("app", Operator::Exists, &[], true),
            ("tier", Operator::Exists, &[], false),
            ("app", Operator::DoesNotExist, &[], false),
            ("tier", Operator::DoesNotExist, &[], true),
        ] {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            let selector =
                Selector { requirements: vec![Requirement { key: key.to_owned(), operator, values }] };
            assert_eq!(selector.matches(&labels), expected, "{key} {operator:?}");
        }
        assert!(Selector::default().matches(&labels), "an empty selector matches everything");
    }

    #[test]
    fn the_text_form_is_the_one_of_the_api() {
        let requirement = |key: &str, operator, values: &[&str]| Requirement {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        let selector = Selector {
            requirements: vec![
                requirement("a", Operator::In, &["x", "y"]),
                requirement("b", Operator::NotIn, &["z"]),
                requirement("c", Operator::Exists, &[]),
                requirement("d", Operator::DoesNotExist, &[]),
            ],
        };
        assert_eq!(selector.to_string(), "a in (x,y),b notin (z),c,!d");
    }
}
