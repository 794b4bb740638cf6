//! What a person, or with `--json` a program, is shown.
//!
//! * [`Printer`]: results and errors.
//! * [`progress`]: events as they happen: a bar, plain lines, or JSON lines.
//! * [`human`]: sizes and times for people.

pub(crate) mod human;
mod progress;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use airlift_core::{Event, Observer};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::cli::{Color, Global};
use crate::error::Trouble;
use crate::settings;
use progress::{Bar, JsonLines, PlainLines};

/// Shows results and errors.
pub(crate) struct Printer {
    global: Global,
    /// Where results go: standard output, or standard error where that carries an archive.
    to_stderr: bool,
    observer: Arc<dyn Show>,
}

/// An observer that may have something on the screen.
pub(crate) trait Show: Observer {
    /// Prints a line of the result without tearing what is on the screen.
    fn line(&self, line: &str, to_stderr: bool) {
        write_line(line, to_stderr);
    }

    /// Takes everything that moves off the screen.
    fn finish(&self) {}
}

/// Writes a line. A reader that has gone away, such as `head`, is no reason to complain.
fn write_line(line: &str, to_stderr: bool) {
    let _ = match to_stderr {
        true => writeln!(std::io::stderr().lock(), "{line}"),
        false => writeln!(std::io::stdout().lock(), "{line}"),
    };
}

impl Printer {
    pub(crate) fn new(global: &Global, stdout_is_archive: bool) -> Self {
        let observer: Arc<dyn Show> = match (global.json, global.quiet) {
            (true, _) => Arc::new(JsonLines::new(stdout_is_archive)),
            (false, true) => Arc::new(PlainLines::quiet()),
            (false, false) if std::io::stderr().is_terminal() => Arc::new(Bar::new(global.verbose)),
            (false, false) => Arc::new(PlainLines::new(global.verbose)),
        };
        Self { global: global.clone(), to_stderr: stdout_is_archive, observer }
    }

    /// Whoever is told of events.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::new(Shared(Arc::clone(&self.observer)))
    }

    /// Starts the log that `-vv` and AIRLIFT_LOG show.
    pub(crate) fn start_log(&self) {
        let level = match self.global.verbose {
            0 | 1 => "airlift=warn",
            2 => "airlift=debug,airlift_fetch=debug,airlift_store=debug,airlift_server=debug,airlift_kind_oci=debug",
            _ => "debug",
        };
        let filter = settings::log_filter().unwrap_or_else(|| level.to_owned());
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.global.json {
            true => builder.json().init(),
            false => builder.with_ansi(self.colours()).init(),
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.observer.finish();
    }

    /// Tells a person something; with `--json` the same comes as an event.
    pub(crate) fn notice(&self, message: impl Into<String>) {
        self.observer.observe(&Event::Notice { message: message.into() });
    }

    /// One line of a result, for people.
    pub(crate) fn line(&self, line: impl AsRef<str>) {
        if !self.global.json {
            self.observer.line(&human::one_way(line.as_ref()), self.to_stderr);
        }
    }

    /// One object of a result, for programs: its fields, and what it is as `event`.
    pub(crate) fn object(&self, event: &str, mut fields: Value) {
        if self.global.json {
            fields["event"] = json!(event);
            self.observer.line(&fields.to_string(), self.to_stderr);
        }
    }

    /// Whether results are for programs.
    pub(crate) const fn json(&self) -> bool {
        self.global.json
    }

    /// Shows an error; the exit code follows from its class.
    pub(crate) fn fail(&self, trouble: &Trouble) -> ExitCode {
        self.finish();
        let chain = trouble.chain();
        let code = trouble.class().exit_code();
        if self.global.json {
            let (message, causes) = chain.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
            self.object(
                "error",
                json!({ "message": message, "causes": causes, "hint": trouble.hint(), "exit_code": code }),
            );
            return ExitCode::from(code);
        }
        let (error, hint) = (Style::new().bold().fg_color(Some(AnsiColor::Red.into())), Style::new().bold());
        for (number, message) in chain.iter().map(|message| human::one_way(message)).enumerate() {
            match number {
                0 => write_line(&format!("{}: {message}", self.paint(error, "error")), true),
                _ => write_line(&format!("  caused by: {message}"), true),
            }
        }
        for line in trouble.hint().iter().flat_map(|text| text.lines()) {
            write_line(&format!("{}: {}", self.paint(hint, "hint"), human::one_way(line)), true);
        }
        ExitCode::from(code)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.colours() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    fn colours(&self) -> bool {
        match self.global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && !settings::no_color(),
        }
    }
}

/// Lets the library hold an observer that is a [`Show`].
struct Shared(Arc<dyn Show>);

impl Observer for Shared {
    fn observe(&self, event: &Event) {
        self.0.observe(event);
    }
}

/// Shows what clap has to say: help on standard output, mistakes on standard error with exit code 2.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.use_stderr() {
        true => ExitCode::from(airlift_core::Class::Usage.exit_code()),
        false => ExitCode::SUCCESS,
    }
}
