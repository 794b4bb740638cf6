//! The command line: what was typed, and nothing of what it means.

pub(crate) mod service;
pub(crate) mod tls;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::offline::print::Format;
use crate::settings::{ARCHIVE, COLLECT_STORE, LOCAL_STORE, TLS_FOLDER};

const AFTER_HELP: &str = "\
A first archive:
  airlift plan                     what airlift.yaml would fetch, and whether it fits
  airlift collect                  fetch it, and pack /tmp/deepops-archive.tar
Behind the gap:
  airlift load ARCHIVE             check it, and copy it to /opt/deepops
  airlift serve                    serve it; 'airlift serve ARCHIVE' serves it without copying
On every client:
  airlift setup --mirror HOST      point it at the host that serves; --revert undoes it

Exit codes: 0 done, 1 the answer is no (it will not fit, or there is damage), 2 usage or manifest, 3 upstream, \
4 damaged archive or store, 5 no space, 6 newer format, 7 this machine, 130 stopped (run it again: it goes on).";

/// Carries what a GPU cluster build needs across an air gap.
#[derive(Debug, Parser)]
#[command(name = "airlift", version, about, after_help = AFTER_HELP, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print one JSON object a line, progress included.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but errors and the result.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: each file (-v), and what the program does inside (-vv).
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what would be fetched: counts, bytes, and the free space at every step.
    Plan(Plan),
    /// Fetch everything that a manifest names, and pack it into one archive.
    Collect(Collect),
    /// Show the profiles that the program brings, and what a manifest comes to.
    Profile(Profile),
    /// Pack what was collected last into an archive.
    Pack(Pack),
    /// Check every byte of an archive or a store; what is damaged in a store is moved out of the way.
    Verify(Verify),
    /// Copy archives into a store, checking them on the way.
    Load(Load),
    /// Serve an archive or a store to docker, containerd, podman, curl and the rest.
    Serve(Serve),
    /// Run the mirror as a service of systemd: install, ask or remove it.
    Service(service::Service),
    /// Make a private authority and the mirror's certificate, or show them.
    #[command(subcommand)]
    Tls(tls::Tls),
    /// Keep the file of users that 'serve --htpasswd' asks for.
    #[command(subcommand)]
    User(tls::User),
    /// Point this host's clients at a mirror: containerd, docker, podman, dnf, apt, pip, helm, git and the rest.
    Setup(Setup),
    /// List what is in an archive or a store.
    List(List),
    /// Write plain folders that any web server can serve; images as an OCI layout.
    Export(Export),
    /// List the snapshots that a store keeps.
    Snapshots(Snapshots),
    /// Go back to the snapshot before the current one.
    Rollback(Rollback),
    /// Remove old snapshots, and what only they needed.
    Prune(Prune),
    /// Write the variables by which DeepOps and Kubespray fetch from the mirror, and what none of them moves.
    Vars(Vars),
    /// Print a shell's completions.
    Completions(Completions),
    /// Write the manual pages into a folder.
    #[command(hide = true)]
    Man(Man),
    /// Print the JSON schema of the manifest.
    Schema,
}

impl Command {
    /// Whether standard output carries the archive, so that nothing else may be printed there.
    pub(crate) fn writes_archive_to_stdout(&self) -> bool {
        let archive = match self {
            Self::Collect(collect) => &collect.archive,
            Self::Pack(pack) => &pack.archive,
            _ => return false,
        };
        archive.as_os_str() == "-"
    }
}

