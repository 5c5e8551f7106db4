//! Enough of `PromQL` for the questions that a release is judged by, and for those that find out why there was no answer.
//!
//! Held: a query is answered as Prometheus answers it (rates without its guess at the edges of a window), or refused with
//! the word that is not known here. Never is a part of a query passed over.

use super::meter::{Labels, Series};
use regex::RegexBuilder;
use serin_lang::promql::{self, Expr, MatchOp, Matcher, Selector};
use std::collections::BTreeMap;

/// How far back the latest value of a series counts, in seconds.
pub(crate) const LOOK_BACK: f64 = 300.0;
/// Bytes of compiled pattern.
const PATTERN_SIZE_MAX: usize = 1 << 16;
const NAME: &str = "__name__";

/// What a query means at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Number(f64),
    Vector(Vec<(Labels, f64)>),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is no query.
    Malformed(String),
    /// It is beyond this stand-in, or does not fit together.
    Beyond(String),
}

impl Refused {
    fn beyond<T>(what: impl std::fmt::Display) -> Result<T, Self> {
        Err(Self::Beyond(format!("this stand-in for Prometheus does not know {what}")))
    }
}

/// Answers a query about `series` at `now`.
pub(crate) fn answer(query: &str, series: &[Series], now: f64) -> Result<Found, Refused> {
    let expr = promql::parse(query).map_err(|error| Refused::Malformed(error.to_string()))?;
    // The grammar reads over these, and they change what is meant.
    let bare = quoted(query);
    let mut words = bare.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    if let Some(word) =
        words.find(|word| ["on", "ignoring", "group_left", "group_right", "bool"].contains(word))
    {
        return Refused::beyond(word);
    }
    Evaluation { series, now }.of(&expr)
}

/// A query without what stands in quotes.
fn quoted(query: &str) -> String {
    let (mut bare, mut quote, mut is_escaped) = (String::new(), None, false);
    for c in query.chars() {
        match quote {
            None if ['"', '\'', '`'].contains(&c) => quote = Some(c),
            None => bare.push(c),
            Some(_) if is_escaped => is_escaped = false,
            Some('"' | '\'') if c == '\\' => is_escaped = true,
            Some(end) if c == end => quote = None,
            Some(_) => {}
        }
    }
    bare
}

struct Evaluation<'a> {
    series: &'a [Series],
    now: f64,
}

