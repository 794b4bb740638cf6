//! `cargo xtask layers`: the architecture fails a check. Dependencies point downwards only, and a kind knows neither
//! another kind nor the store.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, Package};

use crate::run::{Outcome, at, cargo, files, root, say, text};

/// The machine, from the bottom to the top, and what each crate may use of it.
const MACHINE: [(&str, &[&str]); 13] = [
    ("airlift-core", &[]),
    ("airlift-map", &[]),
    ("airlift-openpgp", &["airlift-core"]),
    ("airlift-solve", &[]),
    ("airlift-tls", &["airlift-core"]),
    ("airlift-unpack", &[]),
    ("airlift-store", &["airlift-core"]),
    ("airlift-fetch", &["airlift-core", "airlift-store"]),
    ("airlift-kind", &["airlift-core", "airlift-fetch", "airlift-map", "airlift-openpgp", "airlift-store"]),
    ("airlift-setup", &["airlift-core", "airlift-kind"]),
    (
        "airlift-server",
        &["airlift-core", "airlift-kind", "airlift-map", "airlift-setup", "airlift-store", "airlift-tls"],
    ),
    ("airlift-testkit", &["airlift-core", "airlift-fetch", "airlift-kind", "airlift-openpgp", "airlift-store"]),
    (
        "airlift",
        &[
            "airlift-core",
            "airlift-fetch",
            "airlift-kind",
            "airlift-openpgp",
            "airlift-server",
            "airlift-setup",
            "airlift-store",
            "airlift-tls",
        ],
    ),
];

/// What drives the program from outside may use of the machine: what measures makes its own archives, and what tests from
/// end to end knows nothing of the inside.
const OUTSIDE: [(&str, &[&str]); 3] =
    [("airlift-bench", &["airlift-core", "airlift-store"]), ("airlift-e2e", &[]), ("xtask", &[])];

/// What a kind may use of the machine: what plans and what answers, and not where bytes lie.
const FOR_KINDS: [&str; 6] =
    ["airlift-core", "airlift-fetch", "airlift-kind", "airlift-openpgp", "airlift-solve", "airlift-unpack"];

/// What only a crate's own tests may use in addition.
const FOR_TESTS: [&str; 3] = ["airlift-fetch", "airlift-store", "airlift-testkit"];

/// Libraries that only some crates may use.
const LIBRARIES: [Library; 3] = [
    Library {
        names: &["anstyle", "clap", "clap_complete", "clap_mangen", "indicatif", "tracing-subscriber"],
        reason: "the library never talks: only the program, crates/airlift, speaks to a person",
        barred: |place| !matches!(place, Place::Machine("airlift") | Place::Outside(_)),
    },
    Library {
        names: &["fs-err", "hyper", "hyper-util", "memmap2", "object_store", "reqwest", "rustix", "tar", "tempfile"],
        reason: "a kind opens no socket, no file and no archive",
        barred: |place| matches!(place, Place::Kind),
    },
    Library {
        names: &["fs-err", "futures", "reqwest", "rustix", "tokio"],
        reason: "airlift-core is pure and synchronous",
        barred: |place| matches!(place, Place::Machine("airlift-core")),
    },
];

/// Some libraries, and who may not use them.
struct Library {
    names: &'static [&'static str],
    reason: &'static str,
    barred: fn(&Place) -> bool,
}

/// What the source of a kind does not have in it, since a kind opens no socket and no file.
const OPENERS: [&str; 8] =
    ["std::env", "std::fs", "std::process", "tokio::fs", "tokio::net", "TcpListener", "TcpStream", "UdpSocket"];

/// What the folder of every kind has. The first that is there of several names counts.
const KIND_FOLDER: [&[&str]; 7] = [
    &["README.md"],
    &["src/lib.rs"],
    &["src/spec.rs"],
    &["src/collect.rs", "src/collect"],
    &["src/serve.rs", "src/serve"],
    &["src/error.rs"],
    &["src/format"],
];

/// Checks the workspace and names every offender.
pub(crate) fn run() -> Outcome {
    let metadata = cargo(["metadata", "--format-version=1", "--no-deps"]);
    let metadata: Metadata = serde_json::from_str(&text(&mut { metadata })?)?;
    let mut offences = dependencies(&metadata);
    offences.extend(kind_folders(&root().join("kinds"))?);
    for offence in &offences {
        println!("{offence}");
    }
    match offences.len() {
        0 => {
            say(&format!("layers: {} crates depend downwards only", metadata.packages.len()));
            Ok(())
        }
        count => Err(format!("layers: {count} offences against ARCHITECTURE.md, \"Folders and layers\"").into()),
    }
}

