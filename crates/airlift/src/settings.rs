//! What the command line, the environment and the home folder say, put together.
//!
//! The one place of the whole program that reads the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airlift_core::{Secret, Time};
use airlift_fetch::{Proxies, Settings};
use airlift_kind::machine::ProgramAnswer;

use crate::cli::Network;
use crate::error::ProgramError;

/// The manifest, unless another is named.
pub(crate) const MANIFEST: &str = "airlift.yaml";
/// What is collected where there is no such file.
pub(crate) const PROFILE: &str = "profile:deepops";
/// The archive, unless another is named.
pub(crate) const ARCHIVE: &str = "/tmp/deepops-archive.tar";
/// The store of `collect` and `pack`, unless another is named.
pub(crate) const COLLECT_STORE: &str = "/tmp/deepops";
/// The store of `load` and `serve`, unless another is named.
pub(crate) const LOCAL_STORE: &str = "/opt/deepops";

/// Where the certificates are, unless another folder is named: the same for everybody, since whoever serves is seldom who
/// made them.
pub(crate) const TLS_FOLDER: &str = "/etc/airlift/tls";

/// How to fetch.
pub(crate) fn network(arguments: &Network) -> Result<Settings, ProgramError> {
    let defaults = Settings::default();
    let home = variable("HOME").map(PathBuf::from);
    let below_home = |name: &str| home.as_ref().map(|home| home.join(name));
    let netrc = variable("NETRC").map(PathBuf::from).or_else(|| below_home(".netrc"));
    let docker = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| below_home(".docker"));
    let authorities = arguments.authorities.iter().filter(|path| !path.as_os_str().is_empty());
    let jobs = arguments.jobs.map_or(defaults.jobs, usize::from);
    Ok(Settings {
        jobs,
        per_host: arguments.per_host.map_or(defaults.per_host.min(jobs), usize::from),
        attempts: arguments.attempts.unwrap_or(defaults.attempts),
        stall: arguments.stall.map_or(defaults.stall, Duration::from_secs),
        longest_wait: arguments.longest_wait.map_or(defaults.longest_wait, Duration::from_secs),
        proxies: proxies(),
        roots: authorities.map(|path| read(path)).collect::<Result<_, _>>()?,
        netrc: netrc.filter(|path| path.is_file()).map(|path| read_text(&path)).transpose()?.map(Secret::new),
        docker_config: docker.map(|folder| folder.join("config.json")).filter(|path| path.is_file()),
        ..defaults
    })
}

/// Where the signing key is kept, unless another place is named.
pub(crate) fn signing_key(arguments: &Network) -> Option<PathBuf> {
    let named = arguments.signing_key.clone().filter(|path| !path.as_os_str().is_empty());
    let below_home = || variable("HOME").map(|home| PathBuf::from(home).join(".config"));
    let config = || variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(below_home);
    let default = || config().map(|config| config.join("airlift/signing-key.asc"));
    named.or_else(default)
}

/// How this machine is set up, for manifests that say to follow it.
#[derive(Debug)]
pub(crate) struct ThisMachine;

impl airlift_kind::Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        variable(name)
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let answer =
            std::process::Command::new(program).args(arguments).stdin(std::process::Stdio::null()).output().ok()?;
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    fn ask_about(&self, program: &str, arguments: &[&str], files: &[(&str, &[u8])]) -> ProgramAnswer {
        let path = variable("PATH").unwrap_or_default();
        crate::running::about(path.as_ref(), (program, arguments), files)
    }
}

/// The usual variables; the spelling in small letters wins, as in curl.
fn proxies() -> Proxies {
    let either = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
    Proxies {
        http: either("http_proxy").map(Secret::new),
        https: either("https_proxy").map(Secret::new),
        all: either("all_proxy").map(Secret::new),
        no_proxy: either("no_proxy"),
    }
}

/// The date that reproducible builds give to what they make (<https://reproducible-builds.org/specs/source-date-epoch/>).
pub(crate) fn source_date() -> Option<Time> {
    variable("SOURCE_DATE_EPOCH")?.parse().ok().map(Time::from_seconds)
}

/// Whether colours are unwelcome (<https://no-color.org>), or the terminal can't do them.
pub(crate) fn no_color() -> bool {
    variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|terminal| terminal == "dumb")
}

/// The filter of the log, for whoever looks for a fault.
pub(crate) fn log_filter() -> Option<String> {
    variable("AIRLIFT_LOG")
}

#[expect(clippy::disallowed_methods, reason = "this module is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read(path: &Path) -> Result<Vec<u8>, ProgramError> {
    fs_err::read(path).map_err(|source| ProgramError::Read { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, ProgramError> {
    fs_err::read_to_string(path).map_err(|source| ProgramError::Read { path: path.to_owned(), source })
}
