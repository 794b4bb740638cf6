//! Wheels that are fetched while it is still being decided what is.
//!
//! Where an index has no metadata beside its wheels, the plan needs every byte of those that are chosen: what a wheel says
//! is believed only when all of it was checked (see [`wheel::ends_with`]). Which ones that will be is known long before the
//! last version is. What was begun for nothing is in the store, and in no plan.

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
/// The most bytes of one that may turn out not to be needed.
const LIKELY: u64 = 64 << 20;

/// Where those who know which wheels will be needed say so.
#[derive(Debug)]
pub(crate) struct Early {
    begun: Mutex<HashSet<String>>,
    queue: UnboundedSender<File>,
}

impl Early {
    pub(crate) fn new(queue: UnboundedSender<File>) -> Self {
        Self { begun: Mutex::default(), queue }
    }

    /// This one is in every solution that there is.
    pub(crate) fn certain(&self, offered: &Offered) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if wheel::is_read_whole(&offered.file) && begun.insert(offered.file.url.expose().as_str().to_owned()) {
            // Nobody listens any more where nothing is decided any more.
            let _ = self.queue.unbounded_send(offered.file.clone());
        }
    }

    /// This one may still turn out not to be needed.
    pub(crate) fn likely(&self, offered: &Offered) {
        if offered.file.size.is_some_and(|size| size <= LIKELY) {
            self.certain(offered);
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
