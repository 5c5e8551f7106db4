//! Session affinity: a cookie keeps users with the version that they met.
//!
//! While the version under trial has a share, whoever meets it gets a cookie, and whoever brings the cookie meets it again.
//! When its share is gone the cookie is taken back from those who still bring it.

use serin_kernel::Weight;

use crate::Stickiness;

/// How long a cookie lives in seconds when nothing is said: a day.
const MAX_AGE_SECONDS: u64 = 86_400;

/// How users stay with the version that they met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Name of the cookie of the version under trial.
    pub cookie_name: String,
    /// Name of the cookie of the proven version, if it has one.
    pub primary_cookie_name: Option<String>,
    /// Seconds that the cookie of the version under trial lives; a day if 0.
    pub max_age: u64,
    /// Seconds that the cookie of the proven version lives.
    pub primary_max_age: u64,
    /// Attribute `Domain`.
    pub domain: Option<String>,
    /// Attribute `HttpOnly`.
    pub http_only: bool,
    /// Attribute `Partitioned`.
    pub partitioned: bool,
    /// Attribute `Path`.
    pub path: Option<String>,
    /// Attribute `SameSite`.
    pub same_site: Option<String>,
    /// Attribute `Secure`.
    pub secure: bool,
    /// The cookies now, as `name=value`.
    pub cookies: Cookies,
}

/// The cookies of a front, each `name=value` or empty. Whoever plans keeps them; they begin empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// Of the version under trial.
    pub current: String,
    /// Of the last version that was under trial.
    pub previous: String,
    /// Of the proven version.
    pub primary: String,
}

/// Random letters for new cookies. They come from outside: this crate draws no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letters<'a> {
    /// For the cookie of the version under trial.
    pub canary: &'a str,
    /// For the cookie of the proven version.
    pub primary: &'a str,
}

impl Affinity {
    /// The cookies with which the version under trial has a share of `canary`: to be put into the front, and kept, before
    /// the share is set. Where a provider can keep users with either version, the proven one gets a cookie too, with an
    /// empty name if it is given none, which then nobody is sent.
    #[must_use]
    pub fn with_share(&self, canary: Weight, stickiness: Stickiness, letters: Letters<'_>) -> Cookies {
        let mut cookies = self.cookies.clone();
        if canary == Weight::NONE {
            if !cookies.current.is_empty() {
                cookies.previous = std::mem::take(&mut cookies.current);
            }
            return cookies;
        }
        if cookies.current.is_empty() {
            cookies.current = format!("{}={}", self.cookie_name, letters.canary);
        }
        if stickiness == Stickiness::Both && cookies.primary.is_empty() {
            let name = self.primary_cookie_name.as_deref().unwrap_or_default();
            cookies.primary = format!("{name}={}", letters.primary);
        }
        cookies
    }

    /// What `Set-Cookie` says to those who meet the version under trial.
    pub(crate) fn given(&self) -> String {
        let age = if self.max_age == 0 { MAX_AGE_SECONDS } else { self.max_age };
        self.with_attributes(&self.cookies.current, age)
    }

    /// What `Set-Cookie` says to those who meet the proven version; none when it has no cookie.
    pub(crate) fn given_by_primary(&self) -> Option<String> {
        let named = self.primary_cookie_name.as_ref().is_some_and(|name| !name.is_empty());
        (named && !self.cookies.primary.is_empty()).then_some(())?;
        Some(self.with_attributes(&self.cookies.primary, self.primary_max_age))
    }

    fn with_attributes(&self, cookie: &str, age: u64) -> String {
        let named = |name: &str, value: &Option<String>| {
            let value = value.as_ref().filter(|value| !value.is_empty());
            value.map(|value| format!("{name}={value}"))
        };
        let flag = |name: &str, set: bool| set.then(|| name.to_owned());
        let attributes = [
            named("Domain", &self.domain),
            flag("HttpOnly", self.http_only),
            flag("Partitioned", self.partitioned),
            named("Path", &self.path),
            named("SameSite", &self.same_site),
            flag("Secure", self.secure),
        ];
        let mut text = format!("{cookie}; Max-Age={age}");
        for attribute in attributes.into_iter().flatten() {
            text.push_str("; ");
            text.push_str(&attribute);
        }
        text
    }
}

