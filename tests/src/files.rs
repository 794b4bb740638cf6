//! The file server upstream: nginx, with dates and ranges.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use crate::process::{Daemon, free_address};
use crate::random::Random;
use crate::temporary;
use crate::tools::tool;

/// A file that lies upstream.
#[derive(Clone, Debug)]
pub struct UpstreamFile {
    /// Its name, which is its path below the root.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The URL from which it is collected.
    pub url: String,
}

/// An nginx that serves a folder until this value is dropped.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    work: tempfile::TempDir,
    _daemon: Daemon,
}

impl FileServer {
    /// Starts it over an empty folder.
    pub fn start() -> Self {
        let work = temporary::folder();
        let address = free_address();
        fs::create_dir(work.path().join("root")).expect("a folder can be made");
        let config = work.path().join("nginx.conf");
        fs::write(&config, configuration(work.path(), address)).expect("the configuration can be written");
        let mut command = Command::new(tool("nginx"));
        command.arg("-c").arg(&config).arg("-p").arg(work.path()).args(["-e", "stderr"]);
        let mut daemon = Daemon::start(&command, &work.path().join("log"));
        daemon.wait_for(address);
        Self { address, work, _daemon: daemon }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it serves.
    pub fn root(&self) -> PathBuf {
        self.work.path().join("root")
    }

    /// Puts random bytes there, the same for the same name, with a date that is the same in every run.
    pub fn put(&self, name: &str, size: usize) -> UpstreamFile {
        let path = self.work.path().join("root").join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        let seed = name.bytes().fold(size as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        fs::write(&path, Random::fixed(seed).bytes(size)).expect("a file can be written");
        let date = UNIX_EPOCH + Duration::from_secs(1_600_000_000 + seed % 1_000_000);
        let file = File::options().append(true).open(&path).expect("the file is there");
        file.set_modified(date).expect("a file's date can be set");
        UpstreamFile { name: name.to_owned(), path, url: format!("http://{}/{name}", self.address) }
    }
}

/// One process, so that killing it leaves none behind.
fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n\
         http {{\n  access_log off;\n  sendfile on;\n  default_type application/octet-stream;\n\
         client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n  fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\n  scgi_temp_path {folder}/scgi;\n\
         server {{ listen {address}; root {folder}/root; }}\n}}\n"
    )
}
