//! Whole seconds since 1970, as files, archives and HTTP dates have them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in whole seconds since 1970-01-01T00:00:00Z, never before it.
///
/// It is printed and read as RFC 3339 in UTC, `2026-11-23T01:45:00Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u32);

impl Time {
    /// The time that is so many seconds after 1970; what lies outside of 1970 to 2106 is moved to the nearer end.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 as u64
    }

    /// The same as the standard library has it.
    pub fn system(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds())
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(i64::from(self.0)) {
            Ok(timestamp) => fmt::Display::fmt(&timestamp, f),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("'{text}' is not a time such as 2026-11-23T01:45:00Z")]
pub struct TimeError {
    /// What was given.
    pub text: String,
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let timestamp: jiff::Timestamp =
            text.parse().map_err(|_| TimeError { text: text.chars().take(60).collect() })?;
        Ok(Self::from_seconds(timestamp.as_second()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_being_printed_and_read() {
        let time = Time::from_seconds(1_795_312_000);
        assert_eq!(time.to_string().parse::<Time>().expect("a time"), time);
        assert_eq!(Time::default().to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Time::from_seconds(-5), Time::default());
    }
}
