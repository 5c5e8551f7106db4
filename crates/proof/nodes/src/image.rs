//! How a pod behaves, read from its image's tag and its annotations.
//!
//! Held: the same image and annotations always behave the same way, so a run can be repeated; chance decides nothing.
//!
//! A tag is words joined by `-`. `error10` answers 500 to every tenth request, `latency50ms` waits before answering,
//! `ready3s` becomes Ready three seconds after the start. A tag that starts with `bad` is an image that cannot be
//! pulled, with `crash` one that exits at once, with `never-ready` one that runs and is never Ready. Words that are
//! none of these belong to the version, which is the whole tag.

use serin_lang::duration::GoDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long after its start a pod is Ready, as a Go duration.
pub const READY_AFTER: &str = "serin.dev/ready-after";
/// `"true"`: the pod runs and is never Ready.
pub const NEVER_READY: &str = "serin.dev/never-ready";
/// `"true"`: the pod's containers exit again and again.
pub const CRASH: &str = "serin.dev/crash";

/// The longest delay that is taken from a tag or an annotation: a typing error must not park a request for ever.
const DELAY_MAX: Duration = Duration::from_hours(24);

/// Whether and when the pod becomes Ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// After the delay, counted from the start.
    #[default]
    Ready,
    /// Runs and never becomes Ready.
    NeverReady,
    /// Exits at once, with restarts further and further apart.
    Crash,
    /// The image cannot be pulled.
    NoImage,
}

/// What one image does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// The image's tag: what a pod says its version is.
    pub version: String,
    /// Whether the pod becomes Ready.
    pub fate: Fate,
    /// Its own delay until Ready, if it names one.
    pub ready_after: Option<Duration>,
    /// Of a hundred requests, so many are answered with 500; 0 to 100.
    pub error_percent: u64,
    /// Waited before each answer.
    pub latency: Duration,
}

impl Behaviour {
    /// Reads a pod's behaviour; annotations win over the tag. Odd values are as good as absent.
    #[must_use]
    pub fn read(image: &str, annotations: &BTreeMap<String, String>) -> Self {
        let tag = tag(image);
        let mut behaviour = Self { version: tag.to_owned(), fate: fate_of(tag), ..Self::default() };
        for word in tag.split('-') {
            behaviour.read_word(word);
        }
        let is_set = |name: &str| annotations.get(name).is_some_and(|value| value == "true");
        if let Some(delay) = annotations.get(READY_AFTER).and_then(|value| delay(value)) {
            behaviour.ready_after = Some(delay);
        }
        if is_set(NEVER_READY) {
            behaviour.fate = Fate::NeverReady;
        }
        if is_set(CRASH) {
            behaviour.fate = Fate::Crash;
        }
        behaviour
    }

    /// Whether the `number`-th request (from 1) fails: spread evenly, so 10 % is exactly every tenth.
    #[must_use]
    pub fn fails(&self, number: u64) -> bool {
        let share = |count: u64| u128::from(count) * u128::from(self.error_percent) / 100;
        share(number.saturating_sub(1)) < share(number)
    }

    fn read_word(&mut self, word: &str) {
        if let Some(percent) = word.strip_prefix("error").and_then(|rest| rest.parse().ok()) {
            self.error_percent = if percent <= 100 { percent } else { self.error_percent };
        } else if let Some(latency) = word.strip_prefix("latency").and_then(delay) {
            self.latency = latency;
        } else if let Some(after) = word.strip_prefix("ready").and_then(delay) {
            self.ready_after = Some(after);
        }
    }
}

/// The tag of an image reference; `latest` when it has none.
#[must_use]
pub fn tag(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    name.split_once(':').map_or("latest", |(_, tag)| tag)
}

fn fate_of(tag: &str) -> Fate {
    let starts = |word: &str| tag.starts_with(word);
    match () {
        () if starts("bad") => Fate::NoImage,
        () if starts("crash") => Fate::Crash,
        () if starts("never-ready") => Fate::NeverReady,
        () => Fate::Ready,
    }
}

fn delay(text: &str) -> Option<Duration> {
    let nanos = u64::try_from(GoDuration::parse(text).ok()?.nanos()).ok()?;
    Some(Duration::from_nanos(nanos)).filter(|delay| *delay <= DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_how_a_pod_behaves() {
        let ms = Duration::from_millis;
        for (image, version, fate, errors, latency, ready) in [
            ("app", "latest", Fate::Ready, 0, ms(0), None),
            ("app:v2", "v2", Fate::Ready, 0, ms(0), None),
            ("reg:5000/a/app:v2-error10", "v2-error10", Fate::Ready, 10, ms(0), None),
            ("app:v2-latency50ms", "v2-latency50ms", Fate::Ready, 0, ms(50), None),
            ("app:yellow-error5-latency20ms", "yellow-error5-latency20ms", Fate::Ready, 5, ms(20), None),
            ("app:v3-ready3s@sha256:00", "v3-ready3s", Fate::Ready, 0, ms(0), Some(ms(3000))),
            ("app:bad", "bad", Fate::NoImage, 0, ms(0), None),
            ("app:crash-v2", "crash-v2", Fate::Crash, 0, ms(0), None),
            ("app:never-ready", "never-ready", Fate::NeverReady, 0, ms(0), None),
            ("app:v2-error101-latency-1s", "v2-error101-latency-1s", Fate::Ready, 0, ms(0), None),
            ("reg:5000/app", "latest", Fate::Ready, 0, ms(0), None),
            ("", "latest", Fate::Ready, 0, ms(0), None),
        ] {
            let expected = Behaviour {
                version: version.into(),
                fate,
                ready_after: ready,
                error_percent: errors,
                latency,
            };
            assert_eq!(Behaviour::read(image, &BTreeMap::new()), expected, "{image}");
        }
    }

    #[test]
    fn annotations_win_over_the_tag() {
        let read = |pairs: &[(&str, &str)]| {
            let annotations = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Behaviour::read("app:v1-ready9s", &annotations)
        };
        assert_eq!(read(&[(READY_AFTER, "3s")]).ready_after, Some(Duration::from_secs(3)));
        assert_eq!(read(&[(READY_AFTER, "soon")]).ready_after, Some(Duration::from_secs(9)));
        assert_eq!(read(&[(NEVER_READY, "true")]).fate, Fate::NeverReady);
        assert_eq!(read(&[(CRASH, "true")]).fate, Fate::Crash);
        assert_eq!(read(&[(CRASH, "no")]).fate, Fate::Ready);
    }

    #[test]
    fn errors_are_spread_evenly_and_exact() {
        for percent in 0..=100 {
            let behaviour = Behaviour { error_percent: percent, ..Behaviour::default() };
            let failed: Vec<u64> = (1..=1000).filter(|n| behaviour.fails(*n)).collect();
            assert_eq!(failed.len() as u64, percent * 10, "{percent} %");
            let widest = failed.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            assert!(percent == 0 || widest <= 100_u64.div_ceil(percent), "{percent} %: gaps of {widest}");
        }
    }
}
