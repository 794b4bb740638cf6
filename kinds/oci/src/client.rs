//! What points container runtimes here: for containerd and podman every registry that the archive holds, under its own
//! name and with no other place to fall back to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use airlift_kind::client::{Ask, Change, JsonEdit, JsonValue, LineEdit, one_line, placeholder};
use airlift_kind::{Address, Client, ClientFile, Mirror, View};

use crate::format::name::split;

/// Where containerd looks for registries, and nerdctl too.
const CERTS_D: &str = "/etc/containerd/certs.d";
/// Where containerd is, where its packages put it.
const CONTAINERD: [&str; 3] = ["/usr/bin/containerd", "/usr/local/bin/containerd", "/etc/containerd/config.toml"];

/// What the clients of this kind need.
pub(crate) fn clients(view: &View, address: Address<'_>) -> Vec<Client> {
    let registries = view.below("").iter().filter_map(|node| split(view.path_of(node))?.0.split_once('/'));
    let registries: BTreeSet<&str> = registries.map(|(registry, _)| registry).collect();
    let registries: Vec<&str> = registries.into_iter().collect();
    match registries.is_empty() {
        true => Vec::new(),
        false => of(&registries, &one_line(view.describe()), address),
    }
}

fn of(registries: &[&str], archive: &str, address: Address<'_>) -> Vec<Client> {
    vec![
        docker(registries, address),
        containerd(registries, address, archive),
        podman(registries, address, archive),
        enroot(address),
    ]
}

/// dockerd(8): `registry-mirrors` hold for Docker Hub alone.
fn docker(registries: &[&str], address: Address<'_>) -> Client {
    let host = address.authority();
    let mut edits = vec![JsonEdit { key: "registry-mirrors".into(), value: JsonValue::List(vec![address.base()]) }];
    let mut client = Client::named("docker");
    if !address.mirror.tls {
        edits.push(JsonEdit { key: "insecure-registries".into(), value: JsonValue::Includes(host.clone()) });
        client.relaxed.push(format!("docker speaks plain HTTP to {host}, and to no other registry"));
    }
    if let Some(ca) = &address.mirror.ca {
        client.files.push(ClientFile::whole(format!("/etc/docker/certs.d/{host}/ca.crt"), ca.as_str()));
    }
    client.files.push(ClientFile::new("/etc/docker/daemon.json", Change::Json { edits }));
    if address.mirror.users {
        client.files.push(login("/root/.docker/config.json", &host));
        client.notes.push(format!(
            "docker shows a registry mirror the password of Docker Hub alone: images of Docker Hub need the mirror's name \
             too, docker pull {host}/docker.io/library/…"
        ));
    }
    client.then.push("systemctl reload docker".into());
    let others: Vec<&str> = registries.iter().copied().filter(|registry| *registry != "docker.io").collect();
    if let Some(first) = others.first() {
        client.notes.push(format!(
            "docker can be sent elsewhere for images of Docker Hub only: those of {} need the mirror's name, docker pull \
             {host}/{first}/…",
            others.join(", ")
        ));
    }
    client.notes.push("docker asks Docker Hub itself where the mirror does not have an image of it".into());
    let mirrors = "{{range .RegistryConfig.Mirrors}}{{println .}}{{end}}";
    client.asks.push(Ask::that_names_the_mirror(["docker", "info", "--format", mirrors]));
    client
}

/// containerd's `hosts.toml` (docs/hosts.md). There is no `_default`: a registry of the site's own stays what it is.
fn containerd(registries: &[&str], address: Address<'_>, archive: &str) -> Client {
    let mut client = Client::named("containerd");
    let base = address.base();
    let ca = address.mirror.ca.as_ref().map_or(String::new(), |_| format!("  ca = \"{}\"\n", Mirror::CA_FILE));
    for registry in registries {
        // Without a server of its own, containerd would try the registry itself, and wait for it.
        let text = format!(
            "# {registry} of {archive}\nserver = \"{base}\"\n\n[host.\"{base}\"]\n  capabilities = [\"pull\", \"resolve\"]\n{ca}"
        );
        let file = |text: String| ClientFile::whole(format!("{CERTS_D}/{registry}/hosts.toml"), text);
        client.files.push(match address.mirror.users {
            false => file(text),
            true => {
                let basic = placeholder::BASIC;
                let header = format!("  [host.\"{base}\".header]\n    authorization = \"Basic {basic}\"\n");
                file(text + &header).secret()
            }
        });
    }
    client.files.extend(containerd_configuration());
    client.then.push("systemctl restart containerd".into());
    if !address.mirror.tls {
        client.relaxed.push(format!("containerd speaks plain HTTP to {}", address.authority()));
    }
    client.notes.push(format!(
        "containerd asks the mirror, and nobody else, for images of {}; other registries are as they were",
        registries.join(", ")
    ));
    client
}

