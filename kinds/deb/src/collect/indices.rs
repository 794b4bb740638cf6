//! Which of the files that a `Release` lists travel.

use std::collections::BTreeMap;

use airlift_core::{Omission, Request, Source, TreePath};
use airlift_fetch::Fetcher;
use futures::{StreamExt, TryStreamExt, stream};

use super::pdiffs::INDEX;
use super::release::Suite;
use super::repository::Part;
use super::tree::{File, Tree, request};
use crate::error::DebError;
use crate::format::release::{Listed, Release};

/// How many indices upstream is asked for at a time.
const AT_ONCE: usize = 16;

/// The endings of compressions.
const COMPRESSIONS: [&str; 6] = [".xz", ".zst", ".gz", ".bz2", ".lzma", ".lz4"];

/// What an index is, which decides what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A list of binary packages.
    Packages,
    /// A list of source packages.
    Sources,
    /// Something that some clients ask for: Contents, Translation, dep11, Commands.
    Extra,
    /// The patches that lead to a list; without them clients fetch the whole list.
    Diff,
    /// Something that no client asks for.
    Courtesy,
}

/// What is chosen of a suite.
pub(crate) struct Chosen {
    /// The listed files.
    pub(crate) files: Vec<(TreePath, Role)>,
    /// The architectures that clients are told; none for a flat repository.
    pub(crate) architectures: Vec<String>,
}

/// A listed file that upstream has.
pub(crate) struct Present {
    /// Its path below the suite.
    pub(crate) path: TreePath,
    /// What it is.
    pub(crate) role: Role,
    /// What is promised of it.
    pub(crate) listed: Listed,
    /// How it is asked for.
    pub(crate) request: Request,
}

/// Those that upstream has, and the names of those that it has in no compression.
pub(crate) struct Found {
    /// What is there.
    pub(crate) present: Vec<Present>,
    absent: Vec<String>,
}

