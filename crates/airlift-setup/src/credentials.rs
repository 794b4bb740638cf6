//! The name and the password that a mirror asks for. They are put in on the client; no answer of the mirror has them.

use std::fmt;

use airlift_core::Secret;
use airlift_kind::client::{Change, ClientFile, JsonEdit, JsonValue, LineEdit, placeholder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::SetupError;
use crate::root::Root;

/// What every client's file can hold beside letters and digits, whatever its format.
const MARKS: &str = "!%&()*+,-./:;<=>?@[]^_{|}~";
/// Where root's clients look for them: curl, git, pip, uv and wget (netrc(5)).
pub const NETRC: &str = "/root/.netrc";

/// A name and its password.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: Secret,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// What somebody gave.
    ///
    /// # Errors
    ///
    /// [`SetupError::Credentials`] where not every client can be told.
    pub fn new(user: &str, password: &str) -> Result<Self, SetupError> {
        let fits = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || MARKS.contains(c));
        let refuse = |what: &str| Err(SetupError::Credentials { what: what.to_owned() });
        if user.is_empty() || password.is_empty() {
            return refuse("the name or the password is empty");
        }
        if user.contains(':') {
            return refuse("a name has no ':' in it");
        }
        match fits(user) && fits(password) {
            true => Ok(Self { user: user.to_owned(), password: Secret::new(password) }),
            false => refuse("the name or the password has a character that not every client can be told"),
        }
    }

    /// What an earlier setup put into root's own file for this host.
    pub fn of_earlier_setup(root: &Root, host: &str) -> Option<Self> {
        let bytes = root.read(NETRC).ok()??;
        let text = String::from_utf8(bytes).ok()?;
        let ours = text.lines().skip_while(|line| *line != crate::edit::BEGIN).nth(1)?;
        let words: Vec<&str> = ours.split(' ').collect();
        let ["machine", machine, "login", user, "password", password] = words.as_slice() else { return None };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self::new(user, password).ok().filter(|_| *machine == host)
    }

    /// Both, as HTTP sends them (RFC 7617, section 2).
    pub fn basic(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password.expose()))
    }

    /// A file with them in it, where nobody else may read it.
    pub(crate) fn fill(&self, file: &ClientFile) -> ClientFile {
        let mut file = file.clone();
        if !file.is_secret() {
            return file;
        }
        let basic = self.basic();
        let put = |text: &mut String| {
            *text = text
                .replace(placeholder::USER, &self.user)
                .replace(placeholder::PASSWORD, self.password.expose())
                .replace(placeholder::BASIC, &basic);
        };
        match &mut file.change {
            Change::Whole { content } | Change::Block { content } => put(content),
            Change::Lines { edits } => {
                edits.iter_mut().filter_map(|LineEdit { line, .. }| line.as_mut()).for_each(put);
            }
            Change::Json { edits } => {
                for JsonEdit { value, .. } in edits {
                    if let JsonValue::Entry { value, .. } = value {
                        value.values_mut().for_each(put);
                    }
                }
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_client_would_misread_is_refused_and_never_shown() {
        for (user, password) in
            [("", "x"), ("x", ""), ("a:b", "x"), ("a", "x y"), ("a", "x#"), ("a", "x$y"), ("ä", "x")]
        {
            let error = Credentials::new(user, password).expect_err("refused");
            assert!(password.is_empty() || password == "x" || !error.to_string().contains(password), "{error}");
        }
        let good = Credentials::new("site", MARKS).expect("it fits");
        assert!(!format!("{good:?}").contains(MARKS));
        assert_eq!(Credentials::new("Aladdin", "open").expect("it fits").basic(), "QWxhZGRpbjpvcGVu");
    }

    #[test]
    fn only_what_nobody_else_reads_is_filled_in() {
        let credentials = Credentials::new("site", "pass").expect("it fits");
        let file = ClientFile::whole("/x", format!("{} {}", placeholder::USER, placeholder::PASSWORD));
        assert_eq!(credentials.fill(&file), file);
        assert_eq!(credentials.fill(&file.secret()).change, Change::Whole { content: "site pass".to_owned() });
    }
}
