//! An archive as a whole: header, index, lock and the tar around them, read in place.
#![no_main]

use std::sync::Arc;
use std::sync::LazyLock;

use airlift_store::Store;
use libfuzzer_sys::fuzz_target;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

fuzz_target!(|data: &[u8]| {
    let (objects, path) = (Arc::new(InMemory::new()), object_store::path::Path::from("archive.tar"));
    RUNTIME.block_on(async {
        objects.put(&path, data.to_vec().into()).await.expect("memory");
        if let Ok(store) = Store::archive_in(objects, path).await
            && let Ok(Some(snapshot)) = store.current().await
        {
            let _ = snapshot.lock().await;
            for (digest, size) in snapshot.index.blobs() {
                let _ = store.blob(digest, size).await;
            }
        }
    });
});
