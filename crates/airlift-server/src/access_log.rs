//! The access log: one JSON object a line, written beside the requests and not inside them.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use airlift_core::Time;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::misses::without_secrets;

/// How often lines are written.
const PERIOD: Duration = Duration::from_millis(200);
/// More lines than this are not kept waiting: they are lost, and counted.
const MOST_WAITING: usize = 1 << 16;

/// What is known of one request when it is over.
pub(crate) struct Entry {
    pub(crate) began: SystemTime,
    pub(crate) client: SocketAddr,
    /// Who asked, where that is asked for and was believed.
    pub(crate) user: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    /// Whether every byte of the response was handed to the client's connection.
    pub(crate) complete: bool,
    pub(crate) took: Duration,
    pub(crate) agent: Option<HeaderValue>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: Time,
    client: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    kind: &'a str,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    status: u16,
    bytes: u64,
    complete: bool,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
}

/// The lines that wait to be written.
#[derive(Default)]
pub(crate) struct AccessLog {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    lost: u64,
}

impl AccessLog {
    /// Keeps an entry until the next writing.
    pub(crate) fn push(&self, entry: Entry) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.entries.len() < MOST_WAITING {
            true => waiting.entries.push(entry),
            false => waiting.lost += 1,
        }
    }

    /// Writes what waits now and then, and once more after `done` is cancelled.
    pub(crate) async fn write_until(&self, done: CancellationToken, mut sink: Box<dyn Write + Send>) {
        let mut lines = Vec::new();
        loop {
            let last = tokio::time::timeout(PERIOD, done.cancelled()).await.is_ok();
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if waiting.lost > 0 {
                tracing::warn!("{} lines of the access log are lost: it can't be written so fast", waiting.lost);
            }
            if !waiting.entries.is_empty() {
                let write = tokio::task::spawn_blocking(move || {
                    lines.clear();
                    waiting.entries.iter().for_each(|entry| entry.write(&mut lines));
                    let written = sink.write_all(&lines).and_then(|()| sink.flush());
                    (sink, lines, written)
                });
                let Ok((returned, buffer, written)) = write.await else { return };
                (sink, lines) = (returned, buffer);
                if let Err(error) = written {
                    tracing::error!("the access log can't be written and ends here: {error}");
                    return done.cancelled().await;
                }
            }
            if last {
                return;
            }
        }
    }
}

impl Entry {
    fn write(&self, lines: &mut Vec<u8>) {
        let line = Line {
            time: Time::from(self.began),
            client: self.client,
            user: self.user.as_deref(),
            kind: self.kind,
            method: self.method.as_str(),
            path: self.uri.path(),
            query: self.uri.query().map(without_secrets),
            status: self.status.as_u16(),
            bytes: self.bytes,
            complete: self.complete,
            ms: (self.took.as_secs_f64() * 1e6).round() / 1e3,
            agent: self.agent.as_ref().and_then(|agent| agent.to_str().ok()),
        };
        if serde_json::to_writer(&mut *lines, &line).is_ok() {
            lines.push(b'\n');
        }
    }
}
