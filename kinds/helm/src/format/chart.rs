//! A packaged chart (<https://helm.sh/docs/topics/charts/>): a gzipped tar of strangers, read within bounds.
//!
//! The bounds are Helm's own: what Helm refuses to unpack is refused here.

use std::collections::BTreeMap;
use std::io::Read;

use airlift_unpack::{Format, Limits, MemberLimits, UnpackError};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::range::Range;
use super::version;
use super::yaml::{self, YamlError};

/// The most bytes that a chart unpacks to, as in Helm.
const MOST_UNPACKED: u64 = 100 << 20;
/// The most bytes of one of its files, as in Helm.
const MOST_IN_FILE: u64 = 5 << 20;
/// The most bytes that are kept of a chart and its subcharts together.
const MOST_KEPT: u64 = 64 << 20;
/// The most files of a chart.
const MOST_FILES: usize = 100_000;
/// How deep charts lie within charts.
const DEEPEST: usize = 8;

/// A chart, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// `Chart.yaml`.
    pub metadata: Metadata,
    /// The dependencies as `Chart.lock` or `requirements.lock` pins them.
    pub locked: Vec<Dependency>,
    /// `values.yaml`, as it is.
    pub values: Vec<u8>,
    /// The files below `templates/`, by their names, as they are.
    pub templates: BTreeMap<String, Vec<u8>>,
    /// The charts below `charts/`.
    pub subcharts: Vec<Chart>,
}

/// `Chart.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The chart's name.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The version of what it installs.
    #[serde(default)]
    pub app_version: Option<String>,
    /// What it depends on; of old charts, what `requirements.yaml` says.
    #[serde(default, deserialize_with = "or_default")]
    pub dependencies: Vec<Dependency>,
    /// Annotations.
    #[serde(default, deserialize_with = "or_default")]
    pub annotations: Map<String, Value>,
}

/// A chart that another one depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Dependency {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// A range of versions; in a lock one version.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Where it is: `https://`, `oci://`, `file://`, `@name`, `alias:name`, or nothing where it is in `charts/` anyway.
    #[serde(default, deserialize_with = "or_default")]
    pub repository: String,
    /// Another name, by which its values are set.
    #[serde(default)]
    pub alias: Option<String>,
    /// Paths of values, separated by commas; the first that is there turns it on or off.
    #[serde(default)]
    pub condition: Option<String>,
    /// Tags that turn it on or off.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
}

fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Why something is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// It does not unpack within the bounds.
    #[error("it can't be unpacked: {0}")]
    Unpack(#[from] UnpackError),
    /// A member that would leave the chart's folder.
    #[error("it has a file {0:?}, which lies outside of the chart")]
    Outside(String),
    /// A file that is larger than Helm accepts.
    #[error("its file {0} is larger than the 5 MiB that Helm accepts")]
    LargeFile(String),
    /// All in all more than is kept.
    #[error("it and its subcharts have more than 64 MiB of templates and values")]
    Large,
    /// Charts within charts within charts.
    #[error("charts lie more than {DEEPEST} deep in it")]
    Deep,
    /// Not a chart at all.
    #[error("it has no Chart.yaml")]
    NoChart,
    /// A file that can't be read.
    #[error("its {file} can't be read: {source}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        source: YamlError,
    },
}

impl Chart {
    /// Reads a packaged chart and its subcharts.
    ///
    /// # Errors
    ///
    /// [`ChartError`] where it is none, or is more than Helm would unpack.
    pub fn read(packaged: &[u8]) -> Result<Self, ChartError> {
        let mut budget = MOST_KEPT;
        let files = unpack(packaged, &mut budget)?;
        Self::of_files(files, 0, &mut budget)
    }

