//! What upstreams say about how much may be asked: `Retry-After`, and the `RateLimit` headers of registries.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The wait of a `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // Dates have whole seconds: the one that has begun is waited for as well.
    Some(date.duration_since(now).map_or(Duration::ZERO, |wait| wait + Duration::from_secs(1)))
}

/// What a registry allows, `ratelimit-limit: 100;w=21600`, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// Requests in a window.
    pub(crate) limit: Option<u64>,
    /// The window.
    pub(crate) window: Option<Duration>,
    /// Requests left.
    pub(crate) remaining: u64,
    /// When there are new ones.
    pub(crate) reset: Option<Duration>,
}

impl RateLimit {
    /// Reads the headers; none where upstream does not say how many requests are left.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| {
            let value = headers.get(format!("ratelimit-{name}")).or_else(|| headers.get(format!("x-ratelimit-{name}")));
            value?.to_str().ok()
        };
        let count = |text: &str| text.split([';', ',']).next()?.trim().parse::<u64>().ok();
        let window = |text: &str| {
            let seconds = text.split(';').find_map(|part| part.trim().strip_prefix("w="))?;
            Some(Duration::from_secs(seconds.split(',').next()?.trim().parse().ok()?))
        };
        let remaining = text("remaining")?;
        let limit = text("limit");
        // Some give the time since 1970 here; a wait of years is none.
        let reset = text("reset").and_then(count).filter(|seconds| *seconds < 1_000_000).map(Duration::from_secs);
        Some(Self {
            limit: limit.and_then(count),
            window: limit.and_then(window).or_else(|| window(remaining)),
            remaining: count(remaining)?,
            reset,
        })
    }

    /// How long to wait until one request more is allowed: until the reset, or the time in which one grows back.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match (self.remaining, self.reset, self.window, self.limit) {
            (1.., ..) => None,
            (0, Some(reset), ..) => Some(reset),
            (0, None, Some(window), Some(limit)) if limit > 0 => {
                Some(window / u32::try_from(limit).unwrap_or(u32::MAX))
            }
            _ => None,
        }
    }

    /// Whether a person should be told, since less than a tenth is left.
    pub(crate) fn is_low(&self) -> bool {
        self.limit.is_some_and(|limit| limit >= 10 && self.remaining < limit / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn both_forms_of_retry_after() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let wait = |text: &str| retry_after(&headers(&[("retry-after", text)]), now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait(" 0 "), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(8)));
        assert_eq!(wait("Sunday, 06-Nov-94 08:49:37 GMT"), Some(Duration::from_secs(8)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("1e99"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn the_limits_of_docker_hub() {
        let limit =
            RateLimit::of(&headers(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "0;w=21600")]));
        let limit = limit.expect("a limit");
        assert_eq!((limit.limit, limit.remaining), (Some(100), 0));
        assert_eq!(limit.wait(), Some(Duration::from_secs(216)));
        assert!(limit.is_low());
        let plenty =
            RateLimit::of(&headers(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")]));
        assert_eq!(plenty.map(|limit| (limit.wait(), limit.is_low())), Some((None, false)));
    }

    #[test]
    fn a_reset_is_preferred_and_a_time_of_day_is_none() {
        let of = |reset: &str| RateLimit::of(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)]));
        assert_eq!(of("30").and_then(|limit| limit.wait()), Some(Duration::from_secs(30)));
        assert_eq!(of("1795312000").and_then(|limit| limit.wait()), None);
        assert_eq!(RateLimit::of(&HeaderMap::new()), None);
    }
}
