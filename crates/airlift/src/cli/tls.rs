//! `airlift tls` and `airlift user`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::settings::TLS_FOLDER;

#[derive(Debug, Subcommand)]
pub(crate) enum Tls {
    /// Issue a certificate for the mirror's names, from a private authority that is made once.
    Init(TlsInit),
    /// Show the certificates: names, how long they are valid, fingerprints.
    Show(TlsShow),
}

#[derive(Debug, Args)]
pub(crate) struct TlsInit {
    /// The names and addresses by which clients reach the mirror. [default: those of the certificate that is there, or
    /// this host's names and addresses]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<airlift_tls::Name>,
    /// Where the authority and the certificate are kept.
    #[arg(long = "dir", value_name = "DIR", default_value = TLS_FOLDER, value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// For how many days the certificate shall be valid. [default: as long as its authority, ten years; Apple's devices
    /// accept 825 days at the most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) days: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct TlsShow {
    /// Where they are kept.
    #[arg(long = "dir", value_name = "DIR", default_value = TLS_FOLDER, value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a user, or set the password anew; it is asked for, or read from standard input.
    Add(UserAdd),
}

#[derive(Debug, Args)]
pub(crate) struct UserAdd {
    /// The user's name.
    pub(crate) name: String,
    /// The file of users; a running 'serve' notices.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) htpasswd: PathBuf,
}
