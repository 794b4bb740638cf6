//! Everything below a folder, so that two states of it can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::digest::sha256;

/// What is known of a file: mode, owner and group, and for a file its SHA-256 and the time it was changed, for a link
/// where it leads. Folders have no time: it changes with every file that comes and goes.
pub fn of(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        let about = fs::symlink_metadata(&path).expect("a file can be looked at");
        let what = if about.is_symlink() {
            fs::read_link(&path).expect("a link can be read").display().to_string()
        } else if about.is_file() {
            let digest = sha256(&fs::read(&path).expect("a file can be read"));
            format!("{digest} {}.{:09}", about.mtime(), about.mtime_nsec())
        } else {
            String::new()
        };
        let name = path.strip_prefix(root).expect("it is below").display().to_string();
        found.insert(name, format!("{:o} {}:{} {what}", about.mode(), about.uid(), about.gid()));
        if about.is_dir() {
            walk(root, &path, found);
        }
    }
}

/// Every name whose state differs.
pub fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| format!("{name}: {:?} -> {:?}", before.get(name), after.get(name))).collect()
}

/// The same without the times, for what is made twice.
pub fn without_times(root: &Path) -> BTreeMap<String, String> {
    let timeless = |state: String| match state.split_once(" sha256:") {
        Some((start, digest)) => format!("{start} {}", digest.split(' ').next().unwrap_or_default()),
        None => state,
    };
    of(root).into_iter().map(|(name, state)| (name, timeless(state))).collect()
}
