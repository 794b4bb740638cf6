//! The files that point apt here: deb822 (`*.sources`) and the one-line style (`*.list`), as sources.list(5) has them.
//!
//! None of them ever says `trusted=yes`: what is not signed stays refused until whoever runs the client decides.

use std::fmt::Write;

use airlift_kind::client::{Ask, one_line, placeholder};
use airlift_kind::hosts::AskedFor;
use airlift_kind::{Address, Client, ClientError, ClientFile, Hosts, View};

use crate::stored::{self, Stored, StoredPart};

/// Where the client is, and what it can read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    /// The address that the client came by, without a slash at its end: `http://mirror:8001`.
    pub(crate) base: &'a str,
    /// The archive's name and date.
    pub(crate) archive: &'a str,
    /// Where the client keeps the key, where it shall not be in the file itself.
    pub(crate) key_path: Option<&'a str>,
    /// The host that is pointed here.
    pub(crate) asker: Asker<'a>,
}

/// What the clients of this kind need.
pub(crate) async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
    let mut client = Client::named("apt");
    let (base, mut all, mut everyone) = (address.base(), Vec::new(), Vec::new());
    for id in stored::ids(view) {
        let read = stored::read(view, &id).await;
        let (stored, key) = read.map_err(|error| ClientError::new(format!("the repository {id}"), error))?;
        let key_path = format!("/etc/apt/keyrings/airlift-{id}.asc");
        let site = Site { base: &base, archive: view.describe(), key_path: Some(&key_path), asker: Asker::Fits };
        let audiences = audiences(&stored);
        for hosts in &audiences {
            let part = of_audience(&stored, hosts);
            let text = sources(&part, key.as_deref(), site);
            if hosts.is_all() {
                all.push(text);
                continue;
            }
            let what = name_of(&id, hosts, audiences.len());
            let path = format!("/etc/apt/sources.list.d/airlift-{}.sources", file_name(&what));
            client.files.push(ClientFile::whole(path, text).only_for(&what, hosts));
        }
        match key {
            Some(key) => client.files.push(ClientFile::whole(key_path, key).only_for(&id, &together(&audiences))),
            None => client.notes.push(format!("{id} is not signed by upstream: it is switched off in the sources")),
        }
        everyone.extend(audiences);
    }
    if !all.is_empty() {
        client.files.push(ClientFile::whole("/etc/apt/sources.list.d/airlift.sources", all.join("\n")));
    }
    if client.files.is_empty() {
        return Ok(Vec::new());
    }
    if address.mirror.users {
        client.files.push(auth(address).only_for("the password", &together(&everyone)));
    }
    // The keys come first: apt may run at any time.
    client.files.sort_by_key(|file| !file.path.ends_with(".asc"));
    client.only_where = vec!["/etc/apt".into()];
    let others = ["sources.list", "sources.list.d/*.list", "sources.list.d/*.sources"];
    client.aside = others.map(|name| format!("/etc/apt/{name}")).to_vec();
    client.then.push("apt-get update".into());
    if !address.mirror.tls {
        client
            .relaxed
            .push(format!("apt speaks plain HTTP to {}; signatures are checked as before", address.authority()));
    }
    client.asks.push(Ask::that_names_the_mirror(["apt-get", "--print-uris", "update"]));
    Ok(vec![client])
}

/// apt_auth.conf(5): without its scheme it would hold for TLS alone.
fn auth(address: Address<'_>) -> ClientFile {
    let machine = address.base();
    let content = format!("machine {machine} login {} password {}\n", placeholder::USER, placeholder::PASSWORD);
    ClientFile::whole("/etc/apt/auth.conf.d/airlift.conf", content).secret()
}

/// The hosts that parts of a repository are for, each once.
fn audiences(stored: &Stored) -> Vec<Hosts> {
    let mut all: Vec<Hosts> = Vec::new();
    for part in &stored.parts {
        if !all.contains(&part.hosts) {
            all.push(part.hosts.clone());
        }
    }
    all
}

/// All of several hosts together.
fn together(audiences: &[Hosts]) -> Hosts {
    let all = |list: fn(&Hosts) -> &Vec<String>| match audiences.iter().any(|hosts| list(hosts).is_empty()) {
        true => Vec::new(),
        false => audiences.iter().flat_map(list).cloned().collect(),
    };
    Hosts { os: all(|hosts| &hosts.os), arch: all(|hosts| &hosts.arch) }
}

