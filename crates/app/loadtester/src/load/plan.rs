//! What metadata say about a load. Pure.
//!
//! Nothing is guessed: a key that is unknown, or a value that cannot be meant, is refused with its name.

use std::{collections::BTreeMap, time::Duration};

use ::http::{HeaderName, HeaderValue, Method};
use serin_lang::duration::GoDuration;
use url::Url;

use super::{fetch::Source, ledger::WINDOW_MAX, template::Template};

/// Requests per second: what one copy can time well on one core.
pub(crate) const RATE_MAX: f64 = 10_000.0;
/// Requests under way at once; each may need a connection.
const CONCURRENCY_MAX: usize = 2_000;
const CONCURRENCY: usize = 100;
/// The time of a load when nothing is said: one interval of most canaries.
const DURATION: Duration = Duration::from_mins(1);
const DURATION_MAX: Duration = Duration::from_hours(24);
/// The time of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_mins(5);
/// The window of a query when nothing is said, as in the queries that everybody writes.
const WINDOW: Duration = Duration::from_mins(1);
/// What a load may say.
const KEYS: [&str; 17] = [
    "type",
    "url",
    "rate",
    "topUpTo",
    "prometheus",
    "query",
    "window",
    "duration",
    "concurrency",
    "timeout",
    "method",
    "headers",
    "body",
    "allowWrites",
    "scenario",
    "data",
    "wait",
];

/// A load to make.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The address as it was written, perhaps with holes.
    pub(crate) url: String,
    pub(crate) rate: Rate,
    pub(crate) duration: Duration,
    pub(crate) concurrency: usize,
    pub(crate) timeout: Duration,
    pub(crate) method: Method,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: String,
    pub(crate) allow_writes: bool,
    pub(crate) scenario: Option<Source>,
    pub(crate) data: Option<Source>,
    /// Whether the caller waits for the end.
    pub(crate) wait: bool,
    /// All that was said, so that two loads are the same only if nothing distinguishes them.
    pub(crate) said: String,
}

/// How many requests per second.
#[derive(Clone, Debug)]
pub(crate) enum Rate {
    Fixed(f64),
    /// As many as are missing.
    TopUp(TopUp),
}

/// Up to which rate, and where the present one is measured.
#[derive(Clone, Debug)]
pub(crate) struct TopUp {
    pub(crate) target: f64,
    pub(crate) prometheus: String,
    pub(crate) query: String,
    /// The window of the query, in which our own requests count too.
    pub(crate) window: Duration,
}

impl Rate {
    pub(crate) fn fixed(&self) -> Option<f64> {
        match self {
            Self::Fixed(rate) => Some(*rate),
            Self::TopUp(_) => None,
        }
    }

    pub(crate) fn top_up(&self) -> Option<&TopUp> {
        match self {
            Self::Fixed(_) => None,
            Self::TopUp(top_up) => Some(top_up),
        }
    }
}

