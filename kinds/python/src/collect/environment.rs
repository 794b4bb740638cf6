//! An interpreter on a platform, as markers and tags see it.

use pep440_rs::Version;
use pep508_rs::MarkerEnvironment;

use super::project::Offered;
use crate::format::dependency;
use crate::format::tags::Tags;
use crate::spec::EnvironmentSpec;

/// The patch release that stands for "the newest" where the manifest names none. Packages that exclude early patch
/// releases of an interpreter mean the others.
const NEWEST_PATCH: u16 = 99;

/// What everything is solved for.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// How it is told to people.
    pub(crate) label: String,
    /// The source distribution that is built in it, where it is for that.
    pub(crate) builds: Option<String>,
    /// The full version of its interpreter.
    pub(crate) python: Version,
    /// What markers are evaluated with.
    pub(crate) markers: MarkerEnvironment,
    /// Which wheels it takes.
    pub(crate) tags: Tags,
}

impl Environment {
    pub(crate) fn new(spec: &EnvironmentSpec) -> Self {
        let (major, minor, patch) = spec.python;
        let patch = patch.unwrap_or(NEWEST_PATCH);
        Self {
            label: spec.describe(),
            builds: None,
            python: Version::new([major, minor, patch].map(u64::from)),
            markers: dependency::cpython((major, minor, patch), &spec.machine),
            tags: Tags::cpython((major, minor), &spec.machine, spec.libc),
        }
    }

    /// The same for building a source distribution.
    pub(crate) fn building(&self, sdist: &Offered) -> Self {
        Self { builds: Some(sdist.file.name.clone()), ..self.clone() }
    }
}
