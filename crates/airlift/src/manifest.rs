//! The manifest as a file, or as a profile that the program brings: the envelope, and each kind's section.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use airlift_core::manifest::{self, Envelope, ManifestError};
use airlift_core::plan::Also;
use airlift_core::{Class, Digest, Lock, LockEntry, Notice, Plan, TreePath};
use airlift_fetch::Fetcher;
use airlift_kind::{CollectContext, DynKind, Section};

use crate::error::{ProgramError, Trouble};
use crate::kinds::KINDS;
use crate::profile::{self, Loaded, Place, ProfileError, Resolved};

/// A manifest that was read.
pub(crate) struct Manifest {
    /// Its file, or `profile:NAME`.
    pub(crate) path: PathBuf,
    pub(crate) envelope: Envelope,
    /// The digest of its bytes, by which a lock knows it: of what is left of it where it had to be resolved.
    pub(crate) digest: Digest,
    /// How it came about, where it had to be resolved.
    pub(crate) resolved: Option<Resolved>,
    /// Its text, of which a kind's part is read again where another kind asks for more.
    text: String,
    /// What each kind has to say in it.
    sections: Vec<(&'static dyn DynKind, Box<dyn Section>)>,
}

/// Puts what was asked for besides behind a plan. What both have is there once.
fn join(plan: &mut Plan, mut more: Plan) {
    let known: HashMap<&TreePath, Option<Digest>> =
        plan.entries.iter().map(|entry| (&entry.path, entry.digest())).collect();
    more.entries.retain(|entry| known.get(&entry.path).is_none_or(|digest| *digest != entry.digest()));
    plan.extend(more);
}

/// Whether two plans have different bytes for one path.
fn differ(plan: &Plan, more: &Plan) -> bool {
    let known: HashMap<&TreePath, Option<Digest>> =
        plan.entries.iter().map(|entry| (&entry.path, entry.digest())).collect();
    more.entries.iter().any(|entry| known.get(&entry.path).is_some_and(|digest| *digest != entry.digest()))
}

/// What can't be planned, and what is missing of the rest: one error as it is, or a list.
fn unplanned(mut failed: Vec<(&'static dyn DynKind, Trouble)>, plans: &[(&'static dyn DynKind, Plan)]) -> Trouble {
    let omissions = plans.iter().flat_map(|(_, plan)| &plan.omissions);
    let missing: Vec<String> =
        omissions.map(|omission| format!("\n  {}: {}", omission.path, omission.omitted)).collect();
    if failed.len() == 1 && missing.is_empty() {
        return failed.remove(0).1;
    }
    let (count, class) = (failed.len() + missing.len(), failed[0].1.class());
    let told = failed.iter().map(|(kind, trouble)| {
        let hint = trouble.hint().map(|hint| format!("\n    hint: {hint}")).unwrap_or_default();
        format!("\n  {}: {}{hint}", kind.title(), trouble.chain().join(": ").replace('\n', "\n    "))
    });
    ProgramError::Unplanned { count, class, list: told.chain(missing).collect() }.into()
}

