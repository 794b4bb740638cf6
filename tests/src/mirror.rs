//! A manifest that was collected and is served, or that is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::airlift::{Airlift, Served};
use crate::isolated::Namespace;
use crate::process::{describe, output, run};
use crate::{http, temporary};

/// An archive that was collected and verified, served in place.
#[derive(Debug)]
pub struct Mirror {
    /// The server.
    pub served: Served,
    /// The folder with `airlift.yaml`, `archive.tar` and `store`, and with room for clients.
    pub work: TempDir,
    kind: &'static str,
}

impl Mirror {
    /// Collects a manifest; [`Mirror::get`] asks the port of this kind.
    pub fn of(kind: &'static str, manifest: &str) -> Self {
        Self::beside(kind, manifest, |_| {})
    }

    /// The same, with files that [`Mirror::work`] has before it is collected, beside the manifest.
    pub fn beside(kind: &'static str, manifest: &str, prepare: impl FnOnce(&Path)) -> Self {
        let (work, airlift) = (temporary::folder(), Airlift::new());
        prepare(work.path());
        let (mut collect, archive) = collect(&airlift, manifest, work.path());
        run(&mut collect);
        run(airlift.command(["verify"]).arg(&archive));
        let served = airlift.serve(&archive);
        Self { served, work, kind }
    }

    /// Collects a manifest, and serves it inside of a network namespace; [`Mirror::url`] is for what runs there.
    pub fn inside(kind: &'static str, manifest: &str, namespace: &Namespace) -> Self {
        let (work, airlift) = (temporary::folder(), Airlift::new());
        let (mut collect, archive) = collect(&airlift, manifest, work.path());
        run(&mut collect);
        run(airlift.command(["verify"]).arg(&archive));
        let served = airlift.serve_inside(&archive, namespace);
        Self { served, work, kind }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.served.address(self.kind))
    }

    /// What is at a path.
    pub fn get(&self, path: &str) -> Vec<u8> {
        http::get(self.served.address(self.kind), path).expect(&[200], path).body
    }
}

/// What `collect` says when it refuses a manifest.
pub fn refusal(manifest: &str) -> String {
    let (work, airlift) = (temporary::folder(), Airlift::new());
    let (mut command, archive) = collect(&airlift, manifest, work.path());
    let refused = output(&mut command);
    assert!(!refused.status.success() && !archive.exists(), "{}", describe(&command, &refused));
    String::from_utf8_lossy(&refused.stderr).into_owned()
}

fn collect(airlift: &Airlift, manifest: &str, work: &Path) -> (Command, PathBuf) {
    let (path, archive) = (work.join("airlift.yaml"), work.join("archive.tar"));
    fs::write(&path, manifest).expect("the manifest can be written");
    let mut command = airlift.command(["collect"]);
    command.arg(&path).arg("-o").arg(&archive).arg("--store").arg(work.join("store"));
    (command, archive)
}
