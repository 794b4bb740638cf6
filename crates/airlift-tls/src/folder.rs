//! The folder with the authority and the mirror's certificate.
//!
//! | file | what |
//! | --- | --- |
//! | `ca.crt` | the authority's certificate: what clients trust |
//! | `ca.key` | the authority's key; only issuing reads it |
//! | `mirror.crt` | the mirror's certificate, the authority's behind it |
//! | `mirror.key` | the mirror's key; it stays when the certificate is issued again |

use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use airlift_core::Time;
use rcgen::KeyPair;

use crate::authority::{self, Authority};
use crate::certificate::{self, Certificate};
use crate::error::TlsError;
use crate::name::Name;
use crate::pair::Files;

/// The mode of what everybody may read, and of what its owner alone may.
const PUBLIC: u32 = 0o644;
const PRIVATE: u32 = 0o600;

/// The folder with the authority and the mirror's certificate.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What shall be issued.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The names and addresses of the mirror, the most important one first.
    pub names: Vec<Name>,
    /// For how many days; as long as its authority lives where none are asked for.
    pub days: Option<u16>,
    /// By what a new authority is called.
    pub host: String,
}

/// What was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The authority.
    pub authority: Certificate,
    /// Whether it was made just now.
    pub made: bool,
    /// The mirror's certificate.
    pub certificate: Certificate,
}

impl Folder {
    /// A folder that need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.path.join("ca.crt")
    }

    /// The authority's key.
    pub fn authority_key(&self) -> PathBuf {
        self.path.join("ca.key")
    }

    /// The mirror's certificate and its key.
    pub fn files(&self) -> Files {
        Files { certificate: self.path.join("mirror.crt"), key: self.path.join("mirror.key") }
    }

    /// The mirror's certificate, where there is one.
    ///
    /// # Errors
    ///
    /// Where it is there and can't be read.
    pub fn certificate(&self) -> Result<Option<Certificate>, TlsError> {
        present(Certificate::read(&self.files().certificate))
    }

    /// Issues a certificate for the mirror. The authority is made where there is none, and never again.
    ///
    /// The mirror's key is made once, too: so a new certificate is one file that is replaced in one step, and a server that
    /// looks at any moment finds a pair.
    ///
    /// # Errors
    ///
    /// Where a file can't be read or written, or where a half of the authority is missing.
    pub fn issue(&self, wanted: &Wanted, now: SystemTime) -> Result<Issued, TlsError> {
        if wanted.names.is_empty() {
            return Err(TlsError::NoNames);
        }
        let made = |error: rcgen::Error| TlsError::Make { names: wanted.names.clone(), detail: error.to_string() };
        let (authority, signing, new) = self.open_or_make_authority(&wanted.host, now)?;
        if authority.until < Time::from(now) {
            return Err(TlsError::Expired { path: self.authority(), until: authority.until, now: Time::from(now) });
        }
        let pem = String::from_utf8_lossy(&certificate::read(&self.authority())?).into_owned();
        let issuer = Authority::new(pem, signing, authority.until).map_err(made)?;
        let files = self.files();
        let key = match present(private_key(&files.key))? {
            Some(key) => key,
            None => {
                let key = KeyPair::generate().map_err(made)?;
                self.write(&files.key, (PRIVATE, key.serialize_pem().as_bytes()), false)?;
                key
            }
        };
        let issued = issuer.issue(&wanted.names, &key, (now, wanted.days)).map_err(made)?;
        self.write(&files.certificate, (PUBLIC, issued.as_bytes()), true)?;
        Ok(Issued { authority, made: new, certificate: Certificate::read(&files.certificate)? })
    }

    /// The authority's certificate and key, and whether they were made just now.
    fn open_or_make_authority(&self, host: &str, now: SystemTime) -> Result<(Certificate, KeyPair, bool), TlsError> {
        let (path, key_path) = (self.authority(), self.authority_key());
        let half = |there: &Path, missing: &Path| TlsError::HalfAuthority {
            there: there.to_owned(),
            missing: missing.to_owned(),
        };
        match (present(Certificate::read(&path))?, present(private_key(&key_path))?) {
            (Some(certificate), Some(key)) => Ok((certificate, key, false)),
            (Some(_), None) => Err(half(&path, &key_path)),
            (None, Some(_)) => Err(half(&key_path, &path)),
            (None, None) => {
                let failed = |error: rcgen::Error| TlsError::Make { names: Vec::new(), detail: error.to_string() };
                let (certificate, key) = Authority::make(host, now).map_err(failed)?;
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(&self.path)
                    .map_err(|source| TlsError::Write { path: self.path.clone(), source })?;
                self.write(&key_path, (PRIVATE, key.as_bytes()), false)?;
                self.write(&path, (PUBLIC, certificate.as_bytes()), false)?;
                Ok((Certificate::read(&path)?, private_key(&key_path)?, true))
            }
        }
    }

    /// Writes a file whole or not at all; one that is there stays unless it may be replaced.
    fn write(&self, path: &Path, (mode, bytes): (u32, &[u8]), replace: bool) -> Result<(), TlsError> {
        let failed = |source| TlsError::Write { path: path.to_owned(), source };
        let mut file = tempfile::NamedTempFile::new_in(&self.path).map_err(failed)?;
        file.as_file().set_permissions(PermissionsExt::from_mode(mode)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        match replace {
            true => file.persist(path),
            false => file.persist_noclobber(path),
        }
        .map_err(|error| failed(error.error))?;
        fs_err::File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// A key that nobody but its owner may be able to read.
fn private_key(path: &Path) -> Result<KeyPair, TlsError> {
    let bytes = certificate::read(path)?;
    let metadata = fs_err::metadata(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    if metadata.mode() & 0o077 != 0 {
        return Err(TlsError::OpenKey { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
    }
    authority::key(&bytes, path)
}

/// None where a file is not there.
fn present<T>(read: Result<T, TlsError>) -> Result<Option<T>, TlsError> {
    match read {
        Err(TlsError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