impl Manifest {
    /// Reads the manifest at a path, or a profile, with the variables that were typed.
    pub(crate) fn read(path: &Path, variables: &[String]) -> Result<Self, ProgramError> {
        let place = Place::named(path)?;
        let text = match place.read() {
            Err(ProfileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProgramError::NoManifest { path: path.to_owned() });
            }
            read => read?,
        };
        match Loaded::read(&place, &text)? {
            Some(loaded) => {
                let resolved = Resolved::of(&loaded, variables)?;
                let text = resolved.plain();
                let manifest = Self::of(path, text.text.clone(), Some(resolved));
                manifest.map_err(|source| ProgramError::Manifest { path: path.to_owned(), source: text.blame(source) })
            }
            None => {
                profile::refuse(variables)?;
                Self::of(path, text, None).map_err(|source| ProgramError::Manifest { path: path.to_owned(), source })
            }
        }
    }

    fn of(path: &Path, text: String, resolved: Option<Resolved>) -> Result<Self, ManifestError> {
        let keys: Vec<&str> = KINDS.iter().flat_map(|kind| kind.keys()).chain(&profile::KEYS).copied().collect();
        let envelope = manifest::envelope(&text, &keys)?;
        let sections = KINDS.iter().map(|kind| Ok((*kind, kind.section(&text)?)));
        Ok(Self {
            path: path.to_owned(),
            envelope,
            digest: Digest::of(text.as_bytes()),
            sections: sections.collect::<Result<_, _>>()?,
            text,
            resolved,
        })
    }

    /// Its text, as kinds read it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What each kind wants, the kinds one after the other, since most share upstreams. A kind that can't be planned is
    /// told when all were tried.
    pub(crate) async fn plans(&self, context: &CollectContext) -> Result<Vec<(&'static dyn DynKind, Plan)>, Trouble> {
        let (mut plans, mut failed) = (Vec::new(), Vec::new());
        for (kind, section) in &self.sections {
            match section.collect(context).await.map_err(Trouble::boxed) {
                Ok(plan) => plans.push((*kind, plan)),
                Err(trouble) if matches!(trouble.class(), Class::Upstream | Class::Usage) => {
                    failed.push((*kind, trouble));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        if !failed.is_empty() {
            return Err(unplanned(failed, &plans));
        }
        self.also(&mut plans, context).await?;
        match plans.iter().all(|(_, plan)| plan.entries.is_empty() && plan.omissions.is_empty()) {
            true => Err(ProgramError::EmptyManifest { path: self.path.clone() }.into()),
            false => Ok(plans),
        }
    }

    /// Plans what the plans ask of other kinds, and what those ask in turn.
    async fn also(&self, plans: &mut [(&'static dyn DynKind, Plan)], context: &CollectContext) -> Result<(), Trouble> {
        let mut asked: Vec<Also> = Vec::new();
        loop {
            let more = plans.iter_mut().flat_map(|(_, plan)| std::mem::take(&mut plan.also));
            let known = asked.len();
            for also in more.collect::<Vec<_>>() {
                let same = |other: &Also| (&other.key, &other.value) == (&also.key, &also.value);
                if !asked.iter().any(same) {
                    asked.push(also);
                }
            }
            if asked.len() == known {
                return Ok(());
            }
            for (kind, plan) in plans.iter_mut() {
                for key in kind.keys() {
                    let of_key: Vec<&Also> = asked[known..].iter().filter(|also| also.key == *key).collect();
                    if !of_key.is_empty() {
                        let more = self.plan_asked(*kind, (key, &of_key), (context, false)).await?;
                        if !differ(plan, &more) {
                            join(plan, more);
                            continue;
                        }
                        // Wanted here for this part of it and there for that, as branches of a repository: both at once.
                        let of_key: Vec<&Also> = asked.iter().filter(|also| also.key == *key).collect();
                        let whole = self.plan_asked(*kind, (key, &of_key), (context, true)).await?;
                        let paths: HashSet<&TreePath> = whole.entries.iter().map(|entry| &entry.path).collect();
                        plan.entries.retain(|entry| !paths.contains(&entry.path));
                        plan.extend(whole);
                    }
                }
            }
        }
    }

    async fn plan_asked(
        &self,
        kind: &dyn DynKind,
        (key, asked): (&str, &[&Also]),
        (context, with_own): (&CollectContext, bool),
    ) -> Result<Plan, Trouble> {
        let invalid = |source| ProgramError::Manifest { path: self.path.clone(), source };
        let own = if with_own { manifest::listed(&self.text, key).map_err(invalid)? } else { Vec::new() };
        let values = own.into_iter().chain(asked.iter().map(|also| also.value.clone())).collect();
        let text = manifest::asking(&self.text, kind.keys(), (key, values)).map_err(invalid)?;
        let section = kind.section(&text).map_err(invalid)?;
        let mut plan = section.collect(context).await.map_err(Trouble::boxed)?;
        for omission in &mut plan.omissions {
            let below = omission.path.below(kind.name()).unwrap_or_default();
            let of = |also: &&&Also| below.strip_prefix(&also.name).is_some_and(|rest| rest.starts_with('/'));
            // Several may want the same thing in different versions: its last part is which.
            let which = below.rsplit('/').next().unwrap_or_default();
            let named = |also: &&&Also| {
                let value = also.value.to_string();
                [format!(":{which}\""), format!("\"{which}\"")].iter().any(|text| value.contains(text))
            };
            if let Some(also) = asked.iter().filter(of).find(named).or_else(|| asked.iter().find(of)) {
                omission.omitted.push_str(&format!(" (wanted by {})", also.why));
            }
        }
        Ok(plan)
    }

    /// Has each kind look at what was fetched for it; what is to be known of it.
    pub(crate) async fn inspect(&self, entries: &[LockEntry], fetcher: &Fetcher) -> Result<Vec<Notice>, Trouble> {
        let mut notices = Vec::new();
        for (kind, section) in &self.sections {
            let of_kind = |entry: &&LockEntry| entry.path.as_str().split('/').next() == Some(kind.name());
            let entries: Vec<&LockEntry> = entries.iter().filter(of_kind).collect();
            if !entries.is_empty() {
                notices.extend(section.inspect(&entries, fetcher).await.map_err(Trouble::boxed)?);
            }
        }
        Ok(notices)
    }

    /// Has each kind bring what it made itself, for what a lock names.
    pub(crate) async fn restore(&self, entries: &[LockEntry], fetcher: &Fetcher) -> Result<(), Trouble> {
        for (kind, section) in &self.sections {
            let of_kind = |entry: &&LockEntry| entry.path.as_str().split('/').next() == Some(kind.name());
            let entries: Vec<&LockEntry> = entries.iter().filter(of_kind).collect();
            section.restore(&entries, fetcher).await.map_err(Trouble::boxed)?;
        }
        Ok(())
    }

    /// How to ask again for what a lock names.
    pub(crate) fn request(
        &self,
        entry: &airlift_core::LockEntry,
        url: airlift_core::UpstreamUrl,
    ) -> airlift_core::Request {
        let kind = entry.path.as_str().split('/').next().unwrap_or_default();
        match self.sections.iter().find(|(known, _)| known.name() == kind) {
            Some((_, section)) => section.request(entry, url),
            None => airlift_core::Request::new(url),
        }
    }

    /// Where its lock is: beside it, `airlift.lock` for `airlift.yaml`; for a profile, `deepops.lock` in this folder.
    pub(crate) fn lock_path(&self) -> PathBuf {
        match profile::name(&self.path) {
            Some(name) => PathBuf::from(format!("{name}.lock")),
            None => self.path.with_extension("lock"),
        }
    }

    /// Its lock, which must have been made from it.
    pub(crate) fn read_lock(&self) -> Result<Lock, ProgramError> {
        let path = self.lock_path();
        let text = match fs_err::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(ProgramError::NoLock { path }),
            read => read.map_err(|source| ProgramError::Read { path: path.clone(), source })?,
        };
        let lock = Lock::from_yaml(&text).map_err(|source| ProgramError::Lock { path: path.clone(), source })?;
        match lock.manifest == self.digest {
            true => Ok(lock),
            false => Err(ProgramError::StaleLock { lock: path, manifest: self.path.clone() }),
        }
    }

    /// Writes a lock beside it: whole or not at all.
    pub(crate) fn write_lock(&self, yaml: &str) -> Result<(), ProgramError> {
        let path = self.lock_path();
        let failed = |source| ProgramError::Write { path: path.clone(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut file, yaml.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        // The name is as durable as the folder that holds it.
        fs_err::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sets_no_variable_is_refused_by_no_manifest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plain.yaml");
        fs_err::write(&path, "version: 1\nimages: [ nginx ]\n").expect("a file");
        let comments = folder.path().join("comments.yaml");
        fs_err::write(&comments, "# nothing yet\n").expect("a file");
        for nothing in ["{}".to_owned(), format!("@{}", comments.display())] {
            assert!(Manifest::read(&path, &[nothing]).is_ok());
        }
        let error = Manifest::read(&path, &["os=el9".to_owned()]).map(|_| ()).expect_err("there is no variable");
        assert!(error.to_string().contains("there is no variable 'os'"), "{error}");
    }
}
