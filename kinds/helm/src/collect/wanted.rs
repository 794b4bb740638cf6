//! One version of a chart that shall travel.

use crate::format::chart::Metadata;
use crate::format::index::Entry;
use crate::format::version;
use crate::spec::ImagesSpec;

/// One version of a chart, and what shall become of it.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    /// Where it is.
    pub(super) place: At,
    /// Whether what it depends on travels.
    pub(super) dependencies: bool,
    /// How its images travel; none where they don't.
    pub(super) images: Option<&'a ImagesSpec>,
    /// Whether upstream is asked for a provenance file.
    pub(super) provenance: bool,
}

/// Where a version of a chart is.
#[derive(Clone, Debug)]
pub(super) enum At {
    /// In the index of a repository, by its place among the plan's repositories.
    Index(usize, Box<Entry>),
    /// In a registry: the chart's repository there, and its tag.
    Registry {
        /// `registry.example.org/charts/a`.
        repository: String,
        /// `1.0.0`; a version's `+` is `_` there.
        tag: String,
    },
}

impl At {
    /// Refuses a chart that is another one inside than the index says.
    pub(super) fn is(&self, inside: &Metadata) -> Result<(), String> {
        match self {
            Self::Index(_, entry)
                if (&entry.name, version::parse(&inside.version).as_ref()) != (&inside.name, Some(&entry.parsed)) =>
            {
                Err(format!(
                    "refused: the index calls it {} {}, and it calls itself {} {}",
                    entry.name, entry.version, inside.name, inside.version
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Wanted<'_> {
    /// What makes two the same. What was looked at for its dependencies only may be looked at for its images still, and what
    /// was not looked at for its dependencies for these.
    pub(super) fn key(&self) -> String {
        let images = self.images.map_or(0, |images| std::ptr::from_ref(images).addr());
        format!("{} {images:x} {}", self.describe(), self.dependencies)
    }

    /// The chart, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.place {
            At::Index(repository, entry) => format!("{repository}/{}-{}", entry.name, entry.version),
            At::Registry { repository, tag } => format!("{repository}:{tag}"),
        }
    }
}
