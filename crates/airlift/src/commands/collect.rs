//! `airlift collect`.

use std::path::Path;

use airlift_core::event::Task;
use airlift_core::{Event, Index, Lock, LockEntry, Notice, Plan};
use airlift_fetch::Fetcher;
use airlift_fetch::engine::{self, Collected, Options};
use airlift_kind::CollectContext;
use airlift_store::{Snapshot, Store};
use futures::future::OptionFuture;
use serde_json::json;

use super::fetching::planning;
use super::{Context, fetching, pack};
use crate::cli;
use crate::error::{ProgramError, Trouble};
use crate::kinds::KINDS;
use crate::manifest::Manifest;
use crate::output::human;
use crate::settings;

/// How often a changing upstream is read before it counts as never standing still.
const MOST_ATTEMPTS: u32 = 4;

pub(super) async fn run(arguments: &cli::Collect, context: &Context<'_>) -> Result<(), Trouble> {
    let manifest = fetching::manifest(&arguments.source, context)?;
    let store = Store::folder(&arguments.store)?;
    let _guard = store.lock_exclusive()?;
    let planning = planning(&arguments.network, &store, &manifest.path, context)?;
    let planning = CollectContext { fetches: true, ..planning };
    let options = Options { keep_going: arguments.keep_going };
    let lock = match arguments.locked {
        true => again(&manifest, &planning.fetcher, &options).await?,
        false => anew(&manifest, &planning, &options).await?,
    };
    if context.cancel.is_cancelled() {
        return Err(ProgramError::Stopped.into());
    }
    let snapshot = Snapshot::new(&lock, |index| oci_index(index).into())?;
    // A file is written while the disk takes what the store has, and named after that; what a pipe has got can't be taken back.
    let beside = !arguments.no_archive && !pack::is_stdout(&arguments.archive);
    let write = async {
        let write = beside.then(|| pack::write(&store, &snapshot, &arguments.archive, context));
        // What fails here is told later: the store gets its snapshot all the same.
        Ok::<_, Trouble>(OptionFuture::from(write).await)
    };
    // Without a snapshot nobody waits for its archive, which may take hours: what was written of it is removed.
    let publish = async { store.publish(&snapshot).await.map_err(Trouble::from) };
    let (_, written) = tokio::try_join!(publish, write)?;
    if !arguments.locked {
        manifest.write_lock(&snapshot.lock().await?)?;
    }
    report(&manifest.lock_path(), &lock, context);
    super::show_remarks(&snapshot, context.printer);
    match written {
        Some(written) => {
            pack::tell(&written?.name().await?, &arguments.archive, context);
            Ok(())
        }
        None if arguments.no_archive => Ok(()),
        None => pack::pack(&store, &snapshot, &arguments.archive, context).await,
    }
}

/// Follows the manifest. Where an upstream is changed while it is read, again.
async fn anew(manifest: &Manifest, planning: &CollectContext, options: &Options) -> Result<Lock, Trouble> {
    let fetcher = &planning.fetcher;
    for attempt in 1.. {
        fetcher.observer().observe(&Event::Began { task: Task::Plan, items: 0, bytes: 0 });
        let plans = manifest.plans(planning).await?;
        fetcher.observer().observe(&Event::Ended { task: Task::Plan });
        let mut plan = Plan::default();
        plans.into_iter().for_each(|(_, of_kind)| plan.extend(of_kind));
        let (roots, mut notices) = (std::mem::take(&mut plan.roots), std::mem::take(&mut plan.notices));
        let collected = engine::collect(fetcher, plan, options).await;
        let moved = engine::moved(fetcher, &roots).await?;
        if moved.is_empty() {
            let Collected { entries, omitted } = collected?;
            notices.extend(manifest.inspect(&entries, fetcher).await?);
            in_order(&mut notices);
            let lock = Lock::new(&manifest.envelope.name, manifest.digest, entries, omitted);
            return Ok(Lock { created: settings::source_date().unwrap_or(lock.created), notices, ..lock });
        }
        let urls: Vec<String> = moved.iter().map(ToString::to_string).collect();
        if attempt == MOST_ATTEMPTS {
            return Err(ProgramError::Racing { attempts: attempt, urls: urls.join(", ") }.into());
        }
        let message = format!("upstream was changed while it was read, so it is read again: {}", urls.join(", "));
        fetcher.observer().observe(&Event::Notice { message });
    }
    unreachable!("the loop ends with its last attempt")
}

/// Follows the lock, and says what upstream changed since.
async fn again(manifest: &Manifest, fetcher: &Fetcher, options: &Options) -> Result<Lock, Trouble> {
    let lock = manifest.read_lock()?;
    let request = |entry: &LockEntry, url| manifest.request(entry, url);
    let by_url =
        |entry: &LockEntry| request(entry, entry.url.clone().expect("only entries that were fetched are asked for"));
    engine::changes(fetcher, &lock, by_url).await?;
    let pinned = |entry: &LockEntry| {
        let url = entry.pinned.clone().or_else(|| entry.url.clone());
        request(entry, url.expect("only entries that were fetched are asked for"))
    };
    manifest.restore(&lock.entries, fetcher).await?;
    let unusable = |source| ProgramError::Lock { path: manifest.lock_path(), source };
    let plan = engine::locked(&lock, pinned).map_err(unusable)?;
    let Collected { mut omitted, .. } = engine::collect(fetcher, plan, options).await?;
    let missing: std::collections::BTreeSet<_> = omitted.iter().map(|omission| omission.path.clone()).collect();
    omitted.extend(lock.omitted);
    omitted.sort_by(|a, b| a.path.cmp(&b.path));
    let entries: Vec<_> = lock.entries.into_iter().filter(|entry| !missing.contains(&entry.path)).collect();
    // A lock is a file that anybody may have changed, and a key may have been revoked since it was written.
    let mut notices = lock.notices;
    notices.extend(manifest.inspect(&entries, fetcher).await?);
    in_order(&mut notices);
    Ok(Lock { entries, omitted, notices, ..lock })
}

/// Sorts notices, each once.
fn in_order(notices: &mut Vec<Notice>) {
    notices.sort_by(|a, b| (&a.path, &a.notice).cmp(&(&b.path, &b.notice)));
    notices.dedup();
}

/// The `index.json` by which the archive is also an OCI image layout.
fn oci_index(index: &Index) -> String {
    let manifests: Vec<serde_json::Value> = KINDS.iter().flat_map(|kind| kind.oci_layout(index)).collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests }).to_string()
}

fn report(path: &Path, lock: &Lock, context: &Context<'_>) {
    let blobs: std::collections::HashMap<_, u64> = lock.entries.iter().map(|entry| (entry.blob, entry.size)).collect();
    let bytes = blobs.values().sum();
    context.printer.line(format!(
        "collected {} for {}, {}; locked in {}",
        human::count(lock.entries.len() as u64, "name"),
        human::count(blobs.len() as u64, "blob"),
        human::bytes(bytes),
        path.display()
    ));
    context.printer.object(
        "collected",
        json!({ "names": lock.entries.len(), "blobs": blobs.len(), "bytes": bytes, "omitted": lock.omitted.len(), "lock": path }),
    );
}
