//! Wheels against the metadata that they were chosen by, looked at once all of them are there.
//!
//! What is needed was solved by what the index has beside a wheel, or by what the wheel's end said by itself, so that nobody has
//! to fetch every wheel that might be chosen. Clients install what the wheel itself says: where the two disagree, something that is needed would be missing behind the gap.

use std::collections::BTreeMap;

use airlift_core::{LockEntry, Notice};
use airlift_fetch::Fetcher;
use futures::{StreamExt, TryStreamExt, stream};

use super::library::failed;
use super::wheel;
use crate::error::PythonError;
use crate::format::metadata::Metadata;

/// How many wheels are looked at at a time.
const AT_ONCE: usize = 16;

/// Compares each wheel with its metadata.
pub(crate) async fn inspect(entries: &[&LockEntry], fetcher: &Fetcher) -> Result<Vec<Notice>, PythonError> {
    let by_path: BTreeMap<&str, &LockEntry> = entries.iter().map(|entry| (entry.path.as_str(), *entry)).collect();
    let pairs = by_path.iter().filter_map(|(path, metadata)| {
        let wheel = path.strip_suffix(".metadata").filter(|path| path.starts_with("python/packages/"))?;
        Some((*by_path.get(wheel)?, *metadata))
    });
    let looked = pairs.map(|(wheel, metadata)| Box::pin(compare(wheel, metadata, fetcher)));
    let found: Vec<Option<Notice>> = stream::iter(looked.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn compare(wheel: &LockEntry, metadata: &LockEntry, fetcher: &Fetcher) -> Result<Option<Notice>, PythonError> {
    let name = wheel.path.name();
    let contradicts = || PythonError::Beside { name: name.to_owned(), url: metadata.url.clone().map(Box::new) };
    let inside = match wheel::inside(fetcher, name, (wheel.blob, wheel.size)).await? {
        Ok(inside) => inside,
        Err(reason) if metadata.url.is_some() => {
            let notice = format!("{name} {reason}; what the index says of it was believed");
            return Ok(Some(Notice { path: wheel.path.clone(), notice }));
        }
        Err(_) => return Err(contradicts()),
    };
    let beside = fetcher.stored(metadata.blob, metadata.size, 0..metadata.size).await;
    let beside = beside.map_err(|source| failed(&format!("the metadata of {name}"), source))?;
    if inside == beside {
        return Ok(None);
    }
    // An index may write the same in other words.
    match (Metadata::parse(&inside), Metadata::parse(&beside)) {
        (Ok(inside), Ok(beside)) if inside.needs_as(&beside) => Ok(None),
        _ => Err(contradicts()),
    }
}
