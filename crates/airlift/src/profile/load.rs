//! Reads a manifest with all that it includes, before anything of it is expanded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlift_core::tree;
use serde_json::Value;

use super::document::{Document, Include, Included};
use super::error::ProfileError;
use super::extra::{self, Typed};
use super::lists::List;
use super::place::Place;
use super::template::Scope;
use super::variables::{Variable, Variables};

/// How deep manifests may include one another.
const DEPTH: usize = 50;

/// A manifest that has to be resolved, with what it includes.
pub(crate) struct Loaded {
    pub(crate) place: Place,
    /// The folder in which it lies, relative to the outermost manifest's.
    pub(crate) folder: PathBuf,
    pub(crate) document: Document,
    pub(crate) included: Vec<(Include, Inclusion)>,
    /// Data for its loops.
    pub(crate) data: BTreeMap<String, Value>,
}

/// What an entry of `include` brings.
pub(crate) enum Inclusion {
    Manifest(Box<Loaded>),
    List(List, Place),
}

impl Inclusion {
    /// Where it is.
    pub(crate) const fn place(&self) -> &Place {
        match self {
            Self::Manifest(loaded) => &loaded.place,
            Self::List(_, place) => place,
        }
    }
}

impl Loaded {
    /// Reads the text of a manifest and what it includes; none where there is nothing to resolve.
    pub(crate) fn read(place: &Place, text: &str) -> Result<Option<Self>, ProfileError> {
        let invalid = |source| ProfileError::Text { place: place.clone(), source };
        match Document::read(text).map_err(invalid)? {
            Some(document) => Self::of((place, Path::new("")), document, &mut vec![place.clone()]).map(Some),
            None => Ok(None),
        }
    }

    fn of(
        (place, folder): (&Place, &Path),
        mut document: Document,
        trail: &mut Vec<Place>,
    ) -> Result<Self, ProfileError> {
        let mut included = Vec::new();
        for include in std::mem::take(&mut document.composition.include) {
            let mut manifest = |place: Place, folder: &Path| {
                Ok::<_, ProfileError>(Inclusion::Manifest(Box::new(manifest((place, folder), trail)?)))
            };
            let inclusion = match &include.what {
                Included::Profile(name) => manifest(Place::profile(name)?, Path::new(""))?,
                Included::Manifest(path) => {
                    let beside = folder.join(path);
                    manifest(place.beside(path)?, beside.parent().unwrap_or(folder))?
                }
                Included::KubesprayFiles(path) => Inclusion::List(List::Files, place.beside(path)?),
                Included::KubesprayImages(path, _) => Inclusion::List(List::Images, place.beside(path)?),
            };
            included.push((include, inclusion));
        }
        let mut data = BTreeMap::new();
        for (name, path) in &document.composition.data {
            data.insert(name.clone(), read_data(&place.beside(path)?)?);
        }
        Ok(Self { place: place.clone(), folder: folder.to_owned(), document, included, data })
    }

    /// Gives every variable its value: what is typed wins over what the including manifest says, that over what the
    /// included one says, and that over defaults.
    pub(crate) fn variables(&self, arguments: &[String], scope: &mut Scope) -> Result<Vec<Variable>, ProfileError> {
        let (mut variables, mut set) = (Variables::default(), Vec::new());
        self.gather(&mut variables, &mut set, &mut Vec::new())?;
        set.extend(extra::read(arguments)?);
        set.into_iter().try_for_each(|typed| variables.set(typed))?;
        variables.settle(scope)
    }

    /// What is included twice, as by two profiles of which one includes the other, counts once: what its first includer
    /// sets wins over what it says itself.
    fn gather<'a>(
        &'a self,
        variables: &mut Variables,
        set: &mut Vec<Typed>,
        gathered: &mut Vec<&'a Place>,
    ) -> Result<(), ProfileError> {
        if gathered.iter().any(|place| place.is(&self.place)) {
            return Ok(());
        }
        for (_, inclusion) in &self.included {
            if let Inclusion::Manifest(loaded) = inclusion {
                loaded.gather(variables, set, gathered)?;
            }
        }
        gathered.push(&self.place);
        let composition = &self.document.composition;
        variables.declare(&self.place, &composition.variables.0)?;
        let by = format!("vars of {}", self.place);
        set.extend(composition.vars.0.iter().map(|(name, value)| (name.clone(), value.clone(), by.clone())));
        Ok(())
    }

    /// The name that the collection gets: the manifest's, or the first that something included has.
    pub(crate) fn name(&self) -> Option<&str> {
        let own = self.document.has_name.then_some(self.document.envelope.name.as_str());
        own.or_else(|| {
            self.included.iter().find_map(|(_, inclusion)| match inclusion {
                Inclusion::Manifest(loaded) => loaded.name(),
                Inclusion::List(..) => None,
            })
        })
    }
}

/// A manifest that another one includes.
fn manifest((place, folder): (Place, &Path), trail: &mut Vec<Place>) -> Result<Loaded, ProfileError> {
    if trail.iter().any(|above| above.is(&place)) {
        return Err(ProfileError::Circle { place });
    }
    if trail.len() > DEPTH {
        return Err(ProfileError::Depth { place });
    }
    let text = place.read()?;
    let document = Document::whole(&text).map_err(|source| ProfileError::Text { place: place.clone(), source })?;
    trail.push(place.clone());
    let loaded = Loaded::of((&place, folder), document, trail)?;
    trail.pop();
    Ok(loaded)
}

fn read_data(place: &Place) -> Result<Value, ProfileError> {
    let text = place.read()?;
    match place.extension() {
        "toml" => toml::from_str(&text)
            .map_err(|error| ProfileError::Data { place: place.clone(), reason: error.to_string().trim().to_owned() }),
        _ => tree::data(&text).map_err(|source| ProfileError::Text { place: place.clone(), source }),
    }
}

/// Refuses what was typed for a manifest that has no variables.
pub(crate) fn refuse(arguments: &[String]) -> Result<(), ProfileError> {
    let mut variables = Variables::default();
    extra::read(arguments)?.into_iter().try_for_each(|typed| variables.set(typed))
}
