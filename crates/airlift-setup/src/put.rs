//! Pointing a host at a mirror.

use std::collections::BTreeSet;

use airlift_kind::client::Client;

use crate::credentials::Credentials;
use crate::edit;
use crate::error::SetupError;
use crate::host::Host;
use crate::journal::{Deed, Entry};
use crate::list::{FORMAT, List};
use crate::root::Root;
use crate::session::Session;
use crate::told::{Done, Told};

/// What is done, and to what.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only these clients; all of them where none is named.
    pub only: Vec<String>,
    /// Files that are not set aside, by their last name.
    pub keep: Vec<String>,
    /// What the mirror asks for.
    pub credentials: Option<Credentials>,
    /// Whether it is only said what would be done.
    pub dry_run: bool,
}

impl Options {
    pub(crate) fn chooses(&self, client: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == client)
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many files were changed, set aside or put back.
    pub changes: usize,
    /// The clients that something was changed for.
    pub changed: Vec<String>,
    /// The clients that are set up now.
    pub clients: Vec<String>,
    /// The clients that this host does not have.
    pub absent: Vec<String>,
    /// What this host does without since it is for others, a sentence for each client.
    pub elsewhere: Vec<String>,
}

/// Points a host at a mirror. A second time it changes nothing.
///
/// # Errors
///
/// [`SetupError`]. What was done until then can be taken back.
pub fn put_in(list: &List, root: &Root, options: &Options, tell: &mut dyn FnMut(Told)) -> Result<Outcome, SetupError> {
    check(list, options)?;
    let mut session = Session::open(root, options.dry_run, tell)?;
    let mut outcome = Outcome::default();
    let mut wanted = BTreeSet::new();
    let host = Host::of(root);
    for client in list.clients.iter().filter(|client| options.chooses(&client.name)) {
        if !has_one(root, &client.only_where) {
            outcome.absent.push(client.name.clone());
            continue;
        }
        let before = session.changes;
        outcome.elsewhere.extend(elsewhere(client, &host));
        put_client(&mut session, client, (&host, options, &mut wanted))?;
        if has_something(client, &host) {
            set_aside(&mut session, client, &(&wanted, options))?;
        }
        if session.changes > before {
            outcome.changed.push(client.name.clone());
        }
        outcome.clients.push(client.name.clone());
    }
    let stale = |entry: &Entry| is_stale(entry, list, &(&wanted, options));
    if session.journal.entries.iter().any(stale) {
        session.take_back(&stale)?;
    }
    if session.changes > 0 && session.journal.entries.iter().any(|entry| entry.deed != Deed::Mirror) {
        session.name_mirror(&list.mirror)?;
    }
    outcome.changes = session.changes;
    Ok(outcome)
}

fn put_client(
    session: &mut Session<'_>,
    client: &Client,
    (host, options, wanted): (&Host, &Options, &mut BTreeSet<String>),
) -> Result<(), SetupError> {
    for file in client.files.iter().filter(|file| host.gets(file)) {
        let filled = options.credentials.as_ref().map(|credentials| credentials.fill(file));
        if has_one(session.root, &file.only_where) && session.put(&client.name, filled.as_ref().unwrap_or(file))? {
            wanted.insert(file.path.clone());
        }
    }
    Ok(())
}

/// What a client of this host does without, since it is for others.
fn elsewhere(client: &Client, host: &Host) -> Option<String> {
    let others = client.files.iter().filter(|file| !host.gets(file)).filter_map(|file| file.only_for.as_ref());
    let mut names: Vec<&str> = Vec::new();
    for only in others {
        if !names.contains(&only.what.as_str()) {
            names.push(&only.what);
        }
    }
    let sentence = || format!("{}: not for this host, which is {host}: {}", client.name, names.join(", "));
    (!names.is_empty()).then(sentence)
}

/// Whether the mirror has anything of a client for this host. Where it has not, what is there stays.
pub(crate) fn has_something(client: &Client, host: &Host) -> bool {
    client.files.is_empty() || client.files.iter().any(|file| host.gets(file))
}

fn set_aside(
    session: &mut Session<'_>,
    client: &Client,
    (wanted, options): &(&BTreeSet<String>, &Options),
) -> Result<(), SetupError> {
    let root = session.root;
    for path in client.aside.iter().flat_map(|pattern| root.matching(pattern)) {
        let Some(bytes) = root.read(&path)?.filter(|bytes| edit::leads_outside(bytes)) else { continue };
        // One that an earlier setup put there is taken back by and by.
        if wanted.contains(&path) || session.journal.is_ours(&path, &bytes) {
            continue;
        }
        if is_kept(&path, options) {
            session.tell(&client.name, &path, Done::Skipped { reason: "as --keep says".to_owned() });
            continue;
        }
        session.set_aside(&client.name, &path)?;
    }
    Ok(())
}

fn is_kept(path: &str, options: &Options) -> bool {
    options.keep.iter().any(|name| path.rsplit('/').next() == Some(name))
}

/// Whether a line of the journal is of an earlier setup that wanted more.
fn is_stale(entry: &Entry, list: &List, (wanted, options): &(&BTreeSet<String>, &Options)) -> bool {
    let chosen = options.chooses(&entry.client);
    let listed = list.clients.iter().any(|client| client.name == entry.client);
    match entry.deed {
        Deed::New | Deed::Replaced | Deed::Ours => chosen && !wanted.contains(&entry.path),
        Deed::Aside => chosen && (!listed || is_kept(&entry.path, options)),
        Deed::Folder => {
            let in_use = |path: &&String| path.starts_with(&format!("{}/", entry.path));
            entry.client != "-" && chosen && !wanted.iter().any(|path| in_use(&path))
        }
        Deed::Mirror => false,
    }
}

/// Whether the host has one of these; whether the list is empty.
pub(crate) fn has_one(root: &Root, paths: &[String]) -> bool {
    paths.is_empty() || paths.iter().any(|path| root.has(path))
}

/// Refuses what no mirror of ours says.
fn check(list: &List, options: &Options) -> Result<(), SetupError> {
    let broken = |what: String| SetupError::List { what };
    if list.format != FORMAT {
        return Err(broken(format!("it has format {}, and this version of Airlift knows {FORMAT}", list.format)));
    }
    if let Some(name) = options.only.iter().find(|name| !list.names().contains(&name.as_str())) {
        return Err(SetupError::UnknownClient { name: name.clone(), known: list.names().join(", ") });
    }
    if list.users && options.credentials.is_none() {
        return Err(SetupError::NoCredentials);
    }
    for client in &list.clients {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if client.name.is_empty() || !client.name.chars().all(plain) {
            return Err(broken(format!("a client is called '{}'", client.name.escape_default())));
        }
        let paths = client.files.iter().map(|file| &file.path).chain(&client.aside).chain(&client.only_where);
        if let Some(path) = paths.into_iter().find(|path| !is_path(path)) {
            return Err(broken(format!("it names the path '{}'", path.escape_default())));
        }
    }
    Ok(())
}

/// Whether this is an absolute path that stays below its root, and can stand in a journal.
fn is_path(path: &str) -> bool {
    let parts = || path.split('/').skip(1);
    path.starts_with('/')
        && !path.chars().any(char::is_control)
        && parts().all(|part| !part.is_empty() && part != "." && part != "..")
}
