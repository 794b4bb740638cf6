//! Runs the program under test.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::isolated::Namespace;
use crate::process::{self, Daemon};
use crate::temporary;
use crate::tools::checkout;

/// Every kind that is served.
const KINDS: [&str; 8] = ["oci", "helm", "rpm", "deb", "python", "files", "git", "galaxy"];

/// How long `serve` may take until it listens.
const SERVE_LIMIT: Duration = Duration::from_secs(30);

/// The program with a home folder of its own, so that no setting of the person who runs the tests has a say.
#[derive(Debug)]
pub struct Airlift {
    home: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Airlift {
    /// The program with an empty home folder.
    pub fn new() -> Self {
        Self { home: temporary::folder(), environment: Vec::new() }
    }

    /// Sets a variable in every run.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a file into the home folder.
    #[must_use]
    pub fn with_home_file(self, name: &str, content: &str) -> Self {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::write(path, content).expect("a file can be written");
        self
    }

    /// A command of the program, ready to be run.
    pub fn command<Argument: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = Argument>) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.home.path()).env("HOME", self.home.path());
        for inherited in
            ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "AIRLIFT_STORE", "AIRLIFT_CA", "DOCKER_CONFIG"]
        {
            command.env_remove(inherited);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that has to succeed.
    pub fn run<Argument: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = Argument>) -> Output {
        process::run(&mut self.command(arguments))
    }

    /// Serves an archive or a store with every port chosen by the system.
    pub fn serve(&self, source: &Path) -> Served {
        self.try_serve(source).unwrap_or_else(|log| panic!("airlift serve {} did not listen:\n{log}", source.display()))
    }

    /// Serves as [`Airlift::serve`] does, or returns what the program said when it refused.
    pub fn try_serve(&self, source: &Path) -> Result<Served, String> {
        self.try_serve_as(source, |command| command)
    }

    /// Serves as [`Airlift::serve`] does, with more options.
    pub fn serve_with(&self, source: &Path, options: &[&str]) -> Served {
        let served = self.try_serve_as(source, |mut command| {
            command.args(options);
            command
        });
        served.unwrap_or_else(|log| panic!("airlift serve {} {options:?} did not listen:\n{log}", source.display()))
    }

    /// Serves inside of a network namespace, where only what runs there as well can ask.
    pub fn serve_inside(&self, source: &Path, namespace: &Namespace) -> Served {
        let served = self.try_serve_as(source, |command| namespace.inside(&command));
        served.unwrap_or_else(|log| panic!("airlift serve {} did not listen:\n{log}", source.display()))
    }

    fn try_serve_as(&self, source: &Path, change: impl Fn(Command) -> Command) -> Result<Served, String> {
        let mut command = self.command(["serve", "--json", "--bind", "127.0.0.1"]);
        KINDS.iter().for_each(|kind| {
            command.args(["--port", &format!("{kind}=0")]);
        });
        command.args(["--admin-port", "0", "--access-log", "off"]).arg(source);
        let (command, logs) = (change(command), temporary::folder());
        let mut daemon = Daemon::start_piped(&command, &logs.path().join("log"));
        let output = daemon.child().stdout.take().expect("the output is a pipe");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Read to the end even when no one listens any more, so that the program never waits for the pipe.
                let _ = sender.send(line);
            }
        });
        let mut addresses = BTreeMap::new();
        while !KINDS.iter().chain(&["admin"]).all(|name| addresses.contains_key(*name)) {
            match lines.recv_timeout(SERVE_LIMIT) {
                Ok(line) => addresses.extend(listening(&line)),
                Err(_) => return Err(daemon.log()),
            }
        }
        Ok(Served { addresses, daemon, _log: logs })
    }
}

impl Default for Airlift {
    fn default() -> Self {
        Self::new()
    }
}

/// A served archive or store. The server ends when this value is dropped.
#[derive(Debug)]
pub struct Served {
    addresses: BTreeMap<String, SocketAddr>,
    daemon: Daemon,
    _log: tempfile::TempDir,
}

impl Served {
    /// Where a kind is served, or `admin`.
    pub fn address(&self, kind: &str) -> SocketAddr {
        self.addresses[kind]
    }

    /// Where its health is told, how clients are set up, and its page for a person.
    pub fn admin(&self) -> SocketAddr {
        self.address("admin")
    }

    /// Where images are served.
    pub fn images(&self) -> SocketAddr {
        self.address("oci")
    }

    /// Where files are served.
    pub fn files(&self) -> SocketAddr {
        self.address("files")
    }

    /// What the server wrote to its standard error so far.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

/// The kinds and addresses that a line of `serve --json` announces.
fn listening(line: &str) -> Vec<(String, SocketAddr)> {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    if event["event"] != "listening" {
        return Vec::new();
    }
    let Some(address) = event["address"].as_str().and_then(|address| address.parse().ok()) else { return Vec::new() };
    let kinds = event["kinds"].as_array().cloned().unwrap_or_default();
    let kinds = kinds.iter().chain(event.get("kind")).filter_map(Value::as_str);
    kinds.map(|kind| (kind.to_owned(), address)).collect()
}

/// The program: `AIRLIFT_BIN`, or the newest that cargo built in this checkout.
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(path) = env::var_os("AIRLIFT_BIN") {
            return path.into();
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from);
        let built = |profile: &str| {
            let path = target.join(profile).join("airlift");
            let date = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
            Some((date, path))
        };
        let newest: Option<(SystemTime, PathBuf)> = ["debug", "release"].into_iter().filter_map(built).max();
        newest.expect("the program is not built: run `cargo build -p airlift`, or set AIRLIFT_BIN").1
    });
    &BINARY
}
