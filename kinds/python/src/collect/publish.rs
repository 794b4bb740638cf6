//! The plan: files, their metadata, and the pages that name them.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{Checksum, Digest, Notice, Plan, PlanEntry, Request, Source, TreePath};
use airlift_fetch::Expected;
use futures::{StreamExt, TryStreamExt, stream};
use pep508_rs::PackageName;

use super::environment::Environment;
use super::library::{Library, Text, failed};
use super::places::Place;
use super::problem::Choice;
use super::project::Offered;
use super::repository;
use crate::error::PythonError;
use crate::format::index::File;
use crate::format::page::{self, PageFile, Project};
use crate::format::repository::Repository;

/// How many files are asked about at a time. One that takes long must not keep the others waiting; how many requests that
/// are at a time is the fetcher's business.
const AT_ONCE: usize = 1024;
/// The media type of packages: what it says least of, so that nobody unpacks on the way.
const PACKAGE: &str = "application/octet-stream";

/// What was chosen for all environments together.
pub(crate) struct Shelf<'a> {
    library: &'a Library<'a>,
    files: BTreeMap<(PackageName, String), Offered>,
    /// What comes from git, by its file's name.
    repositories: BTreeMap<String, (PackageName, Repository)>,
    remarks: BTreeMap<(PackageName, String), BTreeSet<String>>,
}

impl<'a> Shelf<'a> {
    pub(crate) const fn new(library: &'a Library<'a>) -> Self {
        Self { library, files: BTreeMap::new(), repositories: BTreeMap::new(), remarks: BTreeMap::new() }
    }

    /// Adds a chosen file.
    pub(crate) fn add(&mut self, choice: &Choice) -> Result<(), PythonError> {
        let (name, offered) = (&choice.project.name, choice.offered());
        match &choice.release().place {
            Some(Place::Repository(repository)) => {
                self.repositories.insert(offered.file.name.clone(), (name.clone(), repository.clone()));
                Ok(())
            }
            _ => self.put(name, offered),
        }
    }

    fn put(&mut self, project: &PackageName, offered: &Offered) -> Result<(), PythonError> {
        let key = (project.clone(), offered.file.name.clone());
        match self.files.get(&key) {
            Some(other) if !is_same(&other.file, &offered.file) => Err(PythonError::Twice {
                first: Box::new(other.file.url.clone()),
                second: Box::new(offered.file.url.clone()),
            }),
            Some(_) => Ok(()),
            None => {
                self.files.insert(key, offered.clone());
                Ok(())
            }
        }
    }

    /// Something to be known of a project in an environment.
    pub(crate) fn remark(&mut self, project: &PackageName, remark: &str, environment: &Environment) {
        let environments = self.remarks.entry((project.clone(), remark.to_owned())).or_default();
        environments.insert(environment.label.clone());
    }

