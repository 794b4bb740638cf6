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
    if hosts.is_empty() {
        return Vec::new();
    }
    let mut client = Client::named("git");
    let mut content = format!("# {}\n", one_line(view.describe()));
    for host in &hosts {
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
    let hosts: Vec<&str> = hosts.into_iter().collect();
    client
        .notes
        .push(format!("git asks the mirror for everything of {}, pushes too, which it refuses", hosts.join(", ")));
    vec![client]
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
