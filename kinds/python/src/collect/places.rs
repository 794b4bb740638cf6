//! Where packages come from: the manifest's indexes, or those of this machine's pip and uv.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use airlift_core::UpstreamUrl;
use airlift_fetch::Fetcher;
use airlift_kind::Machine;
use pep508_rs::{PackageName, VerbatimUrl};

use super::library;
use crate::error::PythonError;
use crate::format::file_name::FileName;
use crate::format::index::{File, Page};
use crate::format::pip;
use crate::format::repository::Repository;
use crate::format::tags::Tags;
use crate::spec::{IndexSpec, NamedIndex, PythonSpec};

/// The most bytes of a configuration file.
const CONFIGURATION: u64 = 1 << 20;

/// Where packages come from.
#[derive(Debug)]
pub(crate) struct Places {
    /// Asked one after the other; the first that has a project is the only one that answers for it.
    indexes: Vec<UpstreamUrl>,
    named: Vec<NamedIndex>,
    /// Files of folders and pages of links, which are offered besides.
    links: Vec<File>,
    /// Projects that come from elsewhere, each with all places that some environment wants it from.
    elsewhere: BTreeMap<PackageName, Vec<Place>>,
    /// Those of them that some other environment may want from an index.
    besides: BTreeSet<PackageName>,
    platforms: Arc<Platforms>,
}

/// The platforms for which somebody wants wheels.
#[derive(Debug, Default)]
pub(crate) struct Platforms(HashSet<String>);

impl Platforms {
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a Tags>) -> Self {
        Self(all.flat_map(Tags::platforms).map(str::to_owned).collect())
    }

    /// Whether a file may be for one of them: only wheels say what they are for.
    pub(crate) fn take(&self, name: &str) -> bool {
        let Some((_, platforms)) = name.strip_suffix(".whl").and_then(|stem| stem.rsplit_once('-')) else {
            return true;
        };
        let is_one = |platform: &str| self.0.contains(platform) || platform.contains(|c: char| c.is_ascii_uppercase());
        platforms.split('.').any(is_one)
    }
}

/// Where a project comes from that comes from no index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// From a URL.
    File(File),
    /// From git.
    Repository(Repository),
}

impl Place {
    /// The place that a requirement's URL names.
    pub(crate) fn of(name: &PackageName, url: &VerbatimUrl) -> Result<Self, PythonError> {
        let located = |reason: String| PythonError::Locate { file: name.to_string(), reason };
        if Repository::is_meant(url) {
            return Repository::of(url).map(Self::Repository).map_err(located);
        }
        let url = UpstreamUrl::try_from(url.to_url()).map_err(|error| located(error.to_string()))?;
        let refused =
            |reason: String| PythonError::Direct { name: name.to_string(), url: Box::new(url.clone()), reason };
        let file = plain_file(url.clone()).ok_or_else(|| refused("it has no file's name".to_owned()))?;
        FileName::parse(&file.name, name).map_err(|error| refused(error.to_string()))?;
        Ok(Self::File(file))
    }
}

impl Places {
    /// What the manifest says and, where it says "default", what this machine says.
    pub(crate) async fn of(spec: &PythonSpec, machine: &dyn Machine, fetcher: &Fetcher) -> Result<Self, PythonError> {
        let said = match &spec.index {
            IndexSpec::At(url) => return Ok(Self::new(vec![url.clone()], spec.indexes.clone(), Vec::new())),
            IndexSpec::Default => configured(machine, fetcher).await?,
        };
        // pip itself knows which index is meant where nobody says anything, and says so in its help.
        let index = said.index.or_else(|| {
            // These answers cost a tenth of the others, and are pip's own affair: no version has to have them. Behind the
            // name alone there may be a script that first looks for the interpreter that is meant, which takes longer.
            let quick = ["/usr/bin/python3", "python3"].into_iter().find_map(|python| {
                let ask = ["-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"];
                machine.ask(python, &ask).filter(|told| told.starts_with("http"))
            });
            if let Some(index) = quick {
                return Some(index.trim().to_owned());
            }
            let programs: [(&str, &[&str]); 3] = [
                ("pip", &["download", "--help"]),
                ("pip3", &["download", "--help"]),
                ("python3", &["-m", "pip", "download", "--help"]),
            ];
            let mut answers = programs.iter().filter_map(|(program, arguments)| machine.ask(program, arguments));
            answers.find_map(|help| pip::default_of_help(&help))
        });
        let index = index.ok_or(PythonError::NoIndex)?;
        let indexes = said.before.into_iter().chain([index]).chain(said.extra);
        let indexes = indexes.map(|text| address("the index", &text)).collect::<Result<Vec<_>, _>>()?;
        let mut links = Vec::new();
        for text in &said.links {
            links.extend(linked(&address("find-links", text)?, fetcher).await?);
        }
        Ok(Self::new(indexes, spec.indexes.clone(), links))
    }

