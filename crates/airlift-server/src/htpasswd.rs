//! Files of names and passwords, as Apache's `htpasswd -B` writes them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use airlift_core::failure::io_class;
use airlift_core::{Class, Failure};
use bcrypt::{HashParts, Version};

/// The most work that a hash may ask for (a power of two), as in Apache's tool: eight seconds or so.
const DEAREST: u32 = 17;
/// The work that a new hash asks for: a fifth of a second. It is done once for each user that comes, not for each request.
const COST: u32 = 12;
/// The longest password in bytes: bcrypt sees no further.
const LONGEST: usize = 71;

/// Why a file of users can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HtpasswdError {
    /// It can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Nobody is in it.
    #[error("there are no users in {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is not `name:hash`.
    #[error("line {line} of {} is not 'name:hash'", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
    },
    /// A name is there twice.
    #[error("line {line} of {}: '{user}' is there already", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// The name.
        user: String,
    },
    /// A password is not kept with bcrypt.
    #[error("line {line} of {}: the password of '{user}' is kept as {scheme}; only bcrypt is taken", path.display())]
    Scheme {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// The name.
        user: String,
        /// How it is kept.
        scheme: &'static str,
    },
    /// A hash of bcrypt that can't be used.
    #[error("line {line} of {}: the hash of '{user}' can't be used: {detail}", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The number of the line.
        line: usize,
        /// The name.
        user: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A name that can't be a user's.
    #[error("'{}' can't be a user's name: it is empty, or has a colon or a control character in it", user.escape_debug())]
    Name {
        /// The name.
        user: String,
    },
    /// A password that can't be one.
    #[error("this password can't be used: {problem}")]
    Password {
        /// Why not.
        problem: &'static str,
    },
    /// A hash can't be made.
    #[error("the password can't be hashed: {detail}")]
    Make {
        /// What the library says.
        detail: String,
    },
}

impl Failure for HtpasswdError {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } => io_class(source),
            Self::Name { .. } | Self::Password { .. } => Class::Usage,
            _ => Class::Machine,
        }
    }

    fn hint(&self) -> Option<String> {
        let set = |path: &Path, user: &str| {
            format!(
                "set it anew: 'airlift user add {user} --htpasswd {0}', or 'htpasswd -B {0} {user}'",
                path.display()
            )
        };
        match self {
            Self::Read { path, source } if source.kind() == std::io::ErrorKind::PermissionDenied => Some(format!(
                "give it to the account that serves: 'chown airlift {0}', or once more 'airlift service install'",
                path.display()
            )),
            Self::Read { path, .. } | Self::Empty { path } => Some(set(path, "NAME")),
            Self::Scheme { path, user, .. } | Self::Hash { path, user, .. } => Some(set(path, user)),
            _ => None,
        }
    }
}

/// Who may come, each with the hash of the password.
#[derive(Debug, Default)]
pub(crate) struct Htpasswd {
    hashes: HashMap<String, String>,
}

