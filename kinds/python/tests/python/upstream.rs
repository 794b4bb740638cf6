//! An index of wheels and source distributions that a test makes, and what is collected from it.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use airlift_core::event::Observer;
use airlift_core::{Digest, Event, Failure, Notice, Plan, Source};
use airlift_fetch::engine::{self, Options};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{CollectContext, DynKind, Erased};
use airlift_kind_python::Python;
use airlift_store::Store;
use airlift_testkit::upstream::{Resource, Upstream};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(crate) static PYTHON: Erased<Python> = Erased::new();

/// The environment that most tests solve for.
pub(crate) const ENVIRONMENT: &str = "{ python: \"3.11\", platform: linux-x86_64, glibc: \"2.28\" }";

/// A file of the index.
#[derive(Clone)]
pub(crate) struct Dist {
    name: String,
    bytes: Vec<u8>,
    metadata: Option<String>,
    extra: Vec<(String, Value)>,
}

/// A project's normal name, as far as the names in these tests need it.
fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// The metadata of a distribution: `lines` are further fields.
pub(crate) fn metadata(name: &str, version: &str, lines: &[&str]) -> String {
    let mut text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text
}

pub(crate) fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), SimpleFileOptions::default()).expect("a file");
        writer.write_all(bytes).expect("bytes");
    }
    writer.finish().expect("a zip").into_inner()
}

/// A plain tar with gzip around it (POSIX ustar), of files below one folder.
pub(crate) fn tarball(folder: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, text) in files {
        let mut header = [0_u8; 512];
        let path = format!("{folder}/{name}");
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        header[136..147].copy_from_slice(b"00000000000");
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&tar).expect("bytes");
    encoder.finish().expect("bytes")
}

impl Dist {
    /// A wheel with these tags, whose metadata has these further fields.
    pub(crate) fn wheel((name, version, tags): (&str, &str, &str), lines: &[&str]) -> Self {
        Self::wheel_that_says((name, version, tags), metadata(name, version, lines))
    }

    /// A wheel with this metadata, whatever it says.
    pub(crate) fn wheel_that_says((name, version, tags): (&str, &str, &str), metadata: String) -> Self {
        let stem = format!("{}-{version}", name.replace('-', "_"));
        let files = [
            (format!("{}/__init__.py", name.replace('-', "_")), format!("VERSION = '{version}'\n").into_bytes()),
            (format!("{stem}.dist-info/METADATA"), metadata.clone().into_bytes()),
        ];
        Self { name: format!("{stem}-{tags}.whl"), bytes: zipped(&files), metadata: Some(metadata), extra: Vec::new() }
    }

    /// A pure wheel.
    pub(crate) fn pure(name: &str, version: &str, lines: &[&str]) -> Self {
        Self::wheel((name, version, "py3-none-any"), lines)
    }

    /// A source distribution with these files.
    pub(crate) fn sdist(name: &str, version: &str, files: &[(&str, &str)]) -> Self {
        let folder = format!("{name}-{version}");
        Self { name: format!("{folder}.tar.gz"), bytes: tarball(&folder, files), metadata: None, extra: Vec::new() }
    }

    /// Any bytes under any name.
    pub(crate) fn raw(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), bytes, metadata: None, extra: Vec::new() }
    }

    /// The same with this metadata beside it, whatever the file itself says.
    pub(crate) fn beside(mut self, metadata: String) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// The same without metadata beside it.
    pub(crate) fn alone(mut self) -> Self {
        self.metadata = None;
        self
    }

    /// The same with another field on its project's page.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.extra.push((field.to_owned(), value));
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn sha256(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// The notices of everything that was planned.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn observe(&self, event: &Event) {
        if let Event::Notice { message } = event {
            self.0.lock().expect("no panic").push(message.clone());
        }
    }
}

/// An index on loopback.
pub(crate) struct Site {
    pub(crate) upstream: Upstream,
    heard: Arc<Heard>,
    projects: BTreeMap<String, Vec<Value>>,
}

impl Site {
    pub(crate) async fn of(dists: &[(&str, Dist)]) -> Self {
        let mut site = Self { upstream: Upstream::start().await, heard: Arc::default(), projects: BTreeMap::new() };
        dists.iter().for_each(|(project, dist)| site.add(project, dist.clone()));
        site
    }

    /// Puts a file onto a project's page.
    pub(crate) fn add(&mut self, project: &str, dist: Dist) {
        let path = format!("/files/{}", dist.name);
        let mut file = json!({
            "filename": dist.name, "url": format!("../..{path}"), "size": dist.bytes.len(),
            "hashes": { "sha256": dist.sha256().hex() }, "upload-time": "2024-05-06T07:08:09.123456Z",
            "core-metadata": false,
        });
        if let Some(metadata) = &dist.metadata {
            file["core-metadata"] = json!({ "sha256": Digest::of(metadata.as_bytes()).hex() });
            self.upstream.put(&format!("{path}.metadata"), Resource::new(metadata.clone()));
        }
        for (field, value) in &dist.extra {
            file[field.as_str()] = value.clone();
        }
        self.upstream.put(&path, Resource::new(dist.bytes));
        let files = self.projects.entry(normal(project)).or_default();
        files.push(file);
        let page = json!({ "meta": { "api-version": "1.1" }, "name": project, "files": files });
        self.page(project, "application/vnd.pypi.simple.v1+json", page.to_string());
    }

