//! `airlift`: carries what a GPU cluster build needs across an air gap.
//!
//! The program is thin: it reads the command line, the environment and the home folder ([`settings`]), calls the
//! library, and shows what happened ([`output`]). The list of kinds is in [`kinds`].

mod cli;
mod commands;
mod descriptors;
mod error;
mod kinds;
mod manifest;
mod notify;
mod offline;
mod output;
mod profile;
mod running;
mod service;
mod settings;
mod signing;
mod stop;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// musl's own allocator costs twice the CPU time under load, and glibc's is no faster than this one.
///
/// It is built to do without transparent huge pages: each of many threads would begin with one of its own for the first bytes
/// that it asks for, and the kernel clears two megabytes for them, a sixth of the processor time of a collection.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    let printer = output::Printer::new(&arguments.global, arguments.command.writes_archive_to_stdout());
    printer.start_log();
    descriptors::raise_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return printer.fail(&error::ProgramError::Runtime { source }.into()),
    };
    let outcome = runtime.block_on(commands::run(arguments, &printer));
    printer.finish();
    // Threads that end while the process does may meet the end of the cryptographic library, which aborts then. A thread may
    // hang in a read from a pipe that nobody writes to, though; nothing that matters is left to wait for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => printer.fail(&trouble),
    }
}
