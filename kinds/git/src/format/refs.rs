//! Names of commits: as a server tells them (gitprotocol-v2 and gitprotocol-pack), and as they travel.

use std::collections::BTreeMap;

use gix_hash::ObjectId;

use super::packet::Lines;
use super::{FormatError, id_of_hex};

/// A name and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// The whole name: `refs/heads/main`.
    pub name: String,
    /// The object.
    pub id: ObjectId,
    /// What a tag that is an object of its own leads to in the end.
    pub peeled: Option<ObjectId>,
}

/// The names of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    /// The name that `HEAD` stands for.
    pub head: Option<String>,
    /// What `HEAD` leads to, where it is told.
    pub head_id: Option<ObjectId>,
    /// All others, in the order of their names.
    pub refs: Vec<Ref>,
}

/// The longest name in bytes.
const LONGEST: usize = 1024;

/// Refuses what can't be a name, or could be taken for something else (git-check-ref-format).
///
/// # Errors
///
/// [`FormatError`] with the name.
pub fn check_name(name: &str) -> Result<(), FormatError> {
    let good = name.starts_with("refs/") && name.len() <= LONGEST && gix_validate::reference::name(name.into()).is_ok();
    match good {
        true => Ok(()),
        false => Err(FormatError::new(format!("{:?} can't be the name of a branch or tag", cut(name)))),
    }
}

fn cut(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn text(line: &[u8]) -> Result<&str, FormatError> {
    std::str::from_utf8(line).map_err(|_| {
        let name = String::from_utf8_lossy(line).into_owned();
        FormatError::new(format!("a name is not UTF-8: {:?}", cut(&name)))
    })
}

fn id(hex: &str) -> Result<ObjectId, FormatError> {
    id_of_hex(hex.as_bytes()).ok_or_else(|| FormatError::new(format!("{:?} is not the id of an object", cut(hex))))
}

/// Reads the answer to `ls-refs` (gitprotocol-v2).
///
/// # Errors
///
/// [`FormatError`] where it can't be read, and for names that can't be any.
pub fn read_listing(message: &[u8]) -> Result<Refs, FormatError> {
    let mut refs = Refs::default();
    for line in Lines(message) {
        let Some(line) = line?.text() else { break };
        let line = text(line)?;
        if let Some(error) = line.strip_prefix("ERR ") {
            return Err(FormatError::new(format!("upstream says: {}", cut(error))));
        }
        let mut words = line.split(' ');
        let (hex, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut target, mut peeled) = (None, None);
        for word in words {
            if let Some(name) = word.strip_prefix("symref-target:") {
                target = Some(name.to_owned());
            } else if let Some(hex) = word.strip_prefix("peeled:") {
                peeled = Some(id(hex)?);
            }
        }
        if name == "HEAD" {
            (refs.head, refs.head_id) = (target, id_of_hex(hex.as_bytes()));
            continue;
        }
        check_name(name)?;
        refs.refs.push(Ref { name: name.to_owned(), id: id(hex)?, peeled });
    }
    finish(refs)
}

/// Reads what a server that speaks no version of the protocol tells at first (gitprotocol-pack, "Reference Discovery"):
/// its names and its capabilities.
///
/// # Errors
///
/// [`FormatError`] where it can't be read, and for names that can't be any.
pub fn read_advertisement(message: &[u8]) -> Result<(Refs, String), FormatError> {
    let (mut refs, mut capabilities) = (Refs::default(), String::new());
    let mut peeled = BTreeMap::new();
    for (number, line) in Lines(message).enumerate() {
        let Some(line) = line?.text() else { break };
        let (line, after) = match line.iter().position(|byte| *byte == 0) {
            Some(end) => (&line[..end], Some(&line[end + 1..])),
            None => (line, None),
        };
        if number == 0 {
            capabilities = text(after.unwrap_or_default())?.to_owned();
        }
        let (hex, name) = text(line)?.split_once(' ').unwrap_or_default();
        match name {
            "capabilities^{}" => {}
            "HEAD" => refs.head_id = Some(id(hex)?),
            name => match name.strip_suffix("^{}") {
                Some(tag) => {
                    peeled.insert(tag.to_owned(), id(hex)?);
                }
                None => {
                    check_name(name)?;
                    refs.refs.push(Ref { name: name.to_owned(), id: id(hex)?, peeled: None });
                }
            },
        }
    }
    let symbolic = capabilities.split(' ').find_map(|word| word.strip_prefix("symref=HEAD:"));
    refs.head = symbolic.map(str::to_owned);
    refs.refs.iter_mut().for_each(|one| one.peeled = peeled.get(&one.name).copied());
    Ok((finish(refs)?, capabilities))
}

fn finish(mut refs: Refs) -> Result<Refs, FormatError> {
    if let Some(head) = &refs.head {
        check_name(head)?;
    }
    refs.refs.sort_by(|a, b| a.name.cmp(&b.name));
    match refs.refs.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(FormatError::new(format!("the name {} is told twice", pair[0].name))),
        None => Ok(refs),
    }
}

