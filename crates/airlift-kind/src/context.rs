//! What a kind is given to plan with.

use std::fmt;
use std::sync::Arc;

use airlift_core::{Class, Failure};
use airlift_fetch::Fetcher;
use airlift_openpgp::SigningKey;
use tokio::sync::OnceCell;

use crate::machine::Machine;

/// What a kind is given to plan with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CollectContext {
    /// Asks upstreams.
    pub fetcher: Fetcher,
    /// Has the key that signs what a kind had to write anew.
    pub signer: Signer,
    /// Knows how this machine is set up, where the manifest says to follow it.
    pub machine: Arc<dyn Machine>,
    /// Whether what is planned is fetched afterwards, so that what will be needed may be begun before all is planned.
    pub fetches: bool,
}

/// The key of this host that signs metadata which a kind had to write anew.
///
/// It is made or read when it is first asked for: whoever mirrors whole repositories only never has one. Cheap to clone;
/// all clones have the same key.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

type Get = dyn Fn() -> Result<SigningKey, Box<dyn Failure>> + Send + Sync;

struct Inner {
    get: Box<Get>,
    key: OnceCell<Arc<SigningKey>>,
}

impl Signer {
    /// A signer whose key is got so. `get` may take seconds and may read files: it is called once, off the runtime.
    pub fn new<E: Failure>(get: impl Fn() -> Result<SigningKey, E> + Send + Sync + 'static) -> Self {
        let get = move || get().map_err(|error| -> Box<dyn Failure> { Box::new(error) });
        Self(Arc::new(Inner { get: Box::new(get), key: OnceCell::new() }))
    }

    /// The key.
    ///
    /// # Errors
    ///
    /// [`SignerError`] where it can be neither read nor made.
    pub async fn key(&self) -> Result<Arc<SigningKey>, SignerError> {
        let get = || async {
            let inner = Arc::clone(&self.0);
            let got = tokio::task::spawn_blocking(move || (inner.get)()).await;
            match got {
                Ok(key) => key.map(Arc::new).map_err(SignerError),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        };
        self.0.key.get_or_try_init(get).await.cloned()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key", &self.0.key.get()).finish_non_exhaustive()
    }
}

/// There is no key to sign with. Says what the place that keeps the key says.
#[derive(Debug)]
pub struct SignerError(Box<dyn Failure>);

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SignerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Failure for SignerError {
    fn class(&self) -> Class {
        self.0.class()
    }

    fn hint(&self) -> Option<String> {
        self.0.hint()
    }
}
