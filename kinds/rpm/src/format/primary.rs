//! `primary.xml`, the packages of a repository.
//!
//! A whole mirror only has to know which file, how large, with which checksum, and what it is called: [`read`] passes the
//! rest over, which is most of it. A partial one has to know what packages provide and require, too: [`read_parts`].

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::Range;

use airlift_core::Checksum;
use quick_xml::events::{BytesStart, Event};

use super::evr::Flags;
use super::href::Href;
use super::xml::{Root, Xml, attribute, attributes_of, number};
use super::{FormatError, checksum, short};

/// More packages than any repository has; a list that goes on beyond is refused.
pub const MOST: u64 = 500_000;

/// More relations and files than any one package has: kernels and their modules have some twenty thousand.
pub const MOST_OF_PACKAGE: usize = 100_000;

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
    /// Where its element stands in the document, in bytes.
    pub range: Range<u64>,
}

/// Something that a list of packages says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What the next package provides, requires and so on.
    Relation(Kind, Relation<'a>),
    /// A file of the next package. Lists of packages have some of them only.
    File(Cow<'a, str>),
    /// The file name of the next package's source.
    Source(Cow<'a, str>),
    /// A package; everything since the one before is about it.
    Package(Package),
}

/// What a package has to do with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It provides it.
    Provides,
    /// It can't be without it.
    Requires,
    /// It can't be beside it.
    Conflicts,
    /// It takes its place.
    Obsoletes,
    /// It would be better with it.
    Recommends,
    /// It would make it better.
    Supplements,
}

impl Kind {
    fn of_element(name: &str) -> Option<Self> {
        Some(match name {
            "provides" => Self::Provides,
            "requires" => Self::Requires,
            "conflicts" => Self::Conflicts,
            "obsoletes" => Self::Obsoletes,
            "recommends" => Self::Recommends,
            "supplements" => Self::Supplements,
            _ => return None,
        })
    }
}

/// A name, with or without versions; also a rich dependency, whose name is all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The name: of a package, a file, a library, anything.
    pub name: Cow<'a, str>,
    /// Which versions are meant; none for all.
    pub flags: Option<Flags>,
    /// The epoch, where it has one.
    pub epoch: Cow<'a, str>,
    /// The version.
    pub version: Cow<'a, str>,
    /// The release, where it has one.
    pub release: Cow<'a, str>,
}

/// What a list of packages is besides them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// How many packages there are.
    pub count: u64,
    /// Its root element.
    pub root: Root,
}

/// Reads all packages, one after the other, and returns how many there are.
///
/// # Errors
///
/// [`FormatError`] for what is no such document, leads out of the repository, has checksums that can be forged, or has
/// other packages than it says; and whatever `each` refuses.
pub fn read(input: impl BufRead, mut each: impl FnMut(Package) -> Result<(), FormatError>) -> Result<u64, FormatError> {
    let listed = list(
        input,
        &mut |part| match part {
            Part::Package(package) => each(package),
            _ => Ok(()),
        },
        false,
    )?;
    Ok(listed.count)
}