/// What of a repository is for some hosts.
fn of_audience(stored: &Stored, hosts: &Hosts) -> Stored {
    let parts = stored.parts.iter().filter(|part| part.hosts == *hosts).cloned().collect();
    Stored { parts, ..stored.clone() }
}

/// What a part is called where a repository has several for different hosts.
fn name_of(id: &str, hosts: &Hosts, count: usize) -> String {
    let own = hosts.os.iter().chain(&hosts.arch);
    match count {
        1 => id.to_owned(),
        _ => own.fold(id.to_owned(), |name, own| format!("{name}-{own}")),
    }
}

/// apt passes over files whose names have other characters (sources.list(5)).
fn file_name(id: &str) -> String {
    id.replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "_")
}

/// The deb822 form of a repository. `key` is its armored key, where it has one.
pub(crate) fn sources(stored: &Stored, key: Option<&str>, site: Site<'_>) -> String {
    let mut text = head(stored, site);
    for (number, part) in stored.parts.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&site.asker.remark(part));
        stanza(&mut text, stored, part, (key, site));
    }
    text
}

/// What is known of the host that a file is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker<'a> {
    /// It is one of those that the file is for.
    Fits,
    /// What the URL says of it.
    Said(&'a AskedFor),
    /// Nothing, and there are parts for different hosts.
    Unknown,
}

impl Asker<'_> {
    fn gets(self, part: &StoredPart) -> bool {
        match self {
            Asker::Fits => true,
            Asker::Said(host) => host.fits(&part.hosts),
            Asker::Unknown => part.hosts.is_all(),
        }
    }

    /// Why a part is off for the host, and what switches it on.
    fn remark(self, part: &StoredPart) -> String {
        if self.gets(part) {
            return String::new();
        }
        let whom = part.hosts.describe();
        match self {
            Asker::Unknown => format!(
                "# Off: it is for {whom}. Let 'airlift setup' or /setup.sh choose, fetch this file with ?os=noble&arch=amd64\n\
                 # and the names of your system, or switch it on here.\n"
            ),
            _ => format!("# Off: it is for {whom}.\n"),
        }
    }
}

const UNSIGNED: &str = "# Upstream does not sign it, so apt refuses it. It is off until somebody decides otherwise.\n";

fn head(stored: &Stored, site: Site<'_>) -> String {
    let unsigned = if stored.signed { "" } else { UNSIGNED };
    format!("# {} of {}, from Airlift's {}\n{unsigned}", stored.id, one_line(&stored.origin), one_line(site.archive))
}