/// What `Set-Cookie` says to take `cookie` back.
pub(crate) fn taken_back(cookie: &str) -> String {
    format!("{cookie}; Max-Age=-1")
}

/// The regular expression for a `Cookie` header that brings `cookie`.
pub(crate) fn brought(cookie: &str) -> String {
    let (name, value) = cookie.split_once('=').unwrap_or((cookie, ""));
    format!(".*{name}.*{value}.*")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: Letters<'_> = Letters { canary: "abc", primary: "xyz" };

    fn affinity() -> Affinity {
        Affinity { cookie_name: "c".to_owned(), max_age: 3600, primary_max_age: 10, ..Affinity::default() }
    }

    fn cookies(current: &str, previous: &str, primary: &str) -> Cookies {
        Cookies { current: current.to_owned(), previous: previous.to_owned(), primary: primary.to_owned() }
    }

    #[test]
    fn a_cookie_lives_as_long_as_the_trial_and_is_then_taken_back() {
        use Stickiness::{Both, Canary};
        for (name, (stickiness, primary_name), before, share, after) in [
            ("none before the first share", (Canary, None), cookies("", "", ""), 0, cookies("", "", "")),
            ("given with the first share", (Canary, None), cookies("", "", ""), 5, cookies("c=abc", "", "")),
            ("kept with the next", (Canary, None), cookies("c=old", "", ""), 10, cookies("c=old", "", "")),
            ("taken back at the end", (Canary, None), cookies("c=old", "", ""), 0, cookies("", "c=old", "")),
            ("still to be taken back", (Canary, None), cookies("", "c=old", ""), 0, cookies("", "c=old", "")),
            ("new beside old", (Canary, None), cookies("", "c=old", ""), 5, cookies("c=abc", "c=old", "")),
            (
                "one for each version",
                (Both, Some("p")),
                cookies("", "", ""),
                5,
                cookies("c=abc", "", "p=xyz"),
            ),
            ("if only in the record", (Both, None), cookies("", "", ""), 5, cookies("c=abc", "", "=xyz")),
            (
                "which stays",
                (Both, Some("p")),
                cookies("c=old", "", "p=old"),
                0,
                cookies("", "c=old", "p=old"),
            ),
        ] {
            let settings = Affinity {
                primary_cookie_name: primary_name.map(str::to_owned),
                cookies: before,
                ..affinity()
            };
            assert_eq!(settings.with_share(Weight(share), stickiness, LETTERS), after, "{name}");
        }
    }

    #[test]
    fn attributes_follow_in_their_order_and_only_when_set() {
        let plain = Affinity { cookies: cookies("c=v", "", "p=v"), ..affinity() };
        assert_eq!(plain.given(), "c=v; Max-Age=3600");
        assert_eq!(plain.given_by_primary(), None);
        let full = Affinity {
            primary_cookie_name: Some("p".to_owned()),
            max_age: 0,
            domain: Some("example.com".to_owned()),
            http_only: true,
            partitioned: true,
            path: Some("/a".to_owned()),
            same_site: Some("Strict".to_owned()),
            secure: true,
            ..plain
        };
        let rest = "Domain=example.com; HttpOnly; Partitioned; Path=/a; SameSite=Strict; Secure";
        assert_eq!(full.given(), format!("c=v; Max-Age=86400; {rest}"));
        assert_eq!(full.given_by_primary(), Some(format!("p=v; Max-Age=10; {rest}")));
    }

    #[test]
    fn a_cookie_is_recognised_among_others_and_taken_back_by_its_age() {
        assert_eq!(brought("c=abc"), ".*c.*abc.*");
        assert_eq!(brought("odd"), ".*odd.*.*");
        assert_eq!(taken_back("c=abc"), "c=abc; Max-Age=-1");
    }
}
