//! Where the clients themselves say that they go.

use airlift_kind::client::{Ask, Client};
use airlift_kind::machine::ProgramAnswer;
use serde::Serialize;

use crate::error::SetupError;
use crate::host::Host;
use crate::list::{List, host_and_port};
use crate::put::{Options, has_one, has_something, put_in};
use crate::root::Root;
use crate::told::{Done, Told};

/// Asks a program of the host. The words are the command.
pub type AskHost<'a> = &'a dyn Fn(&[String]) -> ProgramAnswer;

/// What is known of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The client.
    pub client: String,
    /// Whether it is as it has to be; none where it could not be asked.
    pub good: Option<bool>,
    /// What was found, a sentence without the client's name.
    pub found: String,
}

/// Looks at the files of every client and asks it. Nothing is changed.
///
/// # Errors
///
/// [`SetupError`] where files can't be read.
pub fn status(list: &List, root: &Root, options: &Options, ask: AskHost<'_>) -> Result<Vec<Finding>, SetupError> {
    let mut told = Vec::new();
    let options = Options { dry_run: true, ..options.clone() };
    put_in(list, root, &options, &mut |line| told.push(line))?;
    let (host, mut findings) = (Host::of(root), Vec::new());
    for client in list.clients.iter().filter(|client| options.chooses(&client.name)) {
        let mut find = |good, found: String| findings.push(Finding { client: client.name.clone(), good, found });
        if !has_one(root, &client.only_where) {
            find(None, "this host has none".to_owned());
            continue;
        }
        if !has_something(client, &host) {
            find(None, format!("the mirror has nothing for this host, which is {host}"));
            continue;
        }
        let lines: Vec<&Told> = told.iter().filter(|line| line.client == client.name).collect();
        let bad: Vec<String> = lines.iter().filter_map(|line| complaint(line)).collect();
        match bad.is_empty() {
            true => find(Some(true), format!("{} are as they have to be", files(lines.len()))),
            false => bad.into_iter().for_each(|sentence| find(Some(false), sentence)),
        }
        for question in &client.asks {
            let (good, found) = judge(question, &list.host, ask(&question.command));
            find(good, found);
        }
    }
    Ok(findings)
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// What is wrong where a setup would change something.
fn complaint(Told { path, done, .. }: &Told) -> Option<String> {
    match done {
        Done::New => Some(format!("{path} is not there")),
        Done::Replaced | Done::Updated => Some(format!("{path} is not as it has to be")),
        Done::Aside => Some(format!("{path} names other places")),
        Done::Removed | Done::PutBack => Some(format!("{path} is of an earlier setup")),
        Done::ByHand { .. } | Done::Stays => Some(format!("{path} was changed by hand")),
        Done::Skipped { reason } => Some(format!("{path} is left as it is: {reason}")),
        Done::Unchanged => None,
    }
}

fn judge(question: &Ask, host: &str, answer: ProgramAnswer) -> (Option<bool>, String) {
    let command = question.command.join(" ");
    let said = match answer {
        ProgramAnswer::Said(said) => said,
        // Why may have a password in it.
        ProgramAnswer::Failed(_) => return (None, format!("could not be asked: '{command}' fails")),
        ProgramAnswer::NotThere => return (None, format!("could not be asked: there is no {}", question.command[0])),
    };
    let places = places(&said);
    let others = places.iter().filter(|place| !leads_to(place, host));
    let mut others: Vec<String> = others.map(|place| redacted(place)).collect();
    others.sort_unstable();
    others.dedup();
    match (others.is_empty(), places.is_empty() && question.must_answer) {
        (false, _) => (Some(false), format!("also asks {} ({command})", others.join(", "))),
        (true, true) => (Some(false), format!("does not know the mirror ({command})")),
        (true, false) => (Some(true), format!("asks the mirror alone ({command})")),
    }
}

/// Scheme, host and port of everything in a text that is fetched over the network.
fn places(text: &str) -> Vec<&str> {
    let mut places = Vec::new();
    for (at, _) in text.match_indices("://") {
        let before = &text[..at];
        let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+').map_or(0, |place| place + 1);
        let remote = ["http", "https", "ftp", "git", "ssh"];
        if !remote.iter().any(|scheme| before[start..].ends_with(scheme)) {
            continue;
        }
        let rest = &text[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || "/'\"<>,;()`|\\".contains(c)).unwrap_or(rest.len());
        places.push(&text[start..at + 3 + end]);
    }
    places
}

/// A place without the name and the password that may be in it.
fn redacted(place: &str) -> String {
    match (place.split_once("://"), place.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => place.to_owned(),
    }
}

fn leads_to(place: &str, host: &str) -> bool {
    let authority = place.split_once("://").map_or(place, |(_, authority)| authority);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    host_and_port(authority).is_some_and(|(name, _)| name.eq_ignore_ascii_case(host))
}

/// The names of the clients that are not as they have to be.
pub fn bad<'a>(findings: &'a [Finding], clients: &'a [Client]) -> Vec<&'a str> {
    let is_bad = |name: &str| findings.iter().any(|finding| finding.client == name && finding.good == Some(false));
    clients.iter().map(|client| client.name.as_str()).filter(|name| is_bad(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(said: &str) -> (Option<bool>, String) {
        let question = Ask::that_names_the_mirror(["ask", "it"]);
        judge(&question, "mirror", ProgramAnswer::Said(said.to_owned()))
    }

    #[test]
    fn a_client_is_judged_by_what_it_says() {
        let apt = "'http://mirror:8001/x/dists/a/InRelease' mirror:8001_x 0\n";
        assert_eq!(judged(apt), (Some(true), "asks the mirror alone (ask it)".to_owned()));
        let also =
            format!("{apt}'https://deb.example.org/a' x 0 \nRepo-baseurl : https://u:p@b.example.org:8/x, file:///x");
        let found = "also asks https://b.example.org:8, https://deb.example.org (ask it)";
        assert_eq!(judged(&also), (Some(false), found.to_owned()));
        assert_eq!(judged("file:///media"), (Some(false), "does not know the mirror (ask it)".to_owned()));
        assert_eq!(judged("global.index-url='http://MIRROR/simple'").0, Some(true));
        assert_eq!(judged("http://mirror.example.org/").0, Some(false));
    }
}
