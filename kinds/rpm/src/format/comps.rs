//! `comps.xml`: groups of packages, and environments, which are groups of groups.

use std::collections::BTreeSet;
use std::ops::Range;

use quick_xml::events::{BytesStart, Event};

use super::FormatError;
use super::xml::{Xml, attribute};

/// More entries than any repository has, groups and packages together.
const MOST: usize = 1_000_000;

/// The groups and environments of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comps {
    /// The groups.
    pub groups: Vec<Group>,
    /// The environments.
    pub environments: Vec<Environment>,
    /// The categories, which order groups for people.
    pub categories: Vec<Environment>,
}

/// A group of packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Its packages.
    pub packages: Vec<Member>,
    /// Where it stands in the document, in bytes.
    pub range: Range<u64>,
}

/// A package of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// How much it belongs to the group.
    pub level: Level,
    /// Where it stands in the document, in bytes.
    pub range: Range<u64>,
}

/// How much a package belongs to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is always installed.
    Mandatory,
    /// It is installed unless it is not wanted.
    Default,
    /// It is installed where it is wanted.
    Optional,
    /// It is installed where this other package is.
    Conditional(String),
}

/// An environment, or a category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The ids of its groups: whether each is always installed, and where it stands in the document, in bytes.
    pub groups: Vec<(String, bool, Range<u64>)>,
    /// Where it stands in the document, in bytes.
    pub range: Range<u64>,
}

/// Reads groups and environments.
///
/// # Errors
///
/// [`FormatError`] for what is no such document, or has more entries than any.
pub fn read(text: &[u8]) -> Result<Comps, FormatError> {
    let mut xml = Xml::new(text);
    let (mut comps, mut left) = (Comps::default(), MOST);
    loop {
        let (depth, start) = (xml.depth(), xml.position());
        let kind = match xml.next()? {
            Event::Eof => return Ok(comps),
            Event::Start(root) if depth == 0 && root.local_name().as_ref() != "comps" => {
                return Err(FormatError::refused("it is not a comps.xml: its root element is another"));
            }
            Event::Start(element) if depth == 1 => match element.local_name().as_ref() {
                "group" => "group",
                "environment" => "environment",
                "category" => "category",
                _ => continue,
            },
            _ => continue,
        };
        let mut one = body(&mut xml, &mut left)?;
        one.range = start..xml.position();
        match kind {
            "group" => {
                comps.groups.push(Group { id: one.id, name: one.name, packages: one.packages, range: one.range })
            }
            kind => {
                let one = Environment { id: one.id, name: one.name, groups: one.groups, range: one.range };
                match kind {
                    "environment" => comps.environments.push(one),
                    _ => comps.categories.push(one),
                }
            }
        }
    }
}

#[derive(Default)]
struct Body {
    id: String,
    name: String,
    packages: Vec<Member>,
    groups: Vec<(String, bool, Range<u64>)>,
    range: Range<u64>,
}

fn body(xml: &mut Xml<&[u8]>, left: &mut usize) -> Result<Body, FormatError> {
    let (mut body, mut optional) = (Body::default(), false);
    loop {
        let (depth, start) = (xml.depth(), xml.position());
        let level = match xml.next()? {
            Event::End(_) if depth == 2 => return Ok(body),
            Event::Start(element) => match (depth, element.local_name().as_ref()) {
                // Those with an xml:lang are translations.
                (2, "name") if body.name.is_empty() => Wanted::Name,
                (2, "id") => Wanted::Id,
                (2, list) => {
                    optional = list == "optionlist";
                    continue;
                }
                (3, "packagereq") => Wanted::Package(level(&element)?),
                (3, "groupid") => Wanted::Group,
                _ => continue,
            },
            _ => continue,
        };
        let text = xml.text()?;
        let range = start..xml.position();
        *left = left.checked_sub(1).ok_or_else(|| FormatError::refused(format!("it has more than {MOST} entries")))?;
        match level {
            Wanted::Name => body.name = text,
            Wanted::Id => body.id = text,
            Wanted::Package(level) => body.packages.push(Member { name: text, level, range }),
            Wanted::Group => body.groups.push((text, !optional, range)),
        }
    }
}

enum Wanted {
    Name,
    Id,
    Package(Level),
    Group,
}