impl Evaluation<'_> {
    fn of(&self, expr: &Expr) -> Result<Found, Refused> {
        match expr {
            Expr::Literal(text) => match text.parse() {
                Ok(number) => Ok(Found::Number(number)),
                Err(_) => Refused::beyond(format!("{text:?} as a value")),
            },
            Expr::Selector(selector) if selector.range.is_none() => {
                let latest = |series: &Series| Some((series.labels.clone(), series.points.last()?.1));
                Ok(Found::Vector(self.select(selector, LOOK_BACK)?.iter().filter_map(latest).collect()))
            }
            Expr::Selector(selector) => Refused::beyond(format!("a window alone ({selector})")),
            Expr::Call { name, args } => self.call(name, args),
            Expr::Aggregate { op, grouping, args } => self.aggregate(op, grouping.as_ref(), args),
            Expr::Binary { op, left, right } => binary(op, self.of(left)?, self.of(right)?),
            Expr::Unary(_) => Refused::beyond("signs before a value"),
            Expr::Subquery { .. } => Refused::beyond("subqueries"),
        }
    }

    fn vector(&self, expr: Option<&Expr>) -> Result<Vec<(Labels, f64)>, Refused> {
        match expr.map(|expr| self.of(expr)) {
            Some(Ok(Found::Vector(vector))) => Ok(vector),
            Some(Err(refused)) => Err(refused),
            _ => Refused::beyond("anything but series here"),
        }
    }

    /// The series that fit, with their points of the last `seconds`.
    fn select(&self, selector: &Selector, seconds: f64) -> Result<Vec<Series>, Refused> {
        if selector.is_shifted {
            return Refused::beyond("offset and @");
        }
        let fits = selector.matchers.iter().map(fit).collect::<Result<Vec<_>, _>>()?;
        let is_meant = |series: &&Series| {
            let named = selector.name.as_ref().is_none_or(|name| series.labels.get(NAME) == Some(name));
            let value = |label: &str| series.labels.get(label).map_or("", String::as_str);
            named && selector.matchers.iter().zip(&fits).all(|(matcher, fit)| fit(value(&matcher.label)))
        };
        let within = |series: &Series| {
            let points = series.points.iter().filter(|(at, _)| self.now - seconds < *at && *at <= self.now);
            Series { labels: series.labels.clone(), points: points.copied().collect() }
        };
        let found = self.series.iter().filter(is_meant).map(within);
        Ok(found.filter(|series| !series.points.is_empty()).collect())
    }

    fn call(&self, name: &str, args: &[Expr]) -> Result<Found, Refused> {
        let windowed = |value: fn(&[(f64, f64)]) -> Option<f64>| {
            let Some(Expr::Selector(selector @ Selector { range: Some(range), .. })) = args.first() else {
                return Refused::beyond(format!("{name} of anything but series with a window"));
            };
            let series = self.select(selector, *range as f64 / 1_000.0)?;
            let valued = series.iter().filter_map(|it| Some((nameless(&it.labels), value(&it.points)?)));
            Ok(Found::Vector(valued.collect()))
        };
        match (name, args.len()) {
            ("rate", 1) => windowed(|points| {
                let ((from, first), (to, last)) = (points.first()?, points.last()?);
                (from < to).then(|| (last - first) / (to - from))
            }),
            ("increase", 1) => windowed(|points| {
                let ((from, first), (to, last)) = (points.first()?, points.last()?);
                (from < to).then_some(last - first)
            }),
            ("count_over_time", 1) => windowed(|points| Some(points.len() as f64)),
            ("vector", 1) => match self.of(&args[0])? {
                Found::Number(number) => Ok(Found::Vector(vec![(Labels::new(), number)])),
                Found::Vector(_) => Refused::beyond("vector of series"),
            },
            ("histogram_quantile", 2) => match self.of(&args[0])? {
                Found::Number(quantile) => Ok(Found::Vector(quantiles(quantile, self.vector(args.get(1))?))),
                Found::Vector(_) => Refused::beyond("quantiles that are series"),
            },
            ("label_replace", 5) => self.label_replace(args),
            _ => Refused::beyond(format!("the function {name} with {} arguments", args.len())),
        }
    }

    /// With nothing to take a value from, and a pattern that takes nothing: the form that gives every series a label.
    fn label_replace(&self, args: &[Expr]) -> Result<Found, Refused> {
        let mut texts =
            args[1..].iter().map(|arg| if let Expr::Literal(text) = arg { text.as_str() } else { "?" });
        let [label, value, source, pattern] = [(); 4].map(|()| texts.next().unwrap_or("?"));
        if !source.is_empty() || !pattern.is_empty() || value.contains('$') {
            return Refused::beyond("label_replace that takes values from labels");
        }
        let mut vector = self.vector(args.first())?;
        for (labels, _) in &mut vector {
            labels.insert(label.to_owned(), value.to_owned());
        }
        Ok(Found::Vector(vector))
    }

    fn aggregate(
        &self,
        op: &str,
        grouping: Option<&(bool, Vec<String>)>,
        args: &[Expr],
    ) -> Result<Found, Refused> {
        let key = |labels: &Labels| -> Labels {
            let stays = |label: &String| match grouping {
                None => false,
                Some((true, named)) => named.contains(label),
                Some((false, named)) => label != NAME && !named.contains(label),
            };
            labels.iter().filter(|(label, _)| stays(label)).map(|(l, v)| (l.clone(), v.clone())).collect()
        };
        if let ("topk", [Expr::Literal(count), expr]) = (op, args) {
            let count = count.parse::<usize>().ok();
            let Some(count) = count.filter(|_| grouping.is_none()) else {
                return Refused::beyond("such a topk");
            };
            let mut vector = self.vector(Some(expr))?;
            vector.sort_by(|(_, one), (_, other)| other.total_cmp(one));
            vector.truncate(count);
            return Ok(Found::Vector(vector));
        }
        let fold: fn(f64, f64) -> f64 = match op {
            "sum" => |sum, value| sum + value,
            "count" => |count, _| count + 1.0,
            _ => return Refused::beyond(op),
        };
        let mut groups: BTreeMap<Labels, f64> = BTreeMap::new();
        for (labels, value) in self.vector(args.first())? {
            let group = groups.entry(key(&labels)).or_default();
            *group = fold(*group, value);
        }
        Ok(Found::Vector(groups.into_iter().collect()))
    }
}

fn nameless(labels: &Labels) -> Labels {
    labels.iter().filter(|(label, _)| *label != NAME).map(|(l, v)| (l.clone(), v.clone())).collect()
}

