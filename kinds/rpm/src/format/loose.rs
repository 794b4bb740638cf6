//! The metadata of packages that have none, written from their headers as `createrepo_c` writes it.
//!
//! <https://rpm-software-management.github.io/createrepo_c> has no specification; what is written here was compared
//! element by element with what it writes of the same packages.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::FormatError;
use super::evr::compare;
use super::header::{Header, Headers, tag};

/// The most bytes that one package may add to a document; more has only who wants to fill memory.
const MOST: usize = 256 << 20;

/// How many of the newest changes of a package are told, as createrepo_c has it.
const CHANGES: usize = 10;

/// A package's file.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its SHA-256 in hexadecimal characters, which names the package in all documents.
    pub pkgid: &'a str,
    /// Where it lies in the repository.
    pub href: &'a str,
    /// When it was last changed, in seconds since 1970.
    pub modified: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// What the three documents have of one package.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    /// The `<package>` of primary.xml.
    pub primary: String,
    /// The `<package>` of filelists.xml.
    pub filelists: String,
    /// The `<package>` of other.xml.
    pub other: String,
    /// Its name, epoch, version, release and architecture.
    pub nevra: [String; 5],
}

/// Writes what the documents have of a package.
///
/// # Errors
///
/// [`FormatError::Refused`] for a package without a name, or with more files and dependencies than memory is for.
pub fn elements(headers: &Headers<'_>, file: &File<'_>) -> Result<Elements, FormatError> {
    let main = &headers.main;
    let text = |tag| main.text(tag).map(utf8).unwrap_or_default().into_owned();
    let arch = if main.has(tag::SOURCERPM) { text(tag::ARCH) } else { "src".to_owned() };
    let epoch = main.number(tag::EPOCH).unwrap_or_default().to_string();
    let nevra = [text(tag::NAME), epoch, text(tag::VERSION), text(tag::RELEASE), arch];
    if nevra[0].is_empty() || nevra[2].is_empty() {
        return Err(FormatError::refused("it has no name and version in its header"));
    }
    let files = files(main)?;
    let mut all = Elements { primary: primary(headers, file, (&nevra, &files))?, ..Elements::default() };
    let head = head(file, &nevra);
    all.filelists.push_str(&head);
    files.iter().for_each(|file| write_file(&mut all.filelists, file));
    all.filelists.push_str("</package>\n");
    all.other.push_str(&head);
    write_changes(&mut all.other, main);
    all.other.push_str("</package>\n");
    all.nevra = nevra;
    match all.primary.len().max(all.filelists.len()).max(all.other.len()) > MOST {
        true => Err(FormatError::refused("its header makes more metadata than any package has")),
        false => Ok(all),
    }
}

/// How a package begins in filelists.xml and other.xml.
fn head(file: &File<'_>, [name, epoch, version, release, arch]: &[String; 5]) -> String {
    format!(
        "<package pkgid=\"{}\" name=\"{}\" arch=\"{}\">\n  <version epoch=\"{epoch}\" ver=\"{}\" rel=\"{}\"/>\n",
        file.pkgid,
        quoted(name),
        quoted(arch),
        quoted(version),
        quoted(release)
    )
}

fn primary(
    headers: &Headers<'_>,
    file: &File<'_>,
    ([name, epoch, version, release, arch], files): (&[String; 5], &[Listed]),
) -> Result<String, FormatError> {
    let main = &headers.main;
    let mut out = String::with_capacity(4096);
    let put = |out: &mut String, name: &str, tag: u32| {
        let text = main.text(tag).map(utf8).unwrap_or_default();
        // Writing to a String can't fail, here and below.
        let _ = match text.is_empty() {
            true => writeln!(out, "<{name}/>"),
            false => writeln!(out, "<{name}>{}</{name}>", escaped(&text)),
        };
    };
    let _ = write!(
        out,
        "<package type=\"rpm\">\n<name>{}</name>\n<arch>{}</arch>\n<version epoch=\"{epoch}\" ver=\"{}\" rel=\"{}\"/>\n\
         <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n",
        escaped(name),
        escaped(arch),
        quoted(version),
        quoted(release),
        file.pkgid
    );
    put(&mut out, "summary", tag::SUMMARY);
    put(&mut out, "description", tag::DESCRIPTION);
    put(&mut out, "packager", tag::PACKAGER);
    put(&mut out, "url", tag::URL);
    let number = |tag| main.number(tag);
    let installed = number(tag::LONGSIZE).or_else(|| number(tag::SIZE)).unwrap_or_default();
    let signature = &headers.signature;
    let archive = signature.number(tag::SIG_LONGARCHIVESIZE).or_else(|| signature.number(tag::SIG_PAYLOADSIZE));
    let archive = archive.or_else(|| number(tag::ARCHIVESIZE)).or_else(|| number(tag::PAYLOADSIZEALT));
    let _ = write!(
        out,
        "<time file=\"{}\" build=\"{}\"/>\n<size package=\"{}\" installed=\"{installed}\" archive=\"{}\"/>\n\
         <location href=\"{}\"/>\n<format>\n",
        file.modified,
        number(tag::BUILDTIME).unwrap_or_default(),
        file.size,
        archive.unwrap_or_default(),
        quoted(file.href)
    );
    put(&mut out, "rpm:license", tag::LICENSE);
    put(&mut out, "rpm:vendor", tag::VENDOR);
    put(&mut out, "rpm:group", tag::GROUP);
    put(&mut out, "rpm:buildhost", tag::BUILDHOST);
    put(&mut out, "rpm:sourcerpm", tag::SOURCERPM);
    let range = headers.range();
    let _ = writeln!(out, "<rpm:header-range start=\"{}\" end=\"{}\"/>", range.start, range.end);
    write_relations(&mut out, main, files)?;
    for file in files.iter().filter(|file| is_primary(&file.path)) {
        write_file(&mut out, file);
    }
    out.push_str("</format>\n</package>\n");
    // Those of all packages are in memory at the same time.
    out.shrink_to_fit();
    Ok(out)
}

