//! Where a repository's mirrors are: metalinks (as MirrorManager makes them) and plain lists of URLs.

use airlift_core::Checksum;
use quick_xml::events::Event;

use super::xml::{Xml, attribute};
use super::{FormatError, checksum};

/// The most mirrors that are taken.
const MOST: usize = 200;

/// Mirrors of a repository, the preferred first, and what its root may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// The repository's URLs, each with a slash at its end.
    pub urls: Vec<String>,
    /// Checksums of its `repomd.xml`: of the newest, and of older ones that mirrors may still have. Empty where nothing
    /// is promised.
    pub roots: Vec<Checksum>,
}

/// Reads either: what begins with `<` is a metalink.
///
/// # Errors
///
/// [`FormatError`] for a metalink that can't be read or promises nothing, and for a list without a URL.
pub fn read(bytes: &[u8]) -> Result<Mirrors, FormatError> {
    let text = bytes.trim_ascii_start();
    let mirrors = match text.first() {
        Some(b'<') => metalink(text)?,
        _ => list(text),
    };
    match mirrors.urls.is_empty() {
        true => Err(FormatError::refused("it names no http or https mirror")),
        false => Ok(mirrors),
    }
}

fn list(text: &[u8]) -> Mirrors {
    let text = String::from_utf8_lossy(text);
    let urls = text.lines().map(str::trim).filter(|line| is_web(line)).take(MOST).map(folder);
    Mirrors { urls: urls.collect(), roots: Vec::new() }
}

fn metalink(bytes: &[u8]) -> Result<Mirrors, FormatError> {
    let mut xml = Xml::new(bytes);
    let (mut urls, mut roots, mut wanted) = (Vec::new(), Vec::new(), false);
    loop {
        let (name, of) = match xml.next()? {
            Event::Eof => break,
            Event::Start(element) => match element.local_name().as_ref() {
                "file" => {
                    wanted = attribute(&element, "name")?.as_deref() == Some("repomd.xml");
                    continue;
                }
                "hash" => ("hash", attribute(&element, "type")?.unwrap_or_default()),
                "url" => ("url", attribute(&element, "preference")?.unwrap_or_default()),
                _ => continue,
            },
            _ => continue,
        };
        let text = xml.text()?;
        match name {
            _ if !wanted => {}
            // Weaker ones stand beside these, and are passed over.
            "hash" => roots.extend(checksum("repomd.xml", &of, &text).ok()),
            _ => {
                if let Some(base) = text.strip_suffix("repodata/repomd.xml").filter(|base| is_web(base)) {
                    urls.push((of.parse().unwrap_or(0_u32), folder(base)));
                }
            }
        }
    }
    if roots.is_empty() {
        return Err(FormatError::refused("it promises no SHA-256 or SHA-512 of repomd.xml"));
    }
    urls.sort_by_key(|(preference, _)| std::cmp::Reverse(*preference));
    Ok(Mirrors { urls: urls.into_iter().map(|(_, url)| url).take(MOST).collect(), roots })
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn folder(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}
