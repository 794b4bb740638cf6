//! What class of failure an error is, and what can be done about it.
//!
//! Errors stay with the module that makes them. What the edge of the program needs of any error is here: the exit code,
//! which follows from its [`Class`], and a hint.

use std::error::Error;

/// The classes of failure. Each has one exit code, which scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// What was asked is answered, and the answer is no: it will not fit, or there is damage.
    Negative,
    /// The command line or the manifest can't be understood.
    Usage,
    /// Something that the manifest names could not be had from its upstream.
    Upstream,
    /// An archive or a store is damaged, or is not one.
    Damaged,
    /// The disk is full, or will be.
    Space,
    /// An archive or a store was written by a newer Airlift.
    Version,
    /// Anything else on this machine: a permission, an address in use, a file that is not there.
    Machine,
    /// Stopped by Ctrl-C or a termination signal; what was done is kept.
    Interrupted,
}

impl Class {
    /// Every class, in the order of the exit codes.
    pub const ALL: [Self; 8] = [
        Self::Negative,
        Self::Usage,
        Self::Upstream,
        Self::Damaged,
        Self::Space,
        Self::Version,
        Self::Machine,
        Self::Interrupted,
    ];

    /// The program's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Upstream => 3,
            Self::Damaged => 4,
            Self::Space => 5,
            Self::Version => 6,
            Self::Machine => 7,
            Self::Interrupted => 130,
        }
    }

    /// What the exit code means, for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Negative => "the answer is no: it will not fit, or verify found damage",
            Self::Usage => "the command line or the manifest can't be understood",
            Self::Upstream => "something that the manifest names could not be fetched",
            Self::Damaged => "an archive or a store is damaged, or is not one",
            Self::Space => "a disk is full, or would be",
            Self::Version => "an archive or a store was written by a newer Airlift",
            Self::Machine => "something on this machine: a permission, an address in use, a missing file",
            Self::Interrupted => "stopped by Ctrl-C or a signal; what was done is kept",
        }
    }
}

/// An error that knows its class and, where there is any, the advice that goes with it.
pub trait Failure: Error + Send + Sync + 'static {
    /// The class, from which the exit code follows.
    fn class(&self) -> Class;

    /// What a person can do about it: a sentence, or several with line feeds between them.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The class of an I/O error: a full disk, or this machine.
pub fn io_class(error: &std::io::Error) -> Class {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Class::Space,
        _ => Class::Machine,
    }
}

/// An error's message and those of its causes, outermost first.
pub fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut messages = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        messages.push(error.to_string());
        next = error.source();
    }
    messages
}

/// An error and its causes in one line, for reports that list many.
pub fn line(error: &(dyn Error + 'static)) -> String {
    chain(error).join(": ")
}
