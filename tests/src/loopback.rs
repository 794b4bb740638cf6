//! A registry that takes pushes and answers every pull from a mirror of what was pushed.
//!
//! A conformance suite pushes what it then asks for, and a mirror takes no pushes. So this stands between: a push goes
//! to a registry upstream, and before the next pull is answered Airlift collects all of it anew and serves the archive.
//! What the suite judges then is Airlift's answer, for content that went the whole way.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::airlift::{Airlift, Served};
use crate::http::Answer;
use crate::registry::{Registry, Upstream};
use crate::relay::{self, Request, send};
use crate::temporary;
use crate::world::path;

/// The repository that is pushed to, as the mirror knows it.
pub const REPOSITORY: &str = "quay.io/conformance/one";

/// Starts it; it runs until the test process ends.
pub fn start() -> SocketAddr {
    let (listener, address) = relay::listen();
    thread::spawn(move || {
        let mut registry = Mirrored::new();
        for stream in listener.incoming().flatten() {
            // A suite that hangs up judges that itself.
            let _ = registry.answer(&stream);
        }
    });
    address
}

struct Mirrored {
    upstream: Registry,
    airlift: Airlift,
    digests: BTreeSet<String>,
    tagged: bool,
    served: Option<Served>,
    work: tempfile::TempDir,
}

impl Mirrored {
    fn new() -> Self {
        let work = temporary::folder();
        fs::create_dir(work.path().join("upstream")).expect("a folder can be made");
        let upstream = Upstream::Quay.start_open(&work.path().join("upstream"));
        let airlift = Airlift::new();
        Self { upstream, airlift, digests: BTreeSet::new(), tagged: false, served: None, work }
    }

    /// Answers the one request of a connection.
    fn answer(&mut self, stream: &TcpStream) -> io::Result<()> {
        let request = Request::read(stream)?;
        let answer = match request.method.as_str() {
            "GET" | "HEAD" => request.pass_on(self.mirror(), &request.target)?,
            _ => self.push(&request)?,
        };
        send(stream, &answer, &request.method)
    }

    /// Sends a push upstream, where the repository has no registry before its name, and remembers what it was.
    fn push(&mut self, request: &Request) -> io::Result<Answer> {
        let target = request.target.replacen("/v2/quay.io/", "/v2/", 1);
        let mut answer = request.pass_on(self.upstream.address(), &target)?;
        if request.method == "PUT" && answer.status == 201 {
            if let Some((_, reference)) = target.split_once("/manifests/") {
                match reference.starts_with("sha256:") {
                    true => self.digests.insert(reference.to_owned()),
                    false => std::mem::replace(&mut self.tagged, true),
                };
            }
            self.served = None;
        }
        for (name, value) in &mut answer.headers {
            if name == "location" {
                let place = value.find("/v2/").map_or("", |start| &value[start + "/v2/".len()..]);
                *value = format!("/v2/quay.io/{place}");
            }
        }
        Ok(answer)
    }

    /// Where the mirror of everything that was pushed so far listens.
    fn mirror(&mut self) -> SocketAddr {
        if self.served.is_none() {
            let manifest = self.work.path().join("airlift.yaml");
            let archive = self.work.path().join("archive.tar");
            let store = self.work.path().join("store");
            fs::write(&manifest, self.manifest()).expect("the manifest can be written");
            self.airlift.run([path("collect"), &manifest, path("-o"), &archive, path("--store"), &store]);
            self.served = Some(self.airlift.serve(&archive));
        }
        self.served.as_ref().map(Served::images).expect("the mirror was started")
    }

    fn manifest(&self) -> String {
        let address = self.upstream.address();
        let mut manifest =
            format!("version: 1\nname: conformance\nmirrors: {{ quay.io: \"http://{address}\" }}\nimages:\n");
        if self.tagged {
            manifest.push_str(&format!("  - {{ repository: {REPOSITORY}, tags: {{ glob: \"*\" }} }}\n"));
        }
        for digest in &self.digests {
            manifest.push_str(&format!("  - {REPOSITORY}@{digest}\n"));
        }
        if !self.tagged && self.digests.is_empty() {
            manifest.truncate(manifest.len() - "images:\n".len());
        }
        manifest
    }
}
