//! What leads from one object to another, as it travels beside a pack.
//!
//! Whoever answers a partial fetch has to know which objects a commit needs. That is worked out where the network is: the
//! file `airlift/graph` has all links between the objects of the pack that it lies beside, so that the pack itself is
//! never opened where it is served. Objects are known by their places in the pack: commits first, children before their
//! parents, then tags, then trees and blobs.
//!
//! ```text
//! "airlift git graph 1\n", number of objects, and for each object, in the order of the pack:
//!   its type (1 commit, 2 tree, 3 blob, 4 tag), its id (20 bytes), the length of its entry in the pack,
//!   of a commit the seconds of its date, and of all but blobs the number of links and each of them
//! ```
//!
//! A commit leads to its tree and then to its parents, a tree to what is in it but submodules, a tag to what it names.
//! Numbers are LEB128, signed ones in zigzag; a link is told by its distance from the object.

use gix_hash::ObjectId;
use gix_object::Kind;

use super::FormatError;
use super::entry;

const MAGIC: &[u8] = b"airlift git graph 1\n";

/// The most objects of a repository.
pub const MOST_OBJECTS: u32 = 20_000_000;

/// An object as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: ObjectId,
    /// The bytes that its entry takes in the pack.
    pub length: u64,
    /// The date of a commit, in seconds since 1970.
    pub time: i64,
    /// The places of the objects that it leads to.
    pub links: Vec<u32>,
}

/// A graph that is being written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    number: u32,
}

impl Writer {
    /// A graph of so many objects.
    pub fn new(objects: u32) -> Self {
        let mut bytes = MAGIC.to_vec();
        number(&mut bytes, u64::from(objects));
        Self { bytes, number: 0 }
    }

    /// Adds the next object.
    pub fn push(&mut self, object: &Object) {
        let Object { kind, id, length, time, links } = object;
        let bytes = &mut self.bytes;
        bytes.push(match kind {
            Kind::Commit => 1,
            Kind::Tree => 2,
            Kind::Blob => 3,
            Kind::Tag => 4,
        });
        bytes.extend_from_slice(id.as_bytes());
        number(bytes, *length);
        if *kind == Kind::Commit {
            number(bytes, zigzag(*time));
        }
        if *kind != Kind::Blob {
            number(bytes, links.len() as u64);
            links.iter().for_each(|link| number(bytes, zigzag(i64::from(*link) - i64::from(self.number))));
        }
        self.number += 1;
    }

    /// The file.
    pub fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// A graph as it is asked.
#[derive(Debug, Default)]
pub struct Graph {
    kinds: Vec<Kind>,
    ids: Vec<ObjectId>,
    /// Where each entry begins in the pack, and where the last ends.
    offsets: Vec<u64>,
    times: Vec<i64>,
    /// Where each object's links begin, and where the last one's end.
    starts: Vec<u32>,
    links: Vec<u32>,
    /// The places, in the order of the ids.
    sorted: Vec<u32>,
    commits: u32,
}

impl Graph {
    /// Reads a graph.
    ///
    /// # Errors
    ///
    /// [`FormatError`] where it is none: it was damaged, or another version of Airlift wrote it.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let wrong = || FormatError::new("the graph of the repository can't be read");
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
        let count = take(&mut rest).filter(|count| *count <= u64::from(MOST_OBJECTS)).ok_or_else(wrong)?;
        // Each object takes at least 22 bytes, so that a short file can't ask for much.
        if count > rest.len() as u64 / 22 {
            return Err(wrong());
        }
        let count = count as u32;
        let mut graph = Self::default();
        let mut offset = entry::HEADER as u64;
        for place in 0..count {
            graph.offsets.push(offset);
            graph.starts.push(graph.links.len() as u32);
            offset = graph
                .object(&mut rest, (place, count))
                .and_then(|length| offset.checked_add(length))
                .ok_or_else(wrong)?;
        }
        graph.offsets.push(offset);
        graph.starts.push(u32::try_from(graph.links.len()).map_err(|_| wrong())?);
        graph.commits = graph.kinds.iter().take_while(|kind| **kind == Kind::Commit).count() as u32;
        graph.sorted = (0..count).collect();
        let ids = &graph.ids;
        graph.sorted.sort_unstable_by(|a, b| ids[*a as usize].cmp(&ids[*b as usize]));
        let parents_behind = (0..graph.commits)
            .all(|place| graph.parents(place).iter().all(|parent| *parent > place && *parent < graph.commits));
        if rest.is_empty() && parents_behind { Ok(graph) } else { Err(wrong()) }
    }

