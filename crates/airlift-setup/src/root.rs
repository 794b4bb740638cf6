//! The files of a client: this host's own, or those of a tree that will be one.

use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs as unix;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use crate::error::SetupError;

/// What is put beside a file while it is written.
const UNFINISHED: &str = ".airlift-new";

/// The client's root folder.
#[derive(Clone, Debug)]
pub struct Root {
    folder: PathBuf,
    real: PathBuf,
}

impl Root {
    /// A folder that is the client's `/`.
    ///
    /// # Errors
    ///
    /// Where it is not there.
    pub fn new(folder: &Path) -> Result<Self, SetupError> {
        Ok(Self { folder: folder.to_owned(), real: fs_err::canonicalize(folder)? })
    }

    /// Whether it is this host itself.
    pub fn is_this_host(&self) -> bool {
        self.real == Path::new("/")
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a path of the client is.
    pub fn at(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    /// Whether anything is there, be it a link to nothing.
    pub fn has(&self, path: &str) -> bool {
        fs_err::symlink_metadata(self.at(path)).is_ok()
    }

    /// Whether it is a link.
    pub(crate) fn is_link(&self, path: &str) -> bool {
        fs_err::symlink_metadata(self.at(path)).is_ok_and(|about| about.is_symlink())
    }

    /// Refuses a path that leads out of the root by a link: in a tree, an absolute link means another place than on the
    /// host that the tree will be.
    ///
    /// # Errors
    ///
    /// [`SetupError::Outside`].
    pub fn guard(&self, path: &str) -> Result<(), SetupError> {
        let there = self.at(path);
        let known = there.ancestors().find_map(|part| fs_err::canonicalize(part).ok());
        match known {
            Some(real) if real.starts_with(&self.real) => Ok(()),
            _ => Err(SetupError::Outside { path: path.to_owned(), root: self.folder.display().to_string() }),
        }
    }

    /// The bytes of a file; none where it is not there.
    ///
    /// # Errors
    ///
    /// Where it can't be read.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SetupError> {
        match fs_err::read(self.at(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file so that it is there as a whole or not at all. One that is there keeps its mode and owner; one that
    /// nobody else shall read is nobody else's in any case.
    ///
    /// # Errors
    ///
    /// Where it can't be written.
    pub fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), SetupError> {
        let there = self.at(path);
        let unfinished = self.at(&format!("{path}{UNFINISHED}"));
        let mut file = fs_err::File::create(&unfinished)?;
        let old = fs_err::metadata(&there).ok();
        // What is secret is so from its first byte on.
        let kept = if mode & 0o077 == 0 { 0o700 } else { 0o7777 };
        let mode = old.as_ref().map_or(mode, |old| old.mode() & kept);
        fs_err::set_permissions(&unfinished, PermissionsExt::from_mode(mode))?;
        if let Some(old) = old {
            unix::chown(&unfinished, Some(old.uid()), Some(old.gid()))?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs_err::rename(&unfinished, &there)?;
        Ok(())
    }

    /// Makes a folder with mode 0755, whatever the umask.
    pub(crate) fn make_folder(&self, path: &str) -> Result<(), SetupError> {
        let there = self.at(path);
        fs_err::create_dir(&there)?;
        fs_err::set_permissions(&there, PermissionsExt::from_mode(0o755))?;
        Ok(())
    }

    /// Takes a folder away where it is empty; whether it is gone.
    pub(crate) fn remove_folder(&self, path: &str) -> bool {
        let there = self.at(path);
        fs_err::remove_dir(&there).is_ok() || fs_err::symlink_metadata(&there).is_err()
    }

    /// Takes a file away; it may be gone already.
    pub(crate) fn remove(&self, path: &str) -> Result<(), SetupError> {
        match fs_err::remove_file(self.at(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Takes away what a run that was cut off may have left beside a file.
    pub(crate) fn tidy(&self, path: &str) -> Result<(), SetupError> {
        self.remove(&format!("{path}{UNFINISHED}"))
    }

    /// Copies a file or a link with its mode, owner and times, so that it is there as a whole or not at all.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Result<(), SetupError> {
        let (source, there) = (self.at(from), self.at(to));
        let unfinished = self.at(&format!("{to}{UNFINISHED}"));
        self.tidy(to)?;
        let old = fs_err::symlink_metadata(&source)?;
        match old.is_symlink() {
            true => unix::symlink(fs_err::read_link(&source)?, &unfinished)?,
            false => {
                fs_err::copy(&source, &unfinished)?;
            }
        }
        unix::lchown(&unfinished, Some(old.uid()), Some(old.gid()))?;
        if !old.is_symlink() {
            // Changing the owner may take bits away.
            fs_err::set_permissions(&unfinished, PermissionsExt::from_mode(old.mode() & 0o7777))?;
            fs_err::File::open(&unfinished)?.sync_all()?;
        }
        let times = Timestamps {
            last_access: time(old.atime(), old.atime_nsec()),
            last_modification: time(old.mtime(), old.mtime_nsec()),
        };
        rustix::fs::utimensat(CWD, &unfinished, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| SetupError::from(io::Error::from(error)))?;
        fs_err::rename(&unfinished, &there)?;
        Ok(())
    }

    /// Whether two files, or two links, are the same.
    pub(crate) fn same(&self, a: &str, b: &str) -> bool {
        let look = |path: &str| {
            let there = self.at(path);
            match fs_err::read_link(&there) {
                Ok(target) => Some((true, target.into_os_string().into_encoded_bytes())),
                Err(_) => fs_err::read(&there).ok().map(|bytes| (false, bytes)),
            }
        };
        look(a).is_some_and(|a| Some(a) == look(b))
    }

    /// The files that a path means whose last part may have one star, sorted.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<String> {
        let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let Some((start, end)) = name.split_once('*') else {
            return if self.has(pattern) { vec![pattern.to_owned()] } else { Vec::new() };
        };
        let Ok(entries) = fs_err::read_dir(self.at(folder)) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        // A shell's star means no hidden file.
        let fits = |name: &String| {
            name.len() >= start.len() + end.len()
                && name.starts_with(start)
                && name.ends_with(end)
                && !name.starts_with('.')
        };
        let mut found: Vec<String> = names.filter(fits).map(|name| format!("{folder}/{name}")).collect();
        found.sort();
        found
    }
}

fn time(seconds: i64, nanoseconds: i64) -> Timespec {
    Timespec { tv_sec: seconds, tv_nsec: nanoseconds }
}
