//! The commands, a file each: resolve settings, call the library, show the result.

mod collect;
mod export;
mod fetching;
mod generate;
mod list;
mod load;
mod pack;
mod plan;
mod profile;
mod prune;
mod rollback;
mod serve;
mod service;
mod setup;
mod snapshots;
mod tls;
mod user;
mod vars;
mod verify;

use std::path::Path;

use airlift_store::{Snapshot, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::cli::{Arguments, Command};
use crate::error::{ProgramError, Trouble};
use crate::output::Printer;
use crate::stop;

/// What every command is given.
pub(crate) struct Context<'a> {
    pub(crate) printer: &'a Printer,
    pub(crate) cancel: CancellationToken,
}

/// Runs a command until it ends or is stopped.
pub(crate) async fn run(arguments: Arguments, printer: &Printer) -> Result<(), Trouble> {
    let cancel = CancellationToken::new();
    let context = Context { printer, cancel: cancel.clone() };
    let outcome = stop::on_signals(&cancel, dispatch(arguments.command, &context)).await;
    outcome.unwrap_or_else(|| Err(ProgramError::Stopped.into()))
}

async fn dispatch(command: Command, context: &Context<'_>) -> Result<(), Trouble> {
    match command {
        Command::Plan(arguments) => plan::run(&arguments, context).await,
        Command::Collect(arguments) => collect::run(&arguments, context).await,
        Command::Profile(arguments) => profile::run(&arguments, context),
        Command::Pack(arguments) => pack::run(&arguments, context).await,
        Command::Verify(arguments) => verify::run(&arguments, context).await,
        Command::Load(arguments) => load::run(&arguments, context).await,
        Command::Serve(arguments) => serve::run(&arguments, context).await,
        Command::Service(arguments) => service::run(&arguments, context).await,
        Command::Tls(command) => tls::run(&command, context),
        Command::User(command) => user::run(&command, context),
        Command::Setup(arguments) => setup::run(&arguments, context).await,
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Export(arguments) => export::run(&arguments, context).await,
        Command::Snapshots(arguments) => snapshots::run(&arguments, context).await,
        Command::Rollback(arguments) => rollback::run(&arguments, context).await,
        Command::Prune(arguments) => prune::run(&arguments, context).await,
        Command::Vars(arguments) => vars::run(&arguments, context).await,
        Command::Completions(arguments) => generate::completions(&arguments, context),
        Command::Man(arguments) => generate::man(&arguments, context),
        Command::Schema => generate::schema(context),
    }
}

/// The current snapshot of a store that must have one.
async fn current(store: &Store) -> Result<Snapshot, Trouble> {
    match store.current().await? {
        Some(snapshot) => Ok(snapshot),
        None => Err(StoreError::Empty { place: store.describe() }.into()),
    }
}

/// A folder that is a store already. To read one, or to change it, is no reason to make it.
async fn existing(path: &Path) -> Result<Store, Trouble> {
    Ok(Store::open(path).await?)
}

/// Says aloud what must be known of a snapshot, and what it does not have.
fn show_remarks(snapshot: &Snapshot, printer: &Printer) {
    for notice in snapshot.index.notices() {
        printer.line(format!("note: {}: {}", notice.path, notice.notice));
        printer.object("remark", serde_json::json!({ "path": notice.path, "notice": notice.notice }));
    }
    let omissions = snapshot.index.omissions();
    if omissions.is_empty() {
        return;
    }
    printer.line(format!("NOT in this archive, since it was collected with --keep-going ({}):", omissions.len()));
    for omission in omissions {
        printer.line(format!("  {}: {}", omission.path, omission.omitted));
        printer.object(
            "omitted",
            serde_json::json!({ "path": omission.path, "reason": omission.omitted, "origin": omission.origin }),
        );
    }
}
