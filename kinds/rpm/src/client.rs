//! The `.repo` files that a mirror generates for its clients (dnf.conf(5), zypper(8)).

use std::collections::BTreeSet;
use std::fmt::Write;

use airlift_kind::client::{Ask, one_line, placeholder};
use airlift_kind::{Address, Client, ClientError, ClientFile, View};

use crate::format::link::KEYS;

/// A repository as its clients have to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Its id.
    pub(crate) id: String,
    /// Whether a key of it travels.
    pub(crate) keyed: bool,
    /// Whether its metadata has a signature.
    pub(crate) signed: bool,
}

/// Every repository of a snapshot.
pub(crate) fn served(view: &View) -> Vec<Served> {
    let ids = view.below("").iter().filter_map(|node| view.path_of(node).split_once('/').map(|(id, _)| id));
    let ids: BTreeSet<&str> = ids.filter(|id| *id != KEYS).collect();
    let served = ids.into_iter().map(|id| Served {
        id: id.to_owned(),
        keyed: view.get(&format!("{KEYS}/{id}.pub")).is_some(),
        signed: view.get(&format!("{id}/repodata/repomd.xml.asc")).is_some(),
    });
    served.collect()
}

/// The most bytes of a key.
const LARGEST_KEY: u64 = 16 << 20;

/// What the clients of this kind need. Keys are files of the client: what vouches for packages is fetched once, when it is
/// set up, and not whenever dnf asks for it.
pub(crate) async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
    let repositories = served(view);
    if repositories.is_empty() {
        return Ok(Vec::new());
    }
    let mut client = Client::named("dnf");
    client.only_where = ["/etc/dnf", "/etc/yum.conf", "/etc/yum.repos.d"].map(str::to_owned).to_vec();
    for Served { id, .. } in repositories.iter().filter(|repository| repository.keyed) {
        let Some(node) = view.get(&format!("{KEYS}/{id}.pub")) else { continue };
        let what = || format!("the key of the repository {id}");
        let key = view.read(node, LARGEST_KEY).await.map_err(|error| ClientError::new(what(), error))?;
        client.files.push(ClientFile::whole(key_file(id), String::from_utf8_lossy(&key)));
    }
    let all: Vec<&Served> = repositories.iter().collect();
    let base = address.base();
    let key = |id: &str| format!("file://{}", key_file(id));
    let mut text = repo_file(&all, (&base, &key), view.describe());
    if address.mirror.users {
        let login = format!("\nusername={}\npassword={}\nbaseurl=", placeholder::USER, placeholder::PASSWORD);
        text = text.replace("\nbaseurl=", &login);
    }
    let file = ClientFile::whole("/etc/yum.repos.d/airlift.repo", text);
    client.files.push(if address.mirror.users { file.secret() } else { file });
    client.aside.push("/etc/yum.repos.d/*.repo".into());
    client.then.push("dnf clean metadata".into());
    if !address.mirror.tls {
        client
            .relaxed
            .push(format!("dnf and yum speak plain HTTP to {}; signatures are checked as before", address.authority()));
    }
    client.asks.push(Ask::that_names_the_mirror(["dnf", "repolist", "-v"]));
    Ok(vec![client])
}

/// Where a client keeps the key of a repository.
fn key_file(id: &str) -> String {
    format!("/etc/pki/rpm-gpg/airlift-{id}.pub")
}

/// The file for some repositories: where they are, scheme and authority, and where the key of each is.
///
/// It is never weaker than upstream: packages are always checked, and metadata wherever it is signed.
pub(crate) fn repo_file(
    repositories: &[&Served],
    (base, key): (&str, &dyn Fn(&str) -> String),
    archive: &str,
) -> String {
    let mut text = format!("# Made by Airlift of the archive {}\n", one_line(archive));
    for Served { id, keyed, signed } in repositories.iter().copied() {
        let metadata = u8::from(*keyed && *signed);
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "\n[{id}]\nname={id} (Airlift)\nbaseurl={base}/{id}/\nenabled=1\ngpgcheck=1\nrepo_gpgcheck={metadata}\n"
        );
        if metadata == 0 {
            // Without it zypper would take good metadata for a check of the packages.
            text.push_str("pkg_gpgcheck=1\n");
        }
        if *keyed {
            let _ = writeln!(text, "gpgkey={}", key(id));
        } else {
            text.push_str(
                "# No key of it travels: packages are installed only where the host has their key already.\n",
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(id: &str, keyed: bool, signed: bool) -> Served {
        Served { id: id.to_owned(), keyed, signed }
    }

    #[test]
    fn packages_are_always_checked_and_metadata_where_it_is_signed() {
        let all = [served("a", true, true), served("b", true, false), served("c", false, true)];
        let text = repo_file(
            &all.iter().collect::<Vec<_>>(),
            ("http://m:8001", &|id| format!("http://m:8001/gpgkeys/{id}.pub")),
            "x of y",
        );
        let part = |id: &str| {
            let start = text.find(&format!("[{id}]")).expect("the section");
            text[start..].split("\n\n").next().expect("a part").to_owned()
        };
        assert_eq!(text.matches("\ngpgcheck=1\n").count(), 3);
        assert!(part("a").contains("repo_gpgcheck=1\ngpgkey=http://m:8001/gpgkeys/a.pub"), "{text}");
        assert!(part("b").contains("repo_gpgcheck=0\npkg_gpgcheck=1\ngpgkey=http://m:8001/gpgkeys/b.pub"), "{text}");
        assert!(part("c").contains("repo_gpgcheck=0") && !part("c").contains("gpgkey="), "{text}");
        assert!(part("a").contains("baseurl=http://m:8001/a/\n"), "{text}");
    }
}
