//! The registries upstream: real programs, each with another way to guard its images and to list referrers.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::http;
use crate::manifests::{Content, Tree};
use crate::process::{Daemon, free_address, text};
use crate::temporary;
use crate::token::TokenServer;
use crate::tools::tool;

/// The user that the guarded registries know.
pub const USER: &str = "airlift";
/// The password of that user.
pub const PASSWORD: &str = "over-the-gap";

/// A registry upstream, named after the public one that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Debian's distribution 2.8 behind token authentication; the fallback tag lists referrers.
    Docker,
    /// olareg, open; has the referrers API.
    Quay,
    /// Distribution 3, open; the fallback tag lists referrers.
    Github,
    /// Debian's distribution 2.8 behind TLS of a private CA and basic authentication.
    Nvidia,
}

impl Upstream {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Docker, Self::Quay, Self::Github, Self::Nvidia];

    /// The public name under which its images are collected and asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker.io",
            Self::Quay => "quay.io",
            Self::Github => "ghcr.io",
            Self::Nvidia => "nvcr.io",
        }
    }

    /// Starts it over a storage folder without any guard, so that images can be pushed and looked at.
    pub fn start_open(self, storage: &Path) -> Registry {
        match self {
            Self::Quay => Registry::olareg(storage),
            Self::Docker | Self::Nvidia => Registry::distribution("docker-registry", storage, Guard::None),
            Self::Github => Registry::distribution("registry", storage, Guard::None),
        }
    }

    /// Starts it over a storage folder with the guard that it is known for.
    pub fn start_guarded(self, storage: &Path, tokens: &TokenServer, tls: &Tls) -> Registry {
        match self {
            Self::Docker => Registry::distribution("docker-registry", storage, Guard::Token(tokens)),
            Self::Nvidia => Registry::distribution("docker-registry", storage, Guard::TlsAndPassword(tls)),
            Self::Quay | Self::Github => self.start_open(storage),
        }
    }
}

/// What stands before a registry.
enum Guard<'a> {
    None,
    Token(&'a TokenServer),
    TlsAndPassword(&'a Tls),
}

/// A registry that runs until this value is dropped.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    _daemon: Daemon,
    _work: tempfile::TempDir,
}

impl Registry {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn olareg(storage: &Path) -> Self {
        let address = free_address();
        let mut command = Command::new(tool("olareg"));
        command.args(["serve", "--addr", "127.0.0.1", "--gc-frequency", "-1s", "--port", &address.port().to_string()]);
        command.arg("--dir").arg(storage);
        Self::start(&command, address, temporary::folder())
    }

    fn distribution(program: &str, storage: &Path, guard: Guard<'_>) -> Self {
        let address = free_address();
        let work = temporary::folder();
        let (tls, auth) = match guard {
            Guard::None => (String::new(), String::new()),
            Guard::Token(tokens) => (String::new(), tokens.registry_section(work.path())),
            Guard::TlsAndPassword(tls) => (tls.registry_section(), password_section(work.path())),
        };
        let config = format!(
            "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\n\
             storage:\n  filesystem: {{rootdirectory: \"{}\", maxthreads: 100}}\n  maintenance: {{uploadpurging: {{enabled: false}}}}\n\
             http:\n  addr: \"{address}\"\n  secret: airlift\n{tls}{auth}",
            storage.display()
        );
        let file = work.path().join("config.yml");
        fs::write(&file, config).expect("the configuration can be written");
        let mut command = Command::new(tool(program));
        command.arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none");
        Self::start(&command, address, work)
    }

    fn start(command: &Command, address: SocketAddr, work: tempfile::TempDir) -> Self {
        let mut daemon = Daemon::start(command, &work.path().join("log"));
        daemon.wait_for(address);
        Self { address, _daemon: daemon, _work: work }
    }
}

fn password_section(folder: &Path) -> String {
    let file = folder.join("htpasswd");
    let line = text(Command::new(tool("htpasswd")).args(["-Bbn", "-C", "4", USER, PASSWORD]));
    fs::write(&file, format!("{line}\n")).expect("the password file can be written");
    format!("auth:\n  htpasswd: {{realm: airlift, path: \"{}\"}}\n", file.display())
}

/// A private certificate authority and a certificate of its for `127.0.0.1`.
#[derive(Debug)]
pub struct Tls {
    /// The certificate of the authority, PEM.
    pub authority: PathBuf,
    /// A certificate of its, PEM.
    pub certificate: PathBuf,
    /// The key of that certificate, PEM.
    pub key: PathBuf,
}

impl Tls {
    /// Makes a new authority with its files in `folder`.
    pub fn create(folder: &Path) -> Self {
        Self::create_for(folder, &["127.0.0.1".to_owned(), "localhost".to_owned()])
    }

    /// The same, with a certificate for these names.
    pub fn create_for(folder: &Path, names: &[String]) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Airlift test authority");
        let key = KeyPair::generate().expect("a key can be made");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("a certificate can be signed");
        let server_key = KeyPair::generate().expect("a key can be made");
        let server = CertificateParams::new(names.to_vec())
            .and_then(|params| params.signed_by(&server_key, &authority))
            .expect("a certificate can be signed");
        let write = |name: &str, pem: String| {
            let path = folder.join(name);
            fs::write(&path, pem).expect("a certificate can be written");
            path
        };
        Self {
            authority: write("authority.pem", authority.pem()),
            certificate: write("server.pem", server.pem()),
            key: write("server.key", server_key.serialize_pem()),
        }
    }

    fn registry_section(&self) -> String {
        format!("  tls: {{certificate: \"{}\", key: \"{}\"}}\n", self.certificate.display(), self.key.display())
    }
}

/// Pushes a manifest with everything below it under a tag or its digest.
pub fn push(registry: SocketAddr, repository: &str, reference: &str, tree: &Tree) {
    for blob in &tree.blobs {
        push_blob(registry, repository, blob);
    }
    for child in &tree.children {
        push_manifest(registry, repository, &child.digest(), child);
    }
    push_manifest(registry, repository, reference, &tree.manifest);
}

fn push_manifest(registry: SocketAddr, repository: &str, reference: &str, manifest: &Content) {
    let path = format!("/v2/{repository}/manifests/{reference}");
    http::request(registry, ("PUT", &path), &[("Content-Type", &manifest.media_type)], &manifest.bytes)
        .unwrap_or_else(|error| panic!("PUT {path}: {error}"))
        .expect(&[201], &format!("PUT {path}"));
}

fn push_blob(registry: SocketAddr, repository: &str, blob: &Content) {
    let digest = blob.digest();
    let there = format!("/v2/{repository}/blobs/{digest}");
    let send = |method: &str, path: &str, body: &[u8]| {
        http::request(registry, (method, path), &[("Content-Type", "application/octet-stream")], body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    };
    if send("HEAD", &there, &[]).status == 200 {
        return;
    }
    let upload = send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[]).expect(&[202], "starting an upload");
    let location = upload.header("location").expect("an upload has a location");
    let path = match location.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').expect("a location has a path")..],
        None => location,
    };
    let joint = if path.contains('?') { '&' } else { '?' };
    send("PUT", &format!("{path}{joint}digest={digest}"), &blob.bytes).expect(&[201], "finishing an upload");
}
