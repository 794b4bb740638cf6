//! `airlift tls`.

use std::time::SystemTime;

use airlift_kind::Machine;
use airlift_tls::{Certificate, Folder, Issued, Name, Wanted, name};
use serde_json::{Value, json};

use super::Context;
use crate::cli::tls as cli;
use crate::error::Trouble;
use crate::settings::ThisMachine;

pub(super) fn run(command: &cli::Tls, context: &Context<'_>) -> Result<(), Trouble> {
    match command {
        cli::Tls::Init(arguments) => init(arguments, context),
        cli::Tls::Show(arguments) => show(arguments, context),
    }
}

fn init(arguments: &cli::TlsInit, context: &Context<'_>) -> Result<(), Trouble> {
    let folder = Folder::new(&arguments.folder);
    let names = match arguments.names.is_empty() {
        false => with_loopback(arguments.names.clone()),
        true => match folder.certificate()? {
            Some(certificate) => certificate.names,
            None => with_loopback(this_host()),
        },
    };
    let wanted = Wanted { names, days: arguments.days, host: host() };
    let Issued { authority, made, certificate } = folder.issue(&wanted, SystemTime::now())?;
    let printer = context.printer;
    let path = folder.authority();
    if made {
        printer.line(format!("made the authority {} ({})", authority.subject, path.display()));
        printer.line(format!("  valid until {}, SHA-256 {}", authority.until, authority.fingerprint));
    }
    printer.line(format!("issued a certificate for {}", name::list(&certificate.names)));
    printer.line(format!("  valid until {}, SHA-256 {}", certificate.until, certificate.fingerprint));
    printer.line(format!("Serve with it: {}. A server that runs notices by itself.", serve_line(arguments)));
    printer.line(format!(
        "Clients have to trust {}, which the mirror offers as /ca.crt on its admin port: compare the fingerprint.",
        path.display()
    ));
    if made {
        printer.line(format!(
            "{} signs certificates that your clients believe, and serving does not need it: keep it safe, or elsewhere.",
            folder.authority_key().display()
        ));
    }
    let fields =
        json!({ "made_authority": made, "authority": fields(&authority), "certificate": fields(&certificate) });
    printer.object("tls", fields);
    Ok(())
}

fn show(arguments: &cli::TlsShow, context: &Context<'_>) -> Result<(), Trouble> {
    let folder = Folder::new(&arguments.folder);
    let authority = Certificate::read(&folder.authority())?;
    let certificate = folder.certificate()?;
    let printer = context.printer;
    for (what, shown) in [("authority", Some(&authority)), ("certificate", certificate.as_ref())] {
        let Some(shown) = shown else { continue };
        printer.line(format!("{what}  {}", shown.subject));
        if !shown.names.is_empty() {
            printer.line(format!("  names    {}", name::list(&shown.names)));
        }
        printer.line(format!("  issuer   {}", shown.issuer));
        printer.line(format!("  valid    {} to {}", shown.since, shown.until));
        printer.line(format!("  SHA-256  {}", shown.fingerprint));
    }
    printer.object("tls", json!({ "authority": fields(&authority), "certificate": certificate.as_ref().map(fields) }));
    Ok(())
}

fn serve_line(arguments: &cli::TlsInit) -> String {
    match arguments.folder.to_str() == Some(crate::settings::TLS_FOLDER) {
        true => "airlift serve --tls".to_owned(),
        false => format!("airlift serve --tls={}", arguments.folder.display()),
    }
}

fn fields(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": certificate.names.iter().map(Name::to_string).collect::<Vec<_>>(),
        "since": certificate.since,
        "until": certificate.until,
        "sha256": certificate.fingerprint,
    })
}

/// What this host is called, in one word.
fn host() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    host.split('.').next().filter(|host| !host.is_empty()).unwrap_or("mirror").to_owned()
}

/// The names and addresses of this host: its short name, its full one, and every address that others can reach.
fn this_host() -> Vec<Name> {
    let full = ThisMachine.ask("hostname", &["--fqdn"]).unwrap_or_default();
    let nodename = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let named = [host().as_str(), &nodename, full.trim()].map(|name| name.parse::<Name>().ok());
    let addresses = if_addrs::get_if_addrs().unwrap_or_default();
    let reachable = addresses.into_iter().filter(|interface| !interface.is_loopback() && !interface.is_link_local());
    let addresses = reachable.map(|interface| Name::Address(interface.ip()));
    unique(named.into_iter().flatten().chain(addresses))
}

/// The names, and those by which the host reaches itself.
fn with_loopback(names: Vec<Name>) -> Vec<Name> {
    let loopback = ["localhost", "127.0.0.1", "::1"].into_iter().filter_map(|name| name.parse().ok());
    unique(names.into_iter().chain(loopback))
}

fn unique(names: impl Iterator<Item = Name>) -> Vec<Name> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_name() {
        let names = with_loopback(this_host());
        let host: Name = host().parse().expect("a name");
        assert!(names.contains(&host) && names.contains(&Name::Dns("localhost".to_owned())), "{}", name::list(&names));
        let mut once = names.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), names.len(), "{}", name::list(&names));
    }
}