type Fit = Box<dyn Fn(&str) -> bool>;

fn fit(matcher: &Matcher) -> Result<Fit, Refused> {
    let wanted = matcher.value.clone();
    let is_wanted = matches!(matcher.op, MatchOp::Equal | MatchOp::Matches);
    if matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual) {
        return Ok(Box::new(move |value| (value == wanted) == is_wanted));
    }
    let built = RegexBuilder::new(&format!("^(?s:{wanted})$")).size_limit(PATTERN_SIZE_MAX).build();
    let pattern = built.map_err(|error| Refused::Malformed(error.to_string()))?;
    Ok(Box::new(move |value| pattern.is_match(value) == is_wanted))
}

fn binary(op: &str, left: Found, right: Found) -> Result<Found, Refused> {
    let compute: fn(f64, f64) -> f64 = match op {
        "+" => |a, b| a + b,
        "-" => |a, b| a - b,
        "*" => |a, b| a * b,
        "/" => |a, b| a / b,
        "or" | "unless" | "and" => return sets(op, left, right),
        _ => return Refused::beyond(op),
    };
    Ok(match (left, right) {
        (Found::Number(a), Found::Number(b)) => Found::Number(compute(a, b)),
        (Found::Vector(a), Found::Number(b)) => {
            Found::Vector(a.into_iter().map(|(labels, a)| (nameless(&labels), compute(a, b))).collect())
        }
        (Found::Number(a), Found::Vector(b)) => {
            Found::Vector(b.into_iter().map(|(labels, b)| (nameless(&labels), compute(a, b))).collect())
        }
        (Found::Vector(a), Found::Vector(b)) => {
            let other: BTreeMap<Labels, f64> = b.iter().map(|(labels, b)| (nameless(labels), *b)).collect();
            if other.len() < b.len() {
                return Refused::beyond("many series to one");
            }
            let both = a.into_iter().filter_map(|(labels, a)| {
                let labels = nameless(&labels);
                Some((labels.clone(), compute(a, *other.get(&labels)?)))
            });
            Found::Vector(both.collect())
        }
    })
}

fn sets(op: &str, left: Found, right: Found) -> Result<Found, Refused> {
    let (Found::Vector(mut left), Found::Vector(right)) = (left, right) else {
        return Refused::beyond(format!("{op} of numbers"));
    };
    let keys =
        |vector: &[(Labels, f64)]| -> Vec<Labels> { vector.iter().map(|(l, _)| nameless(l)).collect() };
    let (in_left, in_right) = (keys(&left), keys(&right));
    match op {
        "or" => left.extend(right.into_iter().filter(|(labels, _)| !in_left.contains(&nameless(labels)))),
        "and" => left.retain(|(labels, _)| in_right.contains(&nameless(labels))),
        _ => left.retain(|(labels, _)| !in_right.contains(&nameless(labels))),
    }
    Ok(Found::Vector(left))
}

