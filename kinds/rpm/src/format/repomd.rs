//! `repodata/repomd.xml`, the root of a repository's metadata.

use airlift_core::Checksum;
use quick_xml::events::Event;

use super::href::Href;
use super::xml::{Xml, attribute};
use super::{FormatError, checksum, short};

/// The most files of metadata.
const MOST: usize = 1000;

/// The root of a repository's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repomd {
    /// The repository's revision, often a time in seconds since 1970.
    pub revision: String,
    /// What the repository is for: `content`, `distro` and `repo`, with `cpeid` where it has one, and the text.
    pub tags: Vec<(String, Option<String>, String)>,
    /// The files of metadata.
    pub data: Vec<Data>,
}

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
    /// When it was made, in seconds since 1970.
    pub timestamp: Option<u64>,
}

/// Reads what a repository's metadata consists of.
///
/// # Errors
///
/// [`FormatError`] for what is no such document, leads out of the repository, or has checksums that can be forged.
pub fn read(bytes: &[u8]) -> Result<Repomd, FormatError> {
    let mut xml = Xml::new(bytes);
    let (mut found, mut tagged) = (Repomd::default(), false);
    loop {
        let depth = xml.depth();
        let element = match xml.next()? {
            Event::Eof => return Ok(found),
            Event::Start(root) if depth == 0 && root.local_name().as_ref() != "repomd" => {
                return Err(FormatError::refused("it is not a repomd.xml: its root element is another"));
            }
            Event::Start(element) if depth == 1 || (tagged && depth == 2) => element,
            _ => continue,
        };
        let name = element.local_name().as_ref().to_owned();
        if depth == 1 {
            tagged = name == "tags";
        }
        if depth == 2 {
            let cpe = attribute(&element, "cpeid")?;
            if matches!(name.as_str(), "content" | "distro" | "repo") {
                found.tags.push((name, cpe, xml.text()?));
            }
        } else if name == "data" {
            let kind = attribute(&element, "type")?;
            let kind = kind.ok_or_else(|| FormatError::refused("a <data> has no type"))?;
            found.data.push(data(&mut xml, kind)?);
        } else if name == "revision" {
            found.revision = xml.text()?;
        }
        if found.data.len() > MOST || found.tags.len() > MOST {
            return Err(FormatError::refused(format!("it lists more than {MOST} files")));
        }
    }
}

impl Repomd {
    /// When the newest of its files was made, in seconds since 1970; else its revision, where that is a time.
    pub fn made(&self) -> u64 {
        let newest = self.data.iter().filter_map(|data| data.timestamp).max();
        newest.or_else(|| self.revision.parse().ok()).unwrap_or(0)
    }

    /// The document. Every checksum is written as it is.
    pub fn print(&self) -> String {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>{}</revision>\n",
            escape(&self.revision)
        );
        if !self.tags.is_empty() {
            text.push_str("  <tags>\n");
            for (name, cpe, content) in &self.tags {
                let cpe = cpe.as_ref().map(|cpe| format!(" cpeid=\"{}\"", escape(cpe))).unwrap_or_default();
                text.push_str(&format!("    <{name}{cpe}>{}</{name}>\n", escape(content)));
            }
            text.push_str("  </tags>\n");
        }
        for data in &self.data {
            text.push_str(&data.print());
        }
        text.push_str("</repomd>\n");
        text
    }
}

impl Data {
    fn print(&self) -> String {
        let sum = |name: &str, sum: &Checksum| {
            format!("    <{name} type=\"{}\">{}</{name}>\n", sum.algorithm().name(), sum.hex())
        };
        let number = |name: &str, value: Option<u64>| {
            value.map(|value| format!("    <{name}>{value}</{name}>\n")).unwrap_or_default()
        };
        format!(
            "  <data type=\"{}\">\n{}{}    <location href=\"{}\"/>\n{}{}{}  </data>\n",
            escape(&self.kind),
            sum("checksum", &self.checksum),
            self.open_checksum.as_ref().map(|open| sum("open-checksum", open)).unwrap_or_default(),
            escape(&self.href.to_string()),
            number("timestamp", self.timestamp),
            number("size", self.size),
            number("open-size", self.open_size),
        )
    }
}

fn escape(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}

/// What a `<data>` has in it, up to and with its end.
fn data(xml: &mut Xml<&[u8]>, kind: String) -> Result<Data, FormatError> {
    let what = format!("<data type=\"{}\">", short(&kind));
    let (mut href, mut packed, mut open, mut size, mut open_size, mut timestamp) = (None, None, None, None, None, None);
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
            // Some have fractions of a second.
            "timestamp" => timestamp = xml.text()?.split('.').next().unwrap_or_default().parse().ok(),
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
        timestamp,
    })
}

fn bytes(what: &str, text: &str) -> Result<u64, FormatError> {
    text.parse().map_err(|_| FormatError::refused(format!("{what} has a size that is no number: {:?}", short(text))))
}
