//! `airlift plan`.

use airlift_core::event::Task;
use airlift_core::{Event, Notice, TreePath};
use airlift_fetch::engine::{self, Measured, Miss};
use airlift_store::Store;
use serde_json::json;

use super::fetching::{Need, Room, planning, rooms};
use super::{Context, fetching};
use crate::cli;
use crate::error::{ProgramError, Trouble};
use crate::output::human;

pub(super) async fn run(arguments: &cli::Plan, context: &Context<'_>) -> Result<(), Trouble> {
    let manifest = fetching::manifest(&arguments.source, context)?;
    let store = Store::folder(&arguments.store)?;
    let _guard = store.lock_exclusive()?;
    let planning = planning(&arguments.network, &store, &manifest.path, context)?;
    let fetcher = &planning.fetcher;
    fetcher.observer().observe(&Event::Began { task: Task::Plan, items: 0, bytes: 0 });
    let plans = manifest.plans(&planning).await?;
    let (mut lines, mut missing, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, plan) in plans {
        let measured = engine::measure(fetcher, &plan).await?;
        missing.extend(plan.omissions.iter().map(|omission| format!("  {}: {}", omission.path, omission.omitted)));
        missing.extend(measured.missing.iter().map(missed));
        lines.push((kind.title(), plan.entries.len() as u64, measured));
        notices.extend(plan.notices);
    }
    fetcher.observer().observe(&Event::Ended { task: Task::Plan });
    let names = lines.iter().map(|(_, names, _)| names).sum();
    let total = lines.iter().fold(Measured::default(), |total, (.., measured)| sum(total, measured));

    let printer = context.printer;
    for (title, names, measured) in &lines {
        // A person need not read of kinds that the manifest does not name.
        if *names > 0 {
            printer.line(format!("{title}: {}", describe(*names, measured)));
        }
        printer.object("planned", object(title, *names, measured));
    }
    for Notice { path, notice } in &notices {
        printer.line(format!("note: {path}: {notice}"));
        printer.object("remark", json!({ "path": path, "notice": notice }));
    }
    printer.line(format!("together: {}", describe(names, &total)));
    printer.object("planned", object("together", names, &total));
    for path in &total.unknown {
        printer.line(format!("  of unknown size: {path}"));
    }
    let rooms = rooms(&[
        Need {
            place: &arguments.store,
            bytes: total.bytes - total.cached_bytes,
            purpose: "the store, for what is fetched",
        },
        Need { place: &arguments.archive, bytes: total.bytes, purpose: "the archive" },
    ])?;
    show_rooms(&rooms, total.bytes, context);
    if !missing.is_empty() {
        return Err(ProgramError::Missing { count: missing.len(), list: missing.join("\n") }.into());
    }
    match rooms.iter().find(|room| !room.fits) {
        Some(room) => Err(ProgramError::DoesNotFit { what: sentence(room) }.into()),
        None => Ok(()),
    }
}

fn missed(miss: &Miss) -> String {
    let paths: Vec<&str> = miss.paths.iter().map(TreePath::as_str).collect();
    format!("  {}: {}", paths.join(", "), miss.reason)
}

fn sum(total: Measured, more: &Measured) -> Measured {
    Measured {
        blobs: total.blobs + more.blobs,
        bytes: total.bytes + more.bytes,
        cached_bytes: total.cached_bytes + more.cached_bytes,
        unknown: [total.unknown, more.unknown.clone()].concat(),
        missing: total.missing,
    }
}

fn describe(names: u64, measured: &Measured) -> String {
    let there = match measured.cached_bytes {
        0 => String::new(),
        bytes => format!(", of which {} are there already", human::bytes(bytes)),
    };
    let blobs = human::count(measured.blobs, "blob");
    format!("{} for {blobs}, {}{there}", human::count(names, "name"), human::bytes(measured.bytes))
}

fn object(title: &str, names: u64, measured: &Measured) -> serde_json::Value {
    json!({
        "what": title, "names": names, "blobs": measured.blobs, "bytes": measured.bytes,
        "cached_bytes": measured.cached_bytes, "unknown": measured.unknown,
    })
}

fn show_rooms(rooms: &[Room], archive_bytes: u64, context: &Context<'_>) {
    for room in rooms {
        let verdict = if room.fits { "fits" } else { "DOES NOT FIT" };
        context.printer.line(format!("{verdict}: {}", sentence(room)));
        context.printer.object(
            "space",
            json!({ "purpose": room.purpose, "place": room.place, "needed": room.needed, "free": room.free, "fits": room.fits }),
        );
    }
    context.printer.line(format!(
        "on the disconnected host: {} for the archive, and as much again in its store if it is loaded rather than served in place",
        human::bytes(archive_bytes)
    ));
}

fn sentence(room: &Room) -> String {
    let (needed, free) = (human::bytes(room.needed), human::bytes(room.free));
    format!("{} at {} needs {needed}, and {free} are free", room.purpose, room.place)
}