    fn new(indexes: Vec<UpstreamUrl>, named: Vec<NamedIndex>, links: Vec<File>) -> Self {
        let (elsewhere, besides, platforms) = Default::default();
        Self { indexes, named, links, elsewhere, besides, platforms }
    }

    /// From now on wheels for other platforms are passed over.
    pub(crate) fn only_for(&mut self, platforms: Platforms) {
        self.platforms = Arc::new(platforms);
    }

    /// Takes in what environments want from elsewhere: each has a map of its own.
    pub(crate) fn learn<'p>(&mut self, all: impl Iterator<Item = &'p BTreeMap<PackageName, Place>> + Clone) {
        for (name, place) in all.clone().flatten() {
            let known = self.elsewhere.entry(name.clone()).or_default();
            if !known.contains(place) {
                known.push(place.clone());
            }
        }
        let is_besides = |name: &&PackageName| all.clone().any(|places| !places.contains_key(*name));
        self.besides = self.elsewhere.keys().filter(is_besides).cloned().collect();
    }

    /// The places outside of the indexes that environments want a project from.
    pub(crate) fn elsewhere(&self, name: &PackageName) -> &[Place] {
        self.elsewhere.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a project is to be looked for in an index: not where every environment has another place for it.
    pub(crate) fn is_indexed(&self, name: &PackageName) -> bool {
        !self.elsewhere.contains_key(name) || self.besides.contains(name)
    }

    /// The name of the index that alone answers for a project, where one does.
    pub(crate) fn answering(&self, name: &PackageName) -> Option<&str> {
        self.named.iter().find(|named| named.answers_for(name)).map(|named| named.name.as_str())
    }

    /// The pages that a project has.
    pub(crate) async fn pages(&self, name: &PackageName, fetcher: &Fetcher) -> Result<Vec<Page>, PythonError> {
        let mut pages = Vec::new();
        let named = self.named.iter().find(|named| named.answers_for(name));
        let indexes = named.map_or(self.indexes.as_slice(), |named| std::slice::from_ref(&named.url));
        for index in indexes {
            let what = format!("the page of {name}");
            let platforms = Arc::clone(&self.platforms);
            let is_wanted = move |name: &str| platforms.take(name);
            if let Some(page) = library::page(fetcher, below(index, name)?, (&what, is_wanted)).await? {
                pages.push(page);
                break;
            }
        }
        if named.is_none() {
            let fits = |file: &&File| FileName::parse(&file.name, name).is_ok();
            let files: Vec<File> = self.links.iter().filter(fits).cloned().collect();
            pages.extend((!files.is_empty()).then(|| Page { files, ..Page::default() }));
        }
        Ok(pages)
    }
}

