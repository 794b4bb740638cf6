//! apt in a folder of its own, so that nothing of this machine has a say: its own sources, lists, cache and dpkg status.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::isolated::Namespace;
use crate::process::{describe, output};
use crate::tools::tool;

/// An apt with a root of its own, in which nothing is installed.
#[derive(Debug)]
pub struct Apt<'a> {
    /// Its folder.
    pub home: PathBuf,
    namespace: Option<&'a Namespace>,
}

impl<'a> Apt<'a> {
    /// One in a new folder for an architecture. `source` is its only source, in the form of the file's ending.
    pub fn new(home: &Path, architecture: &str, (name, source): (&str, &[u8])) -> Self {
        let folders = [
            "etc/apt/sources.list.d",
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/trusted.gpg.d",
            "etc/apt/keyrings",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/log/apt",
            "root/var/lib/dpkg/info",
            "root/var/lib/dpkg/updates",
        ];
        folders.iter().for_each(|folder| fs::create_dir_all(home.join(folder)).expect("a folder"));
        fs::write(home.join("root/var/lib/dpkg/status"), "").expect("a file");
        let configuration = format!(
            "Dir \"{home}\";\nDir::State::status \"{home}/root/var/lib/dpkg/status\";\n\
             APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
             APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
             DPkg::Options {{ \"--root={home}/root\"; \"--log=/dev/null\"; }};\n",
            home = home.display()
        );
        fs::write(home.join("apt.conf"), configuration).expect("a file");
        let ending = if name.contains(".list") { "list" } else { "sources" };
        fs::write(home.join(format!("etc/apt/sources.list.d/mirror.{ending}")), source).expect("a file");
        Self { home: home.to_owned(), namespace: None }
    }

    /// The same inside of a namespace.
    #[must_use]
    pub fn inside(mut self, namespace: &'a Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// A command of apt-get; a source that fails, fails it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool("apt-get"));
        command.env("APT_CONFIG", self.home.join("apt.conf")).env("LC_ALL", "C.UTF-8").current_dir(&self.home);
        for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env_remove(proxy);
        }
        command.args(["-o", "APT::Update::Error-Mode=any", "--yes"]).args(arguments);
        match self.namespace {
            Some(namespace) => namespace.inside(&command),
            None => command,
        }
    }

    /// Runs it and returns what it said; a warning counts as a failure.
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let done = output(&mut command);
        let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let fine = done.status.success() && !told.contains("W: ") && !told.contains("E: ");
        assert!(fine, "{}", describe(&command, &done));
        told
    }

    /// Name and version of everything that `apt-get install` with these arguments would install.
    pub fn simulated(&self, arguments: &[&str]) -> BTreeSet<String> {
        let told = self.run(&[&["install", "--simulate"], arguments].concat());
        let lines = told.lines().filter_map(|line| line.strip_prefix("Inst "));
        let named = lines.map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // The version that is there stands before it, in other brackets.
            let version = words.iter().find_map(|word| word.strip_prefix('(')).expect("a version");
            format!("{} {version}", words[0])
        });
        named.collect()
    }

    /// Whether a package of [`crate::debs::Upstream::build`] is installed.
    pub fn installed(&self, name: &str) -> bool {
        self.home.join("root/usr/share/airlift").join(name).exists()
    }
}