/// The setting that makes containerd's CRI look at those files, in the words of the version that its configuration has.
fn containerd_configuration() -> Vec<ClientFile> {
    let path = "/etc/containerd/config.toml";
    let line = format!("config_path = \"{CERTS_D}\"");
    let file = |section: &str, version: &str| {
        let edit = LineEdit {
            section: Some(section.into()),
            key: "config_path".into(),
            line: Some(format!("  {line}")),
            continued: false,
        };
        // containerd starts without CRI where both are set.
        let other = format!("[{section}.mirrors.");
        let clash = "its mirrors under 'registry.mirrors' can't be there together with 'config_path': move them to \
                     /etc/containerd/certs.d, then run setup again";
        ClientFile::new(path, Change::Lines { edits: vec![edit] })
            .only_if(&format!("version={version}"), true, None)
            .only_if(&other, false, Some(clash))
    };
    let (two, three) =
        ("plugins.\"io.containerd.grpc.v1.cri\".registry", "plugins.\"io.containerd.cri.v1.images\".registry");
    let new = format!("version = 2\n\n[{two}]\n  {line}\n");
    let neither = "it has no line 'version = 2' or 'version = 3', so it is of the oldest format, and CRI is not pointed at \
                   the mirror: bring it up to date ('containerd config migrate'), then run setup again";
    // No file is without any line and has one: it is only said.
    let unknown = ClientFile::whole(path, "")
        .only_if("", true, None)
        .only_if("version=2", false, None)
        .only_if("version=3", false, None)
        // Docker's own packages switch CRI off.
        .only_if("disabled_plugins=[\"cri\"", false, None)
        .only_if("", false, Some(neither));
    let fresh = ClientFile::whole(path, new).only_where(CONTAINERD).only_if("", false, None);
    vec![file(two, "2"), file(three, "3"), unknown, fresh]
}

/// containers-registries.conf(5): `location` takes the place of the registry in the name.
fn podman(registries: &[&str], address: Address<'_>, archive: &str) -> Client {
    let mut client = Client::named("podman");
    let host = address.authority();
    let mut text = format!("# {archive}\n");
    for registry in registries {
        // Writing to a string can't fail.
        let _ = write!(text, "\n[[registry]]\nprefix = \"{registry}\"\nlocation = \"{host}/{registry}\"\n");
        if !address.mirror.tls {
            text.push_str("insecure = true\n");
        }
    }
    if let Some(ca) = &address.mirror.ca {
        client.files.push(ClientFile::whole(format!("/etc/containers/certs.d/{host}/ca.crt"), ca.as_str()));
    }
    client.files.push(ClientFile::whole("/etc/containers/registries.conf.d/50-airlift.conf", text));
    if !address.mirror.tls {
        client.relaxed.push(format!("podman, buildah, skopeo and CRI-O speak plain HTTP to {host}"));
    }
    client.notes.push("the same file is CRI-O's: systemctl reload crio".into());
    if address.mirror.users {
        client.files.push(login("/root/.config/containers/auth.json", &host));
        client.notes.push(
            "CRI-O takes a password from the file that its global_auth_file names: root's is \
             /root/.config/containers/auth.json"
                .into(),
        );
    }
    client
}

/// What logs root in at the mirror: the file of docker (docker-login(1)), and that of podman (containers-auth.json(5)).
fn login(path: &str, host: &str) -> ClientFile {
    let value = BTreeMap::from([("auth".to_owned(), placeholder::BASIC.to_owned())]);
    let value = JsonValue::Entry { name: host.to_owned(), value };
    ClientFile::new(path, Change::Json { edits: vec![JsonEdit { key: "auths".into(), value }] }).secret()
}

/// enroot takes the registry from the image's name; `enroot.conf` can only say whether it speaks plain HTTP.
fn enroot(address: Address<'_>) -> Client {
    let mut client = Client::named("enroot");
    client.only_where = vec!["/etc/enroot".into()];
    let host = address.authority();
    if !address.mirror.tls {
        let key = "ENROOT_ALLOW_HTTP".to_owned();
        let edit = LineEdit { section: None, line: Some(format!("{key} yes")), key, continued: false };
        client.files.push(ClientFile::new("/etc/enroot/enroot.conf", Change::Lines { edits: vec![edit] }));
        client.relaxed.push("enroot speaks plain HTTP to every registry: it has one switch for all of them".into());
    }
    if address.mirror.users {
        client.notes.push(format!(
            "enroot takes a password from ~/.config/enroot/.credentials: machine {} login …",
            address.mirror.host
        ));
    }
    client.notes.push(format!("enroot has no mirrors: enroot import docker://{host}#docker.io/library/ubuntu:24.04"));
    client
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn told(mirror: &Mirror) -> String {
        let address = mirror.address("oci").expect("it is served");
        let clients = of(&["docker.io", "quay.io", "registry.example.org:5000"], "site of 2026", address);
        serde_json::to_string_pretty(&clients).expect("JSON")
    }

    #[test]
    fn every_registry_of_the_archive_leads_to_the_mirror_alone() {
        let ports = BTreeMap::from([("oci".to_owned(), 5000)]);
        let mirror = Mirror { host: "mirror".into(), ports, tls: false, ca: None, users: false };
        insta::assert_snapshot!("plain", told(&mirror));
        let ca = Some("-----BEGIN CERTIFICATE-----\n".to_owned());
        insta::assert_snapshot!("tls", told(&Mirror { tls: true, ca, users: true, ..mirror }));
    }
}
