//! `airlift serve`.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use airlift_kind::DynKind;
use airlift_server::{Server, Settings, Tls};
use airlift_tls::{Files, Folder};

use super::Context;
use crate::cli;
use crate::error::{ProgramError, Trouble};
use crate::{kinds, notify};

pub(super) async fn run(arguments: &cli::Serve, context: &Context<'_>) -> Result<(), Trouble> {
    let mut settings = Settings::new(addresses(arguments)?);
    settings.admin = Some(SocketAddr::new(arguments.bind, arguments.admin_port));
    settings.tls = tls(arguments);
    settings.users = arguments.htpasswd.clone();
    settings.plain_passwords = arguments.allow_plain_passwords;
    settings.access_log = access_log(&arguments.access_log)?;
    let store = super::existing(&arguments.from).await?;
    super::show_remarks(&super::current(&store).await?, context.printer);
    let server = Server::bind(store, settings, context.printer.observer()).await?;
    notify::ready(&format!("serves {}", arguments.from.display()));
    let stopping = async {
        context.cancel.cancelled().await;
        notify::stopping();
    };
    let (cut, ()) = tokio::join!(server.run(context.cancel.clone()), stopping);
    if cut > 0 {
        context.printer.notice(format!("stopped; {cut} connections took too long and were cut off"));
    }
    Ok(())
}

/// Which kinds are served where.
pub(crate) fn addresses(arguments: &cli::Serve) -> Result<Vec<(&'static dyn DynKind, SocketAddr)>, ProgramError> {
    let known = |name: &str| {
        let unknown = || ProgramError::UnknownKind { name: name.to_owned(), known: kinds::names() };
        kinds::named(name).map(DynKind::name).ok_or_else(unknown)
    };
    let ports = arguments.ports.iter().map(|(name, port)| Ok((known(name)?, *port)));
    let ports = ports.collect::<Result<BTreeMap<&str, u16>, ProgramError>>()?;
    let disabled = arguments.disable.iter().map(|name| known(name)).collect::<Result<Vec<_>, _>>()?;
    let enabled = kinds::KINDS.into_iter().filter(|kind| !disabled.contains(&kind.name()));
    let address = |kind: &dyn DynKind| SocketAddr::new(arguments.bind, *ports.get(kind.name()).unwrap_or(&kind.port()));
    Ok(enabled.map(|kind| (kind, address(kind))).collect())
}

/// With what TLS is spoken, where it is.
fn tls(arguments: &cli::Serve) -> Option<Tls> {
    let own = |folder: &PathBuf| {
        let folder = Folder::new(folder);
        Tls { files: folder.files(), authority: Some(folder.authority()) }
    };
    let named = || {
        let (certificate, key) = (arguments.tls_cert.clone()?, arguments.tls_key.clone()?);
        Some(Tls { files: Files { certificate, key }, authority: None })
    };
    arguments.tls.as_ref().map(own).or_else(named)
}

fn access_log(place: &str) -> Result<Option<Box<dyn Write + Send>>, ProgramError> {
    match place {
        "off" => Ok(None),
        "-" => Ok(Some(Box::new(std::io::stdout()))),
        path => {
            let path = Path::new(path);
            let file = fs_err::OpenOptions::new().append(true).create(true).open(path);
            let file = file.map_err(|source| ProgramError::Write { path: path.to_owned(), source })?;
            Ok(Some(Box::new(file)))
        }
    }
}
