//! `airlift user`.

use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use airlift_server::htpasswd;
use serde_json::json;

use super::Context;
use crate::cli::tls as cli;
use crate::error::{ProgramError, Trouble};

pub(super) fn run(command: &cli::User, context: &Context<'_>) -> Result<(), Trouble> {
    let cli::User::Add(arguments) = command;
    let path = &arguments.htpasswd;
    let text = match fs_err::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(|source| ProgramError::Read { path: path.clone(), source })?,
    };
    htpasswd::check_name(&arguments.name)?;
    let password = password()?;
    let (text, new) = htpasswd::with_password(&text, &arguments.name, &password)?;
    write(path, text.as_bytes()).map_err(|source| ProgramError::Write { path: path.clone(), source })?;
    let done = if new { "added" } else { "set the password of" };
    context.printer.line(format!("{done} {} in {}", arguments.name, path.display()));
    context.printer.object("user", json!({ "name": arguments.name, "new": new, "htpasswd": path }));
    Ok(())
}

/// The password: asked for twice at a terminal, else the first line of standard input. It is never an argument, which
/// everybody on the host could read.
fn password() -> Result<String, ProgramError> {
    let failed = |source| ProgramError::Password { source };
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password: ").map_err(failed)?;
    match rpassword::prompt_password("The same again: ").map_err(failed)? == password {
        true => Ok(password),
        false => Err(ProgramError::TwoPasswords),
    }
}

/// Writes the file whole or not at all. It stays with its owner and its mode: the server has to be able to read it.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    if let Ok(old) = fs_err::metadata(path) {
        file.as_file().set_permissions(PermissionsExt::from_mode(old.mode() & 0o7777))?;
        // Only root can give files away, and only root has to.
        let _ = fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs_err::File::open(folder)?.sync_all()
}
