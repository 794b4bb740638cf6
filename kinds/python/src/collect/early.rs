//! Wheels that are fetched while it is still being decided what is.
//!
//! Where an index has no metadata beside its wheels, deciding takes as long as fetching does. Which wheels will be needed is known
//! long before the last version is. What was begun for nothing is in the store, and in no plan.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use airlift_fetch::Fetcher;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use futures::channel::oneshot;

use super::project::Offered;
use super::wheel;
use crate::format::index::File;

/// How many are fetched at a time: what the solver waits for goes first.
const AT_ONCE: usize = 3;
/// The most bytes of one: larger ones are asked for in pieces at the same time, which the solver's questions would wait for.
const MOST: u64 = 64 << 20;

/// Where those who know which wheels will be needed say so.
#[derive(Debug)]
pub(crate) struct Early {
    begun: Mutex<HashSet<String>>,
    /// None where nothing is fetched afterwards.
    queue: Option<UnboundedSender<File>>,
}

impl Early {
    pub(crate) fn new(queue: Option<UnboundedSender<File>>) -> Self {
        Self { begun: Mutex::default(), queue }
    }

    /// This one will most likely be needed.
    pub(crate) fn begin(&self, Offered { file, .. }: &Offered) {
        let Some(queue) = self.queue.as_ref().filter(|_| wheel::has_end(file)) else { return };
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if file.size.is_none_or(|size| size < MOST) && begun.insert(file.url.expose().as_str().to_owned()) {
            // Nobody listens any more where nothing is decided any more.
            let _ = queue.unbounded_send(file.clone());
        }
    }
}

/// Fetches what is said to be needed, until everything is decided.
pub(crate) async fn fetch(fetcher: &Fetcher, queue: UnboundedReceiver<File>, decided: oneshot::Receiver<()>) {
    let fetch = |file: File| async move {
        // Who needs it asks again, and is told what is wrong.
        let _ = wheel::whole(fetcher, &file).await;
    };
    queue.take_until(decided).for_each_concurrent(AT_ONCE, fetch).await;
}
