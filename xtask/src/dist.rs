//! `cargo xtask dist`: one static binary, and the proof that it is one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Outcome, at, cargo, run as run_command, say, target, text};

/// Makes `target/dist/airlift` and returns its path.
///
/// With the musl target installed (and a C compiler for it), it is made with musl, where the program brings mimalloc.
/// Otherwise glibc is linked in; the program resolves names itself, so that it needs nothing of glibc at run time.
pub(crate) fn run() -> Outcome<PathBuf> {
    let triple = triple()?;
    let mut flags = env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(" -C target-feature=+crt-static");
    let mut build = cargo(["build", "--release", "--package", "airlift", "--target", &triple]);
    run_command(build.env("RUSTFLAGS", flags.trim()))?;
    let built = target().join(&triple).join("release/airlift");
    let program = target().join("dist/airlift");
    install(&built, &program)?;
    prove(&program)?;
    let size = fs::metadata(&program).map_err(at(&program))?.len();
    say(&format!("{} is static ({triple}, {:.1} MB)", program.display(), size as f64 / 1e6));
    Ok(program)
}

/// The target to build for: this machine's processor with musl if that can be had, else with glibc.
fn triple() -> Outcome<String> {
    let version = text(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
    let processor = host.split('-').next().unwrap_or(host);
    let musl = format!("{processor}-unknown-linux-musl");
    // A Rust that did not come by rustup has only its own target.
    let installed = text(Command::new("rustup").args(["target", "list", "--installed"])).unwrap_or_default();
    if !installed.lines().any(|line| line == musl) {
        return Ok(format!("{processor}-unknown-linux-gnu"));
    }
    let compilers = ["musl-gcc".to_owned(), format!("{processor}-linux-musl-gcc")];
    if compilers.iter().any(|name| Command::new(name).arg("--version").output().is_ok()) {
        return Ok(musl);
    }
    say(&format!("{musl} is installed, but no C compiler for it ({}): glibc is linked in", compilers.join(", ")));
    Ok(format!("{processor}-unknown-linux-gnu"))
}

/// Puts the program there in one step, so that one that runs is not disturbed.
fn install(built: &Path, program: &Path) -> Outcome {
    let folder = program.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(at(folder))?;
    let new = program.with_extension("new");
    fs::copy(built, &new).map_err(at(&new))?;
    fs::rename(&new, program).map_err(at(program))?;
    Ok(())
}

/// Proves that the program needs no loader and no library: by what it says of itself, and by running it where there is
/// nothing else.
fn prove(program: &Path) -> Outcome {
    let headers = text(Command::new("readelf").args(["--program-headers", "--dynamic", "--wide"]).arg(program))?;
    needs_nothing(&headers).map_err(|need| format!("{} is not static: {need}", program.display()))?;
    let empty = target().join("dist/empty");
    fs::create_dir_all(&empty).map_err(at(&empty))?;
    let inside = empty.join("airlift");
    fs::copy(program, &inside).map_err(at(&inside))?;
    let root_of_all = text(Command::new("id").arg("--user"))?.trim() == "0";
    let mut command = Command::new(if root_of_all { "chroot" } else { "unshare" });
    if root_of_all {
        command.arg(&empty);
    } else {
        command.args(["--user", "--map-root-user", "--root"]).arg(&empty);
    }
    let version = text(command.args(["/airlift", "--version"]))?;
    fs::remove_dir_all(&empty).map_err(at(&empty))?;
    say(&format!("in an empty root it says: {}", version.trim()));
    Ok(())
}

/// Looks through readelf's answer for what a static program does not have.
fn needs_nothing(headers: &str) -> Result<(), String> {
    let need = headers.lines().find(|line| {
        let line = line.trim_start();
        line.starts_with("INTERP") || line.contains("(NEEDED)")
    });
    need.map_or(Ok(()), |line| Err(line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_or_a_library_is_seen() {
        let needs_loader = "Program Headers:\n  INTERP         0x000318 0x0000000000000318\n  LOAD 0x0";
        assert!(needs_nothing(needs_loader).is_err());
        let needs_library = "Dynamic section:\n 0x0000000000000001 (NEEDED)  Shared library: [libc.so.6]";
        assert!(needs_nothing(needs_library).is_err());
        assert_eq!(needs_nothing("  LOAD 0x0\n 0x000000006ffffffb (FLAGS_1)  Flags: NOW PIE\n"), Ok(()));
    }

    #[test]
    fn this_very_test_program_is_not_static() {
        let this = env::current_exe().expect("this program has a path");
        let error = prove(&this).expect_err("cargo test links dynamically");
        assert!(error.to_string().contains("is not static"), "{error}");
    }
}