/// Quantiles of buckets, by straight lines within them.
fn quantiles(quantile: f64, buckets: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, count) in buckets {
        let Some(limit) = labels.remove("le").and_then(|le| le.parse::<f64>().ok()) else { continue };
        groups.entry(nameless(&labels)).or_default().push((limit, count));
    }
    let of = |mut buckets: Vec<(f64, f64)>| -> Option<f64> {
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let (highest, total) = *buckets.last()?;
        if highest.is_finite() || total <= 0.0 {
            return Some(f64::NAN);
        }
        let rank = quantile * total;
        let at = buckets.iter().position(|(_, count)| rank <= *count)?;
        let (limit, count) = buckets[at];
        let (from, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
        if limit.is_infinite() {
            return Some(from);
        }
        Some(from + (limit - from) * (rank - below) / (count - below))
    };
    groups.into_iter().filter_map(|(labels, buckets)| Some((labels, of(buckets)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests of two versions: 20 and 2 a second, a tenth of the second one's failing; 9 of 10 below 10 ms, all below 50.
    fn series() -> Vec<Series> {
        let line = |pairs: &[(&str, &str)], per_second: f64| Series {
            labels: pairs.iter().map(|(l, v)| ((*l).to_owned(), (*v).to_owned())).collect(),
            points: (0..=120).map(|at| (f64::from(at), per_second * f64::from(at))).collect(),
        };
        let requests = |workload, code, rate| {
            line(&[(NAME, "istio_requests_total"), ("workload", workload), ("code", code)], rate)
        };
        let bucket = |le, rate| line(&[(NAME, "ms_bucket"), ("workload", "canary"), ("le", le)], rate);
        vec![
            requests("primary", "200", 20.0),
            requests("canary", "200", 1.8),
            requests("canary", "503", 0.2),
            bucket("5", 0.0),
            bucket("10", 1.8),
            bucket("50", 2.0),
            bucket("+Inf", 2.0),
        ]
    }

    fn ask(query: &str) -> Result<Found, Refused> {
        answer(query, &series(), 120.0)
    }

    /// The values of an answer, with the labels of each.
    fn values(query: &str) -> Vec<(String, f64)> {
        match ask(query).unwrap() {
            Found::Number(number) => vec![("number".to_owned(), number)],
            Found::Vector(vector) => vector
                .into_iter()
                .map(|(labels, value)| {
                    let labels: Vec<String> = labels.iter().map(|(l, v)| format!("{l}={v}")).collect();
                    (labels.join(","), (value * 1e6).round() / 1e6)
                })
                .collect(),
        }
    }

    fn one(labels: &str, value: f64) -> Vec<(String, f64)> {
        vec![(labels.to_owned(), value)]
    }

    #[test]
    fn the_queries_that_judge_a_release_have_prometheus_values() {
        let m = "istio_requests_total";
        for (query, expected) in [
            (
                format!(
                    " sum( rate( {m}{{ workload=~\"canary\", code!~\"5.*\" }}[1m] ) ) / sum( rate( {m}{{ workload=~\"canary\" }}[1m] ) ) * 100"
                ),
                one("", 90.0),
            ),
            (
                " histogram_quantile( 0.99, sum( rate( ms_bucket{ workload=~\"canary\" }[30s] ) ) by (le) )"
                    .to_owned(),
                one("", 46.0),
            ),
            ("histogram_quantile(0.45, ms_bucket)".to_owned(), one("workload=canary", 7.5)),
            (
                format!("sum by (workload) (increase({m}{{code=\"200\"}}[10s]))"),
                vec![("workload=canary".to_owned(), 16.2), ("workload=primary".to_owned(), 180.0)],
            ),
            ("vector(1)".to_owned(), one("", 1.0)),
            ("2 / 4".to_owned(), one("number", 0.5)),
            (format!("count({m})"), one("", 3.0)),
            (format!("count({m}{{workload=\"nobody\"}})"), vec![]),
            (format!("topk(1, count by (code) ({m}))"), one("code=200", 2.0)),
            (
                format!(
                    "label_replace(count({m}), \"a\", \"0\", \"\", \"\") or label_replace(count(x), \"a\", \"1\", \"\", \"\")"
                ),
                one("a=0", 3.0),
            ),
            (format!("sum(rate({m}[1m])) unless sum(count_over_time({m}{{code=\"200\"}}[1m]))"), vec![]),
            (format!("sum(rate({m}{{code=\"503\"}}[1m])) unless sum(count_over_time(x[1m]))"), one("", 0.2)),
        ] {
            assert_eq!(values(&query), expected, "{query}");
        }
    }

    #[test]
    fn a_window_needs_two_points_and_old_points_are_gone() {
        assert_eq!(answer("rate(istio_requests_total[1s])", &series(), 120.0), Ok(Found::Vector(vec![])));
        assert_eq!(answer("count(ms_bucket)", &series(), 120.0 + LOOK_BACK), Ok(Found::Vector(vec![])));
    }

    #[test]
    fn what_is_not_known_is_refused_by_its_word() {
        for (query, word) in [
            ("avg(x)", "avg"),
            ("absent(x)", "absent"),
            ("a / on(b) c", "on"),
            ("a > bool 1", "bool"),
            ("a > 1", ">"),
            ("a offset 5m", "offset"),
            ("-a", "signs"),
            ("x[5m]", "window"),
            ("rate(x)", "window"),
            ("label_replace(x, \"a\", \"$1\", \"b\", \"(.*)\")", "label_replace"),
            ("max_over_time(rate(x[1m])[5m:1m])", "max_over_time"),
        ] {
            assert!(
                matches!(ask(query), Err(Refused::Beyond(why)) if why.contains(word)),
                "{query}: {:?}",
                ask(query)
            );
        }
        assert!(ask("x{a=\"on\"}").is_ok(), "a word in quotes is none");
        for query in ["sum(", "x{a=~\"(\"}"] {
            assert!(matches!(ask(query), Err(Refused::Malformed(_))), "{query}");
        }
    }
}
