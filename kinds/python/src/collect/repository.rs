//! What a repository of git says about the project in it, without git: forges have what a reference has as an archive.

use airlift_core::Request;
use airlift_core::plan::Also;
use airlift_fetch::{Expected, Fetcher};
use pep508_rs::PackageName;
use serde_json::json;

use super::library::{About, failed, is_absent};
use super::sdist;
use crate::error::PythonError;
use crate::format::pyproject;
use crate::format::repository::Repository;

/// The most bytes of a reference's archive.
const MOST: u64 = 512 << 20;

/// What a project's `pyproject.toml` says, and whether that has its version: a build may make one of git's tags.
pub(crate) async fn about(
    fetcher: &Fetcher,
    name: &PackageName,
    repository: &Repository,
) -> Result<(About, bool), PythonError> {
    let refused = |reason: String| PythonError::Repository {
        name: name.to_string(),
        url: Box::new(repository.url.clone()),
        reference: repository.reference.clone(),
        reason,
    };
    let archive = archive(fetcher, repository).await?;
    let archive = archive.ok_or_else(|| {
        refused("its server has no archive of that, which is where its pyproject.toml would be read".to_owned())
    })?;
    let folder = repository.folder.as_deref().map(|folder| format!("{folder}/")).unwrap_or_default();
    let found = sdist::find("archive.tar.gz", &archive, &format!("{folder}pyproject.toml"));
    let found = found.map_err(|reason| refused(format!("its archive can't be unpacked: {reason}")))?;
    let text = found
        .ok_or_else(|| refused(format!("it has no {folder}pyproject.toml, and nothing else says what it needs")))?;
    let text = String::from_utf8_lossy(&text);
    let declared = pyproject::project(&text, name).map_err(&refused)?;
    let build = pyproject::build_requirements(Some(&text)).map_err(&refused)?;
    Ok((About { metadata: Ok(declared.metadata), text: None, build }, declared.has_version))
}

/// The first archive that there is.
async fn archive(fetcher: &Fetcher, repository: &Repository) -> Result<Option<bytes::Bytes>, PythonError> {
    for url in repository.archives() {
        let what = format!("the archive of {}", repository.url);
        match fetcher.blob(&Request::new(url), &Expected::limit(MOST)).await {
            Ok(fetched) => {
                let bytes = fetcher.stored(fetched.digest, fetched.size, 0..fetched.size).await;
                return bytes.map(Some).map_err(|source| failed(&what, source));
            }
            Err(error) if is_absent(&error) => {}
            Err(source) => return Err(failed(&what, source)),
        }
    }
    Ok(None)
}

/// The repository itself, as an entry of `git`.
pub(crate) fn also(name: &PackageName, repository: &Repository) -> Also {
    let url = repository.url.expose();
    let mut value = json!({ "url": url.as_str() });
    if let Some(reference) = &repository.reference {
        value["refs"] = json!([reference]);
    }
    let path = url.path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    Also {
        key: "git".to_owned(),
        name: format!("repositories/{}/{path}", repository.url.authority()),
        value,
        why: format!("the Python requirement {name}"),
    }
}