fn level(element: &BytesStart<'_>) -> Result<Level, FormatError> {
    Ok(match attribute(element, "type")?.as_deref() {
        Some("default") => Level::Default,
        Some("optional") => Level::Optional,
        Some("conditional") => Level::Conditional(attribute(element, "requires")?.unwrap_or_default()),
        _ => Level::Mandatory,
    })
}

/// What has to be cut out of the document so that it names only what travels.
///
/// A group stays where it was asked for, or where all of its mandatory packages that there are travel, and at least one
/// package. An environment stays with its mandatory groups. `exists` says whether upstream has a package of a name.
pub fn cuts(
    comps: &Comps,
    asked: &BTreeSet<String>,
    exists: impl Fn(&str) -> bool,
    travels: impl Fn(&str) -> bool,
) -> Vec<Range<u64>> {
    let mut cuts = Vec::new();
    let mut kept = BTreeSet::new();
    for group in &comps.groups {
        let mandatory = || group.packages.iter().filter(|one| one.level == Level::Mandatory && exists(&one.name));
        let whole = mandatory().all(|one| travels(&one.name)) && group.packages.iter().any(|one| travels(&one.name));
        if !whole && !asked.contains(&group.id) {
            cuts.push(group.range.clone());
            continue;
        }
        kept.insert(group.id.as_str());
        cuts.extend(group.packages.iter().filter(|one| !travels(&one.name)).map(|one| one.range.clone()));
    }
    let known: BTreeSet<&str> = comps.groups.iter().map(|group| group.id.as_str()).collect();
    for (environments, category) in [(&comps.environments, false), (&comps.categories, true)] {
        for one in environments {
            let mut needed = one.groups.iter().filter(|(id, always, _)| *always && known.contains(id.as_str()));
            let some = one.groups.iter().any(|(id, ..)| kept.contains(id.as_str()));
            if !some || (!category && !asked.contains(&one.id) && needed.any(|(id, ..)| !kept.contains(id.as_str()))) {
                cuts.push(one.range.clone());
                continue;
            }
            let gone = one.groups.iter().filter(|(id, ..)| !kept.contains(id.as_str()));
            cuts.extend(gone.map(|(.., range)| range.clone()));
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::super::excerpt::without;
    use super::*;

    const TEXT: &str = r#"<?xml version="1.0"?>
<!-- kept -->
<comps>
<group><id>a</id><name>A</name><name xml:lang="de">Ä</name><packagelist>
<packagereq type="mandatory">m</packagereq><packagereq type="default">d</packagereq>
<packagereq type="conditional" requires="x">c</packagereq><packagereq>gone</packagereq></packagelist></group>
<group><id>b</id><name>B</name><packagelist><packagereq type="optional">o</packagereq></packagelist></group>
<environment><id>e</id><name>E</name><grouplist><groupid>a</groupid></grouplist><optionlist><groupid>b</groupid></optionlist></environment>
<environment><id>f</id><name>F</name><grouplist><groupid>b</groupid></grouplist></environment>
<category><id>k</id><name>K</name><grouplist><groupid>a</groupid><groupid>b</groupid></grouplist></category>
</comps>
"#;

    #[test]
    fn groups_are_reduced_to_what_travels() {
        let comps = read(TEXT.as_bytes()).expect("groups");
        assert_eq!(comps.groups[0].packages[2].level, Level::Conditional("x".to_owned()));
        assert_eq!((comps.groups[0].name.as_str(), comps.environments.len()), ("A", 2));
        assert!(!comps.environments[0].groups[1].1, "it is optional");
        let cut = |travels: &[&str], asked: &[&str]| {
            let asked = asked.iter().map(|id| (*id).to_owned()).collect();
            let cuts = cuts(&comps, &asked, |name| name != "gone", |name| travels.contains(&name));
            let text = without(TEXT, cuts);
            (read(text.as_bytes()).expect("groups"), text)
        };
        let (left, text) = cut(&["m", "d"], &[]);
        assert!(text.contains("<!-- kept -->") && text.contains("xml:lang"), "{text}");
        let names: Vec<&str> = left.groups[0].packages.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((left.groups.len(), names), (1, vec!["m", "d"]));
        assert_eq!((left.environments.len(), left.environments[0].groups.len()), (1, 1));
        assert_eq!(left.categories[0].groups.len(), 1);
        assert_eq!(cut(&["d"], &[]).0, Comps::default(), "a mandatory package does not travel");
        assert_eq!(cut(&["d"], &["a"]).0.groups.len(), 1, "it was asked for");
    }
}