/// How upstreams are asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network options")]
pub(crate) struct Network {
    /// How many requests run at the same time.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// How many of them go to one host.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) per_host: Option<u16>,
    /// How often something is tried before it counts as failed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: Option<u32>,
    /// After how many seconds of silence a connection is given up.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stall: Option<u64>,
    /// The longest time in seconds that an upstream may ask to wait (Retry-After).
    #[arg(long, value_name = "SECONDS")]
    pub(crate) longest_wait: Option<u64>,
    /// Trust this certificate authority too; a PEM file. May be given several times.
    #[arg(long = "ca", value_name = "FILE", env = "AIRLIFT_CA", hide_env_values = true, value_delimiter = ':', value_hint = ValueHint::FilePath)]
    pub(crate) authorities: Vec<PathBuf>,
    /// The secret key that signs what is not taken whole; made when it is first needed. Never part of an archive.
    /// [default: ~/.config/airlift/signing-key.asc]
    #[arg(long, value_name = "FILE", env = "AIRLIFT_SIGNING_KEY", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) signing_key: Option<PathBuf>,
}

/// Which manifest, with which variables.
#[derive(Clone, Debug, Args)]
pub(crate) struct Source {
    /// The manifest, or profile:NAME. [default: airlift.yaml where there is one, else profile:deepops]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    /// Set variables as for ansible-playbook: name=value, '{JSON or YAML}', or @FILE. May be given several times; what
    /// comes later wins.
    #[arg(long, short, value_name = "VARIABLES")]
    pub(crate) extra_vars: Vec<String>,
}

impl Network {
    /// Everything as it is without options, and these authorities.
    pub(crate) const fn with_authorities(authorities: Vec<PathBuf>) -> Self {
        let (jobs, per_host, attempts, stall, longest_wait, signing_key) = (None, None, None, None, None, None);
        Self { jobs, per_host, attempts, stall, longest_wait, authorities, signing_key }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The archive that would be written.
    #[arg(long = "output", short = 'o', value_name = "ARCHIVE", default_value = ARCHIVE, value_hint = ValueHint::FilePath)]
    pub(crate) archive: PathBuf,
    /// The store that would be collected into.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = COLLECT_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Collect {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The archive to write; '-' is standard output.
    #[arg(long = "output", short = 'o', value_name = "ARCHIVE", default_value = ARCHIVE, value_hint = ValueHint::FilePath)]
    pub(crate) archive: PathBuf,
    /// Where what was fetched is kept for the next run.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = COLLECT_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Collect exactly what the lock beside the manifest names, and say what upstream changed since.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Leave out what can't be had, and say so in the lock, the archive and wherever it is loaded.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Only fetch: 'airlift pack' writes the archive later.
    #[arg(long)]
    pub(crate) no_archive: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Profile {
    #[command(subcommand)]
    pub(crate) command: ProfileCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles that the program brings, with their variables.
    List,
    /// Print a manifest with everything resolved, as YAML: the variables and the reason of each entry are comments.
    Show(Source),
}

#[derive(Debug, Args)]
pub(crate) struct Pack {
    /// The store that was collected into.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = COLLECT_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// The archive to write; '-' is standard output.
    #[arg(long = "output", short = 'o', value_name = "ARCHIVE", default_value = ARCHIVE, value_hint = ValueHint::FilePath)]
    pub(crate) archive: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The archive or the store.
    #[arg(value_name = "ARCHIVE|STORE", value_hint = ValueHint::AnyPath)]
    pub(crate) from: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The archives; '-' is standard input. The last one becomes the current snapshot.
    #[arg(value_name = "ARCHIVE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) archives: Vec<PathBuf>,
    /// The store to load into.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The archive or the store.
    #[arg(value_name = "ARCHIVE|STORE", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::AnyPath)]
    pub(crate) from: PathBuf,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0")]
    pub(crate) bind: IpAddr,
    /// Serve a kind on another port; 0 takes a free one. May be given several times.
    #[arg(long = "port", value_name = "KIND=PORT", value_parser = kind_and_port)]
    pub(crate) ports: Vec<(String, u16)>,
    /// Don't serve a kind. May be given several times.
    #[arg(long, value_name = "KIND")]
    pub(crate) disable: Vec<String>,
    /// The port of /healthz and /metrics.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(crate) admin_port: u16,
    /// Speak TLS on every port, with what 'airlift tls init' made [default folder: /etc/airlift/tls].
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = TLS_FOLDER, conflicts_with = "tls_cert", value_hint = ValueHint::DirPath)]
    pub(crate) tls: Option<PathBuf>,
    /// Speak TLS on every port, with this certificate: PEM, the certificates of authorities behind it.
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of that certificate: PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Ask for a name and a password of this file: 'airlift user add' writes it, or Apache's 'htpasswd -B'.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) htpasswd: Option<PathBuf>,
    /// Let passwords come over the network in plain text, without TLS: something else has to encrypt them.
    #[arg(long, requires = "htpasswd")]
    pub(crate) allow_plain_passwords: bool,
    /// Where to write a JSON line for each request: a file, '-' for standard output, or 'off'.
    #[arg(long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) access_log: String,
}

