//! The snapshot that is served now, and what outlives it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use airlift_core::{Event, Index, Notice, Observer, Omission};
use airlift_kind::respond::Responder;
use airlift_kind::{DynKind, Lookup, View};
use airlift_store::{Header, Snapshot, SnapshotId, Store, StoreError};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::access_log::AccessLog;
use crate::metrics::{KindMetrics, Metrics};
use crate::misses::Misses;
use crate::page::Shelf;
use crate::users::Users;

/// Everything that requests share.
pub(crate) struct Site {
    pub(crate) responder: Responder,
    pub(crate) metrics: Metrics,
    pub(crate) log: Option<AccessLog>,
    /// What was asked for in vain.
    pub(crate) misses: Misses,
    /// Who may ask; everybody where there is no list.
    pub(crate) users: Option<Users>,
    /// What is counted of each kind, in the order of `kinds`, and behind them of everything else.
    pub(crate) counts: Vec<KindMetrics>,
    pub(crate) kinds: Vec<&'static dyn DynKind>,
    store: Store,
    current: RwLock<Arc<Current>>,
    /// Held by whoever looks for another snapshot: many requests may want to at once.
    refreshing: Mutex<()>,
}

/// One snapshot, ready to be asked.
pub(crate) struct Current {
    pub(crate) id: SnapshotId,
    pub(crate) header: Header,
    /// What each kind says, in the order of the site's kinds.
    pub(crate) lookups: Vec<Arc<dyn Lookup>>,
    /// What each kind has, in the same order.
    pub(crate) views: Vec<View>,
    /// How a person sees that; made when somebody first looks.
    shelves: Vec<OnceCell<Arc<Shelf>>>,
    index: Arc<Index>,
}

impl Current {
    async fn new(kinds: &[&'static dyn DynKind], store: &Store, snapshot: Snapshot) -> Result<Self, StoreError> {
        let (kinds, store) = (kinds.to_vec(), store.clone());
        // A kind may sort or group its nodes first.
        let made = tokio::task::spawn_blocking(move || {
            let view = |kind: &&'static dyn DynKind| View::new(kind.name(), store.clone(), &snapshot);
            let views: Vec<View> = kinds.iter().map(view).collect();
            Self {
                id: snapshot.id(),
                header: snapshot.header.clone(),
                lookups: kinds.iter().zip(&views).map(|(kind, view)| kind.serve(view.clone())).collect(),
                shelves: kinds.iter().map(|_| OnceCell::new()).collect(),
                views,
                index: Arc::clone(&snapshot.index),
            }
        });
        made.await.map_err(|_| StoreError::Cancelled)
    }

    /// For messages: `example of 2026-11-23T01:45:00Z`.
    pub(crate) fn describe(&self) -> String {
        self.header.describe()
    }

    /// How much the snapshot should have and does not.
    pub(crate) fn omitted(&self) -> usize {
        self.index.omissions().len()
    }

    /// What the snapshot should have and does not.
    pub(crate) fn omissions(&self) -> &[Omission] {
        self.index.omissions()
    }

    /// What whoever uses the snapshot must know.
    pub(crate) fn notices(&self) -> &[Notice] {
        self.index.notices()
    }

    /// How a person sees what a kind has, by the kind's position. The first who asks waits until it is made.
    ///
    /// # Errors
    ///
    /// Where the program is told to stop meanwhile.
    pub(crate) async fn shelf(&self, kind: &'static dyn DynKind, position: usize) -> Result<Arc<Shelf>, StoreError> {
        let make = || async {
            let view = self.views[position].clone();
            let made = tokio::task::spawn_blocking(move || Arc::new(Shelf::new(kind, &view))).await;
            made.map_err(|_| StoreError::Cancelled)
        };
        self.shelves[position].get_or_try_init(make).await.cloned()
    }

    /// Why a path is not here, where that is known.
    pub(crate) fn omission(&self, kind: &str, path: &str) -> Option<&Omission> {
        let path = format!("{kind}{}", path.trim_end_matches('/'));
        self.index.omissions().iter().find(|omission| omission.path.as_str() == path)
    }
}

impl Site {
    pub(crate) async fn open(
        kinds: Vec<&'static dyn DynKind>,
        store: Store,
        log: Option<AccessLog>,
        users: Option<Users>,
    ) -> Result<Self, StoreError> {
        let snapshot = store.current().await?;
        let snapshot = snapshot.ok_or_else(|| StoreError::Empty { place: store.describe() })?;
        let current = Current::new(&kinds, &store, snapshot).await?;
        let metrics = Metrics::new();
        metrics.switched(&current.header.name, &current.id.to_string(), current.omitted());
        let names = kinds.iter().map(|kind| kind.name()).chain(["none"]);
        Ok(Self {
            responder: Responder::new(store.clone()),
            counts: names.map(|name| metrics.kind(name)).collect(),
            metrics,
            log,
            misses: Misses::default(),
            users,
            kinds,
            store,
            current: RwLock::new(Arc::new(current)),
            refreshing: Mutex::default(),
        })
    }

    /// The snapshot for one request.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows the store to other snapshots until it is told to stop.
    pub(crate) async fn follow(&self, period: Duration, observer: &dyn Observer, stop: &CancellationToken) {
        let mut complaint = String::new();
        let mut told = self.current().id;
        while tokio::time::timeout(period, stop.cancelled()).await.is_err() {
            self.metrics.tidy();
            let refreshed = self.refresh().await;
            let current = self.current();
            let message = match refreshed {
                // A request may have been the first to see it.
                _ if told != current.id => {
                    told = current.id;
                    format!("Now serving {}.", current.describe())
                }
                Ok(()) => {
                    complaint.clear();
                    continue;
                }
                Err(error) => {
                    let message = format!("The store can't be read, the snapshot stays: {error}");
                    if complaint == message {
                        continue;
                    }
                    complaint.clone_from(&message);
                    message
                }
            };
            observer.observe(&Event::Notice { message });
        }
    }

    /// Switches to the store's current snapshot, where that is another one.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let _alone = self.refreshing.lock().await;
        match self.store.current_id().await? {
            Some(id) if id != self.current().id => {}
            // A store is never emptied; where it looks so, what is served stays.
            _ => return Ok(()),
        }
        let Some(snapshot) = self.store.current().await? else { return Ok(()) };
        let current = Arc::new(Current::new(&self.kinds, &self.store, snapshot).await?);
        self.metrics.switched(&current.header.name, &current.id.to_string(), current.omitted());
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }
}
