//! Which side of a canary a request goes to: ingress-nginx's rule, decided without chance.
//!
//! Pure but for one number per route, the [`Share`]. Precedence: header, then cookie, then weight. Where ingress-nginx
//! draws a random number, an error-diffusion counter makes a weight of 25 exactly every fourth request.

use parking_lot::Mutex;
use regex::Regex;
use std::collections::BTreeMap;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Main,
    Canary,
}

/// What ingress-nginx calls the traffic shaping policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    header: Option<Header>,
    cookie: Option<String>,
    weight: u64,
    total: u64,
}

#[derive(Clone, Debug)]
struct Header {
    name: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    /// `always` and `never`.
    Words,
    Value(String),
    Pattern(Regex),
    /// The pattern is no regular expression: such a header never goes to the canary.
    Broken,
}

/// The default of `canary-weight-total`, and its least.
const TOTAL_DEFAULT: u64 = 100;

/// Bytes of compiled pattern: a header pattern is a handful of words, and annotations are written by anyone.
const PATTERN_SIZE_MAX: usize = 1 << 16;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

impl Policy {
    /// Reads the annotations; none when the Ingress is no canary. Odd numbers count as absent.
    pub(crate) fn read(annotations: &BTreeMap<String, String>) -> Option<Self> {
        let get = |name: &str| annotations.get(&format!("{PREFIX}{name}")).map(|value| value.trim());
        if get("canary") != Some("true") {
            return None;
        }
        let filled = |name: &str| get(name).filter(|value| !value.is_empty());
        let test = match (filled("canary-by-header-value"), filled("canary-by-header-pattern")) {
            (Some(value), _) => Test::Value(value.to_owned()),
            (None, Some(pattern)) => {
                let built = regex::RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_MAX).build();
                built.map_or(Test::Broken, Test::Pattern)
            }
            (None, None) => Test::Words,
        };
        let number = |name: &str| get(name).and_then(|value| value.parse::<u64>().ok());
        Some(Self {
            header: filled("canary-by-header").map(|name| Header { name: name.to_lowercase(), test }),
            cookie: filled("canary-by-cookie").map(str::to_owned),
            weight: number("canary-weight").unwrap_or(0),
            total: number("canary-weight-total").unwrap_or(0).max(TOTAL_DEFAULT),
        })
    }

    /// Decides one request. `header` and `cookie` look a value up by name.
    pub(crate) fn decide<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        cookie: impl Fn(&str) -> Option<&'a str>,
        share: &Share,
    ) -> Side {
        let by_header = self.header.as_ref().and_then(|rule| rule.decide(header(&rule.name)?));
        let by_cookie = || words(cookie(self.cookie.as_ref()?)?);
        by_header.or_else(by_cookie).unwrap_or_else(|| share.next(self.weight, self.total))
    }
}

impl Header {
    fn decide(&self, value: &str) -> Option<Side> {
        match &self.test {
            Test::Words => words(value),
            Test::Value(wanted) => (wanted == value).then_some(Side::Canary),
            Test::Pattern(pattern) => pattern.is_match(value).then_some(Side::Canary),
            Test::Broken => Some(Side::Main),
        }
    }
}

fn words(value: &str) -> Option<Side> {
    match value {
        "always" => Some(Side::Canary),
        "never" => Some(Side::Main),
        _ => None,
    }
}

/// The part of a request that the canary is still owed.
#[derive(Debug, Default)]
pub(crate) struct Share(Mutex<u64>);

impl Share {
    /// The next request's side: of any `total` in a row, exactly `weight` go to the canary.
    pub(crate) fn next(&self, weight: u64, total: u64) -> Side {
        let weight = weight.min(total);
        let mut owed = self.0.lock();
        // A debt from before the weights changed must not become a burst.
        *owed = (*owed).min(total.saturating_sub(1)) + weight;
        if *owed < total {
            return Side::Main;
        }
        *owed -= total;
        Side::Canary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pairs: &[(&str, &str)]) -> Policy {
        let mut annotations: BTreeMap<String, String> = pairs
            .iter()
            .map(|(name, value)| (format!("{PREFIX}canary{name}"), (*value).to_owned()))
            .collect();
        annotations.insert(format!("{PREFIX}canary"), "true".into());
        Policy::read(&annotations).unwrap()
    }

