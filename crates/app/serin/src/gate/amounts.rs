//! Amounts on the command line: durations with days, shares, lists of weights. Each error has an example.

use jiff::Timestamp;
use serin_gate::plan::Stage;
use serin_lang::duration::GoDuration;

/// Values of one list: more make a table that nobody reads.
const VALUES_MAX: usize = 20;

/// A list of values with commas between.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List(pub(super) Vec<f64>);

/// Stages of a rollout.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule(pub(super) Vec<Stage>);

/// A release that happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) incident: Option<Timestamp>,
}

/// Whole seconds above 0, as 30s, 10m, 1h30m or 7d.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let wrong = |why: &str| format!("{text:?} {why}: write it as 30s, 10m, 1h30m or 7d");
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (days.parse::<i64>().map_err(|_| wrong("is no duration"))?, rest),
        None => (0, text),
    };
    let nanos = if rest.is_empty() && !text.is_empty() {
        0
    } else {
        GoDuration::parse(rest).map_err(|_| wrong("is no duration"))?.nanos()
    };
    let rest = (nanos % 1_000_000_000 == 0).then_some(nanos / 1_000_000_000);
    let all = rest.and_then(|rest| days.checked_mul(86_400)?.checked_add(rest));
    let all = all.and_then(|all| u32::try_from(all).ok()).filter(|all| 0 < *all);
    all.ok_or_else(|| wrong("is not whole seconds above 0"))
}

/// A share from above 0 to below 1, as 0.003 or 0.3%.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (number, per) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / per);
    share
        .filter(|share| 0.0 < *share && *share < 1.0)
        .ok_or_else(|| format!("{text:?} is no share above 0 and below 1: write 0.003 or 0.3%"))
}

/// As [`share`], or 0.
pub(super) fn share_or_none(text: &str) -> Result<f64, String> {
    if text.parse() == Ok(0.0) { Ok(0.0) } else { share(text) }
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| 0.0 < *number && number.is_finite());
    number.ok_or_else(|| format!("{text:?} is no number above 0"))
}

/// A number that is at least 1.
pub(super) fn at_least_one(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| 1.0 <= *number && number.is_finite());
    number.ok_or_else(|| format!("{text:?} is no number of at least 1"))
}

/// How far apart pods are: a share of their rate, 0 for not at all.
pub(super) fn spread(text: &str) -> Result<f64, String> {
    let (number, per) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / per);
    share.filter(|share| (0.0..=5.0).contains(share)).ok_or_else(|| {
        format!("{text:?} is no share of the rate: write 0.3 or 30% where pods differ by a third")
    })
}

fn list(text: &str, one: impl Fn(&str) -> Result<f64, String>) -> Result<List, String> {
    let values = text.split(',').map(|part| one(part.trim())).collect::<Result<Vec<f64>, String>>()?;
    if VALUES_MAX < values.len() {
        return Err(format!("there are {} values, and {VALUES_MAX} at most: leave some out", values.len()));
    }
    Ok(List(values))
}

/// Weights in percent, as 5,10,25: shares come out.
pub(super) fn weights(text: &str) -> Result<List, String> {
    list(text, weight)
}

fn weight(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    percent
        .filter(|percent| 0.0 < *percent && *percent < 100.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("{text:?} is no weight: a percentage above 0 and below 100, as 5 or 12.5"))
}

/// How many times worse, as 1.5,2,5.
pub(super) fn ratios(text: &str) -> Result<List, String> {
    list(text, |text| {
        let ratio = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
        ratio
            .filter(|ratio| 1.0 < *ratio && *ratio <= 32.0)
            .ok_or_else(|| format!("{text:?} is no ratio above 1 and at most 32: write 2 for twice as bad"))
    })
}

/// Stages, as 5:10m,25:10m,50; the last one lasts until the verdict.
pub(super) fn schedule(text: &str) -> Result<Schedule, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if VALUES_MAX < parts.len() {
        return Err(format!("there are {} stages, and {VALUES_MAX} at most: leave some out", parts.len()));
    }
    let stage = |(place, part): (usize, &&str)| {
        let is_last = place + 1 == parts.len();
        let (share, lasts) = match part.split_once(':') {
            Some((share, lasts)) => (share, Some(lasts)),
            None => (*part, None),
        };
        let weight = weight(share)?;
        match (lasts, is_last) {
            (Some(lasts), false) => Ok(Stage { weight, minutes: f64::from(seconds(lasts)?) / 60.0 }),
            (None, true) => Ok(Stage { weight, minutes: f64::INFINITY }),
            (None, false) => Err(format!(
                "{part:?} does not say how long it lasts: write 5:10m,25:10m,50 with a time for all but the last"
            )),
            (Some(_), true) => {
                Err(format!("{part:?}: the last stage lasts until the verdict: write only its weight"))
            }
        }
    };
    parts.iter().enumerate().map(stage).collect::<Result<_, _>>().map(Schedule)
}