    fn of_files(mut files: Files, depth: usize, budget: &mut u64) -> Result<Self, ChartError> {
        if depth > DEEPEST {
            return Err(ChartError::Deep);
        }
        let metadata = files.remove("Chart.yaml").ok_or(ChartError::NoChart)?;
        let mut metadata: Metadata = file("Chart.yaml", &metadata)?;
        if let Some(requirements) = files.get("requirements.yaml").filter(|_| metadata.dependencies.is_empty()) {
            metadata.dependencies = dependencies("requirements.yaml", requirements)?;
        }
        let lock = ["Chart.lock", "requirements.lock"].into_iter().find_map(|name| Some((name, files.get(name)?)));
        let locked = lock.map(|(name, bytes)| dependencies(name, bytes)).transpose()?.unwrap_or_default();
        let values = files.remove("values.yaml").unwrap_or_default();
        let mut templates = BTreeMap::new();
        let mut folders = BTreeMap::<String, Files>::new();
        let mut subcharts = Vec::new();
        for (name, bytes) in files {
            if let Some(name) = name.strip_prefix("templates/") {
                templates.insert(name.to_owned(), bytes);
            } else if let Some(below) = name.strip_prefix("charts/") {
                match below.split_once('/') {
                    Some((folder, rest)) => {
                        folders.entry(folder.to_owned()).or_default().insert(rest.to_owned(), bytes);
                    }
                    None if below.ends_with(".tgz") => {
                        let files = unpack(&bytes, budget)?;
                        subcharts.push(Self::of_files(files, depth + 1, budget)?);
                    }
                    None => {}
                }
            }
        }
        for (folder, files) in folders {
            // Helm passes over folders with such names.
            if !folder.starts_with(['_', '.']) && files.contains_key("Chart.yaml") {
                subcharts.push(Self::of_files(files, depth + 1, budget)?);
            }
        }
        Ok(Self { metadata, locked, values, templates, subcharts })
    }

    /// The subchart that Helm takes for a dependency.
    pub fn subchart(&self, dependency: &Dependency) -> Option<&Self> {
        self.subcharts.iter().find(|chart| dependency.takes(&chart.metadata.name, &chart.metadata.version))
    }

    /// The version by which the lock pins a dependency.
    pub fn pinned(&self, dependency: &Dependency) -> Option<&str> {
        let pinned = self.locked.iter().find(|locked| dependency.takes(&locked.name, &locked.version));
        pinned.map(|locked| locked.version.as_str()).filter(|version| !version.is_empty())
    }
}

impl Dependency {
    /// Whether this is a version of the chart that is meant. A chart may depend on two versions of another one.
    pub fn takes(&self, name: &str, version: &str) -> bool {
        let in_range = || match (self.version.parse::<Range>(), version::parse(version)) {
            (Ok(range), Some(version)) => range.matches(&version),
            // What is no range is no reason to leave a chart out.
            _ => true,
        };
        self.name == name && (self.version == version || in_range())
    }
}

/// A chart's files by their paths in the chart.
type Files = BTreeMap<String, Vec<u8>>;

/// The files that matter, each within bounds. `budget` is how many bytes may still be kept.
fn unpack(packaged: &[u8], budget: &mut u64) -> Result<Files, ChartError> {
    let limits = MemberLimits { archive: Limits::output(MOST_UNPACKED), members: MOST_FILES, member: MOST_IN_FILE };
    let mut files = Files::new();
    airlift_unpack::members(packaged, Format::of_magic(packaged), &limits, |path, size, bytes| {
        let path = String::from_utf8_lossy(path).replace('\\', "/");
        let path = path.strip_prefix("./").unwrap_or(&path);
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(ChartError::Outside(path.chars().take(200).collect()));
        }
        // The first folder is the chart's own.
        let Some((_, name)) = path.split_once('/') else { return Ok(()) };
        // Helm refuses the whole chart for any of its files.
        if size > MOST_IN_FILE {
            return Err(ChartError::LargeFile(name.chars().take(200).collect()));
        }
        if !matters(name) {
            return Ok(());
        }
        *budget = budget.checked_sub(size).ok_or(ChartError::Large)?;
        let mut kept = Vec::new();
        bytes.take(MOST_IN_FILE).read_to_end(&mut kept).map_err(UnpackError::from_io)?;
        files.insert(name.to_owned(), kept);
        Ok(())
    })?;
    Ok(files)
}

/// Whether a file of a chart, or of a chart below it, is looked at.
fn matters(name: &str) -> bool {
    const NAMES: [&str; 5] = ["Chart.yaml", "Chart.lock", "requirements.yaml", "requirements.lock", "values.yaml"];
    match name.strip_prefix("charts/") {
        Some(below) => below.split_once('/').map_or_else(|| below.ends_with(".tgz"), |(_, name)| matters(name)),
        None => NAMES.contains(&name) || name.starts_with("templates/"),
    }
}

fn file<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ChartError> {
    yaml::read(bytes).map_err(|source| ChartError::File { file: name.to_owned(), source })
}

