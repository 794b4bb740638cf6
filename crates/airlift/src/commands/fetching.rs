//! What `plan` and `collect` share: the manifest, the store and the fetcher.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use airlift_fetch::Fetcher;
use airlift_kind::CollectContext;
use airlift_store::{Store, space};

use super::Context;
use crate::cli::{self, Network};
use crate::error::Trouble;
use crate::manifest::Manifest;
use crate::{profile, settings, signing};

/// Reads the manifest that is meant: the one that is named, else `airlift.yaml`, else the profile. What was chosen, and
/// whatever is to be known of it, is said aloud.
pub(super) fn manifest(source: &cli::Source, context: &Context<'_>) -> Result<Manifest, Trouble> {
    let default = Path::new(settings::MANIFEST);
    let path = match &source.manifest {
        Some(path) => path.as_path(),
        None if default.exists() => default,
        None => Path::new(settings::PROFILE),
    };
    let manifest = Manifest::read(path, &source.extra_vars)?;
    let Some(resolved) = &manifest.resolved else { return Ok(manifest) };
    if profile::name(path).is_some() {
        let instead = match source.manifest {
            None => format!("there is no {} here: ", settings::MANIFEST),
            Some(_) => String::new(),
        };
        let set = resolved.variables.iter().filter(|variable| variable.set_by.is_some());
        let set: Vec<String> = set.map(|variable| format!("{}={}", variable.name, variable.value)).collect();
        let with = if set.is_empty() { "its defaults".to_owned() } else { set.join(" ") };
        context.printer.notice(format!(
            "{instead}{} is used, with {with}; 'airlift profile show' prints what that is, -e narrows or widens it",
            path.display()
        ));
    }
    resolved.notes.iter().for_each(|note| context.printer.notice(note));
    Ok(manifest)
}

/// What kinds plan with: a fetcher that fetches into a store, and the signing key. Relative paths are relative to the
/// manifest's folder.
pub(super) fn planning(
    network: &Network,
    store: &Store,
    manifest: &Path,
    context: &Context<'_>,
) -> Result<CollectContext, Trouble> {
    // The first random number takes a fortieth of a second, and the first connection wants one. Meanwhile there is enough to
    // do that wants none; whether it went well is seen by whoever wants one.
    tokio::task::spawn_blocking(|| aws_lc_rs::rand::fill(&mut [0]).is_ok());
    let mut settings = settings::network(network)?;
    let absolute = std::path::absolute(manifest).ok();
    settings.folder = absolute.and_then(|path| path.parent().map(Path::to_owned));
    let fetcher = Fetcher::new(settings, store.clone(), context.printer.observer(), context.cancel.clone())?;
    let signer = signing::signer(settings::signing_key(network), context.printer.observer());
    Ok(CollectContext { fetcher, signer, machine: Arc::new(settings::ThisMachine), fetches: false })
}

/// Bytes needed at a place, and what they are for.
pub(super) struct Need<'a> {
    pub(super) place: &'a Path,
    pub(super) bytes: u64,
    pub(super) purpose: &'static str,
}

/// A need beside the room that there is; needs on the same file system share its room.
pub(super) struct Room {
    pub(super) purpose: &'static str,
    pub(super) place: String,
    pub(super) needed: u64,
    pub(super) free: u64,
    pub(super) fits: bool,
}

/// Compares needs with the room that there is.
pub(super) fn rooms(needs: &[Need<'_>]) -> Result<Vec<Room>, Trouble> {
    let mut taken = std::collections::HashMap::<u64, u64>::new();
    let rooms = needs.iter().map(|need| {
        let free = space::free(need.place)?;
        let total = taken.entry(device(need.place)).or_default();
        *total += need.bytes;
        let place = need.place.display().to_string();
        Ok(Room { purpose: need.purpose, place, needed: need.bytes, free, fits: *total <= free })
    });
    rooms.collect()
}

/// The file system that a path lies on, or will.
fn device(path: &Path) -> u64 {
    path.ancestors()
        .find_map(|path| match path.as_os_str().is_empty() {
            true => fs_err::metadata(".").ok(),
            false => fs_err::metadata(path).ok(),
        })
        .map_or(0, |metadata| metadata.dev())
}
