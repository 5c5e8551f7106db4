//! Which requests a route is for.
//!
//! Held: what is not understood fits nothing, so that nobody is sent along a route that was not meant for them.

use crate::route::{list, text};
use http::{HeaderMap, Method, Uri};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Bytes of compiled pattern: one of a header is a handful of words, and routes are written by anyone.
const PATTERN_SIZE_MAX: usize = 1 << 16;

/// A request as routes see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) host: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// Istio's `StringMatch`.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Exact(String),
    Prefix(String),
    /// Of the whole text.
    Pattern(Regex),
    /// Whatever it is.
    Any,
    Never,
}

impl Text {
    fn read(value: &Value) -> Self {
        let of = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(exact) = of("exact") {
            return Self::Exact(exact);
        }
        if let Some(prefix) = of("prefix") {
            return Self::Prefix(prefix);
        }
        if let Some(pattern) = of("regex") {
            let built = RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(PATTERN_SIZE_MAX).build();
            return built.map_or(Self::Never, Self::Pattern);
        }
        if value.as_object().is_some_and(serde_json::Map::is_empty) { Self::Any } else { Self::Never }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Pattern(pattern) => pattern.is_match(text),
            Self::Any => true,
            Self::Never => false,
        }
    }
}

/// One of a route's matches: all of it must fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Match {
    uri: Option<Text>,
    method: Option<Text>,
    authority: Option<Text>,
    headers: Vec<(String, Text)>,
    without: Vec<(String, Text)>,
    query: Vec<(String, Text)>,
    is_beyond_us: bool,
}

impl Match {
    /// Reads one; a word that is not known makes it fit nothing.
    pub(crate) fn read(value: &Value) -> Self {
        let mut read = Self::default();
        for (word, value) in value.as_object().into_iter().flatten() {
            let named = || value.as_object().into_iter().flatten();
            let named = || named().map(|(name, text)| (name.to_lowercase(), Text::read(text))).collect();
            match word.as_str() {
                "name" => {}
                "uri" => read.uri = Some(Text::read(value)),
                "method" => read.method = Some(Text::read(value)),
                "authority" => read.authority = Some(Text::read(value)),
                "headers" => read.headers = named(),
                "withoutHeaders" => read.without = named(),
                "queryParams" => {
                    let params = value.as_object().into_iter().flatten();
                    read.query = params.map(|(name, text)| (name.clone(), Text::read(text))).collect();
                }
                _ => read.is_beyond_us = true,
            }
        }
        read
    }

    /// All of a route's.
    pub(crate) fn all(route: &Value) -> Vec<Self> {
        list(route, "/match").iter().map(Self::read).collect()
    }

    /// Whether it is for this request.
    pub(crate) fn fits(&self, asked: &Asked<'_>) -> bool {
        let plain =
            |wanted: &Option<Text>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted.fits(text));
        let header = |name: &str, wanted: &Text| {
            let values: Vec<&str> =
                asked.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            !values.is_empty() && wanted.fits(&values.join(","))
        };
        let query = asked.uri.query().unwrap_or_default();
        let param = |name: &str, wanted: &Text| {
            url::form_urlencoded::parse(query.as_bytes())
                .any(|(key, value)| key == name && wanted.fits(&value))
        };
        !self.is_beyond_us
            && plain(&self.uri, asked.uri.path())
            && plain(&self.method, asked.method.as_str())
            && plain(&self.authority, asked.host)
            && self.headers.iter().all(|(name, wanted)| header(name, wanted))
            && !self.without.iter().any(|(name, wanted)| header(name, wanted))
            && self.query.iter().all(|(name, wanted)| param(name, wanted))
    }

    /// A path of a request that fits, with what was matched of it replaced.
    pub(crate) fn rewritten(&self, path: &str, by: &str) -> String {
        match &self.uri {
            None => format!("{by}{}", path.strip_prefix('/').filter(|_| by.ends_with('/')).unwrap_or(path)),
            Some(Text::Prefix(prefix)) => {
                format!("{by}{}", path.strip_prefix(prefix.as_str()).unwrap_or(path))
            }
            Some(_) => by.to_owned(),
        }
    }
}

/// Headers that are changed on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    set: Vec<(String, String)>,
    add: Vec<(String, String)>,
    remove: Vec<String>,
}

