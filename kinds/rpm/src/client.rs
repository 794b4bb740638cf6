//! The `.repo` files that a mirror generates for its clients (dnf.conf(5), zypper(8)).

use std::fmt::Write;

use airlift_kind::client::{Ask, one_line, placeholder};
use airlift_kind::{Address, Client, ClientError, ClientFile, View};

use crate::format::link::KEYS;
use crate::stored::{Served, ids, read};

/// The most bytes of a key.
const LARGEST_KEY: u64 = 16 << 20;

/// What the clients of this kind need. Keys are files of the client: what vouches for packages is fetched once, when it is
/// set up, and not whenever dnf asks for it.
pub(crate) async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
    let repositories = read(view, ids(view)).await;
    let repositories = repositories.map_err(|error| ClientError::new("what is known of the repositories", error))?;
    if repositories.is_empty() {
        return Ok(Vec::new());
    }
    let mut client = Client::named("dnf");
    client.only_where = ["/etc/dnf", "/etc/yum.conf", "/etc/yum.repos.d"].map(str::to_owned).to_vec();
    for Served { id, hosts, .. } in repositories.iter().filter(|repository| repository.keyed) {
        let Some(node) = view.get(&format!("{KEYS}/{id}.pub")) else { continue };
        let what = || format!("the key of the repository {id}");
        let key = view.read(node, LARGEST_KEY).await.map_err(|error| ClientError::new(what(), error))?;
        client.files.push(ClientFile::whole(key_file(id), String::from_utf8_lossy(&key)).only_for(id, hosts));
    }
    let base = address.base();
    let key = |id: &str| format!("file://{}", key_file(id));
    let file = |path: String, some: &[&Served]| {
        let text = repo_file(some, (&base, &key), view.describe());
        let login = format!("\nusername={}\npassword={}\nbaseurl=", placeholder::USER, placeholder::PASSWORD);
        match address.mirror.users {
            true => ClientFile::whole(path, text.replace("\nbaseurl=", &login)).secret(),
            false => ClientFile::whole(path, text),
        }
    };
    let (all, some): (Vec<&Served>, Vec<&Served>) = repositories.iter().partition(|one| one.hosts.is_all());
    if !all.is_empty() {
        client.files.push(file("/etc/yum.repos.d/airlift.repo".to_owned(), &all));
    }
    for one in some {
        let path = format!("/etc/yum.repos.d/airlift-{}.repo", one.id);
        client.files.push(file(path, &[one]).only_for(&one.id, &one.hosts));
    }
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
    let some = repositories.iter().map(|one| (*one, On::Yes)).collect::<Vec<_>>();
    repo_file_of(&some, (base, key), archive)
}

/// Whether a repository is on in a client file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// It is.
    Yes,
    /// Whoever asked is not one of the hosts that it is for.
    No,
    /// It is for some hosts, and nobody said which host asks.
    Unknown,
}

/// The same, with some of them off.
pub(crate) fn repo_file_of(
    repositories: &[(&Served, On)],
    (base, key): (&str, &dyn Fn(&str) -> String),
    archive: &str,
) -> String {
    let mut text = format!("# Made by Airlift of the archive {}\n", one_line(archive));
    if repositories.iter().any(|(_, on)| *on == On::Unknown) {
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "# It has repositories for several systems, and those are off. Let 'airlift setup' or /setup.sh choose, fetch\n\
             # '{base}/airlift.repo?os=el9&arch=x86_64' with the names of your system, or write enabled=1.\n"
        );
    }
    for (Served { id, keyed, signed, hosts, module_hotfixes }, on) in repositories {
        let metadata = u8::from(*keyed && *signed);
        text.push('\n');
        if *on != On::Yes {
            let _ = writeln!(text, "# Off: it is for {}.", hosts.describe());
        }
        let enabled = u8::from(*on == On::Yes);
        let _ = write!(
            text,
            "[{id}]\nname={id} (Airlift)\nbaseurl={base}/{id}/\nenabled={enabled}\ngpgcheck=1\nrepo_gpgcheck={metadata}\n"
        );
        if *module_hotfixes {
            text.push_str("module_hotfixes=1\n");
        }
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
    use airlift_kind::Hosts;

    use super::*;

    fn served(id: &str, keyed: bool, signed: bool) -> Served {
        Served { id: id.to_owned(), keyed, signed, hosts: Hosts::default(), module_hotfixes: false }
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

    #[test]
    fn what_modules_do_not_hide_upstream_they_do_not_hide_here() {
        let vendor = Served { module_hotfixes: true, ..served("vendor", true, true) };
        let text = repo_file(&[&vendor, &served("a", true, true)], ("http://m:8001", &|id| id.to_owned()), "x");
        let (vendor, other) = text.split_once("\n[a]\n").expect("two sections");
        assert!(vendor.contains("\nmodule_hotfixes=1\n") && !other.contains("module_hotfixes"), "{text}");
    }

    #[test]
    fn what_is_for_others_is_off_and_says_for_whom() {
        let mut one = served("cuda-rhel8", true, true);
        one.hosts = Hosts { os: vec!["el8".to_owned()], arch: vec!["amd64".to_owned()] };
        let file = |on| repo_file_of(&[(&one, on)], ("http://m:8001", &|id| format!("file:///{id}")), "x");
        let section = "\n# Off: it is for el8, on amd64.\n[cuda-rhel8]\n";
        assert!(file(On::Yes).contains("\nenabled=1\n") && !file(On::Yes).contains("# Off"));
        assert!(file(On::No).contains(section) && file(On::No).contains("\nenabled=0\n"));
        assert!(file(On::Unknown).contains(section) && file(On::Unknown).contains("airlift.repo?os=el9&arch=x86_64"));
    }
}
