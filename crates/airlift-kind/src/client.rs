//! The files that point a client at this mirror: which they are, as data.
//!
//! A kind says in [`Kind::clients`](crate::Kind::clients) what its clients need. It writes nothing: the mirror offers
//! the list as `/setup.json` and as the script `/setup.sh`, and `airlift setup` puts it in. What a file may ask for is
//! therefore small enough for a shell: a [whole](Change::Whole) file, or a [change](Change) of one that may be there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hosts::Hosts;

/// A mirror, as its clients reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The host as the client came by it, without a port: `mirror`, `192.0.2.7`, `[2001:db8::7]`.
    pub host: String,
    /// The port of each kind that is served, by the kind's name.
    pub ports: BTreeMap<String, u16>,
    /// Whether its ports speak TLS.
    pub tls: bool,
    /// The private authority that vouches for it, as PEM, where there is one.
    pub ca: Option<String>,
    /// Whether it asks for a name and a password.
    pub users: bool,
}

impl Mirror {
    /// Where a kind is served; none where it is not.
    pub fn address(&self, kind: &str) -> Option<Address<'_>> {
        self.ports.get(kind).map(|&port| Address { mirror: self, port })
    }

    /// Whether it is this very machine, for its clients.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host == "[::1]" || self.host.starts_with("127.")
    }

    /// Where the authority's certificate is put by the client that looks after the system's own: a file that other
    /// clients may name.
    pub const CA_FILE: &str = "/etc/airlift/ca.crt";
}

/// Where one kind is served.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The mirror.
    pub mirror: &'a Mirror,
    /// The kind's port.
    pub port: u16,
}

impl Address<'_> {
    /// Host and port: `mirror:8001`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.mirror.host, self.port)
    }

    /// Scheme, host and port, without a slash at the end: `http://mirror:8001`.
    pub fn base(&self) -> String {
        let scheme = if self.mirror.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

/// A client, and what points it here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// What it is called, in `--only` too: `apt`.
    pub name: String,
    /// Only hosts that have one of these are set up for it; every host where the list is empty. Clients that are
    /// installed later find their file waiting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_where: Vec<String>,
    /// Its files, in the order in which they are put in.
    pub files: Vec<ClientFile>,
    /// Files that are set aside where they name anything over the network: `/etc/apt/sources.list.d/*.list`. The last
    /// part may have one star.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<String>,
    /// What a person has to run afterwards: `systemctl restart docker`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<String>,
    /// What was relaxed since the mirror has no TLS, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relaxed: Vec<String>,
    /// What a person should know: what this client can't be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How the client itself is asked where it goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
}

impl Client {
    /// A client with nothing yet.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// A question to a client: every URL in its answer has to lead to the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The command, a word each.
    pub command: Vec<String>,
    /// Whether an answer without any URL is wrong too: the client then doesn't know the mirror.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_answer: bool,
}

impl Ask {
    /// A question that has to be answered by a URL of the mirror.
    pub fn that_names_the_mirror<const N: usize>(command: [&str; N]) -> Self {
        Self { command: command.map(str::to_owned).to_vec(), must_answer: true }
    }
}

/// What stands in a file of mode 0600 for what only the client has: no answer of a mirror has a password in it.
pub mod placeholder {
    /// The name that the mirror knows.
    pub const USER: &str = "@AIRLIFT_USER@";
    /// The password that belongs to it.
    pub const PASSWORD: &str = "@AIRLIFT_PASSWORD@";
    /// Both, as HTTP sends them (RFC 7617, section 2).
    pub const BASIC: &str = "@AIRLIFT_BASIC@";
}

/// A file of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFile {
    /// The absolute path on the client.
    pub path: String,
    /// Its mode where it was not there before: 0o644.
    #[serde(with = "octal")]
    pub mode: u32,
    /// Only hosts that have one of these get it; every host where the list is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_where: Vec<String>,
    /// Only these hosts get it; every host where this is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_for: Option<OnlyFor>,
    /// What the file has to look like so that it is touched at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_if: Vec<Condition>,
    /// What is done to it.
    #[serde(flatten)]
    pub change: Change,
}

/// How a file has to look before it is touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The beginning of a line, in which blanks are left out and all quotes are double ones. The empty text begins every
    /// line: no line begins so where the file is not there, or empty.
    pub line: String,
    /// Whether there has to be such a line, or must be none.
    pub there: bool,
    /// What a person is told where it is otherwise; nothing where the file is simply meant for other hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// The hosts that a file is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlyFor {
    /// What other hosts do without, as a person knows it: `cuda-rhel9-x86_64`.
    pub what: String,
    /// The hosts.
    pub hosts: Hosts,
}

impl ClientFile {
    /// A file of mode 0644 that is ours as a whole.
    pub fn whole(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self::new(path, Change::Whole { content: content.into() })
    }

    /// A file of mode 0644.
    pub fn new(path: impl Into<String>, change: Change) -> Self {
        Self { path: path.into(), mode: 0o644, only_where: Vec::new(), only_for: None, only_if: Vec::new(), change }
    }

