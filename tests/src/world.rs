//! The whole road: registries upstream, a collected archive, and the same content loaded into a store, both served.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::airlift::{Airlift, Served};
use crate::images::{MANY, SPARSE, VERSIONS, images};
use crate::registry::{PASSWORD, Registry, Tls, USER, Upstream};
use crate::temporary;
use crate::token::TokenServer;

/// The registries upstream, each guarded as it is known for.
#[derive(Debug)]
pub struct Upstreams {
    registries: Vec<(Upstream, Registry)>,
    tokens: TokenServer,
    tls: Tls,
    _work: tempfile::TempDir,
}

impl Upstreams {
    /// Starts all of them over the images of this machine.
    pub fn start() -> Self {
        let work = temporary::folder();
        let tokens = TokenServer::start();
        let tls = Tls::create(work.path());
        let registries = Upstream::ALL
            .map(|upstream| (upstream, upstream.start_guarded(&images().folder.join(upstream.name()), &tokens, &tls)))
            .into();
        Self { registries, tokens, tls, _work: work }
    }

    /// Where a registry listens.
    pub fn address(&self, upstream: Upstream) -> SocketAddr {
        let found = self.registries.iter().find(|(other, _)| *other == upstream);
        found.map(|(_, registry)| registry.address()).expect("every registry was started")
    }

    /// The server that issues tokens for [`Upstream::Docker`].
    pub fn tokens(&self) -> &TokenServer {
        &self.tokens
    }

    /// The manifest's section that sends each public name to its registry here.
    pub fn mirrors(&self) -> String {
        let lines = self.registries.iter().map(|(upstream, registry)| {
            let scheme = if *upstream == Upstream::Nvidia { "https" } else { "http" };
            format!("  {}: \"{scheme}://{}\"\n", upstream.name(), registry.address())
        });
        format!("mirrors:\n{}", lines.collect::<String>())
    }

    /// The program with the credentials and the authority that these registries want.
    pub fn airlift(&self) -> Airlift {
        let secret = json!({"auth": STANDARD.encode(format!("{USER}:{PASSWORD}"))});
        let names = [Upstream::Docker, Upstream::Nvidia].map(|upstream| {
            let address = self.address(upstream).to_string();
            [(address, secret.clone()), (upstream.name().to_owned(), secret.clone())]
        });
        let docker_hub = [("https://index.docker.io/v1/".to_owned(), secret.clone())];
        let auths: serde_json::Map<_, _> = names.into_iter().flatten().chain(docker_hub).collect();
        Airlift::new()
            .with_home_file(".docker/config.json", &json!({"auths": auths}).to_string())
            .with("AIRLIFT_CA", &self.tls.authority.display().to_string())
    }
}

/// Images that were collected, and are served twice.
#[derive(Debug)]
pub struct World {
    /// The registries upstream.
    pub upstreams: Upstreams,
    /// The program, with credentials.
    pub airlift: Airlift,
    /// The archive.
    pub archive: PathBuf,
    /// The archive, served in place.
    pub from_archive: Served,
    /// The store into which the archive was loaded, served.
    pub from_store: Served,
    _work: tempfile::TempDir,
}

impl World {
    /// The two servers that have to answer alike, with what each serves.
    pub fn mirrors(&self) -> [(&'static str, &Served); 2] {
        [("archive", &self.from_archive), ("store", &self.from_store)]
    }
}

/// The world of this test process.
pub fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(|| {
        let work = temporary::folder();
        let upstreams = Upstreams::start();
        let airlift = upstreams.airlift();
        let manifest = work.path().join("airlift.yaml");
        fs::write(&manifest, image_manifest(&upstreams)).expect("the manifest can be written");
        let archive = work.path().join("archive.tar");
        let store = work.path().join("collected");
        airlift.run([path("collect"), &manifest, path("-o"), &archive, path("--store"), &store]);
        airlift.run([path("verify"), &archive]);
        let loaded = work.path().join("loaded");
        airlift.run([path("load"), &archive, path("--store"), &loaded]);
        airlift.run([path("verify"), &loaded]);
        let (from_archive, from_store) = (airlift.serve(&archive), airlift.serve(&loaded));
        World { upstreams, airlift, archive, from_archive, from_store, _work: work }
    });
    &WORLD
}

/// An argument that is no file, beside others that are.
pub fn path(text: &str) -> &Path {
    Path::new(text)
}

/// A manifest that names every image upstream, in every form that a manifest knows.
fn image_manifest(upstreams: &Upstreams) -> String {
    let mut manifest = format!("version: 1\nname: images\n{}images:\n", upstreams.mirrors());
    for image in &images().list {
        // Docker Hub's official images are known by their short names, too.
        let short = image.name.strip_prefix("docker.io/library/").unwrap_or(&image.name);
        if image.name == SPARSE {
            manifest.push_str(&format!("  - ref: {short}\n    platforms: [linux/amd64]\n"));
        } else {
            manifest.push_str(&format!("  - {short}\n"));
        }
    }
    manifest.push_str(&format!("  - repository: {MANY}\n    tags: {{ glob: \"v1.*\" }}\n"));
    manifest.push_str(&format!("  - repository: {VERSIONS}\n    tags: {{ semver: \">=1.8, <2\", newest: 3 }}\n"));
    manifest
}
