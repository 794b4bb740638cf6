//! The account that the service runs as: it owns nothing, and nobody can log in as it.

use std::path::Path;

use super::error::ServiceError;
use super::place::Root;
use super::systemd::run;

/// Whether a system has an account.
pub(crate) fn exists(root: &Root, name: &str) -> bool {
    let listed = |text: String| text.lines().any(|line| line.split(':').next() == Some(name));
    let in_file = fs_err::read_to_string(root.at("/etc/passwd")).is_ok_and(listed);
    // Where accounts come from a directory service, the file doesn't have them.
    in_file || root.is_this_system() && run("getent", &["passwd", name]).is_ok()
}

/// Makes the account, which is not there yet.
pub(crate) fn make(root: &Root, name: &str) -> Result<(), ServiceError> {
    let folder = root.folder().display().to_string();
    let prefix: &[&str] = if root.is_this_system() { &[] } else { &["--prefix", &folder] };
    let options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"];
    let more = ["--shell", "/usr/sbin/nologin", "--comment", "Airlift mirror", name];
    run("useradd", &[prefix, &options, &more].concat()).map(drop)
}

/// Whether accounts can be made there: by a program of this system, in lists that are there.
pub(crate) fn can_be_made(root: &Root) -> bool {
    let program = ["/usr/sbin/useradd", "/sbin/useradd"].iter().any(|path| Path::new(path).exists());
    program && root.at("/etc/passwd").exists()
}
