//! Bytes on their way from an answer into the file, and the notes about them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use airlift_core::Event;
use bytes::Bytes;

use super::Download;
use super::partial::Notes;
use super::source::Source;
use crate::error::{FetchError, Transport};
use crate::retry::Trouble;
use crate::verify::check_limit;

/// How many bytes are gathered before they are written and told, unless they come slowly.
const BATCH: usize = 512 << 10;
const SLOWLY: Duration = Duration::from_millis(500);
/// After how many bytes the notes of a download in pieces are renewed.
const NOTE_EVERY: u64 = 16 << 20;

impl Download<'_> {
    /// Writes what comes from a source, up to an end; whether that was reached.
    pub(super) async fn pour(&self, source: &mut Source, at: &mut u64, end: Option<u64>) -> Result<bool, Trouble> {
        let mut batch: Vec<Bytes> = Vec::new();
        let mut gathered = 0;
        let mut flushed = Instant::now();
        loop {
            let room = end.map_or(u64::MAX, |end| end - *at - gathered as u64);
            let next = if room == 0 { Ok(None) } else { source.pull(room).await };
            if let Ok(Some(bytes)) = &next {
                gathered += bytes.len();
                batch.push(bytes.clone());
                check_limit(self.url(), self.expected, *at + gathered as u64)?;
            }
            let over = !matches!(next, Ok(Some(_)));
            if gathered > 0 && (over || gathered >= BATCH || flushed.elapsed() > SLOWLY) {
                self.flush(*at, std::mem::take(&mut batch), gathered as u64).await?;
                *at += std::mem::take(&mut gathered) as u64;
                flushed = Instant::now();
            }
            match next {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(room == 0),
                Err(error) => {
                    let from = source.answer.from.clone();
                    return Err(Trouble::on_the_way(self.url(), from, Transport::from(error)));
                }
            }
        }
    }

    async fn flush(&self, at: u64, batch: Vec<Bytes>, bytes: u64) -> Result<(), FetchError> {
        self.assembly.write(at, batch).await?;
        self.tell(i64::try_from(bytes).unwrap_or(i64::MAX));
        let arrived = self.arrived.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let in_pieces = self.notes().ranges.is_some();
        if in_pieces && arrived - self.noted.load(Ordering::Relaxed) >= NOTE_EVERY {
            self.noted.store(arrived, Ordering::Relaxed);
            self.save_notes()?;
        }
        Ok(())
    }

    /// From now on the file's length does not tell what is there.
    pub(super) fn in_pieces(&self) -> Result<(), FetchError> {
        self.notes().ranges = Some(Vec::new());
        self.save_notes()
    }

    pub(super) fn save_notes(&self) -> Result<(), FetchError> {
        let Some(part) = &self.part else { return Ok(()) };
        let mut notes = self.notes();
        if notes.ranges.is_some() {
            notes.ranges = Some(self.assembly.present().pairs());
        }
        part.set_notes(&*notes).map_err(FetchError::store)
    }

    /// Throws away what is there.
    pub(super) async fn start_over(&self) -> Result<(), FetchError> {
        self.assembly.reset().await?;
        *self.notes() = Notes::default();
        self.tell(-self.told.load(Ordering::Relaxed));
        self.save_notes()
    }

    pub(super) fn tell(&self, bytes: i64) {
        if bytes != 0 {
            self.told.fetch_add(bytes, Ordering::Relaxed);
            self.fetcher.tell(&Event::Progress { task: self.wanted.task, bytes });
        }
    }
}
