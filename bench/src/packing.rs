//! Writing an archive against `cp` of the same archive; both until the bytes are on the disk.

use std::path::Path;
use std::process::Command;

use crate::data::{block_on, noisy_store};
use crate::process::timed;
use crate::report::{Bound, Report, median, row, say};
use crate::{Options, Outcome};

/// How many files are packed, and their size in bytes.
const FILES: (u64, usize) = (16, 64 << 20);

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    say("making a store of 1 GiB to pack …");
    let (store, archive, output) =
        (options.work.join("noise"), options.work.join("noise.tar"), options.work.join("output.tar"));
    block_on(noisy_store(&store, FILES.0, FILES.1))??;
    let pack = |target: &Path| {
        let mut command = Command::new(&options.airlift);
        timed(command.args(["pack", "--quiet", "--store"]).arg(&store).arg("-o").arg(target))
    };
    let copy = || {
        let script = "cp \"$1\" \"$2\" && sync \"$2\"";
        timed(Command::new("sh").args(["-c", script, "sh"]).arg(&archive).arg(&output))
    };
    pack(&archive)?;
    let (mut packs, mut copies) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        copies.push(copy()?);
        // Both write where nothing is, with as much memory that was just given back.
        fs_err::remove_file(&output)?;
        packs.push(pack(&output)?);
        fs_err::remove_file(&output)?;
    }
    let ratio = median(packs.iter().zip(&copies).map(|(pack, copy)| pack / copy));
    report.table(
        "Packing 1 GiB, until it is on the disk",
        &["program", "seconds", "x cp"],
        vec![row("cp && sync", &copies, 1.0), row("airlift pack", &packs, ratio)],
    );
    report.target("airlift pack, x cp of the same bytes", ratio, Bound::AtMost(1.1));
    fs_err::remove_file(archive)?;
    Ok(fs_err::remove_dir_all(store)?)
}
