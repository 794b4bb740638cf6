//! `airlift setup`.

use std::io::{BufRead, BufReader};
use std::process::Command;

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::{FetchError, Fetcher, Settings};
use airlift_kind::Mirror;
use airlift_kind::machine::ProgramAnswer;
use airlift_setup::list::host_and_port;
use airlift_setup::put::Outcome;
use airlift_setup::status;
use airlift_setup::{Credentials, List, Options, Root, Told, journal, put_in, revert};
use airlift_store::Store;
use serde_json::json;

use super::Context;
use crate::cli::{self, SetupCommand, SetupHost};
use crate::error::{ProgramError, Trouble};
use crate::output::{Printer, human};
use crate::{running, settings};

/// The port of the mirror that says how clients are set up.
const PORT: u16 = 8000;
/// The most bytes of what it says.
const LONGEST: u64 = 64 << 20;

pub(super) async fn run(arguments: &cli::Setup, context: &Context<'_>) -> Result<(), Trouble> {
    if let Some(SetupCommand::Status(host)) = &arguments.command {
        return show_status(host, context).await;
    }
    let host = &arguments.host;
    let (root, printer) = (Root::new(&host.root)?, context.printer);
    let options = Options {
        only: host.only.clone(),
        keep: arguments.keep.clone(),
        dry_run: arguments.dry_run,
        credentials: None,
    };
    let mut show = |told: Told| {
        printer.line(told.to_string());
        printer.object("setup", serde_json::to_value(&told).unwrap_or_default());
    };
    if arguments.revert {
        let reverted = revert(&root, &options, &mut show)?;
        return match (reverted.by_hand, reverted.changes) {
            (0, 0) => {
                printer.line("nothing has to be put back");
                Ok(())
            }
            (0, _) => Ok(()),
            (count, _) => Err(ProgramError::ByHand { count }.into()),
        };
    }
    let (list, credentials) = fetch(host, &root, context).await?;
    let options = Options { credentials, ..options };
    let outcome = put_in(&list, &root, &options, &mut show)?;
    show_rest(&list, &outcome, &options, printer);
    Ok(())
}

/// What a person has to know and to do beside it.
fn show_rest(list: &List, outcome: &Outcome, options: &Options, printer: &Printer) {
    for client in list.clients.iter().filter(|client| outcome.clients.contains(&client.name)) {
        let afterwards = client.then.iter().filter(|_| outcome.changed.contains(&client.name));
        let lines = client.relaxed.iter().map(|sentence| ("without TLS", sentence));
        let lines = lines.chain(client.notes.iter().map(|sentence| ("note", sentence)));
        for (what, sentence) in lines.chain(afterwards.map(|command| ("afterwards", command))) {
            printer.line(format!("{what}: {sentence}"));
            printer.object("advice", json!({ "client": client.name, "what": what, "sentence": sentence }));
        }
    }
    for sentence in &outcome.elsewhere {
        printer.line(sentence);
        printer.object("elsewhere", json!({ "sentence": sentence }));
    }
    for client in &outcome.absent {
        printer.line(format!("{client}: this host has none"));
    }
    let files = human::count(outcome.changes as u64, "file");
    printer.line(match (outcome.changes, options.dry_run) {
        (0, _) => format!("nothing has to be changed: this host uses {}", list.mirror),
        (_, true) => format!("{files} would be changed; nothing was"),
        (_, false) => format!("{files} changed; 'airlift setup --revert' puts everything back"),
    });
    printer.object("set_up", json!({ "mirror": list.mirror, "changes": outcome.changes, "dry_run": options.dry_run }));
}

async fn show_status(host: &SetupHost, context: &Context<'_>) -> Result<(), Trouble> {
    let (root, printer) = (Root::new(&host.root)?, context.printer);
    let (list, credentials) = fetch(host, &root, context).await?;
    let options = Options { only: host.only.clone(), credentials, ..Options::default() };
    let findings = status::status(&list, &root, &options, &|command| ask(&root, command))?;
    for finding in &findings {
        let mark = match finding.good {
            Some(true) => "good",
            Some(false) => "BAD ",
            None => "-   ",
        };
        printer.line(format!("{mark}  {}: {}", finding.client, finding.found));
        printer.object("status", serde_json::to_value(finding).unwrap_or_default());
    }
    let bad = status::bad(&findings, &list.clients);
    match bad.is_empty() {
        true => {
            printer.line(format!("everything that could be asked leads to {}", list.mirror));
            Ok(())
        }
        false => Err(ProgramError::Outside { clients: bad.join(", ") }.into()),
    }
}

/// Asks a program of the host: one of another root inside of that.
fn ask(root: &Root, command: &[String]) -> ProgramAnswer {
    let Some((program, arguments)) = command.split_first() else { return ProgramAnswer::NotThere };
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let there = |folder: &str| root.at(&format!("{folder}/{program}")).is_file();
    if !folders.iter().any(|folder| there(folder)) {
        return ProgramAnswer::NotThere;
    }
    let mut asked = match root.is_this_host() {
        true => Command::new(program),
        false => {
            let mut inside = Command::new("chroot");
            inside.arg(root.folder()).arg(program);
            inside
        }
    };
    asked.args(arguments).env("LC_ALL", "C").env("PATH", folders.join(":"));
    running::bounded(asked)
}