    /// Makes the plan.
    pub(crate) async fn plan(self) -> Result<Plan, PythonError> {
        let mut plan = Plan::default();
        let described = self.files.iter().map(|((name, _), offered)| Box::pin(self.describe(name, offered)));
        let described: Vec<(PackageName, PageFile, Vec<PlanEntry>)> =
            stream::iter(described.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
        let mut projects = BTreeMap::<PackageName, Vec<PageFile>>::new();
        for (name, file, entries) in described {
            projects.entry(name).or_default().push(file);
            plan.entries.extend(entries);
        }
        for (name, mut files) in projects.clone() {
            files.sort_by(|a, b| (&a.version, &a.name).cmp(&(&b.version, &b.name)));
            plan.entries.extend(pages(Project { name: name.to_string(), files })?);
        }
        let names = || projects.keys().map(AsRef::as_ref);
        let modified = projects.values().flatten().filter_map(|file| file.uploaded).max();
        for (path, text, media_type) in [
            ("simple/index.v1_json", page::projects_json(names()), page::JSON),
            ("simple/index.html", page::projects_html(names()), page::HTML),
        ] {
            plan.entries.push(PlanEntry { modified, ..generated(path, text, media_type)? });
        }
        plan.also.extend(self.repositories.values().map(|(name, wanted)| repository::also(name, wanted)));
        for ((name, remark), environments) in &self.remarks {
            let environments = environments.iter().cloned().collect::<Vec<_>>().join("; ");
            let notice = format!("{name} {remark} ({environments})");
            plan.notices.push(Notice { path: path(&format!("simple/{name}"))?, notice });
        }
        for ((name, _), offered) in self.files.iter().filter(|(_, offered)| offered.file.yanked.is_some()) {
            let reason = offered.file.yanked.clone().filter(|reason| !reason.is_empty());
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let notice = format!("{} was withdrawn by its makers{reason}", offered.file.name);
            plan.notices.push(Notice { path: path(&format!("simple/{name}"))?, notice });
        }
        Ok(plan)
    }

    /// A file's entries, and what its project's page says of it.
    async fn describe(
        &self,
        project: &PackageName,
        offered: &Offered,
    ) -> Result<(PackageName, PageFile, Vec<PlanEntry>), PythonError> {
        let file = &offered.file;
        let (sha256, size) = self.measure(file).await?;
        let about = self.library.about(offered);
        let text = about.as_ref().and_then(|about| about.text.clone());
        let place = format!("packages/{project}/{}", file.name);
        let mut checksums: Vec<Checksum> = vec![sha256.into()];
        checksums.extend(file.checksums.iter().filter(|checksum| **checksum != Checksum::from(sha256)).cloned());
        let purl = format!(
            "pkg:pypi/{project}@{}?file_name={}",
            airlift_core::upstream::encode_path(&offered.name.version().to_string()),
            airlift_core::upstream::encode_path(&file.name)
        );
        let mut entries = vec![PlanEntry {
            media_type: Some(PACKAGE.into()),
            size: Some(size),
            checksums,
            modified: file.uploaded,
            purl: Some(purl.into()),
            ..PlanEntry::new(path(&place)?, Source::Fetch(Request::new(file.url.clone())))
        }];
        if let Some(text) = &text {
            let source = match text {
                Text::Stored(digest, request) => Source::Stored { digest: *digest, request: request.clone() },
                Text::Taken(bytes) => Source::Generated(bytes.clone()),
            };
            let entry = PlanEntry::new(path(&format!("{place}.metadata"))?, source);
            entries.push(PlanEntry { media_type: Some(PACKAGE.into()), modified: file.uploaded, ..entry });
        }
        let metadata = about.as_ref().and_then(|about| about.metadata.as_ref().ok());
        let requires_python = file.requires_python.clone();
        let requires_python =
            requires_python.or_else(|| Some(metadata?.requires_python.as_ref()?.to_string().replace(", ", ",")));
        let file = PageFile {
            name: file.name.clone(),
            version: offered.name.version().clone(),
            sha256,
            size,
            requires_python,
            uploaded: file.uploaded,
            yanked: file.yanked.clone(),
            metadata: text.as_ref().map(Text::digest),
            summary: metadata.and_then(|metadata| metadata.summary.clone()),
        };
        Ok((project.clone(), file, entries))
    }

    /// Digest and size of a file. What the index does not promise is learned by asking, or by fetching it, which has to
    /// be done anyway.
    async fn measure(&self, file: &File) -> Result<(Digest, u64), PythonError> {
        let promised = file.checksums.iter().find_map(Checksum::digest);
        if let (Some(digest), Some(size)) = (promised, file.size) {
            return Ok((digest, size));
        }
        let request = Request::new(file.url.clone());
        let what = || format!("the file {}", file.name);
        if let Some(digest) = promised {
            let head = self.library.fetcher.head(&request).await.map_err(|source| failed(&what(), source))?;
            if let Some(size) = head.size {
                return Ok((digest, size));
            }
        }
        let expected = Expected { checksums: file.checksums.clone(), size: file.size, limit: None };
        let fetched = self.library.fetcher.blob(&request, &expected).await;
        let fetched = fetched.map_err(|source| failed(&what(), source))?;
        Ok((fetched.digest, fetched.size))
    }
}

/// Whether two files of one name are the same by all that is promised of them.
fn is_same(one: &File, other: &File) -> bool {
    let promised = |file: &File| file.checksums.iter().cloned().collect::<BTreeSet<_>>();
    let (own, others) = (promised(one), promised(other));
    own == others && (one.url == other.url || !own.is_empty())
}

/// The pages of a project.
fn pages(project: Project) -> Result<Vec<PlanEntry>, PythonError> {
    let (name, modified) = (&project.name, project.modified());
    let mut pages = vec![
        (format!("simple/{name}/index.v1_json"), project.json(), page::JSON),
        (format!("simple/{name}/index.html"), project.html(), page::HTML),
        (format!("pypi/{name}/json"), project.legacy(None), page::LEGACY),
    ];
    for version in project.versions() {
        pages.push((format!("pypi/{name}/{version}/json"), project.legacy(Some(version)), page::LEGACY));
    }
    let entries = pages
        .into_iter()
        .map(|(path, text, media_type)| Ok(PlanEntry { modified, ..generated(&path, text, media_type)? }));
    entries.collect()
}

fn generated(at: &str, text: String, media_type: &str) -> Result<PlanEntry, PythonError> {
    let entry = PlanEntry::new(path(at)?, Source::Generated(text.into_bytes().into()));
    Ok(PlanEntry { media_type: Some(media_type.into()), ..entry })
}

fn path(below: &str) -> Result<TreePath, PythonError> {
    TreePath::new(format!("python/{below}")).map_err(|source| PythonError::Path { name: below.to_owned(), source })
}
