//! Work that occupies a processor, a few pieces of it at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// So many pieces of work may be done at the same time.
pub(crate) struct Seats(Arc<Semaphore>);

impl Seats {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits for a seat, and does the work beside the workers. Whoever waits for it may go away, as a client does that
    /// hangs up: then the work goes on, and so it keeps its seat until it is done.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let seat = Arc::clone(&self.0).acquire_owned().await;
        let seated = move || {
            let done = work();
            drop(seat);
            done
        };
        tokio::task::spawn_blocking(seated).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_seat() {
        let seats = Seats::new(1);
        let (go, wait) = mpsc::channel::<()>();
        let mut left = Box::pin(seats.work(move || wait.recv()));
        assert!(futures::poll!(&mut left).is_pending());
        drop(left);
        let mut next = Box::pin(seats.work(|| "done"));
        assert!(futures::poll!(&mut next).is_pending());
        assert_eq!(seats.0.available_permits(), 0, "the first one still has it");
        go.send(()).expect("the work still goes on");
        assert_eq!(next.await.expect("a result"), "done");
        assert_eq!(seats.0.available_permits(), 1);
    }
}
