//! When something is tried again, and after how long: the policy as data, and the waiting.

use std::time::Duration;

use airlift_core::{Event, UpstreamUrl, failure};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::error::{FetchError, Transport, TransportKind};
use crate::fetcher::Fetcher;

/// No wait of our own is longer than this; an upstream may ask for more.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// An attempt that failed, and whether another one makes sense.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) error: FetchError,
    pub(crate) again: Again,
}

/// Whether another attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would end the same way.
    No,
    /// After a wait that grows.
    Yes,
    /// Twice: it rarely helps, as with a name that has no address.
    Twice,
    /// After the wait that upstream asked for.
    After(Duration),
}

impl Trouble {
    pub(crate) const fn last(error: FetchError) -> Self {
        Self { error, again: Again::No }
    }

    /// Trouble on the way; what is worth another attempt follows from its kind.
    pub(crate) fn on_the_way(url: &UpstreamUrl, from: Option<String>, source: Transport) -> Self {
        let again = match source.kind {
            TransportKind::Certificate => Again::No,
            TransportKind::Dns | TransportKind::Proxy | TransportKind::Protocol => Again::Twice,
            TransportKind::Connect | TransportKind::Stall | TransportKind::Broken => Again::Yes,
        };
        Self { error: FetchError::Transport { url: Box::new(url.clone()), from, attempts: 1, source }, again }
    }
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::last(error)
    }
}

/// Whether a status is worth another attempt: too early, too much, too slow, or upstream's own trouble.
pub(crate) const fn status_is_temporary(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// The attempts at one thing.
pub(crate) struct Attempts<'a> {
    fetcher: &'a Fetcher,
    url: &'a UpstreamUrl,
    made: u32,
    in_vain: u32,
    backoff: ExponentialBackoff,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(fetcher: &'a Fetcher, url: &'a UpstreamUrl) -> Self {
        Self { fetcher, url, made: 0, in_vain: 0, backoff: waits(fetcher.settings().first_wait) }
    }

    /// The last attempt brought something new: the next failure is counted as the first again.
    pub(crate) fn progressed(&mut self) {
        self.in_vain = 0;
        self.backoff = waits(self.fetcher.settings().first_wait);
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    ///
    /// The trouble's error, when another attempt makes no sense or enough were made.
    pub(crate) async fn again(&mut self, trouble: Trouble) -> Result<(), FetchError> {
        self.made += 1;
        self.in_vain += 1;
        let allowed = match trouble.again {
            Again::No => 0,
            Again::Twice => self.fetcher.settings().attempts.min(3),
            Again::Yes | Again::After(_) => self.fetcher.settings().attempts,
        };
        if self.in_vain >= allowed || self.fetcher.stopped() {
            return Err(self.final_error(trouble.error));
        }
        let backoff = self.backoff.next().unwrap_or(LONGEST_BACKOFF);
        let wait = match trouble.again {
            Again::After(wait) => wait.max(backoff),
            _ => backoff,
        };
        self.fetcher.tell(&Event::Retrying {
            url: self.url.clone(),
            attempt: self.made + 1,
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            reason: failure::line(&trouble.error),
        });
        tracing::debug!(url = %self.url, attempt = self.made + 1, wait = ?wait, reason = %trouble.error, "trying again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn final_error(&self, mut error: FetchError) -> FetchError {
        if let FetchError::Transport { attempts, .. } = &mut error {
            *attempts = self.made;
        }
        error
    }
}

/// Waits that double, each with up to the first wait more, so that many don't come back at the same moment.
fn waits(first: Duration) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(LONGEST_BACKOFF)
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_and_have_an_end() {
        let first = Duration::from_millis(500);
        let waits: Vec<Duration> = waits(first).take(12).collect();
        for (number, wait) in waits.iter().enumerate() {
            let plain = (first * 2_u32.pow(u32::try_from(number).expect("small"))).min(LONGEST_BACKOFF);
            assert!(*wait >= plain && *wait <= plain * 2, "{number}: {wait:?}");
        }
    }

    #[test]
    fn every_status_has_its_answer() {
        let again: Vec<u16> = (100..600).filter(|status| status_is_temporary(*status)).collect();
        assert_eq!(again, [408, 425, 429].into_iter().chain(500..600).collect::<Vec<u16>>());
    }
}
