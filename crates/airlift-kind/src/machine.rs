//! What a kind may ask about the machine that it plans on.

/// What a program of the machine answers about files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramAnswer {
    /// This, on its standard output.
    Said(String),
    /// It failed, answered more than 64 MiB or took longer than a minute: a sentence.
    Failed(String),
    /// There is no such program.
    NotThere,
}

/// The machine that a kind plans on.
///
/// Kinds read no environment. Where the manifest says "as on this machine", the program reads it for them; tests say
/// what they like.
pub trait Machine: std::fmt::Debug + Send + Sync {
    /// A variable of the environment; none where it is not set, or empty.
    fn variable(&self, name: &str) -> Option<String>;

    /// What a program answers on its standard output; none where there is no such program, or where it fails.
    ///
    /// It waits for the program, which must be one that answers at once.
    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String>;

    /// What a program answers about files, each with its name and its bytes. They lie in an empty folder of its own, in
    /// which it runs and which is its home; of the environment it has its `PATH` alone.
    ///
    /// It waits for the program.
    fn ask_about(&self, _program: &str, _arguments: &[&str], _files: &[(&str, &[u8])]) -> ProgramAnswer {
        ProgramAnswer::NotThere
    }
}

/// A machine that nothing is known of.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMachine;

impl Machine for NoMachine {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn ask(&self, _: &str, _: &[&str]) -> Option<String> {
        None
    }
}