impl Plan {
    /// The load that `metadata` ask for; a task may take `longest`.
    pub(crate) fn parse(metadata: &BTreeMap<String, String>, longest: Duration) -> Result<Self, String> {
        if let Some(unknown) = metadata.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("`{unknown}` is unknown with type load: there are {}", KEYS.join(", ")));
        }
        let of = Fields(metadata);
        let url = of.needed("url")?;
        origin(&url).map_err(|why| format!("`url` {why}"))?;
        let allow_writes = of.flag("allowWrites")?;
        let method = of.text("method").unwrap_or_else(|| "GET".to_owned());
        let method = self::method(&method, allow_writes).map_err(|why| format!("`method` {why}"))?;
        let source = |name: &str| {
            let text = of.text(name);
            text.map(|text| Source::parse(&text).map_err(|why| format!("`{name}` {why}"))).transpose()
        };
        let concurrency = of.text("concurrency").map(|text| {
            let number = text.parse().ok().filter(|number| (1..=CONCURRENCY_MAX).contains(number));
            number.ok_or_else(|| format!("`concurrency` must be a whole number from 1 to {CONCURRENCY_MAX}"))
        });
        Ok(Self {
            rate: rate(&of)?,
            duration: duration(&of, longest)?,
            concurrency: concurrency.transpose()?.unwrap_or(CONCURRENCY),
            timeout: of.duration("timeout", TIMEOUT, TIMEOUT_MAX)?,
            headers: headers(&of.text("headers").unwrap_or_default())?,
            body: of.text("body").unwrap_or_default(),
            scenario: source("scenario")?,
            data: source("data")?,
            wait: of.flag("wait")?,
            said: of.said(),
            allow_writes,
            method,
            url,
        })
    }

    /// The load in one line.
    pub(crate) fn what(&self) -> String {
        let rate = match &self.rate {
            Rate::Fixed(rate) => format!("{rate}"),
            Rate::TopUp(top_up) => format!("up to {}", top_up.target),
        };
        let scenario = if self.scenario.is_some() { " by scenario" } else { "" };
        format!("load {} {}{scenario}, {rate} per second for {:?}", self.method, self.url, self.duration)
    }
}

/// How long requests are sent. More than a task may take is refused: a load that was cut short would look like a whole one.
fn duration(of: &Fields<'_>, longest: Duration) -> Result<Duration, String> {
    let found = of.duration("duration", DURATION.min(longest), DURATION_MAX)?;
    if longest < found {
        let (found, longest) = (shown(found), shown(longest));
        return Err(format!(
            "`duration` is {found}, and a task may take {longest}: shorten it, or give the load tester a longer -timeout"
        ));
    }
    Ok(found)
}

/// As it would be written.
fn shown(time: Duration) -> GoDuration {
    GoDuration::from_nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

fn rate(of: &Fields<'_>) -> Result<Rate, String> {
    let only_with = ["prometheus", "query", "window"];
    match (of.rate("rate")?, of.rate("topUpTo")?) {
        (Some(rate), None) => match only_with.iter().find(|name| of.0.contains_key(**name)) {
            Some(name) => Err(format!("`{name}` means something only with `topUpTo`")),
            None => Ok(Rate::Fixed(rate)),
        },
        (None, Some(target)) => {
            let prometheus = of.needed_with("prometheus", "topUpTo")?;
            serin_sources::Prometheus::new(
                &prometheus,
                &serin_sources::Access::default(),
                serin_sources::Limits::default(),
            )
            .map_err(|error| format!("`prometheus`: {error}"))?;
            let window = of.duration("window", WINDOW, WINDOW_MAX)?;
            if window < Duration::from_secs(1) {
                return Err("`window` must be 1s or more".to_owned());
            }
            Ok(Rate::TopUp(TopUp { target, prometheus, query: of.needed_with("query", "topUpTo")?, window }))
        }
        (Some(_), Some(_)) => Err("`rate` and `topUpTo` exclude each other".to_owned()),
        (None, None) => Err("`rate` or `topUpTo` is required with type load".to_owned()),
    }
}

struct Fields<'a>(&'a BTreeMap<String, String>);

impl Fields<'_> {
    /// Each key with its value, in a form in which no two differ by nothing. An empty value says nothing.
    fn said(&self) -> String {
        let said = self.0.iter().filter(|(_, value)| !value.is_empty());
        format!("{:?}", said.collect::<BTreeMap<_, _>>())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }

    fn needed(&self, name: &str) -> Result<String, String> {
        self.text(name).ok_or_else(|| format!("`{name}` is required with type load"))
    }

    fn needed_with(&self, name: &str, other: &str) -> Result<String, String> {
        self.text(name).ok_or_else(|| format!("`{name}` is required with `{other}`"))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("`{name}` is {other:?}, which is neither \"true\" nor \"false\"")),
        }
    }

    fn duration(&self, name: &str, default: Duration, max: Duration) -> Result<Duration, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let parsed = GoDuration::parse(&text).ok().and_then(|found| u64::try_from(found.nanos()).ok());
        let why = match parsed.map(Duration::from_nanos) {
            None => "no duration such as 30s or 5m".to_owned(),
            Some(Duration::ZERO) => "no time at all".to_owned(),
            Some(found) if max < found => format!("more than {}", shown(max)),
            Some(found) => return Ok(found),
        };
        Err(format!("`{name}` is {text:?}, which is {why}"))
    }

    fn rate(&self, name: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let rate = text.parse::<f64>().ok().filter(|rate| 0.0 < *rate && *rate <= RATE_MAX);
        rate.map(Some).ok_or_else(|| {
            format!("`{name}` is {text:?}, which is no number above 0 and up to {RATE_MAX} per second")
        })
    }
}

