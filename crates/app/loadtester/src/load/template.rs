//! Texts with holes, `{{name}}`, that are filled from a row of data. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a value may bring into an address without being able to change its structure.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text with holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(String),
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((name, behind)) = behind.split_once("}}") else {
                return Err(format!("`{{{{` without `}}}}` in {text:?}"));
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Hole(name.trim().to_owned()));
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with each hole filled by `value`.
    pub(crate) fn fill<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        self.filled(|name| value(name).to_owned())
    }

    /// As [`Self::fill`], with values made harmless for an address.
    pub(crate) fn fill_address<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        self.filled(|name| utf8_percent_encode(value(name), KEPT).to_string())
    }

    fn filled(&self, value: impl Fn(&str) -> String) -> String {
        self.0.iter().fold(String::new(), |mut text, part| {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Hole(name) => text.push_str(&value(name)),
            }
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_values_cannot_leave_their_place_in_an_address() {
        let template = Template::parse("/a/{{ id }}?q={{q}}{").unwrap();
        assert_eq!(template.holes().collect::<Vec<_>>(), ["id", "q"]);
        let value = |name: &str| if name == "id" { "../x y" } else { "a&b=c" };
        assert_eq!(template.fill(value), "/a/../x y?q=a&b=c{");
        assert_eq!(template.fill_address(value), "/a/..%2Fx%20y?q=a%26b%3Dc{");
        assert!(Template::parse("/{{id").unwrap_err().contains("without"));
    }
}