/// A file that a package installs.
struct Listed {
    path: String,
    kind: &'static str,
}

fn files(main: &Header<'_>) -> Result<Vec<Listed>, FormatError> {
    const DIRECTORY: u64 = 0o040_000;
    const GHOST: u64 = 1 << 6;
    let folders: Vec<Cow<'_, str>> = main.texts(tag::DIRNAMES).map(utf8).collect();
    let parts = main.texts(tag::BASENAMES).zip(main.numbers(tag::DIRINDEXES));
    let kinds = main.numbers(tag::FILEFLAGS).zip(main.numbers(tag::FILEMODES));
    let (mut files, mut size) = (Vec::new(), 0);
    for ((name, folder), (flags, mode)) in parts.zip(kinds) {
        let folder = usize::try_from(folder).ok().and_then(|folder| folders.get(folder)).map_or("", |folder| &**folder);
        let path = format!("{folder}{}", utf8(name));
        size += path.len();
        if size > MOST {
            return Err(FormatError::refused("its files have longer names than memory is for"));
        }
        let kind = match (mode & 0o170_000 == DIRECTORY, flags & GHOST != 0) {
            (true, _) => " type=\"dir\"",
            (_, true) => " type=\"ghost\"",
            _ => "",
        };
        files.push(Listed { path, kind });
    }
    Ok(files)
}

fn write_file(out: &mut String, file: &Listed) {
    let _ = writeln!(out, "  <file{}>{}</file>", file.kind, escaped(&file.path));
}

/// Whether a file stands in primary.xml, so that clients find it without filelists.xml.
pub fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path == "/usr/lib/sendmail" || path.contains("bin/")
}

/// The kinds of relations in the order in which they are written: the element's name, and the tags of names, flags and
/// versions.
const RELATIONS: [(&str, [u32; 3]); 8] = [
    ("provides", [tag::PROVIDENAME, tag::PROVIDEFLAGS, tag::PROVIDEVERSION]),
    ("requires", [tag::REQUIRENAME, tag::REQUIREFLAGS, tag::REQUIREVERSION]),
    ("conflicts", [tag::CONFLICTNAME, tag::CONFLICTFLAGS, tag::CONFLICTVERSION]),
    ("obsoletes", [tag::OBSOLETENAME, tag::OBSOLETEFLAGS, tag::OBSOLETEVERSION]),
    ("suggests", [tag::SUGGESTNAME, tag::SUGGESTFLAGS, tag::SUGGESTVERSION]),
    ("enhances", [tag::ENHANCENAME, tag::ENHANCEFLAGS, tag::ENHANCEVERSION]),
    ("recommends", [tag::RECOMMENDNAME, tag::RECOMMENDFLAGS, tag::RECOMMENDVERSION]),
    ("supplements", [tag::SUPPLEMENTNAME, tag::SUPPLEMENTFLAGS, tag::SUPPLEMENTVERSION]),
];

/// A relation to another package.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Relation<'a> {
    name: Cow<'a, str>,
    flags: Option<&'static str>,
    version: Cow<'a, str>,
    /// Whether it has to be there before the package is installed.
    before: bool,
}

impl Relation<'_> {
    fn write(&self, out: &mut String) {
        let _ = write!(out, "  <rpm:entry name=\"{}\"", quoted(&self.name));
        if let (Some(flags), Some([epoch, version, release])) = (self.flags, evr(&self.version)) {
            let _ = write!(out, " flags=\"{flags}\"");
            for (name, part) in [("epoch", epoch), ("ver", version), ("rel", release)] {
                if !part.is_empty() {
                    let _ = write!(out, " {name}=\"{}\"", quoted(part));
                }
            }
        }
        out.push_str(if self.before { " pre=\"1\"/>\n" } else { "/>\n" });
    }
}

fn write_relations(out: &mut String, main: &Header<'_>, files: &[Listed]) -> Result<(), FormatError> {
    let mut provided = HashSet::new();
    for (element, tags) in RELATIONS {
        let mut relations: Vec<Relation<'_>> = relations(main, tags);
        match element {
            "provides" => provided.extend(relations.iter().cloned()),
            "requires" => relations = required(relations, &provided, files),
            _ => {}
        }
        relations.retain(|relation| !relation.name.is_empty());
        if relations.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<rpm:{element}>");
        for relation in relations {
            relation.write(out);
            if out.len() > MOST {
                return Err(FormatError::refused("it has more relations than memory is for"));
            }
        }
        let _ = writeln!(out, "</rpm:{element}>");
    }
    Ok(())
}