/// Reads all packages with what they provide and require, one after the other.
///
/// # Errors
///
/// As [`read`].
pub fn read_parts(
    input: impl BufRead,
    mut each: impl FnMut(Part<'_>) -> Result<(), FormatError>,
) -> Result<Listed, FormatError> {
    list(input, &mut each, true)
}

type Each<'a> = &'a mut dyn FnMut(Part<'_>) -> Result<(), FormatError>;

fn list(input: impl BufRead, each: Each<'_>, deep: bool) -> Result<Listed, FormatError> {
    let mut xml = Xml::new(input);
    let (mut count, mut promised, mut found) = (0, None, None);
    loop {
        let (depth, start) = (xml.depth(), xml.position());
        match xml.next()? {
            Event::Eof => break,
            Event::Start(root) if depth == 0 => {
                if root.local_name().as_ref() != "metadata" {
                    return Err(FormatError::refused("it is not a primary.xml: its root element is another"));
                }
                promised = number(&root, "packages")?;
                found = Some(Root::of(&root)?);
            }
            Event::Start(element) if depth == 1 && element.local_name().as_ref() == "package" => {
                count += 1;
                if count > MOST {
                    return Err(FormatError::refused(format!("it lists more than {MOST} packages")));
                }
                let mut package = package(&mut xml, each, deep)?;
                package.range = start..xml.position();
                each(Part::Package(package))?;
            }
            _ => {}
        }
    }
    match (promised, found) {
        (Some(promised), _) if promised != count => {
            Err(FormatError::refused(format!("it says that it lists {promised} packages, and lists {count}")))
        }
        (_, Some(root)) => Ok(Listed { count, root }),
        (_, None) => Err(FormatError::refused("it ends too early")),
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
fn package<R: BufRead>(xml: &mut Xml<R>, each: Each<'_>, deep: bool) -> Result<Package, FormatError> {
    let mut parts = Parts::default();
    let (mut list, mut count) = (None, 0);
    loop {
        let depth = xml.depth();
        let (name, algorithm) = match xml.next()? {
            Event::End(_) if depth == 2 => return finished(parts),
            Event::Start(element) if depth == 2 => attributes(&element, &mut parts)?,
            Event::Start(element) if deep && depth == 4 => {
                if let Some(kind) = list.filter(|_| element.local_name().as_ref() == "entry") {
                    one_more(&mut count, &parts)?;
                    each(Part::Relation(kind, relation(&element)?))?;
                }
                continue;
            }
            Event::Start(element) if deep && depth == 3 => {
                let local = element.local_name();
                let name = match local.as_ref() {
                    "file" => "file",
                    "sourcerpm" => "sourcerpm",
                    other => {
                        list = Kind::of_element(other);
                        continue;
                    }
                };
                (name, String::new())
            }
            _ => continue,
        };
        let twice = match name {
            "name" => parts.name.replace(xml.text()?).is_some(),
            "arch" => parts.arch.replace(xml.text()?).is_some(),
            "checksum" => parts.checksum.replace((algorithm, xml.text()?)).is_some(),
            "file" => {
                one_more(&mut count, &parts)?;
                each(Part::File(xml.text()?.into())).map(|()| false)?
            }
            "sourcerpm" => each(Part::Source(xml.text()?.into())).map(|()| false)?,
            _ => false,
        };
        if twice {
            return Err(FormatError::refused(format!("a package has more than one <{name}>")));
        }
    }
}

/// Counts what a package has.
fn one_more(count: &mut usize, parts: &Parts) -> Result<(), FormatError> {
    *count += 1;
    match *count > MOST_OF_PACKAGE {
        true => Err(FormatError::refused(format!(
            "the package {} has more than {MOST_OF_PACKAGE} relations and files",
            short(parts.name.as_deref().unwrap_or("without a name"))
        ))),
        false => Ok(()),
    }
}

/// What an `<rpm:entry>` says.
fn relation<'a>(element: &'a BytesStart<'_>) -> Result<Relation<'a>, FormatError> {
    let mut found = Relation { name: "".into(), flags: None, epoch: "".into(), version: "".into(), release: "".into() };
    attributes_of(element, |name, value| {
        match name {
            "name" => found.name = value,
            "flags" => {
                let flags = Flags::of_metadata(&value);
                let unknown = || FormatError::refused(format!("flags={:?} is no comparison", short(&value)));
                found.flags = Some(flags.ok_or_else(unknown)?);
            }
            "epoch" => found.epoch = value,
            "ver" => found.version = value,
            "rel" => found.release = value,
            _ => {}
        }
        Ok(())
    })?;
    match found.name.is_empty() {
        true => Err(FormatError::refused("a package has a dependency without a name")),
        false => Ok(found),
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
    Ok(Package { name, arch, epoch, version, release, checksum, size, href, range: 0..0 })
}
