//! What is measured: a mode, how many objects, and for Canaries the interval of their checks.

use std::str::FromStr;
use std::time::Duration;

/// More objects than this do not fit a control plane on one machine.
const OBJECTS_MAX: usize = 10_000;
/// Between two checks of a Canary, unless a case says otherwise.
const INTERVAL: Duration = Duration::from_secs(10);

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) mode: Mode,
    pub(crate) count: usize,
}

/// Which objects, and how their traffic is shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Rollouts by replicas, or behind NGINX.
    Rollouts { nginx: bool },
    /// Canaries with this interval, behind Istio or by Services alone.
    Canaries { istio: bool, interval: Duration },
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text}: must look like basic:100, nginx:100, istio:100, istio:100:60s or kubernetes:100")
        };
        let mut parts = text.split(':');
        let (word, count) = (parts.next().unwrap_or_default(), parts.next().ok_or_else(wrong)?);
        let interval = match parts.next() {
            None => None,
            Some(text) => {
                let seconds = text.strip_suffix('s').and_then(|text| text.parse().ok()).filter(|s| 1 <= *s);
                Some(Duration::from_secs(seconds.ok_or_else(wrong)?))
            }
        };
        let canaries = |istio| Mode::Canaries { istio, interval: interval.unwrap_or(INTERVAL) };
        let mode = match word {
            "basic" | "nginx" if interval.is_none() => Mode::Rollouts { nginx: word == "nginx" },
            "istio" | "kubernetes" => canaries(word == "istio"),
            _ => return Err(wrong()),
        };
        let count = count.parse().ok().filter(|n| (1..=OBJECTS_MAX).contains(n)).ok_or_else(wrong)?;
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self { mode, count }) }
    }
}

impl Case {
    /// The mode as it is written on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self.mode {
            Mode::Rollouts { nginx: false } => "basic",
            Mode::Rollouts { nginx: true } => "nginx",
            Mode::Canaries { istio: true, .. } => "istio",
            Mode::Canaries { istio: false, .. } => "kubernetes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_mode_a_number_and_for_canaries_an_interval() {
        for (text, good) in [
            ("basic:1", true),
            ("nginx:500", true),
            ("istio:5000:60s", true),
            ("kubernetes:100", true),
            ("alb:1", false),
            ("basic", false),
            ("basic:0", false),
            ("basic:x", false),
            ("basic:1:10s", false),
            ("istio:1:10", false),
            ("istio:1:0s", false),
            ("istio:1:10s:1", false),
        ] {
            assert_eq!(text.parse::<Case>().is_ok(), good, "{text}");
        }
        let case: Case = "istio:300:60s".parse().unwrap();
        assert_eq!(case.mode, Mode::Canaries { istio: true, interval: Duration::from_mins(1) });
    }
}