fn relations<'a>(main: &Header<'a>, [names, flags, versions]: [u32; 3]) -> Vec<Relation<'a>> {
    // RPMSENSE_POSTTRANS, PREREQ, PRETRANS, SCRIPT_PRE and SCRIPT_POST
    const BEFORE: u64 = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10;
    let parts = main.texts(names).zip(main.numbers(flags)).zip(main.texts(versions));
    let relations = parts.map(|((name, flags), version)| Relation {
        name: utf8(name),
        flags: match flags & 0xf {
            2 => Some("LT"),
            4 => Some("GT"),
            8 => Some("EQ"),
            10 => Some("LE"),
            12 => Some("GE"),
            _ => None,
        },
        version: utf8(version),
        before: names == tag::REQUIRENAME && flags & BEFORE != 0,
    });
    // What has an epoch that is no number means nothing to anybody.
    relations.filter(|relation| relation.version.is_empty() || evr(&relation.version).is_some()).collect()
}

/// The requirements that somebody else has to meet, each once; of those on the C library the highest alone.
fn required<'a>(all: Vec<Relation<'a>>, provided: &HashSet<Relation<'a>>, files: &[Listed]) -> Vec<Relation<'a>> {
    let own: HashSet<&str> = files.iter().map(|file| file.path.as_str()).filter(|path| is_primary(path)).collect();
    let mut last = HashMap::<Cow<'_, str>, Relation<'a>>::new();
    let (mut kept, mut libc) = (Vec::new(), None::<Relation<'a>>);
    for relation in all {
        let provided = provided.contains(&Relation { before: false, ..relation.clone() });
        let again = last.get(&relation.name) == Some(&relation);
        if relation.name.starts_with("rpmlib(") || own.contains(&*relation.name) || provided || again {
            continue;
        }
        if relation.name.starts_with("libc.so.6") {
            let higher = |old: &Relation<'_>| symbol(&relation.name).is_some_and(|new| is_higher(new, &old.name));
            if libc.as_ref().is_none_or(higher) {
                libc = Some(relation);
            }
            continue;
        }
        last.insert(relation.name.clone(), relation.clone());
        kept.push(relation);
    }
    kept.extend(libc);
    kept
}

/// The version of the symbols that `libc.so.6(GLIBC_2.34)(64bit)` wants: empty where it wants none.
fn symbol(name: &str) -> Option<&str> {
    let (inside, _) = name.split_once('(')?.1.split_once(')')?;
    Some(inside.find(|c: char| c.is_ascii_digit()).map_or("", |at| &inside[at..]))
}

fn is_higher(new: &str, old: &str) -> bool {
    symbol(old).is_none_or(|old| compare(new, old).is_gt())
}

/// Epoch, version and release of a text; none where the epoch is no number.
fn evr(text: &str) -> Option<[&str; 3]> {
    let (epoch, rest) = match text.split_once(':') {
        Some(("", rest)) => ("0", rest),
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        Some(_) => return None,
        None if text.is_empty() => ("", ""),
        None => ("0", text),
    };
    let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
    Some([epoch, version, release])
}

/// The newest changes, the oldest of them first. Of those of the same day each is a second later than the one before it,
/// so that clients that sort them keep their order.
fn write_changes(out: &mut String, main: &Header<'_>) {
    let parts = main.numbers(tag::CHANGELOGTIME).zip(main.texts(tag::CHANGELOGNAME));
    let mut changes: Vec<(u64, &[u8], &[u8])> = Vec::new();
    let mut last = None;
    for ((time, author), text) in parts.zip(main.texts(tag::CHANGELOGTEXT)).take(CHANGES) {
        if last == Some(time) {
            let mut taken = time;
            for (newer, _, _) in changes.iter_mut().rev().take_while(|(newer, _, _)| {
                let same = *newer == taken;
                taken += u64::from(same);
                same
            }) {
                *newer += 1;
            }
        }
        last = Some(time);
        changes.push((time, author, text));
    }
    for (time, author, text) in changes.into_iter().rev() {
        let author = utf8(author);
        let author = quoted(author.trim_end_matches(' ')).into_owned();
        let _ = writeln!(out, "<changelog author=\"{author}\" date=\"{time}\">{}</changelog>", escaped(&utf8(text)));
    }
}

/// A text of a header, which nobody has checked: what is not UTF-8 is taken for Latin-1, and what XML can't have is
/// left out.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).filter(|c| !('\u{80}'..'\u{c0}').contains(c)).collect(),
    };
    let forbidden = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    match text.contains(forbidden) {
        true => Cow::Owned(text.replace(forbidden, "")),
        false => text,
    }
}

/// A text between tags.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> Cow<'_, str> {
    replaced(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

fn replaced(text: &str, by: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    if !text.contains(|c| by(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match by(c) {
            Some(escape) => out.push_str(escape),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}