    #[test]
    fn header_beats_cookie_beats_weight() {
        let (main, canary) = (Side::Main, Side::Canary);
        let words: [(&str, Option<Side>); 4] =
            [("", None), ("always", Some(canary)), ("never", Some(main)), ("other", None)];
        for (header, by_header) in words {
            for (cookie, by_cookie) in words {
                for weight in ["0", "100"] {
                    let policy =
                        policy(&[("-by-header", "X-Canary"), ("-by-cookie", "c"), ("-weight", weight)]);
                    let by_weight = if weight == "0" { main } else { canary };
                    let side = policy.decide(
                        |name| (name == "x-canary" && !header.is_empty()).then_some(header),
                        |name| (name == "c" && !cookie.is_empty()).then_some(cookie),
                        &Share::default(),
                    );
                    let expected = by_header.or(by_cookie).unwrap_or(by_weight);
                    assert_eq!(side, expected, "header {header:?}, cookie {cookie:?}, weight {weight}");
                }
            }
        }
    }

    #[test]
    fn values_and_patterns_replace_the_words() {
        let value = ("-by-header-value", "yes");
        let pattern = ("-by-header-pattern", "^v[12]$");
        for (case, extra, header, expected) in [
            ("value", vec![value], "yes", Side::Canary),
            ("another value", vec![value], "no", Side::Main),
            ("always is no word beside a value", vec![value], "always", Side::Main),
            ("value wins over pattern", vec![value, pattern], "v1", Side::Main),
            ("pattern", vec![pattern], "v2", Side::Canary),
            ("no match", vec![pattern], "v3", Side::Main),
            ("a broken pattern goes nowhere", vec![("-by-header-pattern", "(")], "(", Side::Main),
        ] {
            let mut pairs = vec![("-by-header", "X-V")];
            pairs.extend(extra);
            let side = policy(&pairs).decide(|_| Some(header), |_| None, &Share::default());
            assert_eq!(side, expected, "{case}");
        }
    }

    #[test]
    fn a_header_that_does_not_match_leaves_the_weight_to_decide() {
        let policy = policy(&[("-by-header", "X-V"), ("-by-header-value", "yes"), ("-weight", "100")]);
        assert_eq!(policy.decide(|_| Some("no"), |_| None, &Share::default()), Side::Canary);
    }

    /// Every weight, in every window of the total's length.
    #[test]
    fn weights_are_exact_in_any_window() {
        for (weight, total) in (0..=100).map(|weight| (weight, 100)).chain([(1, 1000), (999, 1000), (7, 128)])
        {
            let share = Share::default();
            let sides: Vec<u64> =
                (0..3 * total).map(|_| u64::from(share.next(weight, total) == Side::Canary)).collect();
            for window in sides.windows(total as usize) {
                assert_eq!(window.iter().sum::<u64>(), weight, "{weight} of {total}");
            }
        }
    }

    #[test]
    fn a_smaller_total_does_not_turn_old_debt_into_a_burst() {
        let share = Share::default();
        assert_eq!(share.next(999, 1000), Side::Main);
        assert_eq!([0, 0, 0].map(|weight| share.next(weight, 100)), [Side::Main; 3]);
    }

    #[test]
    fn odd_annotations_count_as_absent() {
        let policy = policy(&[("-weight", "many"), ("-weight-total", "-3"), ("-by-header", "")]);
        assert_eq!((policy.weight, policy.total, policy.header.is_some()), (0, 100, false));
        assert!(Policy::read(&BTreeMap::new()).is_none());
    }
}
