//! `filelists.xml` and `other.xml`: what each package holds, and how it changed.

use std::io::BufRead;
use std::ops::Range;

use quick_xml::events::Event;

use super::xml::{Root, Xml, attribute};
use super::{FormatError, primary};

/// A part of a document: its root element, and the elements that are kept, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The root element.
    pub root: Root,
    /// Where each kept element stands.
    pub ranges: Vec<Range<u64>>,
}

/// Finds the packages that are kept, by their checksums.
///
/// # Errors
///
/// [`FormatError`] for what is no such document.
pub fn select(input: impl BufRead, keep: impl Fn(&str) -> bool) -> Result<Selected, FormatError> {
    let (mut selected, mut kept) = (Vec::new(), false);
    let root = walk(input, |step| {
        match step {
            Step::Begin(package) => kept = keep(package),
            Step::End(range) if kept => selected.push(range),
            _ => {}
        }
        Ok(())
    })?;
    Ok(Selected { root, ranges: selected })
}

/// Tells every file of every package: the package's checksum, and the path.
///
/// # Errors
///
/// [`FormatError`] for what is no such document.
pub fn files(input: impl BufRead, mut each: impl FnMut(&str, &str)) -> Result<(), FormatError> {
    let mut current = String::new();
    walk(input, |step| {
        match step {
            Step::Begin(package) => package.clone_into(&mut current),
            Step::File(path) => each(&current, path),
            Step::End(_) => {}
        }
        Ok(())
    })?;
    Ok(())
}

enum Step<'a> {
    Begin(&'a str),
    File(&'a str),
    End(Range<u64>),
}

fn walk(input: impl BufRead, mut each: impl FnMut(Step<'_>) -> Result<(), FormatError>) -> Result<Root, FormatError> {
    let mut xml = Xml::new(input);
    let (mut found, mut begin, mut count) = (None, 0, 0);
    loop {
        let (depth, start) = (xml.depth(), xml.position());
        match xml.next()? {
            Event::Eof => break,
            Event::Start(root) if depth == 0 => {
                if !matches!(root.local_name().as_ref(), "filelists" | "otherdata") {
                    return Err(FormatError::refused("its root element is neither <filelists> nor <otherdata>"));
                }
                found = Some(Root::of(&root)?);
            }
            Event::Start(element) if depth == 1 && element.local_name().as_ref() == "package" => {
                count += 1;
                if count > primary::MOST {
                    return Err(FormatError::refused(format!("it lists more than {} packages", primary::MOST)));
                }
                begin = start;
                let id = attribute(&element, "pkgid")?;
                each(Step::Begin(&id.ok_or_else(|| FormatError::refused("a package has no pkgid"))?))?;
            }
            Event::Start(element) if depth == 2 && element.local_name().as_ref() == "file" => {
                let path = xml.text()?;
                each(Step::File(&path))?;
            }
            Event::End(element) if depth == 2 && element.local_name().as_ref() == "package" => {
                let end = xml.position();
                each(Step::End(begin..end))?;
            }
            _ => {}
        }
    }
    found.ok_or_else(|| FormatError::refused("it ends too early"))
}
