//! What points git here: `insteadOf` (git-config(1)) for every host that the archive has a repository of.

use std::collections::BTreeSet;
use std::fmt::Write;

use airlift_kind::client::{Ask, Change, one_line};
use airlift_kind::{Address, Client, ClientFile, Mirror, View};

/// What the clients of this kind need.
pub(crate) fn clients(view: &View, address: Address<'_>) -> Vec<Client> {
    let folders = view.below("repositories").iter();
    let hosts = folders.filter_map(|node| view.path_of(node).strip_prefix("repositories/")?.split_once('/'));
    let hosts: BTreeSet<&str> = hosts.map(|(host, _)| host).collect();
    match hosts.is_empty() {
        true => Vec::new(),
        false => vec![git(&hosts, &one_line(view.describe()), address)],
    }
}

fn git(hosts: &BTreeSet<&str>, archive: &str, address: Address<'_>) -> Client {
    let mut client = Client::named("git");
    let mut content = format!("# {archive}\n");
    for host in hosts {
        // Writing to a string can't fail.
        let _ = writeln!(content, "[url \"{}/git/{host}/\"]", address.base());
        for form in forms(host) {
            let _ = writeln!(content, "\tinsteadOf = {form}");
        }
        let asked = format!("https://{host}/airlift/asks.git");
        client.asks.push(Ask::that_names_the_mirror(["git", "ls-remote", "--get-url", &asked]));
    }
    if address.mirror.ca.is_some() {
        let _ = writeln!(content, "[http \"{}/\"]\n\tsslCAInfo = {}", address.base(), Mirror::CA_FILE);
    }
    client.files.push(ClientFile::new("/etc/gitconfig", Change::Block { content }));
    let hosts: Vec<&str> = hosts.iter().copied().collect();
    client
        .notes
        .push(format!("git asks the mirror for everything of {}, pushes too, which it refuses", hosts.join(", ")));
    client
}

/// The ways in which people write URLs of a host.
fn forms(host: &str) -> Vec<String> {
    let mut forms = vec![format!("https://{host}/"), format!("http://{host}/")];
    // With a port, the others mean another server.
    if !host.contains(':') {
        forms.extend([format!("git://{host}/"), format!("ssh://git@{host}/"), format!("git@{host}:")]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_form_of_a_url_leads_to_the_mirror() {
        let ports = BTreeMap::from([("git".to_owned(), 8004)]);
        let ca = Some("-----BEGIN CERTIFICATE-----\n".to_owned());
        let mirror = Mirror { host: "mirror".into(), ports, tls: true, ca, users: false };
        let hosts = BTreeSet::from(["github.com", "git.example.org:8443"]);
        let client = git(&hosts, "site of 2026", mirror.address("git").expect("it is served"));
        let Change::Block { content } = &client.files[0].change else { panic!("{client:?}") };
        let expected = "# site of 2026\n[url \"https://mirror:8004/git/git.example.org:8443/\"]\n\
                        \tinsteadOf = https://git.example.org:8443/\n\tinsteadOf = http://git.example.org:8443/\n\
                        [url \"https://mirror:8004/git/github.com/\"]\n\
                        \tinsteadOf = https://github.com/\n\tinsteadOf = http://github.com/\n\
                        \tinsteadOf = git://github.com/\n\tinsteadOf = ssh://git@github.com/\n\
                        \tinsteadOf = git@github.com:\n\
                        [http \"https://mirror:8004/\"]\n\tsslCAInfo = /etc/airlift/ca.crt\n";
        assert_eq!(content, expected);
    }
}
