//! The signatures inside of packages, looked at once all packages are there.
//!
//! That a package is the one that the metadata names is known by then: it has the checksum. Its own signature says who
//! built it, and clients with `gpgcheck=1` insist on it. Of a package only its headers are read, unless it is so old that
//! its signature is over all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use std::time::SystemTime;

use airlift_core::{Digest, LockEntry, Notice, Time, TreePath};
use airlift_fetch::{FetchError, Fetcher, Reader};
use airlift_openpgp::{Keyring, Problem, VerifyError};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use tokio::runtime::Handle;

use crate::collect::{self, Signed};
use crate::error::{RpmError, Wrong};
use crate::format::header::{self, Start};
use crate::format::{FormatError, signature};

/// How many threads look at packages: reading and mathematics, of which there is nothing to gain from more.
const AT_ONCE: usize = 8;

/// How many packages one of them takes at most at a time: a package is often looked at in less time than a thread needs to begin.
const TAKEN: usize = 32;

/// How many packages are named in a message that counts more.
const NAMED: usize = 5;

/// Looks at every package of every repository.
pub(crate) async fn inspect(
    repositories: Vec<Signed>,
    entries: &[&LockEntry],
    fetcher: &Fetcher,
) -> Result<Vec<Notice>, RpmError> {
    let mut notices = Vec::new();
    for repository in repositories {
        let folder = format!("rpm/{}", repository.id);
        let packages = entries.iter().filter(|entry| entry.media_type == collect::PACKAGE);
        // Packages that lie at several paths are the same bytes, and have the same signature.
        let packages: BTreeMap<_, _> = packages
            .filter(|entry| entry.path.below(&folder).is_some())
            .map(|entry| (entry.blob, (entry.size, entry.path.clone())))
            .collect();
        let total = packages.len();
        let packages: Vec<Stored> =
            packages.into_iter().map(|(blob, (size, path))| Stored { blob, size, path }).collect();
        let looker =
            Arc::new(Looker { ring: repository.ring.clone(), fetcher: fetcher.clone(), runtime: Handle::current() });
        let at_once = total.div_ceil(AT_ONCE).clamp(1, TAKEN);
        let looked = stream::iter(packages.chunks(at_once).map(<[_]>::to_vec)).map(|taken| looker.packages(taken));
        let found: Vec<_> = looked.buffer_unordered(AT_ONCE).collect().await;
        let mut report = Report { total, ..Report::default() };
        for (path, verdict) in found.into_iter().flatten() {
            let name = path.below(&folder).unwrap_or(path.as_str()).to_owned();
            let unreadable =
                |source| RpmError::Package { id: repository.id.clone(), name: name.clone(), source: Box::new(source) };
            report.add(&name, verdict.map_err(unreadable)?);
        }
        notices.extend(report.finish(&repository)?);
    }
    Ok(notices)
}

/// A package in the store.
#[derive(Clone)]
struct Stored {
    blob: Digest,
    size: u64,
    path: TreePath,
}

/// The first bytes of a package, with all headers in them. To be called on a thread that may block.
pub(crate) fn headers(package: &Reader, size: u64) -> Result<Bytes, PackageError> {
    let mut needed = header::FIRST;
    loop {
        let bytes = package.range(0..needed)?;
        match header::read(&bytes)? {
            Start::Headers(_) => return Ok(bytes),
            Start::More(more) if more > size || more <= needed => {
                return Err(FormatError::refused("it ends before its headers do").into());
            }
            Start::More(more) => needed = more,
        }
    }
}

/// Why nothing can be said of a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It can't be read from the store.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is no package.
    #[error(transparent)]
    Format(#[from] FormatError),
}

enum Verdict {
    /// Signed by one of the keys; what stricter clients would say.
    Good(Vec<String>),
    /// Signed by this key, as it says, and there is no key to check that with.
    Unchecked(String),
    Unsigned,
    /// Signed in a way that can be forged.
    Weak(String),
    Wrong(VerifyError),
}

/// Looks at packages.
struct Looker {
    ring: Keyring,
    fetcher: Fetcher,
    runtime: Handle,
}

