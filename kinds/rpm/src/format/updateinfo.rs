//! `updateinfo.xml`: advisories, and the packages that they bring.

use std::io::BufRead;

use quick_xml::events::Event;

use super::FormatError;
use super::listing::Selected;
use super::xml::{Root, Xml, attributes_of};

/// More advisories than any repository has.
const MOST: usize = 1_000_000;

/// A package of an advisory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its epoch; empty or zero for none.
    pub epoch: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its architecture.
    pub arch: String,
}

/// Finds the advisories of which a package travels.
///
/// # Errors
///
/// [`FormatError`] for what is no such document.
pub fn select(input: impl BufRead, travels: impl Fn(&Named) -> bool) -> Result<Selected, FormatError> {
    let mut xml = Xml::new(input);
    let (mut found, mut ranges, mut begin, mut kept) = (None, Vec::new(), 0, false);
    loop {
        let (depth, start) = (xml.depth(), xml.position());
        match xml.next()? {
            Event::Eof => break,
            Event::Start(root) if depth == 0 => {
                if root.local_name().as_ref() != "updates" {
                    return Err(FormatError::refused("it is not an updateinfo.xml: its root element is another"));
                }
                found = Some(Root::of(&root)?);
            }
            Event::Start(_) if depth == 1 => (begin, kept) = (start, false),
            Event::Start(element) if depth == 4 && !kept && element.local_name().as_ref() == "package" => {
                let mut named = Named::default();
                attributes_of(&element, |name, value| {
                    match name {
                        "name" => named.name = value.into_owned(),
                        "epoch" => named.epoch = value.into_owned(),
                        "version" => named.version = value.into_owned(),
                        "release" => named.release = value.into_owned(),
                        "arch" => named.arch = value.into_owned(),
                        _ => {}
                    }
                    Ok(())
                })?;
                kept = travels(&named);
            }
            Event::End(_) if depth == 2 && kept => {
                kept = false;
                ranges.push(begin..xml.position());
                if ranges.len() > MOST {
                    return Err(FormatError::refused(format!("it has more than {MOST} advisories")));
                }
            }
            _ => {}
        }
    }
    let root = found.ok_or_else(|| FormatError::refused("it ends too early"))?;
    Ok(Selected { root, ranges })
}
