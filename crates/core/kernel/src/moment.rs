//! An instant of wall-clock time that somebody else read.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC. Comes in as an argument; nothing in `core` can read a clock.
///
/// On the wire it has whole seconds and a `Z`, as Kubernetes' `metav1.Time`; in memory it keeps its nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Timestamp);

/// The text is not an RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-01-02T15:04:05Z")]
pub struct InvalidMoment {
    /// The text as it was given.
    pub text: String,
}

impl Moment {
    /// The start of 1970, for tests and as an impossible past.
    pub const EPOCH: Self = Self(Timestamp::UNIX_EPOCH);

    /// The instant `seconds` after 1970; beyond jiff's range (years -9999 to 9999) it saturates.
    #[must_use]
    pub fn from_secs(seconds: i64) -> Self {
        let bounded = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        Self(Timestamp::from_second(bounded).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.as_second()
    }

    /// How long after `earlier` this is; zero when it is not after it (two leaders' clocks may differ, and `now` may
    /// go back: that counts as no wait).
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0.duration_since(earlier.0)).unwrap_or(Duration::ZERO)
    }

    /// This instant and `wait` more; saturates at the end of time.
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }

    /// The same instant without its fraction of a second, as it will read after a trip over the wire.
    #[must_use]
    pub fn truncated(self) -> Self {
        Self::from_secs(self.as_secs())
    }

    /// The timestamp inside.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.truncated().0)
    }
}

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        text.parse().map(Self).map_err(|_| InvalidMoment { text: text.to_owned() })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_has_whole_seconds() {
        let moment: Moment = "2026-01-02T15:04:05.987Z".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-01-02T15:04:05Z");
        assert_eq!(serde_json::to_string(&moment).unwrap(), r#""2026-01-02T15:04:05Z""#);
    }

    #[test]
    fn a_clock_that_goes_back_counts_as_no_wait() {
        let later = Moment::from_secs(100);
        assert_eq!(Moment::from_secs(40).saturating_since(later), Duration::ZERO);
        assert_eq!(later.saturating_since(Moment::from_secs(40)), Duration::from_mins(1));
    }

    #[test]
    fn adding_saturates() {
        assert_eq!(Moment::EPOCH.plus(Duration::MAX), Moment(Timestamp::MAX));
        assert_eq!(Moment::EPOCH.plus(Duration::from_secs(5)), Moment::from_secs(5));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let error = "yesterday".parse::<Moment>().unwrap_err();
        assert!(error.to_string().contains("`yesterday`"), "{error}");
    }
}
