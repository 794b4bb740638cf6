//! A key to sign with, which nobody keeps.

use std::sync::{Arc, OnceLock};

use airlift_core::Time;
use airlift_fetch::Fetcher;
use airlift_kind::{CollectContext, NoMachine, Signer};
use airlift_openpgp::{SigningError, SigningKey};

/// The key of this process, made when it is first asked for.
pub fn key() -> SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    let make = || SigningKey::generate("Airlift test key", Time::from_seconds(1_600_000_000)).expect("a key");
    KEY.get_or_init(make).clone()
}

/// What kinds plan with, with the key of this process.
pub fn context(fetcher: Fetcher) -> CollectContext {
    let signer = Signer::new(|| Ok::<_, SigningError>(key()));
    CollectContext { fetcher, signer, machine: Arc::new(NoMachine), fetches: true }
}