    /// The same of mode 0600, whatever the mode of one that is there: it may have [placeholders](placeholder).
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.mode = 0o600;
        self
    }

    /// Whether nobody but its owner may read it.
    pub const fn is_secret(&self) -> bool {
        self.mode & 0o077 == 0
    }

    /// The same for hosts alone that have one of these paths.
    #[must_use]
    pub fn only_where<const N: usize>(mut self, paths: [&str; N]) -> Self {
        self.only_where = paths.map(str::to_owned).to_vec();
        self
    }

    /// The same for some hosts alone. What others are told that they do without is `what`.
    #[must_use]
    pub fn only_for(mut self, what: &str, hosts: &Hosts) -> Self {
        let only_for = || OnlyFor { what: one_line(what), hosts: hosts.clone() };
        self.only_for = (!hosts.is_all()).then(only_for);
        self
    }

    /// The same for a file alone that has a line that begins so, or has none.
    #[must_use]
    pub fn only_if(mut self, line: &str, there: bool, otherwise: Option<&str>) -> Self {
        self.only_if.push(Condition { line: line.to_owned(), there, otherwise: otherwise.map(str::to_owned) });
        self
    }
}

/// What is done to a file. Everything but [`Change::Whole`] keeps what else is in it, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// This is all of it. It ends with a line feed.
    Whole {
        /// The content.
        content: String,
    },
    /// These lines stand in it, between two comments that say so.
    Block {
        /// The lines; the last one ends with a line feed.
        content: String,
    },
    /// Keys of a file of lines are set: TOML, INI, `gitconfig`, or names and values.
    Lines {
        /// In this order.
        edits: Vec<LineEdit>,
    },
    /// Keys of a JSON object are set.
    Json {
        /// In this order.
        edits: Vec<JsonEdit>,
    },
}

/// A key of a file of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEdit {
    /// The section without its brackets, as it is written where it is not there yet; none for a file without sections.
    /// Blanks and the kind of quotes don't matter for finding it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The key: what stands before `=` or the first blank.
    pub key: String,
    /// The whole line; none takes the key away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Whether lines that begin with a blank belong to the key before them, as in INI files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continued: bool,
}

/// A key of a JSON object, at its top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonEdit {
    /// The key.
    pub key: String,
    /// The value, which takes the place of another one; or what a list has to have among others.
    #[serde(flatten)]
    pub value: JsonValue,
}

/// What becomes of a key's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonValue {
    /// It is this list.
    List(Vec<String>),
    /// It is a list that has this.
    Includes(String),
    /// It is an object that has, among others, this member, which is an object of texts.
    Entry {
        /// The member's name.
        name: String,
        /// What it has, and nothing else.
        value: BTreeMap<String, String>,
    },
}

/// Why a kind can't say what its clients need: something of the archive can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{what} can't be read")]
pub struct ClientError {
    /// What can't be read.
    pub what: String,
    /// Why not.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl ClientError {
    /// Something that can't be read.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: source.into() }
    }
}

/// A text that can't end the comment, the line or the heading it stands in.
pub fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A mode as people write it: `0644`.
mod octal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{mode:04o}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 8).map_err(|_| D::Error::custom(format!("'{text}' is not a mode such as 0644")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror() -> Mirror {
        let ports = BTreeMap::from([("oci".to_owned(), 5000)]);
        Mirror { host: "mirror".to_owned(), ports, tls: false, ca: None, users: false }
    }

    #[test]
    fn a_kind_is_where_it_is_served_and_nowhere_else() {
        let mirror = mirror();
        assert_eq!(mirror.address("oci").map(|address| address.base()).as_deref(), Some("http://mirror:5000"));
        assert!(mirror.address("deb").is_none());
        let secure = Mirror { tls: true, ..mirror };
        assert_eq!(secure.address("oci").map(|address| address.base()).as_deref(), Some("https://mirror:5000"));
    }

    #[test]
    fn a_client_is_the_same_after_a_journey() {
        let value = BTreeMap::from([("auth".to_owned(), placeholder::BASIC.to_owned())]);
        let files = vec![
            ClientFile::whole("/etc/a", "a\n").only_where(["/etc/x"]),
            ClientFile::new("/etc/b", Change::Block { content: "b\n".to_owned() }),
            ClientFile::new(
                "/etc/c",
                Change::Lines {
                    edits: vec![LineEdit { section: None, key: "k".into(), line: Some("k v".into()), continued: true }],
                },
            ),
            ClientFile::new(
                "/etc/d",
                Change::Json {
                    edits: vec![
                        JsonEdit { key: "l".into(), value: JsonValue::List(vec!["x".into()]) },
                        JsonEdit { key: "i".into(), value: JsonValue::Includes("y".into()) },
                        JsonEdit { key: "e".into(), value: JsonValue::Entry { name: "n".into(), value } },
                    ],
                },
            ),
        ];
        let client = Client { files, aside: vec!["/etc/*.list".into()], ..Client::named("c") };
        let json = serde_json::to_value(&client).expect("JSON");
        assert_eq!(json["files"][0]["mode"], "0644");
        assert_eq!(json["files"][3]["edits"][1], serde_json::json!({ "key": "i", "includes": "y" }));
        assert_eq!(serde_json::from_value::<Client>(json).expect("a client"), client);
    }
}
