//! The metadata of a part of a repository, of the original elements.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;

use airlift_core::{Checksum, Digest};
use airlift_fetch::Fetcher;
use bytes::Bytes;
use tokio::runtime::Handle;

use crate::error::RpmError;
use crate::format::Root;
use crate::format::comps::{self, Comps};
use crate::format::href::Href;
use crate::format::listing::{self, Selected};
use crate::format::modules::{Document, Says};
use crate::format::repomd::{Data, Repomd};
use crate::format::{excerpt, updateinfo};

use super::super::made::Packer;
use super::super::primary::Problem;
use super::read::{Held, Role, Snapshot};
use super::universe::Universe;

/// What is known of a repository besides its packages.
pub(super) struct Around {
    /// The root element of its list of packages.
    pub(super) root: Option<Root>,
    /// Its groups.
    pub(super) comps: Comps,
    /// Its modules: the text, and the documents in it.
    pub(super) modules: (String, Vec<Document>),
}

/// What travels of a repository.
#[derive(Default)]
pub(super) struct Part {
    /// Its packages.
    pub(super) packages: BTreeSet<u32>,
    /// The ids of the groups that were asked for.
    pub(super) groups: BTreeSet<String>,
    /// The streams that were asked for, as `module:stream`.
    pub(super) streams: BTreeSet<String>,
}

/// Metadata that was written.
pub(super) struct Written {
    /// The root.
    pub(super) repomd: String,
    /// Its files by their paths in the repository.
    pub(super) files: Vec<(String, Bytes)>,
    /// Files of upstream's that are kept as they are.
    pub(super) kept: Vec<Data>,
}

/// Writes the metadata of a part of a repository. To be called off the runtime.
pub(super) struct Writer<'a> {
    pub(super) id: &'a str,
    pub(super) snapshot: &'a Snapshot,
    pub(super) around: &'a Around,
    pub(super) part: &'a Part,
    pub(super) universe: &'a Universe,
    /// The names of all packages that travel, in whatever repository.
    pub(super) travelling: &'a HashSet<&'a str>,
    pub(super) fetcher: &'a Fetcher,
    pub(super) runtime: &'a Handle,
}