/// The address of a project's page.
fn below(index: &UpstreamUrl, name: &PackageName) -> Result<UpstreamUrl, PythonError> {
    let mut url = index.expose().clone();
    let path = format!("{}/{name}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    UpstreamUrl::try_from(url)
        .map_err(|error| PythonError::Place { what: "the index".to_owned(), reason: error.to_string() })
}

/// An address, or a path of this machine.
fn address(what: &str, text: &str) -> Result<UpstreamUrl, PythonError> {
    let url = match text.starts_with('/') {
        true => format!("file://{}", airlift_core::upstream::encode_path(text)),
        false => text.to_owned(),
    };
    url.parse().map_err(|error: airlift_core::upstream::UrlError| PythonError::Place {
        what: what.to_owned(),
        reason: error.to_string(),
    })
}

/// What the environment says and, where it says nothing, the files of pip and then those of uv.
async fn configured(machine: &dyn Machine, fetcher: &Fetcher) -> Result<pip::Places, PythonError> {
    let list = |name: &str| machine.variable(name).map(|text| pip::Places::list(&text)).unwrap_or_default();
    let pip = pip::Places {
        index: machine.variable("PIP_INDEX_URL"),
        before: Vec::new(),
        extra: list("PIP_EXTRA_INDEX_URL"),
        links: list("PIP_FIND_LINKS"),
    };
    let uv = pip::Places {
        index: machine.variable("UV_DEFAULT_INDEX").or_else(|| machine.variable("UV_INDEX_URL")),
        before: [list("UV_INDEX"), list("UV_EXTRA_INDEX_URL")].concat(),
        extra: Vec::new(),
        links: list("UV_FIND_LINKS"),
    };
    // An index of UV_INDEX may have its name before it.
    let unnamed = |text: String| text.split_once("=http").map_or(text.clone(), |(_, rest)| format!("http{rest}"));
    let uv = pip::Places { before: uv.before.into_iter().map(unnamed).collect(), ..uv };
    let mut places = pip.or(uv);
    for path in pip_files(machine) {
        if let Some(text) = text_of(&path, fetcher).await? {
            places = places.or(pip::pip_conf(&text));
        }
    }
    for path in uv_files(machine) {
        if let Some(text) = text_of(&path, fetcher).await? {
            let read = pip::uv_toml(&text);
            places = places.or(read.map_err(|reason| PythonError::Place { what: format!("the file {path}"), reason })?);
        }
    }
    Ok(places)
}

/// The files of pip, the strongest first.
fn pip_files(machine: &dyn Machine) -> Vec<String> {
    match machine.variable("PIP_CONFIG_FILE") {
        Some(none) if none == "/dev/null" => return Vec::new(),
        Some(path) => return vec![path],
        None => {}
    }
    let mut files = Vec::new();
    files.extend(machine.variable("VIRTUAL_ENV").map(|folder| format!("{folder}/pip.conf")));
    files.extend(config_home(machine).map(|folder| format!("{folder}/pip/pip.conf")));
    files.extend(machine.variable("HOME").map(|home| format!("{home}/.pip/pip.conf")));
    files.extend(["/etc/xdg/pip/pip.conf".to_owned(), "/etc/pip.conf".to_owned()]);
    files
}

/// The files of uv, the strongest first.
fn uv_files(machine: &dyn Machine) -> Vec<String> {
    if let Some(path) = machine.variable("UV_CONFIG_FILE") {
        return vec![path];
    }
    let mut files: Vec<String> =
        config_home(machine).map(|folder| format!("{folder}/uv/uv.toml")).into_iter().collect();
    files.push("/etc/uv/uv.toml".to_owned());
    files
}

fn config_home(machine: &dyn Machine) -> Option<String> {
    let below_home = || machine.variable("HOME").map(|home| format!("{home}/.config"));
    machine.variable("XDG_CONFIG_HOME").or_else(below_home)
}

/// A configuration file, where it is there.
async fn text_of(path: &str, fetcher: &Fetcher) -> Result<Option<String>, PythonError> {
    let url = address("a configuration file", path)?;
    match fetcher.listing(&airlift_core::Request::new(url), CONFIGURATION).await {
        Ok(document) => Ok(Some(String::from_utf8_lossy(&document.bytes).into_owned())),
        Err(error) if library::is_absent(&error) => Ok(None),
        Err(source) => Err(library::failed(&format!("the configuration file {path}"), source)),
    }
}

/// The files of a folder of this machine, or of a page of links.
async fn linked(url: &UpstreamUrl, fetcher: &Fetcher) -> Result<Vec<File>, PythonError> {
    let files = match fetcher.folder(url).await {
        Ok(files) => files,
        // pip passes over a folder that is not there.
        Err(error) if library::is_absent(&error) => return Ok(Vec::new()),
        Err(source) => return Err(library::failed(&format!("the folder {url}"), source)),
    };
    match files {
        Some(files) => Ok(files.into_iter().filter_map(plain_file).collect()),
        None => {
            let what = format!("the page of links {url}");
            let page = library::page(fetcher, url.clone(), (&what, |_: &str| true)).await?;
            Ok(page.map(|page| page.files).unwrap_or_default())
        }
    }
}

/// A file of which only its address is known.
pub(crate) fn plain_file(url: UpstreamUrl) -> Option<File> {
    let path = url.decoded_path()?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?.to_owned();
    let fragment = url.expose().fragment().unwrap_or_default().to_owned();
    let checksums = fragment.split('&').filter_map(|part| part.replacen('=', ":", 1).to_ascii_lowercase().parse().ok());
    let checksums = checksums.collect();
    let mut bare = url.expose().clone();
    bare.set_fragment(None);
    let url = UpstreamUrl::try_from(bare).ok()?;
    Some(File { checksums, ..File::at(name, url) })
}
