//! How much is asked at the same time, of everybody together and of each host, and hosts that asked to be left alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The door through which every request goes.
#[derive(Debug)]
pub(crate) struct Gate {
    jobs: Arc<Semaphore>,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    paused: Mutex<Option<Instant>>,
    warned: AtomicBool,
}

/// The right to make one request, held until its body is read.
#[derive(Debug)]
pub(crate) struct Permit {
    _host: Option<OwnedSemaphorePermit>,
    _job: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(crate) fn new(jobs: usize, per_host: usize) -> Self {
        Self { jobs: Arc::new(Semaphore::new(jobs.max(1))), per_host: per_host.max(1), hosts: Mutex::default() }
    }

    fn host(&self, authority: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Host {
                permits: Arc::new(Semaphore::new(self.per_host)),
                paused: Mutex::default(),
                warned: AtomicBool::new(false),
            })
        };
        Arc::clone(hosts.entry(authority.to_owned()).or_insert_with(new))
    }

    /// Waits until a request to this host may be made.
    ///
    /// The host's permit comes first: whoever waits for a busy host must not keep others from idle ones.
    pub(crate) async fn enter(&self, authority: &str) -> Permit {
        let host = self.host(authority);
        let permit = Arc::clone(&host.permits).acquire_owned().await.ok();
        while let Some(left) = host.pause_left() {
            tokio::time::sleep(left).await;
        }
        let job = Arc::clone(&self.jobs).acquire_owned().await.ok();
        Permit { _host: permit, _job: job }
    }

    /// Whether nobody was warned of this host's limit yet.
    pub(crate) fn is_first_warning(&self, authority: &str) -> bool {
        !self.host(authority).warned.swap(true, Ordering::Relaxed)
    }

    /// Leaves a host alone for a while; whether that is news, beyond a second.
    pub(crate) fn pause(&self, authority: &str, wait: Duration) -> bool {
        let host = self.host(authority);
        let until = Instant::now() + wait;
        let mut paused = host.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let before = paused.filter(|before| *before > Instant::now());
        *paused = before.max(Some(until));
        before.is_none_or(|before| until > before + Duration::from_secs(1))
    }
}

impl Host {
    fn pause_left(&self) -> Option<Duration> {
        let paused = *self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_host_does_not_keep_others_waiting() {
        let gate = Gate::new(2, 1);
        let first = gate.enter("a").await;
        let blocked = tokio::time::timeout(Duration::from_millis(20), gate.enter("a")).await;
        assert!(blocked.is_err());
        let other = tokio::time::timeout(Duration::from_millis(500), gate.enter("b")).await.expect("an idle host");
        let third = tokio::time::timeout(Duration::from_millis(20), gate.enter("c")).await;
        assert!(third.is_err(), "two jobs are running");
        drop((first, other));
        gate.enter("a").await;
    }

    #[tokio::test]
    async fn a_pause_is_kept_and_told_once() {
        let gate = Gate::new(4, 4);
        assert!(gate.pause("a", Duration::from_millis(80)));
        assert!(!gate.pause("a", Duration::from_millis(60)));
        let start = Instant::now();
        gate.enter("b").await;
        assert!(start.elapsed() < Duration::from_millis(60));
        gate.enter("a").await;
        assert!(start.elapsed() >= Duration::from_millis(60));
    }
}
