//! Who may ask: HTTP's Basic authentication (RFC 7617) against a file of users.
//!
//! bcrypt is slow on purpose, and a node that starts sends a thousand requests. What was found of a name and a password is
//! therefore kept, under a keyed hash and for as long as the file is the same; the slow work is done beside the workers,
//! by few at a time, and a client that guesses has to wait.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use quick_cache::sync::Cache;

use crate::error::ServeError;
use crate::followed::Followed;
use crate::guesses::Guesses;
use crate::htpasswd::{Htpasswd, HtpasswdError};
use crate::seats::Seats;

/// What clients are told to be asked for.
pub(crate) const CHALLENGE: &str = "Basic realm=\"Airlift\", charset=\"UTF-8\"";
/// What was found of so many names with passwords is kept.
const KNOWN: usize = 1024;
/// The longest header that is looked at.
const LONGEST: usize = 4096;

/// Who may ask.
pub(crate) struct Users {
    pub(crate) table: Arc<Followed<Table>>,
    guesses: Arc<Guesses>,
    /// How many passwords are verified at the same time: the others' cores are for answers.
    verifiers: Seats,
}

/// The users of one file, and what was found of passwords since it was read.
pub(crate) struct Table {
    users: Htpasswd,
    key: hmac::Key,
    known: Cache<[u8; 32], bool>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It does not say who it is from.
    Nobody,
    /// The name or the password is wrong.
    Wrong,
    /// Too many wrong ones came from there. It may try again after a while.
    Guessing(Duration),
}

impl Refusal {
    /// The status, and a sentence.
    pub(crate) fn told(self) -> (StatusCode, String) {
        match self {
            Self::Nobody => (
                StatusCode::UNAUTHORIZED,
                "This mirror asks for a name and a password, and the request has none.".to_owned(),
            ),
            Self::Wrong => (StatusCode::UNAUTHORIZED, "The name or the password is wrong.".to_owned()),
            Self::Guessing(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                format!("Too many wrong passwords came from your address. Try again in {} seconds.", wait.as_secs()),
            ),
        }
    }
}

impl Table {
    fn read(path: &Path) -> Result<Self, HtpasswdError> {
        let users = Htpasswd::read(path)?;
        let mut secret = [0; 32];
        let failed = |_| HtpasswdError::Read { path: path.to_owned(), source: std::io::ErrorKind::Other.into() };
        aws_lc_rs::rand::fill(&mut secret).map_err(failed)?;
        Ok(Self { users, key: hmac::Key::new(hmac::HMAC_SHA256, &secret), known: Cache::new(KNOWN) })
    }

    /// As the end of a sentence.
    pub(crate) fn describe(&self) -> String {
        match self.users.len() {
            1 => "asking for one user's password".to_owned(),
            count => format!("asking for the passwords of {count} users"),
        }
    }
}

impl Users {
    /// Reads the file for the first time.
    pub(crate) fn open(path: &Path) -> Result<Self, ServeError> {
        let path = path.to_owned();
        let table = Followed::open(vec![path.clone()], move || Table::read(&path));
        let table = Arc::new(table.map_err(|source| ServeError::Users { source })?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { table, guesses: Arc::default(), verifiers: Seats::new((cores / 2).max(1)) })
    }

    /// Who sent a request.
    ///
    /// # Errors
    ///
    /// Why it is to be refused.
    pub(crate) async fn admit(&self, client: IpAddr, headers: &HeaderMap) -> Result<String, Refusal> {
        let credentials = credentials(headers).ok_or(Refusal::Nobody)?;
        let (user, password) = split(&credentials).ok_or(Refusal::Nobody)?;
        let table = self.table.current();
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&table.key, &credentials).as_ref());
        let verified = table.known.get_or_insert_async(&tag, async {
            let guess = self.guesses.admit(client).map_err(Refusal::Guessing)?;
            let (table, user, password) = (Arc::clone(&table), user.to_owned(), password.to_vec());
            let verify = move || {
                let right = table.users.verify(&user, &password);
                if right {
                    guess.was_right();
                }
                right
            };
            self.verifiers.work(verify).await.map_err(|_| Refusal::Wrong)
        });
        match verified.await? {
            true => Ok(user.to_owned()),
            false => Err(Refusal::Wrong),
        }
    }
}

/// What a request says of who it is from, decoded.
fn credentials(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, rest) = value.split_at_checked("Basic ".len()).filter(|_| value.len() <= LONGEST)?;
    scheme.eq_ignore_ascii_case(b"Basic ").then(|| STANDARD.decode(rest.trim_ascii()).ok())?
}

/// Name and password.
fn split(credentials: &[u8]) -> Option<(&str, &[u8])> {
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    Some((std::str::from_utf8(&credentials[..colon]).ok()?, &credentials[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_right_password_is_no_guess_though_its_client_hung_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users");
        let hash = bcrypt::hash("hunter2", 8).expect("a hash");
        fs_err::write(&path, format!("me:{hash}\n")).expect("a file");
        let users = Users { verifiers: Seats::new(1), ..Users::open(&path).expect("users") };
        let client = IpAddr::from([10, 0, 0, 1]);
        let value = format!("Basic {}", STANDARD.encode("me:hunter2"));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a value"))]);
        for _ in 0..20 {
            let mut asked = Box::pin(users.admit(client, &headers));
            // It is being verified now; a busy machine may even be done with it.
            let _ = futures::poll!(&mut asked);
            drop(asked);
            users.verifiers.work(|| ()).await.expect("the one before is done");
        }
        assert_eq!(users.admit(client, &headers).await, Ok("me".to_owned()));
    }
}
