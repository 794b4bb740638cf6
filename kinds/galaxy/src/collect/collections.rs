//! Collections: those that are wanted, and what these need.
//!
//! What one entry of the manifest wants is solved as one installation first. Where that can't be, each is solved by
//! itself and the answers are united: a mirror is not a host (docs/design/closure.md).

use std::collections::BTreeSet;

use super::inputs::{Inputs, Origin};
use super::library::{Known, Library, Need};
use super::publish::Shelf;
use super::solver::{Root, Solution, solve};
use super::{Group, file, git, look, repository};
use crate::error::GalaxyError;
use crate::format::answer::{Artifact, Detail, Metadata, Named};
use crate::format::archive::Packed;
use crate::format::name::CollectionName;
use crate::format::requirement::{Collection, GitSource};
use crate::format::shelf;
use crate::format::version::Range;
use crate::format::wanted::WantedCollection;

pub(super) async fn collect(group: &Group<'_>, inputs: &Inputs, shelf: &mut Shelf) -> Result<(), GalaxyError> {
    for (wanted, origin) in &inputs.collections {
        if let Collection::Git(source) = wanted {
            ask_git(source, origin, shelf)?;
        }
    }
    if inputs.collections.iter().all(|(wanted, _)| matches!(wanted, Collection::Git(_))) {
        return Ok(());
    }
    let mut library = Library::new(group.server(group.spec.server.clone()).await?);
    let mut roots: Vec<Root> = Vec::new();
    for (wanted, origin) in &inputs.collections {
        let root = root(group, &mut library, (wanted, origin), shelf).await?;
        roots.extend(root.filter(|root| !roots.contains(root)));
    }
    let roots: Vec<&Root> = roots.iter().collect();
    let chosen = unite(&mut library, &roots, shelf).await?;
    library.learn(missing(&library, &chosen)).await?;
    for (name, place) in &chosen {
        match library.known(name, *place) {
            Some(Ok(known)) => shelf.collection(name, known)?,
            Some(Err(reason)) => shelf.omit(&shelf::collection(name), reason.to_owned(), &group.spec.server)?,
            None => {}
        }
    }
    Ok(())
}

/// What was chosen and is not known; a solve has asked for all of it.
fn missing(library: &Library<'_>, chosen: &BTreeSet<(CollectionName, usize)>) -> Vec<Need> {
    let unknown = chosen.iter().filter(|(name, place)| library.known(name, *place).is_none());
    unknown.map(|(name, place)| Need::Detail(name.clone(), *place)).collect()
}

/// Has a repository travel.
fn ask_git(source: &GitSource, origin: &Origin, shelf: &mut Shelf) -> Result<(), GalaxyError> {
    let GitSource { url, version, folder } = source;
    let at = repository(url);
    shelf.ask(git(url, version.as_deref(), format!("a collection of {}", origin.of)));
    shelf.notice(
        "collections",
        format!("the collection in {at} ({}) is not looked into: what it needs has to be named besides", origin.of),
    )?;
    let folder = folder.as_ref().map(|folder| format!("#{folder}")).unwrap_or_default();
    shelf.want_collection(WantedCollection {
        name: None,
        version: version.clone(),
        git: Some(format!("{at}{folder}")),
    });
    Ok(())
}

/// What the solver is to look for; none where there is nothing.
async fn root<'a>(
    group: &Group<'a>,
    library: &mut Library<'a>,
    (wanted, origin): (&Collection, &Origin),
    shelf: &mut Shelf,
) -> Result<Option<Root>, GalaxyError> {
    let request = match wanted {
        Collection::Git(_) => return Ok(None),
        Collection::Galaxy { name, range, source } => {
            if let Some(url) = source {
                let server = match library.find(url) {
                    Some(server) => server,
                    None => library.add(group.server(url.clone()).await?),
                };
                library.take_from(name, server)?;
            }
            return Ok(Some(Root { name: name.clone(), range: range.clone(), of: origin.of.clone() }));
        }
        Collection::Url(url) => {
            shelf.ask(file(url, format!("a collection of {}", origin.of)));
            group.url(url)
        }
        Collection::File(path) => group.file(path, origin)?,
    };
    let url = request.url.clone();
    let reason = match group.fetch(request).await? {
        Ok(fetched) => match look(fetched.bytes.clone(), Packed::read).await {
            Ok(packed) => {
                let (name, version) = (packed.name.clone(), packed.version.clone());
                let size = fetched.bytes.len() as u64;
                let detail =
                    described(packed, Artifact { filename: String::new(), sha256: fetched.digest, size: Some(size) });
                library.put(name.clone(), version.clone(), Known { detail, request: fetched.request, stored: true })?;
                return Ok(Some(Root { name, range: Range::exactly(&version), of: origin.of.clone() }));
            }
            Err(error) => airlift_core::failure::line(&error),
        },
        Err(reason) => reason,
    };
    let name = url.decoded_path().and_then(|path| path.rsplit('/').next().map(str::to_owned)).unwrap_or_default();
    shelf.omit(&format!("collections/{name}"), format!("{reason} (wanted by {})", origin.of), &url)?;
    Ok(None)
}

/// What a server would say of a packed collection.
fn described(packed: Packed, artifact: Artifact) -> Detail {
    let Packed { name, version, dependencies } = packed;
    Detail {
        version: version.to_string(),
        href: String::new(),
        created_at: None,
        updated_at: None,
        requires_ansible: None,
        artifact,
        collection: Named { name: name.name },
        namespace: Named { name: name.namespace },
        download_url: String::new(),
        signatures: Vec::new(),
        metadata: Metadata { dependencies: Some(dependencies), ..Metadata::default() },
    }
}

/// What travels, so that each root can be installed.
async fn unite(
    library: &mut Library<'_>,
    roots: &[&Root],
    shelf: &mut Shelf,
) -> Result<BTreeSet<(CollectionName, usize)>, GalaxyError> {
    let together = match solve(library, roots).await? {
        Ok(solution) => return Ok(solution.into_iter().collect()),
        Err(reason) => reason,
    };
    let (mut good, mut apart) = (Vec::new(), Vec::<Solution>::new());
    for root in roots {
        match solve(library, &[root]).await? {
            Ok(solution) => {
                good.push(*root);
                apart.push(solution);
            }
            Err(reason) => {
                let server = library.server().url.clone();
                shelf.omit(&shelf::collection(&root.name), reason, &server)?;
            }
        }
    }
    let again = match good.len() == roots.len() {
        true => Err(together),
        false => solve(library, &good).await?,
    };
    Ok(match again {
        Ok(solution) => solution.into_iter().collect(),
        Err(reason) => {
            shelf.notice(
                "collections",
                format!("not all can be installed together, so that each travels for itself: {reason}"),
            )?;
            apart.into_iter().flatten().collect()
        }
    })
}
