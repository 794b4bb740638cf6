//! Where the key is kept that signs what Airlift had to write anew.
//!
//! One key for one person on one host, in the home folder: a store comes and goes, and clients must keep trusting.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use airlift_core::{Event, Observer, Time};
use airlift_kind::Signer;
use airlift_openpgp::SigningKey;

use crate::error::ProgramError;

/// The most bytes of a file with a key.
const LARGEST: u64 = 1 << 20;

/// A new key is dated so much before now, so that machines whose clocks go wrong by less believe it at once.
const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// The signer whose key is in this file, or will be when it is first asked for.
pub(crate) fn signer(path: Option<PathBuf>, observer: Arc<dyn Observer>) -> Signer {
    Signer::new(move || match &path {
        Some(path) => read(path)?.map_or_else(|| make(path, &*observer), Ok),
        None => Err(ProgramError::NoKeyPlace),
    })
}

/// Reads the key, which nobody but its owner may be able to read; none where there is no file.
fn read(path: &Path) -> Result<Option<SigningKey>, ProgramError> {
    let failed = |source| ProgramError::Read { path: path.to_owned(), source };
    let file = match fs_err::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(ProgramError::OpenKey { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
    }
    let mut armored = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, LARGEST), &mut armored).map_err(failed)?;
    let read = SigningKey::read(&armored, &path.display().to_string());
    read.map(Some).map_err(|source| ProgramError::SigningKey { source })
}

/// Makes the key and keeps it: whole or not at all, and readable by its owner only.
fn make(path: &Path, observer: &dyn Observer) -> Result<SigningKey, ProgramError> {
    let failed = |source| ProgramError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let made = SigningKey::generate(&user(), Time::from(SystemTime::now() - BACKDATED));
    let key = made.map_err(|source| ProgramError::SigningKey { source })?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    file.write_all(key.to_secret_armored().expose().as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        // Another collect was faster: there is one key.
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            return read(path)?.ok_or_else(|| failed(error.error));
        }
        Err(error) => return Err(failed(error.error)),
    }
    fs_err::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    let message = format!(
        "made the signing key {} in {}: keep a copy of it, since clients that trust it do not trust another",
        key.fingerprint(),
        path.display()
    );
    observer.observe(&Event::Notice { message });
    Ok(key)
}

/// What the key says of itself.
fn user() -> String {
    let host = rustix::system::uname();
    let host: String = host.nodename().to_string_lossy().chars().filter(|c| c.is_ascii_graphic()).collect();
    let host = host.replace(['<', '>', '(', ')'], "");
    match host.is_empty() {
        true => "Airlift mirror signing key".to_owned(),
        false => format!("Airlift mirror signing key of {host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::event::Silent;
    use airlift_core::failure::line;

    #[tokio::test]
    async fn one_key_is_made_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config/airlift/signing-key.asc");
        let signer = || signer(Some(path.clone()), Arc::new(Silent));
        assert!(!path.exists());
        let made = signer().key().await.expect("a key");
        let mode = |path: &Path| fs_err::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert_eq!(fs_err::read_dir(path.parent().expect("a folder")).expect("a folder").count(), 1);
        assert_eq!(signer().key().await.expect("the same key").fingerprint(), made.fingerprint());

        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("another mode");
        let error = signer().key().await.expect_err("others can read it");
        assert!(line(&error).contains("0640"), "{error}");
        assert!(airlift_core::Failure::hint(&error).is_some_and(|hint| hint.contains("chmod 600")));

        let text = fs_err::read_to_string(&path).expect("a file");
        let middle = text.len() / 2;
        let damaged = format!("{}{}", &text[..middle], &text[middle + 1..]);
        fs_err::write(&path, damaged).expect("a file");
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("another mode");
        let error = signer().key().await.expect_err("it is damaged");
        assert!(line(&error).contains("can't be read as an OpenPGP secret key"), "{}", line(&error));
        assert_eq!(fs_err::read_to_string(&path).expect("a file").len(), text.len() - 1, "a damaged key is kept");
    }

    #[tokio::test]
    async fn without_a_place_there_is_no_key() {
        let error = signer(None, Arc::new(Silent)).key().await.expect_err("no place");
        assert!(airlift_core::Failure::hint(&error).is_some_and(|hint| hint.contains("--signing-key")));
    }
}