/// Where a crate of the workspace stands.
enum Place {
    /// In `crates/`, and its name is in [`MACHINE`].
    Machine(&'static str),
    /// In `kinds/`.
    Kind,
    /// In `tests/`, `bench/` or `xtask/`, and its name is in [`OUTSIDE`]: nothing depends on these.
    Outside(&'static str),
    /// Unknown here.
    Unknown,
}

impl Place {
    fn of(package: &Package) -> Self {
        let folder =
            package.manifest_path.parent().and_then(|folder| folder.parent()).and_then(|parent| parent.file_name());
        let known = |list: &[(&'static str, _)]| {
            let found = list.iter().find(|(name, _): &&(&str, &[&str])| *name == package.name.as_str());
            found.map(|(name, _)| *name)
        };
        match folder {
            Some("kinds") => Self::Kind,
            Some("crates") => known(&MACHINE).map_or(Self::Unknown, Self::Machine),
            _ => known(&OUTSIDE).map_or(Self::Unknown, Self::Outside),
        }
    }
}

/// Every dependency that ARCHITECTURE.md does not allow.
fn dependencies(metadata: &Metadata) -> Vec<String> {
    let members = metadata.workspace_packages();
    let ours: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let kinds = members.iter().filter(|package| matches!(Place::of(package), Place::Kind));
    let kinds: BTreeSet<&str> = kinds.map(|package| package.name.as_str()).collect();
    let mut offences = Vec::new();
    for package in members {
        let place = Place::of(package);
        if matches!(place, Place::Unknown) {
            offences.push(format!("{}: has no layer yet; give it one in xtask/src/layers.rs", package.name));
        }
        for dependency in &package.dependencies {
            let (name, for_tests) = (dependency.name.as_str(), dependency.kind == DependencyKind::Development);
            let reason = if ours.contains(name) {
                (!may_use(&place, name, for_tests, &kinds)).then_some(match place {
                    Place::Kind if kinds.contains(name) => "no kind knows another",
                    Place::Kind if name == "airlift-store" => "a kind doesn't know where bytes lie",
                    _ => "dependencies point downwards only",
                })
            } else {
                let barred = |library: &&Library| library.names.contains(&name) && (library.barred)(&place);
                LIBRARIES.iter().filter(|_| !for_tests).find(barred).map(|library| library.reason)
            };
            offences.extend(reason.map(|reason| format!("{} must not depend on {name}: {reason}", package.name)));
        }
    }
    offences
}

/// Whether a crate at that place may use another one of the workspace.
fn may_use(place: &Place, name: &str, for_tests: bool, kinds: &BTreeSet<&str>) -> bool {
    let allowed: &[&str] = match place {
        Place::Machine("airlift") if kinds.contains(name) => return true,
        Place::Machine(own) => MACHINE.iter().find(|(other, _)| other == own).map_or(&[], |(_, allowed)| allowed),
        Place::Kind => &FOR_KINDS,
        Place::Outside(own) => OUTSIDE.iter().find(|(other, _)| other == own).map_or(&[], |(_, allowed)| allowed),
        Place::Unknown => &[],
    };
    allowed.contains(&name) || (for_tests && FOR_TESTS.contains(&name))
}

/// Every way in which a kind's folder is not like the others.
fn kind_folders(kinds: &Path) -> Outcome<Vec<String>> {
    let mut offences = Vec::new();
    for folder in fs::read_dir(kinds).map_err(at(kinds))? {
        let folder = folder.map_err(at(kinds))?.path();
        if !folder.join("Cargo.toml").is_file() {
            continue;
        }
        for names in KIND_FOLDER {
            if !names.iter().any(|name| folder.join(name).exists()) {
                offences.push(format!("{} has no {}", folder.display(), names[0]));
            }
        }
        for file in files(&folder.join("src"), "rs")? {
            let source = fs::read_to_string(&file).map_err(at(&file))?;
            offences.extend(offences_in(&file, &source));
        }
    }
    Ok(offences)
}

/// What one file of a kind must not mention.
fn offences_in(file: &Path, source: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for opener in OPENERS.iter().filter(|opener| source.contains(**opener)) {
        offences.push(format!("{}: {opener}: a kind opens no socket and no file", file.display()));
    }
    let is_in = |side: &str| file.iter().any(|part| part == side || part.to_str() == Some(&format!("{side}.rs")));
    for (side, other) in [("collect", "serve"), ("serve", "collect")] {
        if is_in(side) && (source.contains(&format!("crate::{other}")) || source.contains(&format!("super::{other}"))) {
            offences.push(format!("{}: {side} and {other} never import each other", file.display()));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What cargo says of this very workspace, changed by a test.
    fn doctored(package: &str, dependency: &str, kind: Option<&str>) -> Vec<String> {
        let metadata = text(&mut cargo(["metadata", "--format-version=1", "--no-deps"])).expect("cargo metadata");
        let mut metadata: Value = serde_json::from_str(&metadata).expect("JSON");
        let packages = metadata["packages"].as_array_mut().expect("packages");
        let package = packages.iter_mut().find(|other| other["name"] == package).expect("the package is a member");
        package["dependencies"].as_array_mut().expect("dependencies").push(json!({
            "name": dependency, "source": null, "req": "*", "kind": kind, "rename": null, "optional": false,
            "uses_default_features": true, "features": [], "target": null, "registry": null,
        }));
        dependencies(&serde_json::from_value(metadata).expect("metadata"))
    }

    #[test]
    fn a_kind_that_knows_another_kind_fails() {
        let offences = doctored("airlift-kind-oci", "airlift-kind-files", None);
        let expected = "airlift-kind-oci must not depend on airlift-kind-files: no kind knows another";
        assert!(offences.iter().any(|offence| offence == expected), "{offences:?}");
        let offences = doctored("airlift-kind-files", "airlift-kind-oci", Some("dev"));
        assert!(
            offences.iter().any(|offence| offence.contains("no kind knows another")),
            "even in tests: {offences:?}"
        );
    }

    #[test]
    fn a_kind_that_knows_the_store_fails() {
        let offences = doctored("airlift-kind-files", "airlift-store", None);
        let expected = "airlift-kind-files must not depend on airlift-store: a kind doesn't know where bytes lie";
        assert!(offences.iter().any(|offence| offence == expected), "{offences:?}");
    }

    #[test]
    fn a_dependency_upwards_fails() {
        for (lower, upper) in [
            ("airlift-core", "airlift-store"),
            ("airlift-store", "airlift-fetch"),
            ("airlift-kind", "airlift-kind-oci"),
            ("airlift-server", "airlift-kind-files"),
            ("airlift-kind-oci", "airlift-server"),
            ("airlift", "airlift-testkit"),
            ("xtask", "airlift-core"),
        ] {
            let expected = format!("{lower} must not depend on {upper}: dependencies point downwards only");
            let offences = doctored(lower, upper, None);
            assert!(offences.contains(&expected), "{lower} on {upper}: {offences:?}");
        }
    }

    #[test]
    fn libraries_that_talk_or_open_files_have_their_places() {
        for (package, library) in [
            ("airlift-store", "clap"),
            ("airlift-kind-oci", "indicatif"),
            ("airlift-kind-files", "fs-err"),
            ("airlift-kind-oci", "reqwest"),
            ("airlift-core", "tokio"),
        ] {
            let expected = format!("{package} must not depend on {library}: ");
            let offences = doctored(package, library, None);
            assert!(offences.iter().any(|offence| offence.starts_with(&expected)), "{package}: {offences:?}");
        }
    }

    #[test]
    fn the_workspace_as_it_is_passes() {
        run().expect("no offences");
    }

    #[test]
    fn a_kind_whose_folder_is_unlike_the_others_fails() {
        let kinds = std::env::temp_dir().join(format!("airlift-xtask-{}", std::process::id()));
        let source = kinds.join("odd/src");
        fs::create_dir_all(&source).expect("a folder");
        for (name, content) in [
            ("../Cargo.toml", ""),
            ("lib.rs", ""),
            ("spec.rs", ""),
            ("collect.rs", ""),
            ("serve.rs", "use crate::collect::names;\nuse std::fs;"),
        ] {
            fs::write(source.join(name), content).expect("a file");
        }
        let offences = kind_folders(&kinds).expect("the folders can be read");
        fs::remove_dir_all(&kinds).expect("the folder is removed");
        let said = |part: &str| offences.iter().any(|offence| offence.contains(part));
        assert!(said("has no README.md") && said("has no src/error.rs") && said("has no src/format"), "{offences:?}");
        assert!(said("serve and collect never import each other"), "{offences:?}");
        assert!(said("std::fs: a kind opens no socket and no file"), "{offences:?}");
        assert_eq!(offences.len(), 5, "{offences:?}");
    }
}
