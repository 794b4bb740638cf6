//! `repodata/repomd.xml`, the root of a repository's metadata.

use airlift_core::Checksum;
use quick_xml::events::Event;

use super::href::Href;
use super::xml::{Xml, attribute};
use super::{FormatError, checksum, short};

/// The most files of metadata.
const MOST: usize = 1000;

/// A file of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// What it is: `primary`, `filelists`, `updateinfo`, whatever upstream has.
    pub kind: String,
    /// Where it lies.
    pub href: Href,
    /// Its checksum.
    pub checksum: Checksum,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The checksum of what it unpacks to, where that is one that can be trusted.
    pub open_checksum: Option<Checksum>,
    /// The size in bytes of what it unpacks to.
    pub open_size: Option<u64>,
}

/// Reads the files that a repository's metadata consists of.
///
/// # Errors
///
/// [`FormatError`] for what is no such document, leads out of the repository, or has checksums that can be forged.
pub fn read(bytes: &[u8]) -> Result<Vec<Data>, FormatError> {
    let mut xml = Xml::new(bytes);
    let mut found = Vec::new();
    loop {
        let depth = xml.depth();
        let kind = match xml.next()? {
            Event::Eof => return Ok(found),
            Event::Start(root) if depth == 0 && root.local_name().as_ref() != "repomd" => {
                return Err(FormatError::refused("it is not a repomd.xml: its root element is another"));
            }
            Event::Start(element) if depth == 1 && element.local_name().as_ref() == "data" => {
                attribute(&element, "type")?.ok_or_else(|| FormatError::refused("a <data> has no type"))?
            }
            _ => continue,
        };
        if found.len() == MOST {
            return Err(FormatError::refused(format!("it lists more than {MOST} files")));
        }
        found.push(data(&mut xml, kind)?);
    }
}

/// What a `<data>` has in it, up to and with its end.
fn data(xml: &mut Xml<&[u8]>, kind: String) -> Result<Data, FormatError> {
    let what = format!("<data type=\"{}\">", short(&kind));
    let (mut href, mut packed, mut open, mut size, mut open_size) = (None, None, None, None, None);
    loop {
        let depth = xml.depth();
        let (name, algorithm) = match xml.next()? {
            Event::End(_) if depth == 2 => break,
            Event::Start(element) if depth == 2 => {
                let name = element.local_name().as_ref().to_owned();
                if name == "location" {
                    href = Some(super::primary::location(&element)?);
                }
                (name, attribute(&element, "type")?.unwrap_or_default())
            }
            _ => continue,
        };
        match name.as_str() {
            "checksum" => packed = Some(checksum(&what, &algorithm, &xml.text()?)?),
            // It is only of use where it can be trusted, and the file itself has its checksum.
            "open-checksum" => open = checksum(&what, &algorithm, &xml.text()?).ok(),
            "size" => size = Some(bytes(&what, &xml.text()?)?),
            "open-size" => open_size = Some(bytes(&what, &xml.text()?)?),
            _ => {}
        }
    }
    let missing = |part: &str| FormatError::refused(format!("{what} has no {part}"));
    Ok(Data {
        kind,
        href: href.ok_or_else(|| missing("location"))?,
        checksum: packed.ok_or_else(|| missing("checksum"))?,
        size,
        open_checksum: open,
        open_size,
    })
}

fn bytes(what: &str, text: &str) -> Result<u64, FormatError> {
    text.parse().map_err(|_| FormatError::refused(format!("{what} has a size that is no number: {:?}", short(text))))
}
