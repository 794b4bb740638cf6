//! `airlift service`.

mod install;
mod remove;
mod status;

use std::path::PathBuf;

use clap::Parser;
use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::Printer;
use crate::service::ServiceError;
use crate::service::place::{Before, Root};

pub(super) async fn run(arguments: &cli::service::Service, context: &Context<'_>) -> Result<(), Trouble> {
    match &arguments.action {
        cli::service::Action::Install(arguments) => install::run(arguments, context).await,
        cli::service::Action::Status(arguments) => status::run(arguments, context).await,
        cli::service::Action::Remove(arguments) => remove::run(arguments, context),
    }
}

/// What is done, as it is done, and whether anything was.
struct Report<'a> {
    printer: &'a Printer,
    dry_run: bool,
    changed: bool,
    left: Vec<String>,
}

impl<'a> Report<'a> {
    fn new(root: &Root, printer: &'a Printer) -> Self {
        Self { printer, dry_run: root.dry_run(), changed: false, left: Vec::new() }
    }

    /// Something that is as it should be already.
    fn unchanged(&self, what: &str) {
        self.printer.line(format!("unchanged: {what}"));
        self.printer.object("service", json!({ "did": "nothing", "what": what }));
    }

    /// Something that was done; `done` and `to_do` are what to call it: `removed`, `remove`.
    fn did(&mut self, (done, to_do): (&str, &str), what: &str) {
        self.changed = true;
        let did = if self.dry_run { format!("would {to_do}") } else { done.to_owned() };
        self.printer.line(format!("{did}: {what}"));
        self.printer.object("service", json!({ "did": did, "what": what }));
    }

    /// A file or a link that should be there.
    fn written(&mut self, before: Before, what: &str) -> bool {
        match before {
            Before::Same => self.unchanged(what),
            Before::Other => self.did(("changed", "change"), what),
            Before::Nothing => self.did(("written", "write"), what),
        }
        before != Before::Same
    }

    /// Something that has to be known: what was not done, or what stays.
    fn left(&mut self, what: String) {
        self.printer.line(&what);
        self.printer.object("service", json!({ "did": "left", "what": what }));
        self.left.push(what);
    }
}

/// The options of `serve`, understood as `serve` will understand them.
fn serve_arguments(arguments: &[String]) -> Result<cli::Serve, ServiceError> {
    let words = ["airlift", "serve"].into_iter().chain(arguments.iter().map(String::as_str));
    let refused = |error: clap::Error| {
        let text = error.to_string();
        let reason = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        ServiceError::Options { reason }
    };
    match cli::Arguments::try_parse_from(words).map_err(refused)?.command {
        cli::Command::Serve(serve) => Ok(serve),
        _ => unreachable!("the words begin with 'serve'"),
    }
}

/// The unit that is installed in a system.
fn installed(root: &Root) -> Option<(PathBuf, String)> {
    let path = root.at(crate::service::unit::PATH);
    let text = fs_err::read_to_string(&path).ok()?;
    Some((path, text))
}