impl Changes {
    /// Reads the changes of `request` or `response`.
    pub(crate) fn read(route: &Value, of: &str) -> Self {
        let pairs = |word: &str| {
            let pairs = route.pointer(&format!("/headers/{of}/{word}")).and_then(Value::as_object);
            let pairs = pairs.into_iter().flatten();
            pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        };
        let remove = list(route, &format!("/headers/{of}/remove"));
        Self {
            set: pairs("set"),
            add: pairs("add"),
            remove: remove.iter().map(|name| text(name, "").to_owned()).collect(),
        }
    }

    /// Makes them; a name or a value that is no header's is left out.
    pub(crate) fn make(&self, headers: &mut HeaderMap) {
        let parsed = |(name, value): &(String, String)| {
            Some((name.parse::<http::HeaderName>().ok()?, value.parse::<http::HeaderValue>().ok()?))
        };
        for name in &self.remove {
            headers.remove(name.as_str());
        }
        for (name, value) in self.set.iter().filter_map(parsed) {
            headers.insert(name, value);
        }
        for (name, value) in self.add.iter().filter_map(parsed) {
            headers.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(wanted: &Value, method: &str, uri: &str, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let (method, uri) = (method.parse().unwrap(), uri.parse().unwrap());
        Match::read(wanted).fits(&Asked { host: "app.local", method: &method, uri: &uri, headers: &map })
    }

    #[test]
    fn all_of_a_match_must_fit_and_what_is_not_known_never_does() {
        let cookie = json!({"headers": {"Cookie": {"regex": "^(.*?;)?(type=insider)(;.*)?$"}}});
        for (case, wanted, uri, headers, expected) in [
            ("nothing wanted", json!({}), "/", vec![], true),
            ("prefix", json!({"uri": {"prefix": "/api"}}), "/api/x", vec![], true),
            ("another path", json!({"uri": {"prefix": "/api"}}), "/web", vec![], false),
            ("exact is the whole path", json!({"uri": {"exact": "/api"}}), "/api/x", vec![], false),
            ("cookie", cookie.clone(), "/", vec![("cookie", "a=1;type=insider")], true),
            ("another cookie", cookie.clone(), "/", vec![("cookie", "type=guest")], false),
            ("no cookie", cookie, "/", vec![], false),
            (
                "a pattern is of the whole text",
                json!({"headers": {"x": {"regex": "a"}}}),
                "/",
                vec![("x", "ab")],
                false,
            ),
            ("presence", json!({"headers": {"x": {}}}), "/", vec![("x", "1")], true),
            ("absence", json!({"withoutHeaders": {"x": {}}}), "/", vec![("x", "1")], false),
            ("query", json!({"queryParams": {"v": {"exact": "2 3"}}}), "/?v=2+3", vec![], true),
            ("method", json!({"method": {"exact": "POST"}}), "/", vec![], false),
            ("authority", json!({"authority": {"prefix": "app."}}), "/", vec![], true),
            ("a broken pattern", json!({"uri": {"regex": "("}}), "/", vec![], false),
            ("labels of the caller", json!({"sourceLabels": {"a": "b"}}), "/", vec![], false),
            ("an unknown word", json!({"uri": {"suffix": "x"}}), "/x", vec![], false),
        ] {
            assert_eq!(fits(&wanted, "GET", uri, &headers), expected, "{case}");
        }
    }

    #[test]
    fn what_was_matched_of_a_path_is_rewritten() {
        for (wanted, path, by, expected) in [
            (json!({"uri": {"prefix": "/api"}}), "/api/x", "/v2", "/v2/x"),
            (json!({"uri": {"exact": "/api"}}), "/api", "/v2", "/v2"),
            (json!({}), "/x", "/", "/x"),
        ] {
            assert_eq!(Match::read(&wanted).rewritten(path, by), expected, "{wanted}");
        }
    }

    #[test]
    fn headers_are_set_added_and_removed() {
        let route = json!({"headers": {"response": {
            "set": {"a": "1"}, "add": {"set-cookie": "x=y", "b c": "no"}, "remove": ["gone"],
        }}});
        let mut headers = HeaderMap::new();
        for (name, value) in [("a", "0"), ("set-cookie", "z"), ("gone", "1")] {
            headers.insert(name, value.parse().unwrap());
        }
        Changes::read(&route, "response").make(&mut headers);
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
        assert_eq!((headers["a"].to_str().unwrap(), cookies), ("1", vec!["z", "x=y"]));
        assert!(!headers.contains_key("gone"));
    }
}
