//! A network of its own, in which nothing is reachable but what runs inside.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::{describe, output, run};
use crate::tools::tool;

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

/// A network namespace with a loopback interface and nothing else; it ends when this value is dropped.
#[derive(Debug)]
pub struct Namespace(String);

impl Namespace {
    /// Makes one. What processes that have ended left is removed first.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        for entry in fs::read_dir(NAMES).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix("airlift-").and_then(|rest| rest.split('-').next());
            if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
                // Another test process may be removing it as well.
                let _ = output(Command::new(tool("ip")).args(["netns", "delete", &name]));
            }
        }
        let name = format!("airlift-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(Command::new(tool("ip")).args(["netns", "add", &name]));
        let this = Self(name);
        run(&mut this.inside(Command::new(tool("ip")).args(["link", "set", "lo", "up"])));
        this
    }

    /// The same command inside.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new(tool("ip"));
        inside.args(["netns", "exec", &self.0]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// What is at a URL, asked from inside.
    pub fn get(&self, url: &str) -> Vec<u8> {
        run(&mut self.inside(Command::new(tool("curl")).args(["--silent", "--show-error", "--fail", url]))).stdout
    }

    /// Proves that an address that answers here does not answer inside, and that no way leads out.
    pub fn prove_alone(&self, outside: SocketAddr) {
        let url = format!("http://{outside}/");
        let ask = || {
            let mut curl = Command::new(tool("curl"));
            curl.args(["--silent", "--show-error", "--max-time", "5", "--output", "/dev/null", &url]);
            curl
        };
        run(&mut ask());
        let mut inside = self.inside(&ask());
        let asked = output(&mut inside);
        assert!(!asked.status.success(), "{outside} answers inside of the namespace: {}", describe(&inside, &asked));
        let routes = run(&mut self.inside(Command::new(tool("ip")).args(["route", "show", "table", "main"]))).stdout;
        assert!(routes.is_empty(), "a way leads out: {}", String::from_utf8_lossy(&routes));
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The next one that is made removes what is left.
        let _ = output(Command::new(tool("ip")).args(["netns", "delete", &self.0]));
    }
}

/// A command that sees a root's `/etc` over that of this machine, and has its `/root` for a home.
pub fn as_host(root: &Path, command: &Command) -> Command {
    let mut inside = Command::new(tool("unshare"));
    let script = "mount -t overlay airlift -o \"lowerdir=$0/etc:/etc\" /etc && exec \"$@\"";
    inside.args(["--mount", "sh", "-euc", script]).arg(root).arg(command.get_program()).args(command.get_args());
    inside.env("HOME", root.join("root")).env("LC_ALL", "C.UTF-8").env("NO_PROXY", "*");
    for name in
        ["GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO", "PIP_CONFIG_FILE", "PIP_CERT", "SSL_CERT_FILE"]
    {
        inside.env_remove(name);
    }
    for (name, value) in command.get_envs() {
        value.map(|value| inside.env(name, value));
    }
    inside.current_dir(root);
    inside
}