    /// Replaces a project's page.
    pub(crate) fn page(&self, project: &str, media_type: &str, text: String) {
        let page = Resource { media_type: Some(media_type.to_owned()), ..Resource::new(text) };
        self.upstream.put(&format!("/simple/{}/", normal(project)), page);
    }

    pub(crate) fn index(&self) -> String {
        self.upstream.url("/simple/")
    }

    /// A manifest for the environment of these tests; `more` are further lines of `python`.
    pub(crate) fn manifest(&self, requirements: &[&str], more: &str) -> String {
        self.manifest_for(ENVIRONMENT, requirements, more)
    }

    /// A manifest for these environments.
    pub(crate) fn manifest_for(&self, environments: &str, requirements: &[&str], more: &str) -> String {
        let requirements = json!(requirements);
        let mut text = format!("version: 1\npython:\n  index: \"{}\"\n  requirements: {requirements}\n", self.index());
        text.push_str(&format!("  environments: [ {environments} ]\n"));
        more.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        text
    }

    /// The notices of everything that was planned so far.
    pub(crate) fn heard(&self) -> String {
        self.heard.0.lock().expect("no panic").join("\n")
    }

    /// Plans, and says which files were chosen.
    pub(crate) async fn chosen(&self, requirements: &[&str], more: &str) -> Vec<String> {
        files(&self.plan(&self.manifest(requirements, more)).await.expect("a plan"))
    }

    /// Plans, and says why it can't be.
    pub(crate) async fn refused(&self, requirements: &[&str], more: &str) -> String {
        self.plan(&self.manifest(requirements, more)).await.expect_err("a refusal")
    }

    pub(crate) async fn plan(&self, manifest: &str) -> Result<Plan, String> {
        let section = PYTHON.section(manifest).map_err(|error| error.to_string())?;
        let plan = section.collect(&airlift_testkit::signing::context(self.fetcher())).await;
        plan.map_err(|error| told(&*error))
    }

    /// Plans as who fetches nothing afterwards.
    pub(crate) async fn only_plan(&self, manifest: &str) -> Result<Plan, String> {
        let section = PYTHON.section(manifest).map_err(|error| error.to_string())?;
        let context = CollectContext { fetches: false, ..airlift_testkit::signing::context(self.fetcher()) };
        section.collect(&context).await.map_err(|error| told(&*error))
    }

    /// Collects all of it, and says what is to be known of it, or why it can't be.
    pub(crate) async fn collect(&self, manifest: &str) -> Result<Vec<Notice>, String> {
        self.collect_changed(manifest, |_| {}).await
    }

    /// The same after the plan was changed.
    pub(crate) async fn collect_changed(
        &self,
        manifest: &str,
        change: impl FnOnce(&mut Plan),
    ) -> Result<Vec<Notice>, String> {
        let fetcher = self.fetcher();
        let section = PYTHON.section(manifest).map_err(|error| error.to_string())?;
        let plan = section.collect(&airlift_testkit::signing::context(fetcher.clone())).await;
        let mut plan = plan.map_err(|error| told(&*error))?;
        change(&mut plan);
        let collected = engine::collect(&fetcher, plan, &Options::default()).await.map_err(|error| told(&error))?;
        let entries: Vec<_> = collected.entries.iter().collect();
        section.inspect(&entries, &fetcher).await.map_err(|error| told(&*error))
    }

    fn fetcher(&self) -> Fetcher {
        let settings = Settings { attempts: 2, first_wait: std::time::Duration::from_millis(1), ..Settings::default() };
        let heard = Arc::<Heard>::clone(&self.heard);
        Fetcher::new(settings, Store::memory(), heard, CancellationToken::new()).expect("a fetcher")
    }
}

/// An error with its causes, and what helps.
fn told(error: &dyn Failure) -> String {
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    airlift_core::failure::chain(error).join("\ncaused by: ") + &hint
}

/// The packages of a plan, by their files' names.
pub(crate) fn files(plan: &Plan) -> Vec<String> {
    let packages = plan.entries.iter().filter(|entry| entry.path.as_str().starts_with("python/packages/"));
    let mut names: Vec<String> =
        packages.map(|entry| entry.path.name().to_owned()).filter(|name| !name.ends_with(".metadata")).collect();
    names.sort();
    names
}

/// The text of a page that a plan makes.
pub(crate) fn page(plan: &Plan, path: &str) -> String {
    let entry = plan.entries.iter().find(|entry| entry.path.as_str() == path);
    match &entry.unwrap_or_else(|| panic!("no {path}")).source {
        Source::Generated(bytes) => String::from_utf8(bytes.to_vec()).expect("a text"),
        other => panic!("{path} is {other:?}"),
    }
}