/// START..END or START..END@INCIDENT.
pub(super) fn window(text: &str) -> Result<Window, String> {
    let example = "write START..END or START..END@INCIDENT, each as 2026-01-31T12:00:00Z";
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| format!("{text:?} is no time: {example}"));
    let (from, rest) = text.split_once("..").ok_or_else(|| format!("{text:?} has no end: {example}"))?;
    let (until, incident) = match rest.split_once('@') {
        Some((until, incident)) => (until, Some(time(incident)?)),
        None => (rest, None),
    };
    let (from, until) = (time(from)?, time(until)?);
    if until <= from {
        return Err(format!("{until} is not after {from}: {example}"));
    }
    Ok(Window { from, until, incident })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_days_too() {
        for (text, wanted) in
            [("30s", 30), ("10m", 600), ("7d", 604_800), ("1d12h", 129_600), ("1h30m", 5400)]
        {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for text in ["", "0s", "10", "d", "-1h", "1.5s", "xd", "99999999d", "9223372036854775807d", "1d-1s2"]
        {
            assert!(seconds(text).unwrap_err().contains("write it as"), "{text}");
        }
    }

    #[test]
    fn shares_and_weights_may_be_percentages() {
        for (text, wanted) in [("0.3%", 0.003), ("0.003", 0.003), ("12 %", 0.12)] {
            assert!((share(text).unwrap() - wanted).abs() < 1e-12, "{text}");
        }
        for text in ["0", "1", "100%", "-1%", "NaN", "x", ""] {
            assert!(share(text).is_err(), "{text}");
        }
        assert_eq!((share_or_none("0"), share_or_none("0.01")), (Ok(0.0), Ok(0.01)));
        assert_eq!(weights("5, 12.5%,50").unwrap().0, [0.05, 0.125, 0.5]);
        for text in ["", "0", "100", "5,,6", "NaN", &["5"; 21].join(",")] {
            assert!(weights(text).is_err(), "{text}");
        }
        assert_eq!(ratios("1.5,2x").unwrap().0, [1.5, 2.0]);
        assert!(ratios("1").is_err() && ratios("33").is_err() && ratios("inf").is_err());
        assert_eq!((spread("30%"), spread("0")), (Ok(0.3), Ok(0.0)));
        assert!(spread("-1").is_err() && spread("NaN").is_err());
        assert!(positive("0").is_err() && positive("inf").is_err() && at_least_one("0.5").is_err());
    }

    #[test]
    fn a_schedule_says_how_long_each_stage_lasts_but_the_last() {
        let Schedule(stages) = schedule("5:10m, 25:1h,50").unwrap();
        let wanted = [(0.05, 10.0), (0.25, 60.0), (0.5, f64::INFINITY)];
        assert_eq!(stages, wanted.map(|(weight, minutes)| Stage { weight, minutes }));
        for (text, wanted) in [
            ("5,50", "does not say how long"),
            ("5:10m,50:1h", "until the verdict"),
            ("5:x,50", "duration"),
            ("", "weight"),
        ] {
            assert!(schedule(text).unwrap_err().contains(wanted), "{text}");
        }
    }

    #[test]
    fn a_release_has_a_start_an_end_and_perhaps_an_incident() {
        let window_of = window("2026-01-31T12:00:00Z..2026-01-31T13:00:00Z@2026-01-31T12:10:00Z").unwrap();
        assert_eq!(window_of.incident.unwrap().as_second() - window_of.from.as_second(), 600);
        assert_eq!(window("2026-01-31T12:00:00Z..2026-01-31T13:00:00Z").unwrap().incident, None);
        for (text, wanted) in [
            ("2026-01-31T12:00:00Z", "has no end"),
            ("noon..2026-01-31T12:00:00Z", "\"noon\" is no time"),
            ("2026-01-31T13:00:00Z..2026-01-31T12:00:00Z", "is not after"),
            ("2026-01-31T12:00:00Z..2026-01-31T13:00:00Z@x", "\"x\" is no time"),
        ] {
            assert!(window(text).unwrap_err().contains(wanted), "{text}");
        }
    }
}