fn stanza(text: &mut String, stored: &Stored, part: &StoredPart, of: (Option<&str>, Site<'_>)) {
    let (key, site) = of;
    if !stored.signed || !site.asker.gets(part) {
        text.push_str("Enabled: no\n");
    }
    let types = if part.sources { "deb deb-src" } else { "deb" };
    let mut field = |name: &str, value: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    field("Types", types);
    field("URIs", &format!("{}/{}", site.base, stored.id));
    field("Suites", &part.suites.join(" "));
    if !part.components.is_empty() {
        field("Components", &part.components.join(" "));
    }
    if !part.architectures.is_empty() {
        field("Architectures", &part.architectures.join(" "));
    }
    if stored.expires {
        field("Check-Valid-Until", "no");
    }
    match (site.key_path, key) {
        (Some(path), Some(_)) => field("Signed-By", path),
        (None, Some(key)) => {
            text.push_str("Signed-By:\n");
            for line in key.trim_end().lines() {
                text.push_str(if line.is_empty() { " ." } else { " " });
                text.push_str(line);
                text.push('\n');
            }
        }
        (_, None) => {}
    }
}

/// The one-line form of a repository.
pub(crate) fn list(stored: &Stored, site: Site<'_>) -> String {
    let mut text = head(stored, site);
    let default = format!("/etc/apt/keyrings/{}.asc", stored.id);
    let key = site.key_path.unwrap_or(&default);
    if stored.signed {
        let _ = writeln!(text, "# curl -fsS --create-dirs -o {key} {}/gpgkeys/{}.asc", site.base, stored.id);
    }
    for part in &stored.parts {
        text.push_str(&site.asker.remark(part));
        let mut options = Vec::new();
        if !part.architectures.is_empty() {
            options.push(format!("arch={}", part.architectures.join(",")));
        }
        if stored.signed {
            options.push(format!("signed-by={key}"));
        }
        if stored.expires {
            options.push("check-valid-until=no".to_owned());
        }
        let options = if options.is_empty() { String::new() } else { format!("[{}] ", options.join(" ")) };
        for suite in &part.suites {
            for kind in if part.sources { &["deb", "deb-src"][..] } else { &["deb"] } {
                let off = if stored.signed && site.asker.gets(part) { "" } else { "# " };
                let words = [&[suite.clone()][..], &part.components].concat().join(" ");
                let _ = writeln!(text, "{off}{kind} {options}{}/{} {words}", site.base, stored.id);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(signed: bool) -> Stored {
        let part = |suite: &str, components: &[&str], architectures: &[&str]| StoredPart {
            suites: vec![suite.to_owned()],
            components: components.iter().map(|&name| name.to_owned()).collect(),
            architectures: architectures.iter().map(|&name| name.to_owned()).collect(),
            sources: !components.is_empty(),
            hosts: Hosts::default(),
        };
        Stored {
            format: 1,
            id: "docker".to_owned(),
            origin: "https://e.org/linux\nDeb: x".to_owned(),
            signed,
            expires: signed,
            fingerprints: Vec::new(),
            parts: vec![part("noble", &["stable", "edge"], &["amd64", "arm64"]), part("./", &[], &[])],
        }
    }

    const SITE: Site<'_> =
        Site { base: "http://mirror:8001", archive: "site of 2026", key_path: None, asker: Asker::Fits };

    #[test]
    fn a_signed_repository_has_its_key_with_it() {
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n";
        assert_eq!(
            sources(&stored(true), Some(key), SITE),
            "# docker of https://e.org/linuxDeb: x, from Airlift's site of 2026\nTypes: deb deb-src\n\
             URIs: http://mirror:8001/docker\nSuites: noble\nComponents: stable edge\nArchitectures: amd64 arm64\n\
             Check-Valid-Until: no\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n \
             -----END PGP PUBLIC KEY BLOCK-----\n\nTypes: deb\nURIs: http://mirror:8001/docker\nSuites: ./\n\
             Check-Valid-Until: no\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n \
             -----END PGP PUBLIC KEY BLOCK-----\n"
        );
        let list = list(&stored(true), SITE);
        let expected = "deb [arch=amd64,arm64 signed-by=/etc/apt/keyrings/docker.asc check-valid-until=no] \
                        http://mirror:8001/docker noble stable edge\n";
        assert!(list.contains(expected), "{list}");
        assert!(list.contains("http://mirror:8001/docker ./\n"), "{list}");
    }

    #[test]
    fn an_unsigned_repository_is_off_and_never_trusted() {
        for text in [sources(&stored(false), None, SITE), list(&stored(false), SITE)] {
            assert!(!text.contains("trusted") && !text.contains("Signed-By"), "{text}");
            let off = |line: &str| line.starts_with('#') || !line.starts_with("deb");
            assert!(text.lines().all(off), "{text}");
            assert!(text.contains("apt refuses it"), "{text}");
        }
    }

    #[test]
    fn what_is_for_others_is_off_and_says_for_whom() {
        let mut stored = stored(true);
        stored.parts[0].hosts = Hosts { os: vec!["noble".to_owned()], arch: Vec::new() };
        let site = Site { asker: Asker::Unknown, ..SITE };
        let text = sources(&stored, None, site);
        let (first, second) = text.split_once("\n\n").expect("two stanzas");
        assert!(first.contains("# Off: it is for noble.") && first.contains("\nEnabled: no\n"), "{text}");
        assert!(!second.contains("Enabled") && !sources(&stored, None, SITE).contains("Enabled"), "{text}");
        let list = list(&stored, site);
        assert!(list.contains("\n# deb [") && list.contains("\ndeb [") && list.contains("is for noble"), "{list}");
    }

    #[test]
    fn parts_for_other_hosts_are_files_of_their_own() {
        let mut stored = stored(true);
        stored.parts[0].hosts = Hosts { os: vec!["noble".to_owned()], arch: Vec::new() };
        stored.parts[1].hosts = Hosts { os: vec!["jammy".to_owned()], arch: Vec::new() };
        let all = audiences(&stored);
        assert_eq!(all.iter().map(|hosts| name_of("a+b", hosts, 2)).collect::<Vec<_>>(), ["a+b-noble", "a+b-jammy"]);
        assert_eq!(of_audience(&stored, &all[1]).parts, stored.parts[1..]);
        assert_eq!(together(&all).os, ["noble", "jammy"]);
        stored.parts[1].hosts = Hosts::default();
        assert!(together(&audiences(&stored)).is_all());
        assert_eq!((file_name("a+b~1"), name_of("a", &all[0], 1)), ("a_b_1".to_owned(), "a".to_owned()));
    }
}