/// The scheme, host and port of an address that may have holes behind them.
pub(crate) fn origin(text: &str) -> Result<Url, String> {
    let template = Template::parse(text)?;
    // Two fillings: a hole in the host would make two hosts.
    let filled = ["0", "1"].map(|value| Url::parse(&template.fill_address(|_| value)));
    let [Ok(url), Ok(other)] = filled else {
        return Err(format!("{text:?} is no address: it begins with http:// or https://"));
    };
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(format!("{text:?} must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a password: use an Authorization line in `headers`".to_owned());
    }
    if url.origin() != other.origin() {
        return Err(format!("{text:?} has `{{{{…}}}}` in its host: where requests go must be said"));
    }
    Ok(url)
}

/// A method that may be used.
pub(crate) fn method(text: &str, allow_writes: bool) -> Result<Method, String> {
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT);
    let method = method.ok_or_else(|| format!("{text:?} is no HTTP method"))?;
    if !method.is_safe() && !allow_writes {
        return Err(format!("{method} may change something: allow it with `allowWrites: \"true\"`"));
    }
    Ok(method)
}

/// Lines of `Name: value`.
fn headers(text: &str) -> Result<Vec<(HeaderName, String)>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let wrong = || format!("`headers` has the line {line:?}, which is not `Name: value`");
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            header(name.trim(), value.trim()).map_err(|_| wrong())
        })
        .collect()
}

