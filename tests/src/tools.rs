//! Finds the real programs that the tests drive.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The variable that turns a missing program from an error into a test that says it was skipped.
const SKIP_MISSING: &str = "AIRLIFT_E2E_SKIP_MISSING";

/// Where `scripts/install-test-tools` puts what it builds, and where the fixtures are kept.
pub fn home() -> &'static Path {
    static HOME: LazyLock<PathBuf> = LazyLock::new(|| match env::var_os("AIRLIFT_TOOLS") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env::var_os("HOME").expect("HOME is set")).join(".cache/airlift-tools"),
    });
    &HOME
}

/// The path of a program, or `None` when it is not installed.
pub fn find(program: &str) -> Option<PathBuf> {
    let own = [home().join("bin"), home().join("ansible/bin")];
    let system = env::var_os("PATH").unwrap_or_default();
    let administrator = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    own.into_iter()
        .chain(env::split_paths(&system))
        .chain(administrator)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The path of a program that has to be there.
pub fn tool(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|| panic!("{}", missing(&[program])))
}

/// Whether all these programs are there.
///
/// One that is missing is an error, unless `AIRLIFT_E2E_SKIP_MISSING` is set: then the test has to return when this
/// answers `false`, which it has said aloud by then.
pub fn present(programs: &[&str]) -> bool {
    let absent: Vec<&str> = programs.iter().copied().filter(|program| find(program).is_none()).collect();
    if absent.is_empty() {
        return true;
    }
    assert!(env::var_os(SKIP_MISSING).is_some(), "{}", missing(&absent));
    say(&format!("SKIPPED: {} ({SKIP_MISSING} is set)", missing(&absent)));
    false
}

fn missing(programs: &[&str]) -> String {
    format!("not installed: {}; run scripts/install-test-tools", programs.join(", "))
}

/// Tells the person who runs the tests something that must not be lost in captured output.
pub fn say(sentence: &str) {
    use std::io::Write;
    // Written past the test runner's capture, which only sees the print macros.
    let _ = writeln!(std::io::stderr(), "airlift-e2e: {sentence}");
}

/// The root of the checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the checkout")
}
