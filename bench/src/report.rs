//! Tables for people, JSON for programs, and whether the targets are met.

use std::path::Path;

use serde::Serialize;

use crate::Outcome;

/// Everything that was measured.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    tables: Vec<Table>,
    targets: Vec<Target>,
}

#[derive(Serialize)]
struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What has to hold.
#[derive(Serialize)]
struct Target {
    name: String,
    measured: f64,
    bound: Bound,
    met: bool,
}

/// A bound that a figure must keep.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    /// Prints a table and keeps it.
    pub(crate) fn table(&mut self, title: &str, columns: &[&str], rows: Vec<Vec<String>>) {
        say(&format!("\n## {title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len())));
        for row in &rows {
            say(&format!("| {} |", row.join(" | ")));
        }
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        self.tables.push(Table { title: title.to_owned(), columns, rows });
    }

    /// Judges a figure.
    pub(crate) fn target(&mut self, name: impl Into<String>, measured: f64, bound: Bound) {
        let met = match bound {
            Bound::AtLeast(least) => measured >= least,
            Bound::AtMost(most) => measured <= most,
        };
        self.targets.push(Target { name: name.into(), measured, bound, met });
    }

    /// Prints the targets and writes everything down; whether all targets are met.
    pub(crate) fn finish(&self, path: &Path) -> Outcome<bool> {
        say("\n## Targets\n\n| target | bound | measured | met |\n|---|---|---|---|");
        for Target { name, measured, bound, met } in &self.targets {
            let bound = match bound {
                Bound::AtLeast(least) => format!(">= {least}"),
                Bound::AtMost(most) => format!("<= {most}"),
            };
            say(&format!("| {name} | {bound} | {measured:.3} | {} |", if *met { "yes" } else { "NO" }));
        }
        fs_err::write(path, serde_json::to_vec_pretty(self)?)?;
        Ok(self.targets.iter().all(|target| target.met))
    }
}

/// What compares with a program that leaves a folder, and what a person gets.
pub(crate) const WITHOUT_ARCHIVE: &str = "airlift collect --no-archive";
pub(crate) const WITH_ARCHIVE: &str = "airlift collect, with an archive";

/// Programs that do the same, and the seconds that each took in each round.
pub(crate) struct Contest<'a> {
    pub(crate) title: &'a str,
    pub(crate) theirs: (&'a str, &'a [f64]),
    /// The first is judged.
    pub(crate) ours: &'a [(&'a str, &'a [f64])],
    /// How many times as fast ours has to be.
    pub(crate) least: f64,
}

impl Contest<'_> {
    pub(crate) fn report(&self, report: &mut Report) {
        let Self { title, theirs: (peer, theirs), ours, least } = *self;
        let ratio = |ours: &[f64]| median(theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours));
        let own = ours.iter().map(|(name, seconds)| row(name, seconds, ratio(seconds)));
        let rows = std::iter::once(row(peer, theirs, 1.0)).chain(own).collect();
        report.table(title, &["program", "seconds", "times as fast"], rows);
        let judged = ours.first().map_or(f64::NAN, |(_, seconds)| ratio(seconds));
        report.target(format!("{title}: times as fast as {peer}"), judged, Bound::AtLeast(least));
    }
}

/// A program's name, the seconds that it took, and how that compares.
pub(crate) fn row(name: &str, seconds: &[f64], ratio: f64) -> Vec<String> {
    vec![name.to_owned(), format!("{:.3}", median(seconds.iter().copied())), format!("{ratio:.2}")]
}

/// The one in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count => (values[(count - 1) / 2] + values[count / 2]) / 2.0,
    }
}

#[expect(clippy::print_stdout, reason = "it is a program")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "it is a program")]
pub(crate) fn complain(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("caused by: {cause}");
        source = cause.source();
    }
}
