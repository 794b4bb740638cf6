//! Opening archives of any size, and the memory that serving takes.

use std::path::Path;
use std::time::Duration;

use crate::client::{self, first_byte};
use crate::data::{block_on, sparse_archive};
use crate::process::Server;
use crate::report::{Bound, Report, median, say};
use crate::{Options, Outcome};

/// The archives' sizes in GiB.
const SIZES: [u64; 3] = [1, 10, 50];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let (mut rows, mut firsts) = (Vec::new(), Vec::new());
    for size in SIZES {
        say(&format!("making a sparse archive of {size} GiB …"));
        let archive = block_on(sparse_archive(&options.work, size))??;
        let mut times = Vec::new();
        for path in ["/small.bin", "/zeros/0"] {
            let mut samples = Vec::new();
            for _ in 0..options.rounds {
                samples.push(open(options, &archive, path)?.as_secs_f64() * 1e3);
            }
            times.push(median(samples));
        }
        let (peak, anonymous) = memory(options, &archive, size)?;
        report.target(format!("{size} GiB: start to first byte, ms"), times[0].max(times[1]), Bound::AtMost(1000.0));
        report.target(format!("{size} GiB: resident memory while serving, MiB"), peak, Bound::AtMost(64.0));
        firsts.push(times[0]);
        let figures = [times[0], times[1], peak, anonymous].map(|figure| format!("{figure:.1}"));
        rows.push([vec![format!("{size} GiB")], figures.to_vec()].concat());
        fs_err::remove_file(archive)?;
    }
    report.table(
        "Opening an archive in place",
        &["archive", "start to first byte of 4 KiB, ms", "of 1 GiB, ms", "peak resident MiB", "of these anonymous"],
        rows,
    );
    report.target("50 GiB: start to first byte, x 1 GiB", firsts[2] / firsts[0], Bound::AtMost(1.5));
    Ok(())
}

/// From the start of the program to the first byte that it serves.
fn open(options: &Options, archive: &Path, path: &str) -> Outcome<Duration> {
    let server = Server::airlift_unwaited(&options.airlift, archive)?;
    first_byte(server.address, path)
}

/// The most memory that the server has had after it served large and small blobs, verified and unverified.
fn memory(options: &Options, archive: &Path, size: u64) -> Outcome<(f64, f64)> {
    let server = Server::airlift(&options.airlift, archive)?;
    for number in 0..size.min(3) {
        client::large(server.address, &format!("/zeros/{number}"), options.seconds)?;
        client::large(server.address, "/small.bin", 0.2)?;
    }
    server.peak_memory()
}