impl Refs {
    /// The ref with a name.
    pub fn get(&self, name: &str) -> Option<&Ref> {
        self.refs.binary_search_by(|one| one.name.as_str().cmp(name)).ok().map(|place| &self.refs[place])
    }

    /// The file `HEAD`.
    pub fn head_file(&self) -> String {
        match (&self.head, self.head_id) {
            (Some(name), _) => format!("ref: {name}\n"),
            (None, Some(id)) => format!("{id}\n"),
            (None, None) => "ref: refs/heads/main\n".to_owned(),
        }
    }

    /// The file `info/refs` (git-update-server-info).
    pub fn info_file(&self) -> String {
        let mut text = String::new();
        for Ref { name, id, peeled } in &self.refs {
            text.push_str(&format!("{id}\t{name}\n"));
            if let Some(peeled) = peeled {
                text.push_str(&format!("{peeled}\t{name}^{{}}\n"));
            }
        }
        text
    }

    /// Reads the files `HEAD` and `info/refs` again.
    ///
    /// # Errors
    ///
    /// [`FormatError`] where they can't be read.
    pub fn from_files(head: &str, info: &str) -> Result<Self, FormatError> {
        let mut refs: Vec<Ref> = Vec::new();
        for line in info.lines() {
            let (hex, name) = line.split_once('\t').unwrap_or_default();
            match name.strip_suffix("^{}") {
                Some(_) => {
                    let tag = refs.last_mut().ok_or_else(|| FormatError::new("info/refs begins with no name"))?;
                    tag.peeled = Some(id(hex)?);
                }
                None => {
                    check_name(name)?;
                    refs.push(Ref { name: name.to_owned(), id: id(hex)?, peeled: None });
                }
            }
        }
        let head = head.trim_end();
        let (head, head_id) = match head.strip_prefix("ref: ") {
            Some(name) => (Some(name.to_owned()), None),
            None => (None, Some(id(head)?)),
        };
        let mut read = finish(Self { head, head_id, refs })?;
        if let Some(name) = &read.head {
            read.head_id = read.get(name).map(|one| one.id);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::packet::Writer;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn both_ways_of_telling_names_are_read() {
        let listing = Writer::default()
            .line(format!("{A} HEAD symref-target:refs/heads/main"))
            .line(format!("{B} refs/tags/v1 peeled:{A}"))
            .line(format!("{A} refs/heads/main"))
            .flush();
        let read = read_listing(&listing.bytes()).expect("names");
        let advertisement = Writer::default()
            .line(format!("{A} HEAD\0side-band-64k symref=HEAD:refs/heads/main agent=git/2"))
            .line(format!("{A} refs/heads/main"))
            .line(format!("{B} refs/tags/v1"))
            .line(format!("{A} refs/tags/v1^{{}}"))
            .flush();
        let (old, capabilities) = read_advertisement(&advertisement.bytes()).expect("names");
        assert_eq!(read, old);
        assert!(capabilities.starts_with("side-band-64k "), "{capabilities}");
        assert_eq!(read.info_file(), format!("{A}\trefs/heads/main\n{B}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\n"));
        assert_eq!(Refs::from_files(&read.head_file(), &read.info_file()), Ok(read));
    }

    #[test]
    fn an_empty_repository_has_no_names() {
        let zero = "0".repeat(40);
        let message = Writer::default().line(format!("{zero} capabilities^{{}}\0agent=git/2")).flush();
        let (refs, _) = read_advertisement(&message.bytes()).expect("no names");
        assert_eq!(refs.refs, []);
        assert!(Refs::from_files(&refs.head_file(), &refs.info_file()).is_ok());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in
            ["refs/heads/../../config", "refs/heads/a..b", "heads/main", "refs/heads/-\x07", "refs/heads/x.lock", ""]
        {
            let message = Writer::default().line(format!("{A} {name}")).flush();
            assert!(read_listing(&message.bytes()).is_err(), "{name}");
        }
        let twice = Writer::default().line(format!("{A} refs/heads/a")).line(format!("{B} refs/heads/a")).flush();
        assert!(read_listing(&twice.bytes()).is_err());
    }
}