impl Htpasswd {
    /// Reads a file. Empty lines and those that begin with `#` are passed over.
    pub(crate) fn read(path: &Path) -> Result<Self, HtpasswdError> {
        let failed = |source| HtpasswdError::Read { path: path.to_owned(), source };
        let text = fs_err::read_to_string(path).map_err(failed)?;
        let mut hashes = HashMap::new();
        let lines = text.lines().map(str::trim).enumerate();
        for (position, text) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (path, line) = (path.to_owned(), position + 1);
            let Some((user, hash)) = text.split_once(':').filter(|(user, _)| !user.is_empty()) else {
                return Err(HtpasswdError::Line { path, line });
            };
            let user = user.to_owned();
            if let Some(scheme) = scheme(hash) {
                return Err(HtpasswdError::Scheme { path, line, user, scheme });
            }
            if let Err(detail) = usable(hash) {
                return Err(HtpasswdError::Hash { path, line, user, detail });
            }
            if hashes.insert(user.clone(), hash.to_owned()).is_some() {
                return Err(HtpasswdError::Twice { path, line, user });
            }
        }
        match hashes.is_empty() {
            true => Err(HtpasswdError::Empty { path: path.to_owned() }),
            false => Ok(Self { hashes }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether this is the user's password. It takes long, and for a user whom nobody knows no less.
    pub(crate) fn verify(&self, user: &str, password: &[u8]) -> bool {
        let hash = self.hashes.get(user);
        let Some(compared) = hash.or_else(|| self.hashes.values().next()) else { return false };
        let same = bcrypt::verify(password, compared).unwrap_or(false);
        same && hash.is_some()
    }
}

/// Whether a user can be called so.
///
/// # Errors
///
/// Where not.
pub fn check_name(user: &str) -> Result<(), HtpasswdError> {
    match user.is_empty() || user.starts_with('#') || user.contains(|c: char| c == ':' || c.is_control()) {
        true => Err(HtpasswdError::Name { user: user.to_owned() }),
        false => Ok(()),
    }
}

/// The text of a file of users with the password of one of them set, and whether that one is new. All other lines stay as
/// they are.
///
/// # Errors
///
/// Where the name or the password can't be one.
pub fn with_password(text: &str, user: &str, password: &str) -> Result<(String, bool), HtpasswdError> {
    check_name(user)?;
    let problem = match password.len() {
        0 => Some("it is empty"),
        _ if password.contains('\0') => Some("it has a zero byte in it"),
        length if length > LONGEST => Some("it is longer than 71 bytes, and bcrypt sees no further"),
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(HtpasswdError::Password { problem });
    }
    let hashed = bcrypt::hash_with_result(password, COST);
    let hashed = hashed.map_err(|error| HtpasswdError::Make { detail: error.to_string() })?;
    let line = format!("{user}:{}", hashed.format_for_version(Version::TwoY));
    let is_theirs = |line: &str| line.split_once(':').is_some_and(|(name, _)| name.trim() == user);
    let new = !text.lines().any(is_theirs);
    let kept = text.lines().map(|old| if is_theirs(old) { line.as_str() } else { old });
    let mut lines: Vec<&str> = kept.collect();
    if new {
        lines.push(&line);
    }
    Ok((lines.join("\n") + "\n", new))
}

fn usable(hash: &str) -> Result<(), String> {
    let parts = HashParts::from_str(hash).map_err(|error| error.to_string())?;
    match parts.get_cost() {
        cost @ DEAREST.. if cost > DEAREST => {
            Err(format!("its cost is {cost}, and {DEAREST} is the most that is taken"))
        }
        _ => Ok(()),
    }
}

/// How a password is kept, where that is not bcrypt.
fn scheme(hash: &str) -> Option<&'static str> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| hash.starts_with(prefix));
    Some(match hash {
        _ if starts(&["$2y$", "$2b$", "$2a$"]) => return None,
        _ if starts(&["$2x$", "$2$"]) => "bcrypt of a version that had a fault",
        _ if starts(&["$apr1$", "$1$"]) => "MD5",
        _ if starts(&["{SHA}"]) => "SHA-1 without salt",
        _ if starts(&["$5$", "$6$"]) => "SHA-crypt",
        _ if starts(&["$y$", "$gy$", "$7$"]) => "yescrypt",
        _ if starts(&["$argon2"]) => "Argon2",
        _ => "plain text or DES",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::failure::line;

    /// Of the password "open sesame", by `htpasswd -nbB -C 5`.
    const ALICE: &str = "alice:$2y$05$Mp4ba0m83OSldDVOz3UosObVshBOVm7SslaczlhH1H7m6ETxXUPpC";

    fn read(text: &str) -> Result<Htpasswd, HtpasswdError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs_err::write(file.path(), text).expect("a file");
        Htpasswd::read(file.path())
    }

    #[test]
    fn what_apaches_tool_writes_is_read() {
        let users = read(&format!("# users\n\n{ALICE}\r\n")).expect("users");
        assert_eq!(users.len(), 1);
        assert!(users.verify("alice", b"open sesame"));
        for (user, password) in [("alice", "open sesame "), ("alice", ""), ("bob", "open sesame"), ("", "")] {
            assert!(!users.verify(user, password.as_bytes()), "{user}:{password}");
        }
    }

    #[test]
    fn a_password_is_set_and_the_others_stay() {
        let before = format!("# those who may\n{ALICE}");
        let (text, new) = with_password(&before, "bob", "ähm: hm").expect("a text");
        assert!(new && text.starts_with(&before) && text.contains("\nbob:$2y$12$"), "{text}");
        let users = read(&text).expect("users");
        assert!(users.verify("bob", "ähm: hm".as_bytes()) && users.verify("alice", b"open sesame"));
        let (again, new) = with_password(&text, "alice", "other").expect("a text");
        assert!(!new && again.lines().count() == 3 && !again.contains(ALICE), "{again}");
        assert!(read(&again).expect("users").verify("alice", b"other"));
        for (user, password) in [("a:b", "x"), ("", "x"), ("#a", "x"), ("a\nb", "x"), ("a", ""), ("a", "\0")] {
            assert!(with_password("", user, password).is_err(), "{user:?} {password:?}");
        }
        assert!(with_password("", "a", &"x".repeat(72)).is_err());
    }

    #[test]
    fn other_hashes_are_refused_by_their_names() {
        for (hash, named) in [
            ("$apr1$8J3bTlrN$2t0YbpHDDA1ykFdgvDUDP.", "MD5"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
            ("$5$saltsalt$x", "SHA-crypt"),
            ("$6$saltsalt$x", "SHA-crypt"),
            ("rl0uE1fDXXXXX", "plain text or DES"),
            ("secret", "plain text or DES"),
            ("$2x$05$abcdefghijklmnopqrstuuLJmM7nJ1Nn6fYHf6vPEK/ASTYmjS", "a fault"),
        ] {
            let error = read(&format!("# first\nbob:{hash}\n")).expect_err(hash);
            let said = line(&error);
            assert!(said.contains("line 2 of ") && said.contains("'bob'") && said.contains(named), "{said}");
            assert!(!said.contains(hash), "a hash is nobody's business: {said}");
            assert!(error.hint().expect("a hint").contains("htpasswd -B"), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_may_not_be_read_is_not_to_be_written_anew() {
        let source = std::io::ErrorKind::PermissionDenied.into();
        let hint = HtpasswdError::Read { path: "/etc/airlift/users".into(), source }.hint().expect("a hint");
        assert!(hint.contains("chown airlift /etc/airlift/users") && !hint.contains("user add"), "{hint}");
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        let said = |text: &str| line(&read(text).expect_err(text));
        assert!(said("alice\n").contains("line 1 of "));
        assert!(said(":x\n").contains("is not 'name:hash'"));
        assert!(said(&format!("{ALICE}\n\n{ALICE}\n")).contains("line 3"), "twice");
        assert!(said("\n#\n").contains("no users"));
        assert!(said("bob:$2y$05$short\n").contains("can't be used"));
        let dear = ALICE.replace("$05$", "$18$");
        assert!(said(&dear).contains("its cost is 18"), "{}", said(&dear));
    }
}
