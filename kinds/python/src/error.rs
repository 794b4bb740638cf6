//! Why Python packages can't be planned.

use airlift_core::path::PathError;
use airlift_core::{Checksum, Class, Failure, UpstreamUrl};
use airlift_fetch::FetchError;

use crate::format::index::PageError;
use crate::format::requirements::LineError;

/// Why Python packages can't be planned.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// Nothing on this machine says where packages come from.
    #[error("nothing on this machine says which index 'index: default' is")]
    NoIndex,
    /// The machine's configuration names a place that can't be used.
    #[error("{what} of this machine can't be used: {reason}")]
    Place {
        /// Which setting.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that the manifest names can't be found.
    #[error("the file '{file}' can't be located: {reason}")]
    Locate {
        /// The name in the manifest, or in a file that it names.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Something could not be fetched.
    #[error("{what} could not be had")]
    Fetch {
        /// What it is.
        what: String,
        /// Why.
        source: Box<FetchError>,
    },
    /// A line of a requirements file can't be followed.
    #[error("{url} can't be followed")]
    Line {
        /// The file.
        url: Box<UpstreamUrl>,
        /// Which line, and why.
        source: LineError,
    },
    /// A file is none of what its name says.
    #[error("{url} can't be read: {reason}")]
    File {
        /// The file.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        reason: String,
    },
    /// Files that include each other without an end.
    #[error("{url} is included more than 100 files deep")]
    Depth {
        /// The file.
        url: Box<UpstreamUrl>,
    },
    /// Hashes are asked for, and one requirement has none.
    #[error("hashes are required, and {name} has none: all requirements need them, and all that those need")]
    Hashless {
        /// The requirement.
        name: String,
    },
    /// An index's page of a project can't be read.
    #[error("{url} can't be read")]
    Page {
        /// The page.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: PageError,
    },
    /// A requirement from a URL that is no distribution.
    #[error("{url} is no wheel and no source distribution of {name}: {reason}")]
    Direct {
        /// The project.
        name: String,
        /// The URL.
        url: Box<UpstreamUrl>,
        /// What is wrong with the name.
        reason: String,
    },
    /// A file has none of the hashes that are required of it.
    #[error("{url} has {found}, which is none of the hashes that are required of {name}")]
    Unhashed {
        /// The project.
        name: String,
        /// The file.
        url: Box<UpstreamUrl>,
        /// What it has.
        found: Checksum,
    },
    /// The metadata that a wheel was chosen by is not that of the wheel.
    #[error("the wheel {name} does not say what {}", chosen_by(url.as_deref()))]
    Beside {
        /// The wheel.
        name: String,
        /// The metadata beside it; none where it was taken out of the wheel's end.
        url: Option<Box<UpstreamUrl>>,
    },
    /// A requirement from git of which nothing says what it needs.
    #[error("the requirement {name} from {url} can't be solved: {reason}")]
    Repository {
        /// The project.
        name: String,
        /// The repository.
        url: Box<UpstreamUrl>,
        /// The branch, tag or commit.
        reference: Option<String>,
        /// Why not.
        reason: String,
    },
    /// There is no set of versions that fulfils everything.
    #[error("nothing fulfils all requirements for {environment}\n{derivation}")]
    Unsolvable {
        /// For what was solved.
        environment: String,
        /// Why not, step by step.
        derivation: String,
        /// What may help.
        hint: Option<String>,
    },
    /// The same for several environments.
    #[error("{told}")]
    Unsolvables {
        /// What [`PythonError::Unsolvable`] says of each.
        told: String,
        /// What may help, for any of them.
        hint: Option<String>,
    },
    /// Two files of one name that may have different contents.
    #[error("{first} and {second} have one name, and nothing promises that they are the same")]
    Twice {
        /// The one.
        first: Box<UpstreamUrl>,
        /// The other.
        second: Box<UpstreamUrl>,
    },
    /// A file's name can't be a path.
    #[error("the file {name} can't be named in an archive")]
    Path {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: PathError,
    },
}

impl Failure for PythonError {
    fn class(&self) -> Class {
        match self {
            Self::NoIndex
            | Self::Place { .. }
            | Self::Locate { .. }
            | Self::Line { .. }
            | Self::Depth { .. }
            | Self::Hashless { .. }
            | Self::Direct { .. } => Class::Usage,
            Self::Fetch { source, .. } => source.class(),
            Self::File { .. }
            | Self::Page { .. }
            | Self::Repository { .. }
            | Self::Unhashed { .. }
            | Self::Beside { .. }
            | Self::Unsolvable { .. }
            | Self::Unsolvables { .. }
            | Self::Twice { .. }
            | Self::Path { .. } => Class::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoIndex => Some(
                "write the address of an index at python: index: in the manifest, set PIP_INDEX_URL, or install pip, which knows the public one".to_owned(),
            ),
            Self::Place { .. } => Some("mend it, or write the address of an index at python: index: in the manifest".to_owned()),
            Self::Locate { .. } => Some("name it relative to the manifest, with an absolute path, or by a URL".to_owned()),
            Self::Fetch { source, .. } => credentials(source).or_else(|| source.hint()),
            Self::Hashless { .. } => {
                Some("write such files with 'pip-compile --generate-hashes' or 'uv pip compile --generate-hashes'".to_owned())
            }
            Self::Repository { name, url, reference, .. } => {
                let reference = reference.as_deref().map(|reference| format!("@{reference}")).unwrap_or_default();
                Some(format!(
                    "build a wheel of it here, 'pip wheel --no-deps git+{url}{reference}', and name that instead: \
                     {name} @ file:///FOLDER/FILE.whl"
                ))
            }
            Self::Beside { .. } => Some(
                "clients would miss what the wheel needs: tell whoever runs the index, or name the wheel by its URL (NAME @ https://…)".to_owned(),
            ),
            Self::Unsolvable { hint, .. } | Self::Unsolvables { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}

fn chosen_by(url: Option<&UpstreamUrl>) -> String {
    match url {
        Some(url) => format!("the metadata beside it says, {url}"),
        None => "was taken out of its end when it was chosen".to_owned(),
    }
}

/// Where credentials may stand, where an index asks for some and there are none.
fn credentials(error: &FetchError) -> Option<String> {
    let FetchError::Status { status: 401 | 403, credentials: Some(note), url, .. } = error else { return None };
    (!note.sent && note.trouble.is_none()).then(|| {
        format!(
            "no credentials were found for '{}': write them into the URL in the manifest (https://USER:PASSWORD@…), or into \
             ~/.netrc (machine {})",
            note.name,
            url.expose().host_str().unwrap_or_default(),
        )
    })
}
