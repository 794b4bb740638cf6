//! Temporary folders that are removed even though a static that owns one is never dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::LazyLock;

use tempfile::{Builder, TempDir};

/// A new temporary folder.
///
/// It lies below a folder of this process. What processes that have ended left there is removed first.
pub fn folder() -> TempDir {
    static PARENT: LazyLock<PathBuf> = LazyLock::new(|| {
        let all = std::env::temp_dir().join("airlift-e2e");
        let own = all.join(process::id().to_string());
        fs::create_dir_all(&own).unwrap_or_else(|error| panic!("cannot make {}: {error}", own.display()));
        for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
            if !Path::new("/proc").join(entry.file_name()).exists() {
                // Another test process may be removing it as well.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        own
    });
    Builder::new().prefix("").tempdir_in(&*PARENT).expect("a temporary folder can be made")
}