/// A path without the ending of a compression: what the file is once it is unpacked.
pub(crate) fn stem(path: &str) -> &str {
    COMPRESSIONS.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

/// The files that a part of a suite needs.
pub(crate) fn chosen(suite: &Suite<'_>, part: &Part) -> Result<Chosen, DebError> {
    let release = &suite.release;
    let architectures = if suite.flat { Vec::new() } else { architectures(suite, part)? };
    let role = |path: &str| match suite.flat {
        true => flat_role(path, part.sources),
        false => role(path, part, &architectures),
    };
    let files = release.files.keys().filter_map(|path| Some((path.clone(), role(path.as_str())?)));
    let files = files.collect();
    Ok(Chosen { files, architectures: architectures.into_iter().filter(|name| name != "all").collect() })
}

/// The architectures, `all` included where the suite has it apart; refuses what the suite does not have.
fn architectures(suite: &Suite<'_>, part: &Part) -> Result<Vec<String>, DebError> {
    let release = &suite.release;
    let absent = |what, wanted: &str, found: &[String]| DebError::Absent {
        url: Box::new(suite.url.clone()),
        what,
        wanted: wanted.to_owned(),
        found: found.join(", "),
    };
    let has = |component: &str| {
        let folder = format!("{component}/");
        let named = release.components.iter().any(|name| name == component);
        named || release.files.keys().any(|path| path.as_str().starts_with(&folder))
    };
    if let Some(component) = part.components.iter().find(|component| !has(component)) {
        return Err(absent("component", component, &release.components));
    }
    let mut listed: Vec<String> = release.architectures.clone();
    for path in release.files.keys() {
        if let Some(name) = binary_folder(path.as_str()).filter(|name| !listed.iter().any(|other| other == name)) {
            listed.push(name.to_owned());
        }
    }
    listed.retain(|name| name != "source");
    if let Some(wanted) = part.architectures.iter().find(|wanted| !listed.contains(wanted)) {
        return Err(absent("architecture", wanted, &listed));
    }
    let mut wanted = if part.architectures.is_empty() { listed.clone() } else { part.architectures.clone() };
    if !wanted.iter().any(|name| name == "all") && listed.iter().any(|name| name == "all") {
        wanted.push("all".to_owned());
    }
    Ok(wanted)
}

/// The architecture of `main/binary-amd64/Packages.xz`.
pub(crate) fn binary_folder(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let architecture = folder.rsplit('/').next()?.strip_prefix("binary-")?;
    (stem(name) == "Packages" && !folder.contains("debian-installer")).then_some(architecture)
}

fn role(path: &str, part: &Part, architectures: &[String]) -> Option<Role> {
    if let Some(role) = contents(path, part, architectures) {
        return Some(role);
    }
    let below =
        part.components.iter().find_map(|component| path.strip_prefix(component.as_str())?.strip_prefix('/'))?;
    if let Some(role) = contents(below, part, architectures) {
        return Some(role);
    }
    let (folder, name) = below.split_once('/')?;
    let wanted = |name: &str| architectures.iter().any(|architecture| architecture == name);
    match (folder, stem(name)) {
        ("source", "Sources") if part.sources => Some(Role::Sources),
        ("source", "Sources.diff/Index") if part.sources => Some(Role::Diff),
        ("source", "Release") if part.sources => Some(Role::Courtesy),
        ("i18n", name) if name.starts_with("Translation-") && !name.contains('/') => Some(Role::Extra),
        ("i18n", name) if name.starts_with("Translation-") && name.ends_with(INDEX) => Some(Role::Diff),
        ("i18n", "Index") => Some(Role::Courtesy),
        ("cnf", name) if name.strip_prefix("Commands-").is_some_and(wanted) => Some(Role::Extra),
        ("dep11", name) if name.starts_with("icons-") => Some(Role::Extra),
        ("dep11", name) => {
            let of = name.strip_prefix("Components-")?.strip_suffix(".yml")?;
            wanted(of).then_some(Role::Extra)
        }
        (binary, name) if binary.strip_prefix("binary-").is_some_and(wanted) => match name {
            "Packages" => Some(Role::Packages),
            "Packages.diff/Index" => Some(Role::Diff),
            "Release" => Some(Role::Courtesy),
            _ => None,
        },
        _ => None,
    }
}

/// `Contents-amd64.gz`, which stands in the suite or in a component.
fn contents(path: &str, part: &Part, architectures: &[String]) -> Option<Role> {
    let of = stem(path).strip_prefix("Contents-")?;
    let (of, role) = of.strip_suffix(INDEX).map_or((of, Role::Extra), |of| (of, Role::Diff));
    let wanted = architectures.iter().any(|name| name == of) || (of == "source" && part.sources);
    wanted.then_some(role)
}

fn flat_role(path: &str, sources: bool) -> Option<Role> {
    match stem(path) {
        "Packages" => Some(Role::Packages),
        "Sources" if sources => Some(Role::Sources),
        "Packages.diff/Index" => Some(Role::Diff),
        "Sources.diff/Index" if sources => Some(Role::Diff),
        name if name.starts_with("Contents") || name.starts_with("Translation-") => Some(Role::Extra),
        name if name.starts_with("i18n/Translation-") => Some(Role::Extra),
        _ => None,
    }
}

/// Asks upstream which of the files are there: a `Release` names compressions that a server does not keep.
pub(crate) async fn present(
    files: Vec<(TreePath, Role)>,
    suite: &Suite<'_>,
    fetcher: &Fetcher,
) -> Result<Found, DebError> {
    let asked: Vec<_> = files.into_iter().map(|file| ask(file, suite, fetcher)).collect();
    let answers: Vec<Result<Present, (TreePath, Role)>> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    let mut stems = BTreeMap::<String, (Role, bool)>::new();
    for answer in &answers {
        let (path, role, there) = match answer {
            Ok(present) => (&present.path, present.role, true),
            Err((path, role)) => (path, *role, false),
        };
        stems.entry(stem(path.as_str()).to_owned()).or_insert((role, false)).1 |= there;
    }
    let mut absent = Vec::new();
    for (file, (role, _)) in stems.into_iter().filter(|(_, (_, there))| !there) {
        match role {
            Role::Packages | Role::Sources => {
                return Err(DebError::NoIndex { release: Box::new(suite.url.clone()), file });
            }
            Role::Extra => absent.push(file),
            Role::Diff | Role::Courtesy => {}
        }
    }
    Ok(Found { present: answers.into_iter().filter_map(Result::ok).collect(), absent })
}

async fn ask(
    file: (TreePath, Role),
    suite: &Suite<'_>,
    fetcher: &Fetcher,
) -> Result<Result<Present, (TreePath, Role)>, DebError> {
    let (path, role) = file;
    let listed = &suite.release.files[&path];
    if listed.checksums().is_empty() {
        return Err(DebError::Weak { release: Box::new(suite.url.clone()), file: path.to_string() });
    }
    for name in names(&suite.release, &path, listed) {
        let request = request(suite.url(&name));
        match fetcher.head(&request).await {
            Ok(_) => return Ok(Ok(Present { path, role, listed: listed.clone(), request })),
            // Object stores answer 403 for what they do not have.
            Err(error) if error.is_not_found() || error.status() == Some(403) => {}
            Err(source) => return Err(DebError::Fetch { id: suite.repository.id.clone(), source: Box::new(source) }),
        }
    }
    Ok(Err((path, role)))
}

/// The names to ask for, best first: SHA-256 and SHA-512 of itself where upstream offers that, then its own name.
fn names(release: &Release, path: &TreePath, listed: &Listed) -> Vec<String> {
    let folder = path.as_str().rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let strong =
        listed.by_hash().filter(|name| name.starts_with("by-hash/SHA256") || name.starts_with("by-hash/SHA512"));
    let by_hash = strong.filter(|_| release.by_hash).map(|name| format!("{folder}{name}"));
    by_hash.chain([path.to_string()]).collect()
}

/// Plans the indices under their own names and, where upstream offers that, under their checksums.
pub(crate) fn plan(found: &Found, suite: &Suite<'_>, tree: &mut Tree<'_>) -> Result<(), DebError> {
    for present in &found.present {
        let path = present.path.as_str();
        let folder = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let by_hash = present.listed.by_hash().filter(|_| suite.release.by_hash);
        for name in std::iter::once(path.to_owned()).chain(by_hash.map(|name| format!("{folder}{name}"))) {
            tree.add(File {
                path: &suite.path(&name),
                source: Source::Fetch(present.request.clone()),
                size: present.listed.size,
                checksums: present.listed.checksums(),
                purl: None,
            })?;
        }
    }
    for file in &found.absent {
        let path = tree.path(&format!("{}/{}", suite.repository.id, suite.path(file)))?;
        let omitted = format!("{} lists it, and upstream has it in no compression", suite.url);
        tree.plan.omissions.push(Omission { path, omitted, origin: Some(suite.url(file).to_string().into()) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_part_needs_is_chosen() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let part = |sources| Part {
            suite: "x".to_owned(),
            components: names(&["main", "updates/main"]),
            architectures: names(&["amd64"]),
            sources,
        };
        let architectures = names(&["amd64", "all"]);
        for (path, expected) in [
            ("main/binary-amd64/Packages.xz", Some(Role::Packages)),
            ("updates/main/binary-all/Packages", Some(Role::Packages)),
            ("main/binary-arm64/Packages.xz", None),
            ("contrib/binary-amd64/Packages.xz", None),
            ("main/debian-installer/binary-amd64/Packages.xz", None),
            ("main/binary-amd64/Packages.diff/Index", Some(Role::Diff)),
            ("main/binary-arm64/Packages.diff/Index", None),
            ("main/i18n/Translation-en.diff/Index", Some(Role::Diff)),
            ("main/Contents-amd64.diff/Index", Some(Role::Diff)),
            ("main/source/Sources.diff/Index", None),
            ("main/binary-amd64/Release", Some(Role::Courtesy)),
            ("main/i18n/Translation-pt_BR.bz2", Some(Role::Extra)),
            ("main/Contents-all.gz", Some(Role::Extra)),
            ("Contents-amd64.gz", Some(Role::Extra)),
            ("Contents-arm64.gz", None),
            ("Contents-source.gz", None),
            ("main/dep11/Components-amd64.yml.gz", Some(Role::Extra)),
            ("main/dep11/icons-64x64@2.tar.gz", Some(Role::Extra)),
            ("main/cnf/Commands-amd64.xz", Some(Role::Extra)),
            ("main/source/Sources.xz", None),
        ] {
            assert_eq!(role(path, &part(false), &architectures), expected, "{path}");
        }
        assert_eq!(role("main/source/Sources.xz", &part(true), &architectures), Some(Role::Sources));
        assert_eq!(role("Contents-source.gz", &part(true), &architectures), Some(Role::Extra));
        assert_eq!(flat_role("Packages.gz", false), Some(Role::Packages));
        assert_eq!(flat_role("Release", false), None);
    }
}
