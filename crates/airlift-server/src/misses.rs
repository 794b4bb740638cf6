//! What clients asked for and was not here: what to add to the manifest.
//!
//! It is bounded, whatever is asked: so many names, so long each. It costs requests that were answered nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use airlift_core::{Time, UpstreamUrl};
use http::Uri;

/// The most names that are kept.
const MOST: usize = 1000;
/// The longest name in bytes; what is longer is cut.
const LONGEST: usize = 512;

/// The names that were asked for in vain, since the program started.
#[derive(Default)]
pub(crate) struct Misses(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    names: HashMap<Name, Times>,
    /// How many there were in all, those that are no longer kept too.
    total: u64,
}

/// Who was asked for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    /// The kinds that might have had it.
    kinds: Arc<str>,
    /// Path and query.
    path: String,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    count: u64,
    last: Time,
}

/// One name that was asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    pub(crate) kinds: Arc<str>,
    /// Path and query, without what may be secrets.
    pub(crate) path: String,
    pub(crate) count: u64,
    pub(crate) last: Time,
}

impl Misses {
    /// Takes down that something is not here.
    pub(crate) fn note(&self, kinds: &Arc<str>, uri: &Uri) {
        let name = Name { kinds: Arc::clone(kinds), path: told(uri) };
        let last = Time::from(SystemTime::now());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.total += 1;
        if let Some(times) = kept.names.get_mut(&name) {
            (times.count, times.last) = (times.count + 1, last);
            return;
        }
        if kept.names.len() >= MOST {
            // What was asked for least, and longest ago, makes room: something that many ask for stays.
            let least = kept.names.iter().min_by_key(|(_, times)| (times.count, times.last));
            if let Some(least) = least.map(|(name, _)| name.clone()) {
                kept.names.remove(&least);
            }
        }
        kept.names.insert(name, Times { count: 1, last });
    }

    /// All that is kept, what was asked for most first.
    pub(crate) fn all(&self) -> Vec<Miss> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(Name, Times)> = kept.names.iter().map(|(name, times)| (name.clone(), *times)).collect();
        drop(kept);
        all.sort_by(|(a, of_a), (b, of_b)| {
            (of_b.count, of_b.last).cmp(&(of_a.count, of_a.last)).then_with(|| a.cmp(b))
        });
        let miss = |(Name { kinds, path }, Times { count, last })| Miss { kinds, path, count, last };
        all.into_iter().map(miss).collect()
    }

    /// How many requests were answered that nothing is there, and how many names are kept of them.
    pub(crate) fn counts(&self) -> (u64, usize) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.total, kept.names.len())
    }
}

/// Path and query as they were sent, without what may be secrets, and not longer than a line.
fn told(uri: &Uri) -> String {
    let query = uri.query().map(without_secrets).filter(|query| !query.is_empty());
    let mut path = match query {
        Some(query) => format!("{}?{query}", uri.path()),
        None => uri.path().to_owned(),
    };
    if path.len() > LONGEST {
        path.truncate(path.floor_char_boundary(LONGEST));
        path.push('…');
    }
    path
}

/// A query without the values that may be secrets: those that URLs of upstreams are printed without, too.
pub(crate) fn without_secrets(query: &str) -> String {
    let url = format!("http://mirror/?{query}").parse::<UpstreamUrl>();
    url.ok().and_then(|url| url.redacted().query().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(misses: &Misses, kinds: &str, uri: &str) {
        misses.note(&kinds.into(), &uri.parse().expect("a URI"));
    }

    #[test]
    fn what_is_asked_for_most_is_first_and_secrets_are_dropped() {
        let misses = Misses::default();
        note(&misses, "files, git", "/a");
        for _ in 0..2 {
            note(&misses, "oci", "/v2/x/manifests/1?ns=docker.io&access_token=hunter2");
        }
        let told: Vec<_> = misses.all().into_iter().map(|miss| (miss.kinds, miss.path, miss.count)).collect();
        let secret = "/v2/x/manifests/1?ns=docker.io&access_token=REDACTED".to_owned();
        assert_eq!(told, [("oci".into(), secret, 2), ("files, git".into(), "/a".to_owned(), 1)]);
        assert_eq!(misses.counts(), (3, 2));
    }

    #[test]
    fn names_are_bounded_in_number_and_length() {
        let misses = Misses::default();
        for _ in 0..2 {
            note(&misses, "files", "/often");
        }
        for number in 0..2 * MOST {
            note(&misses, "files", &format!("/{number}/{}", "x".repeat(2 * LONGEST)));
        }
        let all = misses.all();
        assert_eq!((all.len(), &*all[0].path, misses.counts().0), (MOST, "/often", 2 + 2 * MOST as u64));
        assert!(all[1].path.len() <= LONGEST + '…'.len_utf8() && all[1].path.ends_with('…'));
    }
}
