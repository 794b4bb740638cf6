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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn pip_trusts_one_host_and_only_without_tls() {
        let ports = BTreeMap::from([("python".to_owned(), 8003)]);
        let plain = Mirror { host: "mirror".into(), ports, tls: false, ca: None, users: false };
        let secure = Mirror { tls: true, ca: Some("-----BEGIN CERTIFICATE-----\n".to_owned()), ..plain.clone() };
        let lines = |mirror: &Mirror| -> Vec<String> {
            let client = pip(mirror.address("python").expect("it is served"));
            let Change::Lines { edits } = &client.files[0].change else { panic!("{client:?}") };
            edits.iter().map(|edit| edit.line.clone().unwrap_or_else(|| format!("no {}", edit.key))).collect()
        };
        let index = |scheme: &str| format!("index-url = {scheme}://mirror:8003/simple/");
        assert_eq!(lines(&plain), [&index("http"), "no extra-index-url", "trusted-host = mirror:8003"]);
        assert_eq!(lines(&secure), [&index("https"), "no extra-index-url", "cert = /etc/airlift/ca.crt"]);
        let uv = uv(secure.address("python").expect("it is served"), "site of 2026");
        let Change::Whole { content } = &uv.files[0].change else { panic!("{uv:?}") };
        let expected = "# site of 2026\nnative-tls = true\n[[index]]\nname = \"airlift\"\nurl = \"https://mirror:8003/simple/\"\ndefault = true\n";
        assert_eq!(content, expected);
    }
}