    /// Reads one object; the length of its entry.
    fn object(&mut self, rest: &mut &[u8], (place, count): (u32, u32)) -> Option<u64> {
        let (kind, after) = rest.split_first()?;
        let kind = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag].get(usize::from(*kind).checked_sub(1)?)?;
        let (id, after) = after.split_at_checked(20)?;
        *rest = after;
        self.kinds.push(*kind);
        self.ids.push(ObjectId::from_bytes_or_panic(id));
        let length = take(rest)?;
        if *kind == Kind::Commit {
            self.times.push(unzigzag(take(rest)?));
        }
        if *kind != Kind::Blob {
            for _ in 0..take(rest)? {
                let link = i64::from(place).checked_add(unzigzag(take(rest)?))?;
                self.links.push(u32::try_from(link).ok().filter(|link| *link < count)?);
            }
        }
        Some(length)
    }

    /// How many objects there are.
    pub fn len(&self) -> u32 {
        self.kinds.len() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// How many commits there are: the first objects.
    pub const fn commits(&self) -> u32 {
        self.commits
    }

    /// The place of an object.
    pub fn find(&self, id: &ObjectId) -> Option<u32> {
        let found = self.sorted.binary_search_by(|place| self.ids[*place as usize].cmp(id));
        found.ok().map(|at| self.sorted[at])
    }

    /// The id of an object.
    pub fn id(&self, place: u32) -> ObjectId {
        self.ids[place as usize]
    }

    /// What an object is.
    pub fn kind(&self, place: u32) -> Kind {
        self.kinds[place as usize]
    }

    /// The date of a commit.
    pub fn time(&self, commit: u32) -> i64 {
        self.times[commit as usize]
    }

    /// The bytes that an object takes in the pack.
    pub fn entry(&self, place: u32) -> std::ops::Range<u64> {
        self.offsets[place as usize]..self.offsets[place as usize + 1]
    }

    /// Where the last entry ends.
    pub fn end(&self) -> u64 {
        self.offsets.last().copied().unwrap_or(entry::HEADER as u64)
    }

    /// What an object leads to.
    pub fn links(&self, place: u32) -> &[u32] {
        &self.links[self.starts[place as usize] as usize..self.starts[place as usize + 1] as usize]
    }

    /// A commit's parents.
    pub fn parents(&self, commit: u32) -> &[u32] {
        self.links(commit).get(1..).unwrap_or_default()
    }

    /// What a tag leads to in the end; other objects are it themselves.
    pub fn peeled(&self, mut place: u32) -> u32 {
        // Tags lead to what is older, so that no ring of them exists; a damaged file could have one.
        for _ in 0..64 {
            match (self.kind(place), self.links(place).first()) {
                (Kind::Tag, Some(target)) => place = *target,
                _ => break,
            }
        }
        place
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for position in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(7 * position)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(kind: Kind, first: u8, links: &[u32]) -> Object {
        let id = ObjectId::from_bytes_or_panic(&[first; 20]);
        Object { kind, id, length: 100 + u64::from(first), time: -5, links: links.to_vec() }
    }

    fn written(objects: &[Object]) -> Vec<u8> {
        let mut writer = Writer::new(objects.len() as u32);
        objects.iter().for_each(|object| writer.push(object));
        writer.bytes()
    }

    #[test]
    fn a_graph_survives_being_written_and_read() {
        let objects = [
            object(Kind::Commit, 9, &[3, 1]),
            object(Kind::Commit, 7, &[4]),
            object(Kind::Tag, 8, &[0]),
            object(Kind::Tree, 1, &[5]),
            object(Kind::Tree, 2, &[]),
            object(Kind::Blob, 3, &[]),
        ];
        let graph = Graph::read(&written(&objects)).expect("a graph");
        assert_eq!((graph.len(), graph.commits(), graph.time(1)), (6, 2, -5));
        for (place, object) in objects.iter().enumerate() {
            let place = place as u32;
            assert_eq!(graph.find(&object.id), Some(place));
            assert_eq!((graph.kind(place), graph.links(place)), (object.kind, object.links.as_slice()));
        }
        assert_eq!((graph.entry(0), graph.entry(1)), (12..121, 121..228));
        assert_eq!((graph.parents(0), graph.parents(1), graph.peeled(2)), (&[1][..], &[][..], 0));
        assert_eq!(graph.find(&ObjectId::null(gix_hash::Kind::Sha1)), None);
    }

    #[test]
    fn damaged_graphs_are_refused() {
        let good = written(&[object(Kind::Commit, 9, &[1]), object(Kind::Tree, 1, &[])]);
        assert!(Graph::read(&good).is_ok());
        for end in 0..good.len() {
            assert!(Graph::read(&good[..end]).is_err(), "{end}");
        }
        for bad in [
            written(&[object(Kind::Commit, 9, &[2]), object(Kind::Tree, 1, &[])]),
            written(&[object(Kind::Commit, 9, &[1, 0]), object(Kind::Tree, 1, &[])]),
            [MAGIC, &[0xff, 0xff, 0xff, 0x7f]].concat(),
        ] {
            assert!(Graph::read(&bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Graph::read(&[MAGIC, bytes.as_slice()].concat());
        }
    }
}
