//! What is read from files, and read again when they change.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use airlift_core::failure::line;
use airlift_core::{Event, Failure, Observer};
use tokio_util::sync::CancellationToken;

/// Something that is read from files.
pub(crate) struct Followed<T> {
    current: RwLock<Arc<T>>,
    /// What the files looked like when they were read.
    stamp: Stamp,
    files: Vec<PathBuf>,
    read: Box<dyn Fn() -> Result<T, Box<dyn Failure>> + Send + Sync>,
}

/// What some files look like from outside; none of one that can't be looked at.
type Stamp = Vec<Option<[i128; 4]>>;

impl<T: Send + Sync + 'static> Followed<T> {
    /// Reads it for the first time.
    ///
    /// # Errors
    ///
    /// Those of the reading.
    pub(crate) fn open<E: Failure>(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let stamp = look(&files);
        let current = RwLock::new(Arc::new(read()?));
        let read = Box::new(move || read().map_err(|error| -> Box<dyn Failure> { Box::new(error) }));
        Ok(Self { current, stamp, files, read })
    }

    /// What was read last.
    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows the files until it is told to stop; `describe` says what was read, for a person.
    ///
    /// Files that belong together are not replaced in one moment: they are read when they looked alike twice. What can't be
    /// used is told once, and what was read before stays.
    pub(crate) async fn follow(
        self: Arc<Self>,
        (period, describe): (Duration, fn(&T) -> String),
        observer: &dyn Observer,
        stop: &CancellationToken,
    ) {
        let (mut known, mut before) = (self.stamp.clone(), self.stamp.clone());
        while tokio::time::timeout(period, stop.cancelled()).await.is_err() {
            let this = Arc::clone(&self);
            let rested = (known.clone(), before);
            let looked = tokio::task::spawn_blocking(move || {
                let stamp = look(&this.files);
                let read = (stamp != rested.0 && stamp == rested.1).then(|| (this.read)());
                (stamp, read)
            });
            let Ok((stamp, read)) = looked.await else { return };
            before = stamp;
            let message = match read {
                None => continue,
                Some(Ok(read)) => {
                    let message = format!("Now {}.", describe(&read));
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                    message
                }
                Some(Err(error)) => format!("{}; what was read before stays in use", line(&*error)),
            };
            known.clone_from(&before);
            observer.observe(&Event::Notice { message });
        }
    }
}

fn look(files: &[PathBuf]) -> Stamp {
    let look = |path: &PathBuf| {
        let metadata = fs_err::metadata(path).ok()?;
        // The time of the last change of contents, owner or mode: nobody can set it back.
        let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
        Some([metadata.dev().into(), metadata.ino().into(), metadata.size().into(), changed])
    };
    files.iter().map(look).collect()
}
