//! Files and links below a root, written only where they differ.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::ServiceError;

/// The root of a system: of this one, or of one that is being made.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    folder: PathBuf,
    dry_run: bool,
}

/// What was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing.
    Nothing,
    /// Something else.
    Other,
    /// The same.
    Same,
}

impl Root {
    /// A root that is changed, or, with `dry_run`, only looked at.
    pub(crate) fn new(folder: &Path, dry_run: bool) -> Self {
        Self { folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()), dry_run }
    }

    /// Whether it is the root of the system that runs.
    pub(crate) fn is_this_system(&self) -> bool {
        self.folder.canonicalize().is_ok_and(|folder| folder == Path::new("/"))
    }

    /// Whether it is only looked at.
    pub(crate) const fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where an absolute path of that system is.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    /// Refuses a path that leads out of that system: in one that is being made, an absolute link leads into this one.
    pub(crate) fn guard(&self, path: &str) -> Result<(), ServiceError> {
        // What is not there has no links.
        match self.folder.exists() {
            true => Ok(airlift_setup::Root::new(&self.folder)?.guard(path)?),
            false => Ok(()),
        }
    }

    /// Where a file is put that takes the place of what is there, be that a link.
    fn inside(&self, path: &str) -> Result<PathBuf, ServiceError> {
        self.guard(path.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        Ok(self.at(path))
    }

    /// A file with these bytes and this mode.
    pub(crate) fn file(&self, path: &str, bytes: &[u8], mode: u32) -> Result<Before, ServiceError> {
        let path = self.inside(path)?;
        let before = match fs_err::symlink_metadata(&path) {
            Err(_) => Before::Nothing,
            Ok(meta) => {
                let alike = meta.is_file() && meta.permissions().mode() & 0o7777 == mode;
                let same =
                    alike && meta.len() == bytes.len() as u64 && fs_err::read(&path).is_ok_and(|old| old == bytes);
                if same { Before::Same } else { Before::Other }
            }
        };
        if before != Before::Same && !self.dry_run {
            write(&path, bytes, mode).map_err(|source| ServiceError::Io { action: "write", path, source })?;
        }
        Ok(before)
    }

    /// A symbolic link.
    pub(crate) fn link(&self, path: &str, target: &str) -> Result<Before, ServiceError> {
        let path = self.inside(path)?;
        let before = match fs_err::read_link(&path) {
            Ok(old) if old == Path::new(target) => Before::Same,
            _ if path.symlink_metadata().is_ok() => Before::Other,
            _ => Before::Nothing,
        };
        if before != Before::Same && !self.dry_run {
            link(&path, target).map_err(|source| ServiceError::Io { action: "write", path, source })?;
        }
        Ok(before)
    }

    /// Removes a file or a link; whether there was one.
    pub(crate) fn remove(&self, path: &str) -> Result<bool, ServiceError> {
        let path = self.inside(path)?;
        if path.symlink_metadata().is_err() {
            return Ok(false);
        }
        if !self.dry_run {
            fs_err::remove_file(&path).map_err(|source| ServiceError::Io { action: "remove", path, source })?;
        }
        Ok(true)
    }
}

/// The name appears when all of the bytes are there, also over a program that runs.
fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".airlift-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn link(path: &Path, target: &str) -> std::io::Result<()> {
    fs_err::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs_err::os::unix::fs::symlink(target, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_already_is_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, only_looking) = (Root::new(folder.path(), false), Root::new(folder.path(), true));
        assert_eq!(only_looking.file("/etc/a", b"1", 0o644).expect("looked"), Before::Nothing);
        assert!(!root.at("/etc").exists(), "a dry run writes nothing");
        assert_eq!(root.file("/etc/a", b"1", 0o644).expect("written"), Before::Nothing);
        assert_eq!(root.file("/etc/a", b"1", 0o644).expect("looked"), Before::Same);
        assert_eq!(root.file("/etc/a", b"2", 0o644).expect("written"), Before::Other);
        assert_eq!(root.file("/etc/a", b"2", 0o755).expect("written"), Before::Other, "the mode counts");
        assert_eq!(root.link("/etc/b/a", "/etc/a").expect("written"), Before::Nothing);
        assert_eq!(root.link("/etc/b/a", "/etc/a").expect("looked"), Before::Same);
        assert_eq!(root.link("/etc/b/a", "/etc/c").expect("written"), Before::Other);
        assert!(only_looking.remove("/etc/b/a").expect("looked") && root.remove("/etc/b/a").expect("removed"));
        assert!(!root.remove("/etc/b/a").expect("looked"));
        assert!(!root.is_this_system());
    }

    #[test]
    fn a_link_out_of_the_tree_is_not_followed() {
        let (folder, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs_err::os::unix::fs::symlink(outside.path(), folder.path().join("usr")).expect("a link");
        let root = Root::new(folder.path(), false);
        for path in ["/usr/a", "/usr/local/bin/a"] {
            assert!(matches!(root.file(path, b"1", 0o755), Err(ServiceError::Outside(_))), "{path}");
            assert!(matches!(root.link(path, "/etc/a"), Err(ServiceError::Outside(_))), "{path}");
            assert!(matches!(root.remove(path), Err(ServiceError::Outside(_))), "{path}");
        }
        assert_eq!(outside.path().read_dir().expect("a folder").count(), 0);
    }
}