impl Writer<'_> {
    pub(super) fn write(&self) -> Result<Written, RpmError> {
        let repomd = &self.snapshot.repomd;
        let (mut data, mut files, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut done = HashSet::new();
        for one in &repomd.data {
            let role = Role::of(&one.kind);
            if role == Role::Kept {
                kept.push(one.clone());
                data.push(one.clone());
                continue;
            }
            // Some are there in several compressions.
            let Some(held) = self.snapshot.of(role).filter(|_| done.insert(role as u8)) else { continue };
            let made = self.made(role, held);
            for (one, bytes) in made.map_err(|problem| problem.of(self.id, self.url(held)))? {
                files.push((one.href.to_string(), bytes));
                data.push(one);
            }
        }
        let repomd = Repomd { revision: repomd.revision.clone(), tags: repomd.tags.clone(), data }.print();
        Ok(Written { repomd, files, kept })
    }

    fn url(&self, held: &Held) -> airlift_core::UpstreamUrl {
        held.data.href.at(&self.snapshot.base).unwrap_or_else(|_| self.snapshot.base.clone())
    }

    fn made(&self, role: Role, held: &Held) -> Result<Vec<(Data, Bytes)>, Problem> {
        let packed = held.packed(self.fetcher, self.runtime)?;
        let time = held.data.timestamp;
        let elements = |kind: &str, selected: &Selected| -> Result<Vec<(Data, Bytes)>, Problem> {
            let mut packer = Packer::new();
            excerpt::elements(held.reader(&packed)?, selected, &mut packer).map_err(Problem::from_io)?;
            Ok(vec![packer.finish(kind, "xml", time)?])
        };
        match role {
            Role::Primary => {
                let packages = self.part.packages.iter().map(|package| self.universe.package(*package));
                let mut ranges: Vec<_> = packages.map(|package| package.info.range.clone()).collect();
                ranges.sort_by_key(|range| range.start);
                match &self.around.root {
                    Some(root) => elements("primary", &Selected { root: root.clone(), ranges }),
                    None => Ok(Vec::new()),
                }
            }
            Role::Filelists | Role::Other => {
                let kind = if role == Role::Other { "other" } else { "filelists" };
                let packages = self.part.packages.iter().map(|package| self.universe.package(*package));
                let ids: HashSet<String> = packages.map(|package| package.info.checksum.hex()).collect();
                let selected = listing::select(held.reader(&packed)?, |id| ids.contains(id))?;
                elements(kind, &selected)
            }
            Role::Updates => {
                let packages = self.part.packages.iter().map(|package| self.universe.package(*package));
                let known: HashSet<String> = packages.map(super::universe::Package::artifact).collect();
                let selected = updateinfo::select(held.reader(&packed)?, |named| known.contains(&artifact(named)))?;
                if selected.ranges.is_empty() { Ok(Vec::new()) } else { elements("updateinfo", &selected) }
            }
            Role::Group => self.groups(&held.text(&packed)?, time),
            Role::Modules => self.modules(time),
            Role::Dropped | Role::Kept => Ok(Vec::new()),
        }
    }

    fn groups(&self, text: &str, time: Option<u64>) -> Result<Vec<(Data, Bytes)>, Problem> {
        let packages = &self.universe.packages;
        // A group's packages may be in other repositories, which travel by themselves.
        let all: HashSet<&str> = packages.iter().map(|package| package.info.name.as_str()).collect();
        let cuts = comps::cuts(
            &self.around.comps,
            &self.part.groups,
            |name| all.contains(name),
            |name| self.travelling.contains(name),
        );
        let left = excerpt::without(text, cuts);
        if comps::read(left.as_bytes())?.groups.is_empty() {
            return Ok(Vec::new());
        }
        // yum of EL 7 reads one, everything else both.
        let plain = {
            let sum = Digest::of(left.as_bytes());
            let href = Href::new(&format!("repodata/{}-comps.xml", sum.hex()))?;
            let (size, checksum) = (Some(left.len() as u64), Checksum::from(sum));
            let data = Data {
                kind: "group".to_owned(),
                href,
                checksum,
                size,
                open_checksum: None,
                open_size: None,
                timestamp: time,
            };
            (data, Bytes::from(left.clone()))
        };
        Ok(vec![plain, packed("group_gz", "comps", "xml", (left.as_bytes(), time))?])
    }

    fn modules(&self, time: Option<u64>) -> Result<Vec<(Data, Bytes)>, Problem> {
        let (text, documents) = &self.around.modules;
        let packages = self.part.packages.iter().map(|package| self.universe.package(*package));
        let travel: HashSet<String> = packages.map(super::universe::Package::artifact).collect();
        let mut streams = self.part.streams.clone();
        for document in documents {
            if let Says::Stream(build) = &document.says
                && build.artifacts.iter().any(|artifact| travel.contains(artifact))
            {
                streams.insert(format!("{}:{}", build.name, build.stream));
            }
        }
        let of_stream = |module: &str, stream: &str| streams.contains(&format!("{module}:{stream}"));
        let of_module = |module: &str| streams.iter().any(|name| name.split(':').next() == Some(module));
        let kept = documents.iter().filter(|document| match &document.says {
            Says::Stream(build) => {
                of_stream(&build.name, &build.stream)
                    && (build.artifacts.iter().any(|artifact| travel.contains(artifact)) || build.artifacts.is_empty())
            }
            Says::Defaults(defaults) => of_module(&defaults.module),
            Says::About(module, Some(stream)) => of_stream(module, stream),
            Says::About(module, None) => of_module(module),
            Says::Other => false,
        });
        let mut left = String::new();
        for document in kept {
            let one = &text[document.range.clone()];
            if !one.starts_with("---") {
                left.push_str("---\n");
            }
            left.push_str(one);
            if !one.ends_with('\n') {
                left.push('\n');
            }
        }
        if left.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![packed("modules", "modules", "yaml", (left.as_bytes(), time))?])
    }
}

/// A package of an advisory as modules name it.
fn artifact(named: &updateinfo::Named) -> String {
    let updateinfo::Named { name, epoch, version, release, arch } = named;
    let epoch = if epoch.is_empty() { "0" } else { epoch };
    format!("{name}-{epoch}:{version}-{release}.{arch}")
}

fn packed(kind: &str, name: &str, ending: &str, (bytes, time): (&[u8], Option<u64>)) -> Result<(Data, Bytes), Problem> {
    let mut packer = Packer::new();
    packer.write_all(bytes).map_err(Problem::from_io)?;
    let (mut data, bytes) = packer.finish(name, ending, time)?;
    kind.clone_into(&mut data.kind);
    Ok((data, bytes))
}