/// What the mirror says has to be done, and the name and the password that it was asked with.
async fn fetch(host: &SetupHost, root: &Root, context: &Context<'_>) -> Result<(List, Option<Credentials>), Trouble> {
    let last = root.read(&format!("{}/journal", journal::STATE))?.and_then(|bytes| {
        let journal: Option<journal::Journal> = String::from_utf8_lossy(&bytes).parse().ok();
        journal?.mirror().map(str::to_owned)
    });
    let mirror = host.mirror.clone().or(last).unwrap_or_else(|| "localhost".to_owned());
    let url = address(&mirror)?;
    let mut authorities = host.authorities.clone();
    // What an earlier setup made the clients trust, we trust too.
    authorities.extend(Some(root.at(Mirror::CA_FILE)).filter(|path| authorities.is_empty() && path.is_file()));
    let mut network = cli::Network::with_authorities(authorities);
    // A person waits; a mirror that is there answers at once.
    (network.attempts, network.stall) = (Some(2), Some(20));
    // Only what was given for this mirror is sent to it.
    let settings = Settings { netrc: None, docker_config: None, ..settings::network(&network)? };
    let fetcher = Fetcher::new(settings, Store::memory(), context.printer.observer(), context.cancel.clone())?;
    let parsed: UpstreamUrl =
        format!("{url}/setup.json").parse().map_err(|_| ProgramError::MirrorName { text: mirror })?;
    let credentials = credentials(host, root, &url)?;
    let with = |credentials: &Credentials| {
        Request::new(parsed.clone()).with_header("authorization", format!("Basic {}", credentials.basic()))
    };
    // In plain HTTP they are shown only to who asks for them: what speaks TLS refuses before that.
    let first = credentials.as_ref().filter(|_| url.starts_with("https://"));
    let mut answer = fetcher.listing(&first.map_or_else(|| Request::new(parsed.clone()), with), LONGEST).await;
    if let (Err(FetchError::Status { status: 401, .. }), None, Some(credentials)) = (&answer, first, &credentials) {
        answer = fetcher.listing(&with(credentials), LONGEST).await;
    }
    let answer = answer.map_err(|source| refused(&url, source, credentials.is_some()))?;
    let list = serde_json::from_slice(&answer.bytes).map_err(|source| ProgramError::MirrorList { url, source })?;
    Ok((list, credentials))
}

/// What a person is told where the mirror gives no list.
fn refused(url: &str, source: FetchError, credentials: bool) -> ProgramError {
    let url = url.to_owned();
    match &source {
        FetchError::Status { status: 401, .. } if credentials => ProgramError::MirrorPassword { url },
        FetchError::Status { status: 401, .. } => ProgramError::MirrorUsers { url },
        FetchError::Status { status: 400, said: Some(said), .. } if said.contains("speaks HTTPS") => {
            ProgramError::MirrorTls { secure: url.replacen("http://", "https://", 1) }
        }
        FetchError::Status { .. } => ProgramError::MirrorRefuses { url, source: Box::new(source) },
        _ => ProgramError::NoMirror { url, source: Box::new(source) },
    }
}

/// What was given, or what an earlier setup put in: the password of a file, which no program has among its arguments.
fn credentials(host: &SetupHost, root: &Root, url: &str) -> Result<Option<Credentials>, Trouble> {
    let (Some(user), Some(path)) = (&host.user, &host.password_file) else {
        let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
        let earlier = host_and_port(authority).and_then(|(name, _)| Credentials::of_earlier_setup(root, name));
        return Ok(earlier);
    };
    let mut line = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().read_line(&mut line).map_err(|source| ProgramError::Password { source })?;
    } else {
        let failed = |source| ProgramError::Read { path: path.clone(), source };
        let file = fs_err::File::open(path).map_err(failed)?;
        BufReader::new(file).read_line(&mut line).map_err(failed)?;
    }
    Ok(Some(Credentials::new(user, line.trim_end_matches(['\r', '\n']))?))
}

/// The address of the mirror's port 8000, from a host's name or an address.
fn address(mirror: &str) -> Result<String, ProgramError> {
    let (scheme, rest) = mirror.split_once("://").unwrap_or(("http", mirror));
    let known = host_and_port(rest.trim_end_matches('/')).filter(|_| matches!(scheme, "http" | "https"));
    let (host, port) = known.ok_or_else(|| ProgramError::MirrorName { text: mirror.to_owned() })?;
    Ok(format!("{scheme}://{host}:{}", port.unwrap_or(PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_host_or_an_address() {
        let good = [
            ("mirror", "http://mirror:8000"),
            ("mirror:9000", "http://mirror:9000"),
            ("https://mirror/", "https://mirror:8000"),
            ("[::1]", "http://[::1]:8000"),
        ];
        for (text, expected) in good {
            assert_eq!(address(text).expect("an address"), expected);
        }
        for text in ["", "ftp://mirror", "a b", "http://mirror/x"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
