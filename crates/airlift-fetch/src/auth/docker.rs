//! `~/.docker/config.json` and the credential helpers that it names.

use std::path::Path;

use airlift_core::Secret;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use serde_json::Value;

use super::Login;

/// The name under which Docker keeps the credentials of Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";

/// The credentials that are kept for a registry. It blocks: helpers are programs.
///
/// # Errors
///
/// What keeps credentials that may be there from being read; never a word of what a helper printed.
pub(crate) fn lookup(path: &Path, name: &str) -> Result<Option<Login>, String> {
    let config = match fs_err::read(path) {
        Ok(config) => config,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    check(&config).map_err(|reason| format!("{}: {reason}", path.display()))?;
    for server in names(name) {
        match docker_credential::get_credential_from_reader(config.as_slice(), &server) {
            Ok(DockerCredential::IdentityToken(token)) => return Ok(Some(Login::Identity(Secret::new(token)))),
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Some(Login::Basic { user, password: Secret::new(password) }));
            }
            Err(CredentialRetrievalError::NoCredentialConfigured) => {}
            Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            }
            Err(error) => return Err(format!("{}: {}", path.display(), words(&error, name))),
        }
    }
    Ok(None)
}

fn names(name: &str) -> Vec<String> {
    match name {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => vec![HUB.to_owned(), "docker.io".to_owned()],
        name => vec![name.to_owned(), format!("https://{name}")],
    }
}

/// Refuses what is no such file, and helpers whose names would start another program.
fn check(config: &[u8]) -> Result<(), String> {
    let config: Value = serde_json::from_slice(config).map_err(|error| format!("not JSON ({error})"))?;
    let helpers = config.get("credHelpers").and_then(Value::as_object);
    let helpers = helpers.into_iter().flat_map(|helpers| helpers.values()).chain(config.get("credsStore"));
    match helpers.filter_map(Value::as_str).find(|helper| helper.contains(['/', '\\'])) {
        Some(helper) => Err(format!("'{helper}' is not the name of a credential helper")),
        None => Ok(()),
    }
}

fn words(error: &CredentialRetrievalError, name: &str) -> String {
    match error {
        CredentialRetrievalError::HelperCommunicationError => {
            "the credential helper that it names can't be run: is it installed, and in a folder of PATH?".to_owned()
        }
        CredentialRetrievalError::HelperFailure { helper, .. } => {
            format!("the credential helper {helper} failed: try 'echo {name} | {helper} get'")
        }
        CredentialRetrievalError::MalformedHelperResponse => {
            "the credential helper's answer is not JSON with Username and Secret".to_owned()
        }
        _ => "the entry can't be decoded".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(config: &str, name: &str) -> Result<Option<Login>, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs_err::write(file.path(), config).expect("written");
        lookup(file.path(), name)
    }

    #[test]
    fn entries_are_found_under_the_names_that_docker_uses() {
        // me:s3cr3t
        let entry = r#"{"auth":"bWU6czNjcjN0"}"#;
        for (key, name) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "registry-1.docker.io"),
            ("registry.example:5000", "registry.example:5000"),
            ("https://registry.example", "registry.example"),
        ] {
            let found = with(&format!(r#"{{"auths":{{"{key}":{entry}}}}}"#), name).expect("readable");
            let Some(Login::Basic { user, password }) = found else { panic!("{key}: {found:?}") };
            assert_eq!((user.as_str(), password.expose()), ("me", "s3cr3t"));
        }
        let other = with(&format!(r#"{{"auths":{{"registry.example":{entry}}}}}"#), "other.example");
        assert!(other.expect("readable").is_none());
    }

    #[test]
    fn identity_tokens_are_kept_apart() {
        let found = with(r#"{"auths":{"r.example":{"auth":"bWU6","identitytoken":"t0ken"}}}"#, "r.example");
        assert!(matches!(found, Ok(Some(Login::Identity(token))) if token.expose() == "t0ken"));
    }

    #[test]
    fn what_is_missing_or_dangerous() {
        assert!(lookup(Path::new("/nonexistent/config.json"), "r.example").expect("no file is fine").is_none());
        assert!(with("{", "r.example").is_err());
        assert!(with(r#"{"credsStore":"../../bin/sh"}"#, "r.example").is_err());
        let missing = with(r#"{"credsStore":"airlift-test-none"}"#, "r.example").expect_err("no such helper");
        assert!(missing.contains("PATH"), "{missing}");
    }
}
