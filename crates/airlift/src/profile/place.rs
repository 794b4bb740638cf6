//! Where manifests and their data are: in files, or in the program itself.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::ProfileError;

/// What a profile's name has before it where a manifest's path may stand: `profile:deepops`.
pub(crate) const PREFIX: &str = "profile:";

/// A file that the program brings.
type Own = (&'static str, &'static str);

/// The files of `profiles/`: the one place that has them, and a test holds it against the folder.
static FILES: [Own; 5] = [
    ("deepops.yaml", include_str!("../../../../profiles/deepops.yaml")),
    ("kubespray.yaml", include_str!("../../../../profiles/kubespray.yaml")),
    ("inventory.toml", include_str!("../../../../profiles/inventory.toml")),
    ("overrides.toml", include_str!("../../../../profiles/overrides.toml")),
    ("gaps.toml", include_str!("../../../../profiles/gaps.toml")),
];

/// The names of the profiles that the program brings.
pub(crate) fn profiles() -> impl Iterator<Item = &'static str> {
    FILES.iter().filter_map(|(name, _)| name.strip_suffix(".yaml"))
}

/// The name of the profile that a command's argument names, where it is not a path.
pub(crate) fn name(argument: &Path) -> Option<&str> {
    argument.to_str()?.strip_prefix(PREFIX)
}

/// Where a manifest, or something beside it, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file.
    File(PathBuf),
    /// In the program.
    Own(&'static Own),
}

impl Place {
    /// The profile of this name.
    pub(crate) fn profile(name: &str) -> Result<Self, ProfileError> {
        let file = FILES.iter().find(|(file, _)| file.strip_suffix(".yaml") == Some(name));
        file.map(Self::Own).ok_or_else(|| ProfileError::UnknownProfile {
            name: name.to_owned(),
            known: profiles().collect::<Vec<_>>().join(", "),
        })
    }

    /// What a command was given: `profile:NAME`, or a path.
    pub(crate) fn named(path: &Path) -> Result<Self, ProfileError> {
        match name(path) {
            Some(name) => Self::profile(name),
            None => Ok(Self::File(path.to_owned())),
        }
    }

    /// What this one calls by a relative path, or by an absolute one.
    pub(crate) fn beside(&self, path: &str) -> Result<Self, ProfileError> {
        match self {
            Self::File(file) => Ok(Self::File(file.parent().unwrap_or(Path::new("")).join(path))),
            Self::Own(_) => FILES.iter().find(|(name, _)| *name == path).map(Self::Own).ok_or_else(|| {
                let reason = format!("it names '{path}', which the program does not bring");
                ProfileError::Data { place: self.clone(), reason }
            }),
        }
    }

    /// Whether two are the same file, by whatever paths they are called.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let real = |place: &Self| match place {
            Self::File(path) => fs_err::canonicalize(path).ok(),
            Self::Own(_) => None,
        };
        self == other || real(self).is_some_and(|path| real(other) == Some(path))
    }

    /// The end of its name: `toml`.
    pub(crate) fn extension(&self) -> &str {
        let name = match self {
            Self::File(path) => path.as_path(),
            Self::Own((name, _)) => Path::new(name),
        };
        name.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
    }

    /// Its text.
    pub(crate) fn read(&self) -> Result<String, ProfileError> {
        match self {
            Self::File(path) => {
                fs_err::read_to_string(path).map_err(|source| ProfileError::Read { place: self.clone(), source })
            }
            Self::Own((_, text)) => Ok((*text).to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Own((name, _)) => write!(f, "profiles/{name} (built in)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_in_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles");
        let entries = fs_err::read_dir(folder).expect("the folder of profiles");
        let mut there: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        there.retain(|name| name != "README.md");
        there.sort();
        let mut own: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        own.sort();
        assert_eq!(there, own);
    }

    #[test]
    fn an_unknown_profile_is_told_with_those_that_there_are() {
        let error = Place::profile("deeepops").expect_err("unknown").to_string();
        assert_eq!(error, "there is no profile 'deeepops'; there are: deepops, kubespray");
    }
}