fn kind_and_port(text: &str) -> Result<(String, u16), String> {
    let (kind, port) = text.split_once('=').ok_or("expected KIND=PORT, such as oci=5001")?;
    let port = port.parse().map_err(|_| format!("'{port}' is not a port"))?;
    Ok((kind.to_owned(), port))
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Setup {
    #[command(subcommand)]
    pub(crate) command: Option<SetupCommand>,
    #[command(flatten)]
    pub(crate) host: SetupHost,
    /// Leave a file where it is that would be set aside, by its name: local.repo. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) keep: Vec<String>,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Put everything back as it was before.
    #[arg(long, conflicts_with_all = ["mirror", "keep"])]
    pub(crate) revert: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SetupCommand {
    /// Say what still points elsewhere, by asking the clients themselves; exit code 1 if something does.
    Status(SetupHost),
}

/// Which host is set up, and with what.
#[derive(Debug, Args)]
pub(crate) struct SetupHost {
    /// The mirror: its host, or the address of its port 8000. [default: that of the last time, else localhost]
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub(crate) mirror: Option<String>,
    /// Only these clients: docker,apt.
    #[arg(long, value_name = "CLIENTS", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The root folder of the host: of an image, or of a system that is mounted.
    #[arg(long, value_name = "DIR", default_value = "/", value_hint = ValueHint::DirPath)]
    pub(crate) root: PathBuf,
    /// Trust this certificate authority when the mirror is asked; a PEM file.
    #[arg(long = "ca", value_name = "FILE", env = "AIRLIFT_CA", hide_env_values = true, value_delimiter = ':', value_hint = ValueHint::FilePath)]
    pub(crate) authorities: Vec<PathBuf>,
    /// The name that the mirror asks for. [default: that of the last time, in root's .netrc]
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// A file whose first line is the password; '-' is standard input.
    #[arg(long, value_name = "FILE", requires = "user", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The archive or the store.
    #[arg(value_name = "ARCHIVE|STORE", value_hint = ValueHint::AnyPath)]
    pub(crate) from: PathBuf,
    /// Only paths that begin so: 'files/', 'oci/docker.io/library/nginx'.
    #[arg(default_value = "")]
    pub(crate) prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The archive or the store.
    #[arg(value_name = "ARCHIVE|STORE", value_hint = ValueHint::AnyPath)]
    pub(crate) from: PathBuf,
    /// The folder to write into.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    /// The store.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The store.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// How many snapshots to keep, the newest.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep: u16,
    /// Only say what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The store.
    #[arg(long, value_name = "FOLDER", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Vars {
    /// The archive or the store: only what it has is written.
    #[arg(value_name = "ARCHIVE|STORE", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::AnyPath)]
    pub(crate) from: PathBuf,
    /// For whom.
    #[arg(long, value_name = "FORMAT", default_value = "ansible")]
    pub(crate) format: Format,
    /// The mirror's name or address, as hosts reach it; with https:// before it where it has TLS.
    #[arg(long, value_name = "HOST", default_value = "mirror")]
    pub(crate) mirror: String,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
