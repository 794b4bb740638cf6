//! dnf in a folder of its own, so that nothing of this machine has a say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::isolated::Namespace;
use crate::process::{run, text};
use crate::rpms::Repository;
use crate::tools::{home, tool};

/// dnf with its own configuration, cache and root.
#[derive(Debug)]
pub struct Dnf<'a> {
    home: PathBuf,
    inside: Option<&'a Namespace>,
}

impl<'a> Dnf<'a> {
    /// dnf that knows the repositories of this text alone.
    pub fn new(home: PathBuf, repositories: &str) -> Self {
        for folder in ["repos", "log"] {
            fs::create_dir_all(home.join(folder)).expect("a folder");
        }
        fs::write(home.join("repos/airlift.repo"), repositories).expect("a file");
        fs::write(home.join("dnf.conf"), "[main]\nplugins=0\n").expect("a file");
        Self { home, inside: None }
    }

    /// The same inside of a namespace.
    #[must_use]
    pub fn inside(self, namespace: &'a Namespace) -> Self {
        Self { inside: Some(namespace), ..self }
    }

    /// The folder into which it installs.
    pub fn root(&self) -> PathBuf {
        self.home.join("root")
    }

    /// A command of dnf.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut dnf = Command::new(tool("dnf"));
        dnf.arg("--config").arg(self.home.join("dnf.conf")).arg("--installroot").arg(self.root());
        for (option, folder) in
            [("reposdir", "repos"), ("cachedir", "cache"), ("persistdir", "persist"), ("logdir", "log")]
        {
            dnf.arg(format!("--setopt={option}={}", self.home.join(folder).display()));
        }
        // Debian's dnf and rpm take a user's own configuration into account.
        dnf.env("HOME", &self.home).env("LC_ALL", "C.UTF-8");
        dnf.args(["--setopt=module_platform_id=platform:el9", "--releasever=9", "--forcearch=x86_64", "--assumeyes"]);
        dnf.args(arguments);
        match self.inside {
            Some(namespace) => namespace.inside(&dnf),
            None => dnf,
        }
    }

    /// A command of a plug-in, such as `repoclosure`.
    pub fn plugin(&self, arguments: &[&str]) -> Command {
        let modules = home().join("dnf-plugins/usr/lib/python3/dist-packages");
        let path = format!("--setopt=pluginpath={}", modules.join("dnf-plugins").display());
        let options = ["--setopt=plugins=1", "--disableplugin=local", &path];
        let mut dnf = self.command(&[&options, arguments].concat());
        dnf.env("PYTHONPATH", modules);
        dnf
    }

    /// Runs a command that has to succeed; what it prints.
    pub fn run(&self, arguments: &[&str]) -> String {
        text(&mut self.command(arguments))
    }

    /// What it would install for these requests, as `name-version-release.architecture`.
    pub fn answer(&self, requests: &[&str], options: &[&str]) -> BTreeSet<String> {
        let downloads = self.home.join("downloads");
        // Nothing is there the first time.
        let _ = fs::remove_dir_all(&downloads);
        let folder = format!("--downloaddir={}", downloads.display());
        let arguments = [&["--downloadonly", &*folder, "--nogpgcheck"], options, &["install"], requests].concat();
        run(&mut self.command(&arguments));
        Repository::packages(&downloads).iter().map(|path| stem(path)).collect()
    }
}

/// A file's name without `.rpm`.
pub fn stem(path: &Path) -> String {
    path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned()
}
