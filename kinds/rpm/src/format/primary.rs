//! `primary.xml`, the packages of a repository.
//!
//! Only what a mirror has to know is read: which file, how large, with which checksum, and what it is called. The rest,
//! which is most of it, is passed over.

use std::io::BufRead;

use airlift_core::Checksum;
use quick_xml::events::{BytesStart, Event};

use super::href::Href;
use super::xml::{Xml, attribute, number};
use super::{FormatError, checksum, short};

/// More packages than any repository has; a list that goes on beyond is refused.
pub const MOST: u64 = 500_000;

/// A package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its architecture: `x86_64`, `noarch`, `src`.
    pub arch: String,
    /// Its epoch, zero where it has none.
    pub epoch: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its file's checksum, which is also its identity in the metadata.
    pub checksum: Checksum,
    /// Its file's size in bytes.
    pub size: u64,
    /// Where its file lies.
    pub href: Href,
}

/// Reads all packages, one after the other, and returns how many there are.
///
/// # Errors
///
/// [`FormatError`] for what is no such document, leads out of the repository, has checksums that can be forged, or has
/// other packages than it says; and whatever `each` refuses.
pub fn read(input: impl BufRead, mut each: impl FnMut(Package) -> Result<(), FormatError>) -> Result<u64, FormatError> {
    let mut xml = Xml::new(input);
    let (mut count, mut promised) = (0, None);
    loop {
        let depth = xml.depth();
        match xml.next()? {
            Event::Eof => break,
            Event::Start(root) if depth == 0 => {
                if root.local_name().as_ref() != "metadata" {
                    return Err(FormatError::refused("it is not a primary.xml: its root element is another"));
                }
                promised = number(&root, "packages")?;
            }
            Event::Start(element) if depth == 1 && element.local_name().as_ref() == "package" => {
                count += 1;
                if count > MOST {
                    return Err(FormatError::refused(format!("it lists more than {MOST} packages")));
                }
                each(package(&mut xml)?)?;
            }
            _ => {}
        }
    }
    match promised {
        Some(promised) if promised != count => {
            Err(FormatError::refused(format!("it says that it lists {promised} packages, and lists {count}")))
        }
        _ => Ok(count),
    }
}

#[derive(Default)]
struct Parts {
    name: Option<String>,
    arch: Option<String>,
    version: Option<[String; 3]>,
    checksum: Option<(String, String)>,
    size: Option<u64>,
    href: Option<Href>,
}

/// What a `<package>` has in it, up to and with its end.
fn package<R: BufRead>(xml: &mut Xml<R>) -> Result<Package, FormatError> {
    let mut parts = Parts::default();
    loop {
        let depth = xml.depth();
        let (name, algorithm) = match xml.next()? {
            Event::End(_) if depth == 2 => return finished(parts),
            Event::Start(element) if depth == 2 => attributes(&element, &mut parts)?,
            _ => continue,
        };
        let twice = match name {
            "name" => parts.name.replace(xml.text()?).is_some(),
            "arch" => parts.arch.replace(xml.text()?).is_some(),
            "checksum" => parts.checksum.replace((algorithm, xml.text()?)).is_some(),
            _ => false,
        };
        if twice {
            return Err(FormatError::refused(format!("a package has more than one <{name}>")));
        }
    }
}

/// Takes what a part of a package has in its attributes; returns its name, and its type where it is a checksum.
fn attributes(element: &BytesStart<'_>, parts: &mut Parts) -> Result<(&'static str, String), FormatError> {
    let text = |name| Ok::<_, FormatError>(attribute(element, name)?.unwrap_or_default());
    let local = element.local_name();
    let (name, twice) = match local.as_ref() {
        "name" => ("name", false),
        "arch" => ("arch", false),
        "checksum" => return Ok(("checksum", text("type")?)),
        "version" => ("version", parts.version.replace([text("epoch")?, text("ver")?, text("rel")?]).is_some()),
        "location" => ("location", parts.href.replace(location(element)?).is_some()),
        "size" => {
            let twice = parts.size.is_some();
            parts.size = number(element, "package")?;
            ("size", twice)
        }
        _ => ("", false),
    };
    match twice {
        true => Err(FormatError::refused(format!("a package has more than one <{name}>"))),
        false => Ok((name, String::new())),
    }
}

/// The `href` of a `<location>`.
pub(super) fn location(element: &BytesStart<'_>) -> Result<Href, FormatError> {
    let base = attribute(element, "xml:base")?.unwrap_or_default();
    let href = attribute(element, "href")?.ok_or_else(|| FormatError::refused("a <location> has no href"))?;
    match base.is_empty() {
        true => Href::new(&href),
        false => Err(FormatError::refused(format!(
            "the location {:?} has the xml:base {:?}, which would lead clients past the mirror",
            short(&href),
            short(&base)
        ))),
    }
}

fn finished(parts: Parts) -> Result<Package, FormatError> {
    let name = parts.name.ok_or_else(|| FormatError::refused("a package has no name"))?;
    let missing = |part: &str| FormatError::refused(format!("the package {} has no {part}", short(&name)));
    let (algorithm, hex) = parts.checksum.ok_or_else(|| missing("checksum"))?;
    let checksum = checksum(&format!("the package {}", short(&name)), &algorithm, &hex)?;
    let [epoch, version, release] = parts.version.ok_or_else(|| missing("version"))?;
    let epoch = if epoch.is_empty() { "0".to_owned() } else { epoch };
    let (arch, size) = (parts.arch.ok_or_else(|| missing("arch"))?, parts.size.ok_or_else(|| missing("size"))?);
    let href = parts.href.ok_or_else(|| missing("location"))?;
    Ok(Package { name, arch, epoch, version, release, checksum, size, href })
}
