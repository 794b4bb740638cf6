//! The files that point apt here: deb822 (`*.sources`) and the one-line style (`*.list`), as sources.list(5) has them.
//!
//! None of them ever says `trusted=yes`: what is not signed stays refused until whoever runs the client decides.

use std::fmt::Write;

use airlift_kind::client::{Ask, one_line, placeholder};
use airlift_kind::{Address, Client, ClientError, ClientFile, View};

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
}

/// What the clients of this kind need.
pub(crate) async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
    let mut client = Client::named("apt");
    let (base, mut texts) = (address.base(), Vec::new());
    for id in stored::ids(view) {
        let read = stored::read(view, &id).await;
        let (stored, key) = read.map_err(|error| ClientError::new(format!("the repository {id}"), error))?;
        let key_path = format!("/etc/apt/keyrings/airlift-{id}.asc");
        let site = Site { base: &base, archive: view.describe(), key_path: Some(&key_path) };
        texts.push(sources(&stored, key.as_deref(), site));
        match key {
            Some(key) => client.files.push(ClientFile::whole(key_path, key)),
            None => client.notes.push(format!("{id} is not signed by upstream: it is switched off in the sources")),
        }
    }
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    client.only_where = vec!["/etc/apt".into()];
    client.files.push(ClientFile::whole("/etc/apt/sources.list.d/airlift.sources", texts.join("\n")));
    if address.mirror.users {
        client.files.push(auth(address));
    }
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

/// The deb822 form of a repository. `key` is its armored key, where it has one.
pub(crate) fn sources(stored: &Stored, key: Option<&str>, site: Site<'_>) -> String {
    let mut text = head(stored, site);
    if !stored.signed {
        text.push_str(UNSIGNED);
    }
    for (number, part) in stored.parts.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        stanza(&mut text, stored, part, (key, site));
    }
    text
}

const UNSIGNED: &str = "# Upstream does not sign it, so apt refuses it. It is off until somebody decides otherwise.\n";

fn head(stored: &Stored, site: Site<'_>) -> String {
    format!("# {} of {}, from Airlift's {}\n", stored.id, one_line(&stored.origin), one_line(site.archive))
}

fn stanza(text: &mut String, stored: &Stored, part: &StoredPart, of: (Option<&str>, Site<'_>)) {
    let (key, site) = of;
    if !stored.signed {
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
    match stored.signed {
        true => {
            let _ = writeln!(text, "# curl -fsS --create-dirs -o {key} {}/gpgkeys/{}.asc", site.base, stored.id);
        }
        false => text.push_str(UNSIGNED),
    }
    for part in &stored.parts {
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
                let off = if stored.signed { "" } else { "# " };
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

    const SITE: Site<'_> = Site { base: "http://mirror:8001", archive: "site of 2026", key_path: None };

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
}
