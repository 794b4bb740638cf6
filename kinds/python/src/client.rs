//! The files that point pip and uv here.

use std::fmt::Write;

use airlift_kind::client::{Ask, Change, LineEdit, one_line};
use airlift_kind::{Address, Client, ClientFile, Mirror, View};

/// A `pip.conf`; `base` is the address that the client came by, `http://mirror:8003`.
pub(crate) fn pip_conf(base: &str, archive: &str) -> String {
    let mut text = format!("# {archive}\n[global]\nindex-url = {base}/simple/\n");
    if let Some(host) = base.strip_prefix("http://") {
        // pip takes packages over plain HTTP only from hosts that it was told to trust; loopback is trusted anyway.
        let _ = writeln!(text, "trusted-host = {host}");
    }
    text
}

/// A `uv.toml`.
pub(crate) fn uv_toml(base: &str, archive: &str) -> String {
    format!("# {archive}\n[[index]]\nname = \"airlift\"\nurl = \"{base}/simple/\"\ndefault = true\n")
}

/// What the clients of this kind need.
pub(crate) fn clients(view: &View, address: Address<'_>) -> Vec<Client> {
    if view.below("").is_empty() {
        return Vec::new();
    }
    let archive = one_line(view.describe());
    vec![pip(address), uv(address, &archive)]
}

/// pip(1): what `/etc/pip.conf` says holds for all users. Other settings in it stay; other indexes don't.
fn pip(address: Address<'_>) -> Client {
    let mut client = Client::named("pip");
    let set = |key: &str, value: Option<String>| LineEdit {
        section: Some("global".into()),
        key: key.into(),
        line: value.map(|value| format!("{key} = {value}")),
        continued: true,
    };
    let host = address.authority();
    let mut edits = vec![set("index-url", Some(format!("{}/simple/", address.base()))), set("extra-index-url", None)];
    if !address.mirror.tls {
        edits.push(set("trusted-host", Some(host.clone())));
        client.relaxed.push(format!("pip takes packages over plain HTTP from {host} (trusted-host)"));
    }
    if address.mirror.ca.is_some() {
        edits.push(set("cert", Some(Mirror::CA_FILE.to_owned())));
    }
    client.files.push(ClientFile::new("/etc/pip.conf", Change::Lines { edits }));
    client.asks.push(Ask::that_names_the_mirror(["python3", "-m", "pip", "config", "list"]));
    client
}

fn uv(address: Address<'_>, archive: &str) -> Client {
    let mut client = Client::named("uv");
    let mut text = uv_toml(&address.base(), archive);
    if address.mirror.ca.is_some() {
        // Otherwise it knows only the authorities that it brings along. A top-level key stands before any table.
        text.insert_str(text.find("[[").unwrap_or(0), "native-tls = true\n");
    }
    if !address.mirror.tls {
        client.relaxed.push(format!("uv takes packages over plain HTTP from {}", address.authority()));
    }
    client.files.push(ClientFile::whole("/etc/uv/uv.toml", text));
    client
}