/// A header whose value may have holes.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, String), String> {
    let found =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no name of a header"))?;
    if ["content-length", "transfer-encoding", "connection"].contains(&found.as_str()) {
        return Err(format!("the header {name} is not yours to set"));
    }
    HeaderValue::from_str(value).map_err(|_| format!("the value of the header {name} cannot be sent"))?;
    Ok((found, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Plan, String> {
        let base = [("type", "load"), ("url", "http://127.0.0.1/a"), ("rate", "5")];
        let all = base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Plan::parse(&all.collect(), Duration::from_hours(24))
    }

    #[test]
    fn whatever_cannot_be_meant_is_refused_by_name() {
        for (pairs, expected) in [
            (&[("rat", "5")][..], "`rat` is unknown"),
            (&[("url", "")], "`url` is required"),
            (&[("url", "ftp://h/")], "`url` \"ftp://h/\" must begin with http"),
            (&[("url", "not an address")], "`url` \"not an address\" is no address"),
            (&[("url", "http://u:p@h/")], "`url` must not hold a password"),
            (&[("url", "http://{{h}}.b/")], "in its host"),
            (&[("url", "http://h/{{x")], "without"),
            (&[("rate", "")], "`rate` or `topUpTo` is required"),
            (&[("rate", "0")], "`rate` is \"0\""),
            (&[("rate", "NaN")], "`rate` is \"NaN\""),
            (&[("rate", "1e9")], "up to 10000"),
            (&[("topUpTo", "5")], "exclude each other"),
            (&[("query", "q")], "`query` means something only with `topUpTo`"),
            (&[("url", "127.0.0.1:80/")], "is no address: it begins with http://"),
            (&[("rate", ""), ("topUpTo", "5")], "`prometheus` is required with `topUpTo`"),
            (&[("rate", ""), ("topUpTo", "5"), ("prometheus", "x")], "`prometheus`: "),
            (
                &[("rate", ""), ("topUpTo", "5"), ("prometheus", "http://h")],
                "`query` is required with `topUpTo`",
            ),
            (
                &[
                    ("rate", ""),
                    ("topUpTo", "5"),
                    ("prometheus", "http://h"),
                    ("query", "q"),
                    ("window", "1ms"),
                ],
                "`window` must be 1s",
            ),
            (&[("duration", "5")], "`duration` is \"5\""),
            (&[("duration", "-5s")], "`duration` is \"-5s\""),
            (&[("duration", "0s")], "no time at all"),
            (&[("duration", "48h")], "more than 24h0m0s"),
            (&[("concurrency", "0")], "`concurrency` must be a whole number from 1 to 2000"),
            (&[("timeout", "1h")], "`timeout` is \"1h\""),
            (&[("method", "POST")], "`method` POST may change something: allow it with `allowWrites"),
            (&[("method", "delete")], "`method` DELETE may change"),
            (&[("method", "A B")], "is no HTTP method"),
            (&[("allowWrites", "yes")], "`allowWrites` is \"yes\""),
            (&[("headers", "X")], "`headers` has the line \"X\""),
            (&[("headers", "Content-Length: 1")], "`headers` has the line"),
            (&[("scenario", "s3://b")], "`scenario` "),
            (&[("data", "git+https://h/r.git")], "`data` "),
            (&[("wait", "1")], "`wait` is \"1\""),
        ] {
            let error = parse(pairs).unwrap_err();
            assert!(error.contains(expected), "{pairs:?}: {error}");
        }
    }

    #[test]
    fn a_load_that_would_be_cut_short_is_refused() {
        let longest = Duration::from_secs(20);
        let parse = |duration: &str| {
            let all = [("url", "http://h/"), ("rate", "5"), ("type", "load"), ("duration", duration)];
            let all = all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
            Plan::parse(&all.collect(), longest).map(|plan| plan.duration)
        };
        assert_eq!((parse("20s"), parse("")), (Ok(longest), Ok(longest)));
        let told = parse("1h").unwrap_err();
        assert!(
            told.starts_with("`duration` is 1h0m0s, and a task may take 20s: ") && told.contains("-timeout"),
            "{told}"
        );
    }

    #[test]
    fn loads_are_the_same_only_if_all_that_they_say_is() {
        let base = parse(&[]).unwrap().said;
        assert_eq!(parse(&[("body", ""), ("rate", "5")]).unwrap().said, base);
        let others = [
            ("body", "x"),
            ("headers", "X-Tenant: a"),
            ("url", "http://127.0.0.1/a?q=1"),
            ("scenario", "https://h/s.yaml"),
            ("scenario", "https://h/t.yaml"),
            ("data", "https://h/d.csv"),
            ("data", "https://h/d.csv\" wait=\"true"),
            ("wait", "true"),
        ];
        let said: std::collections::BTreeSet<String> =
            others.iter().map(|pair| parse(&[*pair]).unwrap().said).chain([base]).collect();
        assert_eq!(said.len(), others.len() + 1, "{said:?}");
    }

    #[test]
    fn what_is_not_said_has_a_default_and_what_is_said_counts() {
        let plan =
            parse(&[("allowWrites", "true"), ("method", "post"), ("headers", "Host: a\n\nX-Y:  b c \n")])
                .unwrap();
        assert_eq!((plan.duration, plan.timeout, plan.concurrency), (DURATION, TIMEOUT, CONCURRENCY));
        assert_eq!((plan.method, plan.wait, plan.rate.fixed()), (Method::POST, false, Some(5.0)));
        let headers: Vec<(&str, &str)> = plan.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(headers, [("host", "a"), ("x-y", "b c")]);
        assert_eq!(parse(&[("duration", "1m30s")]).unwrap().duration, Duration::from_secs(90));
    }
}