impl Looker {
    /// Looks at some packages, on a thread of their own.
    fn packages(
        self: &Arc<Self>,
        taken: Vec<Stored>,
    ) -> impl Future<Output = Vec<(TreePath, Result<Verdict, PackageError>)>> + use<> {
        let this = Arc::clone(self);
        let look = move |package: Stored| {
            let reader = this.fetcher.reader(package.blob, package.size, &this.runtime).map_err(PackageError::from);
            (package.path, reader.and_then(|reader| verdict(&reader, package.size, &this.ring)))
        };
        let looked = tokio::task::spawn_blocking(move || taken.into_iter().map(look).collect());
        looked.map(|looked| looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
    }
}

fn verdict(package: &Reader, size: u64, ring: &Keyring) -> Result<Verdict, PackageError> {
    let start = headers(package, size)?;
    let Start::Headers(headers) = header::read(&start)? else {
        return Err(FormatError::refused("it ends before its headers do").into());
    };
    let of_header = signature::of_header(&headers);
    let of_all = signature::of_header_and_payload(&headers);
    if of_header.is_empty() && of_all.is_none() {
        return Ok(Verdict::Unsigned);
    }
    let now = Time::from(SystemTime::now());
    if ring.is_empty() {
        let signature = of_all.filter(|_| of_header.is_empty()).unwrap_or(&of_header);
        return Ok(Verdict::Unchecked(issuer(ring, signature, now)));
    }
    let verified = match of_all.filter(|_| of_header.is_empty()) {
        None => ring.verify_detached(&of_header, headers.signed, now),
        Some(signature) => {
            let open = || -> Box<dyn Read> {
                let mut rest = package.clone();
                rest.seek(headers.start);
                Box::new(rest)
            };
            ring.verify_stream(signature, &open, now)
        }
    };
    Ok(match verified {
        Ok(verified) => Verdict::Good(verified.remarks),
        Err(VerifyError::Bad { rejected, .. }) if rejected.iter().all(|one| is_weak(&one.problem)) => {
            Verdict::Weak(rejected.first().map(|one| one.problem.to_string()).unwrap_or_default())
        }
        Err(error) => Verdict::Wrong(error),
    })
}

/// Who a signature says to be from, by a ring without keys: it rejects every signature before it looks at what is signed.
fn issuer(nobody: &Keyring, signature: &[u8], now: Time) -> String {
    match nobody.verify_detached(signature, &[], now) {
        Err(VerifyError::Bad { rejected, .. }) => rejected.into_iter().next().map(|one| one.key),
        _ => None,
    }
    .unwrap_or_else(|| "unknown".to_owned())
}

/// Whether nothing is known against a signature but that others could make it as well.
const fn is_weak(problem: &Problem) -> bool {
    matches!(problem, Problem::WeakHash(_) | Problem::ShortKey(_))
}

/// What was found of a repository's packages.
#[derive(Default)]
struct Report {
    total: usize,
    /// Those that were not checked, by the keys that they say to be from.
    unchecked: BTreeMap<String, BTreeSet<String>>,
    unsigned: BTreeSet<String>,
    weak: BTreeMap<String, BTreeSet<String>>,
    remarks: BTreeMap<String, BTreeSet<String>>,
    wrong: Vec<Wrong>,
}

impl Report {
    fn add(&mut self, name: &str, verdict: Verdict) {
        let name = name.to_owned();
        match verdict {
            Verdict::Unchecked(key) => drop(self.unchecked.entry(key).or_default().insert(name)),
            Verdict::Good(remarks) => {
                for remark in remarks {
                    self.remarks.entry(remark).or_default().insert(name.clone());
                }
            }
            Verdict::Unsigned => drop(self.unsigned.insert(name)),
            Verdict::Weak(why) => drop(self.weak.entry(why).or_default().insert(name)),
            Verdict::Wrong(source) => self.wrong.push(Wrong { name, reason: airlift_core::failure::line(&source) }),
        }
    }

    /// What is to be known, or the error where that is not enough.
    fn finish(mut self, repository: &Signed) -> Result<Vec<Notice>, RpmError> {
        self.wrong.sort_by(|a, b| a.name.cmp(&b.name));
        let (id, total) = (&repository.id, self.total);
        if !self.wrong.is_empty() && !repository.unsigned.packages() {
            return Err(RpmError::Packages { id: id.clone(), total, wrong: self.wrong });
        }
        let mut notices = Vec::new();
        for (key, packages) in &self.unchecked {
            let (count, names) = (packages.len(), names(packages.iter()));
            notices.push(format!(
                "yum repository {id}: {count} of {total} packages are signed by the key {key}, which was not checked and does \
                 not travel, since the repository has no 'gpgkeys': clients with gpgcheck=1 refuse them unless they have that \
                 key already; give its URL or path: {names}"
            ));
        }
        if !self.unsigned.is_empty() {
            let (count, names) = (self.unsigned.len(), names(self.unsigned.iter()));
            notices.push(format!(
                "yum repository {id}: {count} of {total} packages have no signature of their own, so clients with \
                 gpgcheck=1 refuse them: {names}"
            ));
        }
        for (why, packages) in &self.weak {
            let (count, names) = (packages.len(), names(packages.iter()));
            notices.push(format!(
                "yum repository {id}: the signatures of {count} of {total} packages do not count ({why}); clients since EL 9 \
                 refuse them: {names}"
            ));
        }
        for (remark, packages) in &self.remarks {
            let (count, names) = (packages.len(), names(packages.iter()));
            notices.push(format!("yum repository {id}: {count} of {total} packages: {remark}: {names}"));
        }
        if !self.wrong.is_empty() {
            let (count, names) = (self.wrong.len(), names(self.wrong.iter().map(|wrong| &wrong.name)));
            notices.push(format!(
                "yum repository {id}: {count} of {total} packages are not signed by one of its keys: {names}"
            ));
        }
        let Ok(path) = TreePath::new(format!("rpm/{id}")) else { return Ok(Vec::new()) };
        Ok(notices.into_iter().map(|notice| Notice { path: path.clone(), notice }).collect())
    }
}

/// The first names, and how many more there are.
fn names<'a>(all: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all.take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match more {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
