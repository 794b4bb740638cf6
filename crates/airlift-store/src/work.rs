//! Blocking work under an async roof: told of to an observer, stopped by a token, spread over all cores.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use airlift_core::event::Task;
use airlift_core::{Event, Observer};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;

/// How many events are gathered before the observer is woken: ten thousand small blobs are done in less time than telling of
/// each by itself would take.
const GATHERED: usize = 256;

/// How long they are gathered where they come slowly.
const SLOWLY: Duration = Duration::from_millis(50);

/// How often so many may wait for the observer.
const WAITING: usize = 4;

/// How long to wait for work to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// How work on other threads tells what it does, and learns that it shall stop.
pub(crate) struct Reporter {
    task: Task,
    events: mpsc::Sender<Vec<Event>>,
    gathered: Mutex<Gathered>,
    cancel: CancellationToken,
    handle: Handle,
}

/// What the observer was not told yet.
struct Gathered {
    events: Vec<Event>,
    /// When it was last told something.
    told: Instant,
}

impl Reporter {
    /// The runtime, for what can only be read asynchronously.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Refuses to go on after a cancellation.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.cancel.is_cancelled() {
            true => Err(StoreError::Cancelled),
            false => Ok(()),
        }
    }

    pub(crate) fn began(&self, items: u64, bytes: u64) {
        self.tell(Event::Began { task: self.task, items, bytes });
    }

    pub(crate) fn progress(&self, bytes: u64) {
        self.tell(Event::Progress { task: self.task, bytes: i64::try_from(bytes).unwrap_or(i64::MAX) });
    }

    pub(crate) fn done(&self, name: String, size: u64, cached: bool) {
        self.tell(Event::Done { task: self.task, name, size, cached });
    }

    pub(crate) fn ended(&self) {
        self.tell(Event::Ended { task: self.task });
    }

    fn tell(&self, event: Event) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = !matches!(event, Event::Progress { .. } | Event::Done { .. });
        match (gathered.events.last_mut(), &event) {
            (Some(Event::Progress { bytes: sum, .. }), Event::Progress { bytes, .. }) => *sum += bytes,
            _ => gathered.events.push(event),
        }
        if soon || gathered.events.len() >= GATHERED || gathered.told.elapsed() >= SLOWLY {
            self.send(&mut gathered);
        }
    }

    /// Tells what is left.
    fn finish(&self) {
        self.send(&mut self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// In the order in which the events came, since whoever sends holds what is gathered.
    fn send(&self, gathered: &mut Gathered) {
        gathered.told = Instant::now();
        // Nobody listens any more once the future was dropped; the token then ends the work.
        let _ = self.events.blocking_send(std::mem::take(&mut gathered.events));
    }
}

/// Does blocking work on another thread while its events go to the observer.
///
/// Dropping the future, or the token, stops the work at its next [`Reporter::check`]. Work that waits for a pipe does not
/// come to that: then it is left alone, and the program may end.
pub(crate) async fn blocking<T: Send + 'static>(
    task: Task,
    observer: &dyn Observer,
    cancel: &CancellationToken,
    work: impl FnOnce(&Reporter) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (events, mut waiting) = mpsc::channel(WAITING);
    let cancel = cancel.child_token();
    let _stop_when_dropped = cancel.clone().drop_guard();
    let stop = cancel.clone();
    let gathered = Mutex::new(Gathered { events: Vec::new(), told: Instant::now() });
    let reporter = Reporter { task, events, gathered, cancel, handle: Handle::current() };
    let working = tokio::task::spawn_blocking(move || {
        let result = work(&reporter);
        reporter.finish();
        result
    });
    let stuck = async {
        stop.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::pin!(stuck);
    loop {
        tokio::select! {
            event = waiting.recv() => match event {
                Some(events) => events.iter().for_each(|event| observer.observe(event)),
                None => return joined(working.await),
            },
            () = &mut stuck => return Err(StoreError::Cancelled),
        }
    }
}

/// Does a short blocking thing on another thread.
pub(crate) async fn briefly<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(result: Result<Result<T, StoreError>, tokio::task::JoinError>) -> Result<T, StoreError> {
    match result {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Cancelled),
    }
}

/// How many threads can compute at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does the same with every item on so many threads, in order as far as that goes; the first error stops all.
pub(crate) fn parallel<T: Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<(), StoreError> + Sync,
) -> Result<(), StoreError> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failed = Mutex::new(None);
    let run = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            if let Err(error) = work(item) {
                stop.store(true, Ordering::Relaxed);
                failed.lock().expect("no thread panics while it holds this").get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    failed.into_inner().expect("no thread panics while it holds this").map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_for_a_pipe_does_not_keep_the_program() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let result = blocking(Task::Load, &airlift_core::event::Silent, &cancel, move |_| {
            let mut byte = [0];
            std::io::Read::read_exact(&mut &reader, &mut byte)
                .map_err(|source| StoreError::Stream { action: "read", source })
        });
        assert!(matches!(result.await, Err(StoreError::Cancelled)));
        drop(writer);
    }

    /// Keeps what it is told.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Event>>);

    impl Observer for Kept {
        fn observe(&self, event: &Event) {
            self.0.lock().expect("no panic").push(event.clone());
        }
    }

    #[tokio::test]
    async fn the_observer_is_told_everything_in_order() {
        let (kept, cancel) = (Kept::default(), CancellationToken::new());
        let told = blocking(Task::Load, &kept, &cancel, |reporter| {
            reporter.began(1000, 3000);
            for number in 0..1000 {
                reporter.progress(1);
                reporter.progress(2);
                reporter.done(number.to_string(), 3, false);
            }
            Err::<(), _>(StoreError::Cancelled)
        });
        told.await.expect_err("the work's own error");
        let events = kept.0.into_inner().expect("no panic");
        assert!(matches!(events[0], Event::Began { items: 1000, .. }));
        let names: Vec<&str> = events
            .iter()
            .filter_map(|event| match event {
                Event::Done { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(names, (0..1000).map(|number| number.to_string()).collect::<Vec<_>>());
        let bytes = events.iter().map(|event| if let Event::Progress { bytes, .. } = event { *bytes } else { 0 });
        assert_eq!(bytes.sum::<i64>(), 3000);
    }

    #[test]
    fn every_item_is_worked_on_once() {
        let items: Vec<usize> = (0..1000).collect();
        let sum = AtomicUsize::new(0);
        parallel(&items, 8, |item| {
            sum.fetch_add(*item, Ordering::Relaxed);
            Ok(())
        })
        .expect("no error");
        assert_eq!(sum.into_inner(), 499_500);
    }

    #[test]
    fn the_first_error_stops_all() {
        let items: Vec<usize> = (0..100_000).collect();
        let seen = AtomicUsize::new(0);
        let result = parallel(&items, 4, |_| {
            seen.fetch_add(1, Ordering::Relaxed);
            Err(StoreError::Cancelled)
        });
        assert!(matches!(result, Err(StoreError::Cancelled)));
        assert!(seen.into_inner() <= 4);
    }
}
