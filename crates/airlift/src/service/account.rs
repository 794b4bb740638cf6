//! The account that the service runs as: it owns nothing, and nobody can log in as it.

use std::path::Path;

use super::error::ServiceError;
use super::place::Root;
use super::systemd::run;

/// Whether a system has an account.
pub(crate) fn exists(root: &Root, name: &str) -> bool {
    number(root, name).is_some()
}

/// The number of an account (passwd(5)).
pub(crate) fn number(root: &Root, name: &str) -> Option<u32> {
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        let own = fields.next()? == name;
        fields.nth(1)?.parse().ok().filter(|_| own)
    };
    let in_file = fs_err::read_to_string(root.at("/etc/passwd")).ok();
    let found = in_file.and_then(|text| text.lines().find_map(of_line));
    // Where accounts come from a directory service, the file doesn't have them.
    let asked = || if root.is_this_system() { run("getent", &["passwd", name]).ok() } else { None };
    found.or_else(|| asked()?.lines().find_map(of_line))
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