fn dependencies(name: &str, bytes: &[u8]) -> Result<Vec<Dependency>, ChartError> {
    #[derive(Default, Deserialize)]
    struct Requirements {
        #[serde(default, deserialize_with = "or_default")]
        dependencies: Vec<Dependency>,
    }
    Ok(file::<Option<Requirements>>(name, bytes)?.unwrap_or_default().dependencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.as_ustar_mut().expect("ustar").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, *bytes).expect("memory");
        }
        builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory")
    }

    #[test]
    fn a_chart_is_read_with_its_subcharts() {
        let inner = packed(&[("redis/Chart.yaml", b"name: redis\nversion: 2.0.0\n")]);
        let chart = Chart::read(&packed(&[
            ("web/Chart.yaml", b"name: web\nversion: 1.0.0\nappVersion: \"1.10\"\ndependencies:\n- {name: redis, version: 2.x, repository: https://e.org}\n"),
            ("web/Chart.lock", b"dependencies:\n- {name: redis, version: 2.0.0, repository: https://e.org}\ngenerated: x\n"),
            ("web/values.yaml", b"a: 1\n"),
            ("web/templates/a/b.yaml", b"x"),
            ("web/README.md", b"x"),
            ("web/charts/redis-2.0.0.tgz", &inner),
            ("web/charts/plain/Chart.yaml", b"name: plain\nversion: 1.0.0\nappVersion: 1.10\n"),
            ("web/charts/plain/values.yaml", b"b: 1\n"),
            ("web/charts/plain/requirements.yaml", b"dependencies:\n- {name: old, version: '1', repository: '@stable'}\n"),
        ]))
        .expect("a chart");
        assert_eq!(chart.locked[0].version, "2.0.0");
        let redis = &chart.metadata.dependencies[0];
        assert_eq!(chart.subchart(redis).expect("redis").metadata.version, "2.0.0");
        assert_eq!(chart.pinned(redis), Some("2.0.0"));
        let older = Dependency { version: "1.x".to_owned(), ..redis.clone() };
        assert_eq!((chart.subchart(&older), chart.pinned(&older)), (None, None), "another version is another chart");
        let plain = chart.subcharts.iter().find(|chart| chart.metadata.name == "plain").expect("plain");
        assert_eq!(plain.metadata.dependencies[0].repository, "@stable");
        assert_eq!(plain.metadata.app_version.as_deref(), Some("1.10"));
        assert_eq!(chart.templates["a/b.yaml"], b"x");
    }

    #[test]
    fn what_would_do_harm_is_refused() {
        let chart: (&str, &[u8]) = ("a/Chart.yaml", b"name: a\nversion: 1.0.0\n");
        let zeros = vec![b' '; 6 << 20];
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
        }
        let many: Vec<(String, &[u8])> = (0..14).map(|n| (format!("a/templates/{n}"), &zeros[..5 << 20])).collect();
        let many: Vec<(&str, &[u8])> =
            std::iter::once(chart).chain(many.iter().map(|(n, b)| (n.as_str(), *b))).collect();
        for (what, bytes, expected) in [
            ("outside", packed(&[chart, ("a/../../etc/x", b"x")]), "outside of the chart"),
            ("absolute", packed(&[chart, ("/etc/x", b"x")]), "outside of the chart"),
            ("large", packed(&[chart, ("a/values.yaml", &zeros)]), "larger than the 5 MiB"),
            ("large file", packed(&[chart, ("a/files/dashboard.json", &zeros)]), "larger than the 5 MiB"),
            ("many", packed(&many), "64 MiB"),
            ("no chart", packed(&[("a/values.yaml", b"")]), "no Chart.yaml"),
            ("aliases", packed(&[("a/Chart.yaml", bomb.as_bytes())]), "Chart.yaml can't be read"),
            ("no gzip", b"<html>".to_vec(), "it can't be unpacked"),
            ("cut", packed(&[chart])[..60].to_vec(), "it"),
        ] {
            let error = Chart::read(&bytes).expect_err(what).to_string();
            assert!(error.contains(expected), "{what}: {error}");
        }
        let mut nested = packed(&[chart]);
        for _ in 0..10 {
            nested = packed(&[chart, ("a/charts/a.tgz", &nested)]);
        }
        assert!(matches!(Chart::read(&nested), Err(ChartError::Deep)));
        let dense = vec![0; 120 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &dense).expect("memory");
        assert!(Chart::read(&gzip.finish().expect("memory")).is_err(), "a bomb");
    }
}
