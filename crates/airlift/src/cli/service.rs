//! `airlift service …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::settings::LOCAL_STORE;

#[derive(Debug, Args)]
pub(crate) struct Service {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Install the program, an account of its own and a hardened unit, and start it. Call it again to change something.
    Install(Install),
    /// Ask systemd and the mirror how it is; the exit code is 1 where it is not well.
    Status(Status),
    /// Stop it and remove the unit. The store, the program and the account stay.
    Remove(Remove),
}

/// Which system is meant.
#[derive(Debug, Args)]
pub(crate) struct System {
    /// The root of a system that is being made, an image for instance: nothing is started there.
    #[arg(long, value_name = "DIR", default_value = "/", value_hint = ValueHint::DirPath)]
    pub(crate) root: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    #[command(flatten)]
    pub(crate) system: System,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The account that it runs as; made where it is not there.
    #[arg(long, value_name = "NAME", default_value = "airlift", value_parser = account)]
    pub(crate) user: String,
    /// The store or the archive that is served.
    #[arg(long, value_name = "STORE|ARCHIVE", env = "AIRLIFT_STORE", hide_env_values = true, default_value = LOCAL_STORE, value_hint = ValueHint::AnyPath)]
    pub(crate) store: PathBuf,
    /// Options of 'airlift serve': '-- --port oci=5001 --access-log off'.
    #[arg(last = true, value_name = "OPTIONS OF SERVE")]
    pub(crate) options: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) system: System,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) system: System,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What useradd(8) takes everywhere.
fn account(text: &str) -> Result<String, String> {
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let fine =
        text.len() <= 31 && text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit() || c == '-');
    match fine {
        true => Ok(text.to_owned()),
        false => Err("an account's name has small letters, digits, '-' and '_', and begins with a letter".to_owned()),
    }
}
