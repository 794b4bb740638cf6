//! The objects of a pack, whole and checked, whatever order and differences upstream sent them in.

use std::collections::HashMap;
use std::rc::Rc;

use airlift_fetch::Scratch;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use gix_hash::ObjectId;
use gix_object::Kind;

use super::trouble::Trouble;
use crate::format::entry::{self, Form};
use crate::format::graph::MOST_OBJECTS;
use crate::format::{FormatError, HASH, delta};

/// The largest object in bytes.
const LARGEST: u64 = 256 << 20;
/// The most bytes of objects that are held at a time, since others build upon them.
const MOST_HELD: usize = 1 << 30;
/// So much of a file is read at a time.
const WINDOW: usize = 64 << 10;

/// An object, as an entry of a pack without differences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) at: u64,
    pub(super) length: u64,
}

/// All objects of a pack.
pub(super) struct Objects {
    known: HashMap<ObjectId, Entry>,
    file: Scratch,
    deflate: Compress,
}

/// An object that is told by what it differs from another.
struct Difference {
    /// Where its bytes begin in the pack.
    at: u64,
    size: u64,
    /// Where its entry begins.
    offset: u64,
}

/// What waits for the objects that it builds upon.
#[derive(Default)]
struct Waiting {
    differences: Vec<Difference>,
    by_offset: HashMap<u64, Vec<usize>>,
    by_id: HashMap<ObjectId, Vec<usize>>,
}

impl Waiting {
    /// What builds upon an object.
    fn take(&mut self, offset: u64, id: &ObjectId) -> Vec<usize> {
        let mut waiting = self.by_offset.remove(&offset).unwrap_or_default();
        waiting.extend(self.by_id.remove(id).unwrap_or_default());
        waiting
    }
}

impl Objects {
    /// Takes a pack apart. Its objects are written, each by itself, into an empty file.
    pub(super) fn of(pack: &mut Scratch, file: Scratch) -> Result<Self, Trouble> {
        let mut objects = Self { known: HashMap::new(), file, deflate: Compress::new(Compression::new(6), true) };
        let (whole, mut waiting) = objects.whole(pack)?;
        for (offset, id) in whole {
            let first = waiting.take(offset, &id);
            if !first.is_empty() {
                objects.build(pack, &mut waiting, (id, first))?;
            }
        }
        match waiting.by_offset.is_empty() && waiting.by_id.is_empty() {
            true => Ok(objects),
            false => Err(FormatError::new("the pack has objects that build upon others which it has not").into()),
        }
    }

    /// Takes all objects that are there as a whole; says where they are, and what is still to be built.
    fn whole(&mut self, pack: &mut Scratch) -> Result<(Vec<(u64, ObjectId)>, Waiting), Trouble> {
        let end = pack.len().checked_sub(entry::TRAILER as u64);
        let end = end.ok_or_else(|| FormatError::new("the pack is cut off"))?;
        let mut reader = Reader::new(pack, 0, end);
        reader.hasher = Some(gix_hash::hasher(HASH));
        let mut header = [0; entry::HEADER];
        header.copy_from_slice(reader.peek(entry::HEADER)?.get(..entry::HEADER).ok_or_else(cut)?);
        reader.skip(entry::HEADER);
        let count = entry::objects(&header)?;
        if count > MOST_OBJECTS {
            return Err(FormatError::new(format!("it has {count} objects, and {MOST_OBJECTS} are allowed")).into());
        }
        let (mut whole, mut waiting) = (Vec::new(), Waiting::default());
        for _ in 0..count {
            let offset = reader.at();
            let head = entry::read_head(reader.peek(entry::MOST)?)?;
            reader.skip(head.length);
            let (at, number) = (reader.at(), waiting.differences.len());
            match head.form {
                Form::Whole(kind) => {
                    let id = self.add(kind, &reader.inflate(head.size)?)?;
                    whole.push((offset, id));
                    continue;
                }
                Form::Behind(distance) => {
                    let base = offset.checked_sub(distance).filter(|_| distance > 0);
                    let base = base.ok_or_else(|| FormatError::new("an object builds upon one before the pack"))?;
                    waiting.by_offset.entry(base).or_default().push(number);
                }
                Form::Against(id) => waiting.by_id.entry(id).or_default().push(number),
            }
            waiting.differences.push(Difference { at, size: head.size, offset });
            reader.inflate(head.size)?;
        }
        let (read, sum) = (reader.at(), reader.hasher.take().map(gix_hash::Hasher::try_finalize));
        let mut trailer = [0; entry::TRAILER];
        pack.read(end, &mut trailer)?;
        let right = matches!(sum, Some(Ok(sum)) if sum.as_bytes() == trailer);
        match right && read == end {
            true => Ok((whole, waiting)),
            false => Err(FormatError::new("the pack was damaged on the way: its checksum is wrong").into()),
        }
    }

    /// Builds everything that builds upon one object.
    fn build(
        &mut self,
        pack: &mut Scratch,
        waiting: &mut Waiting,
        (id, first): (ObjectId, Vec<usize>),
    ) -> Result<(), Trouble> {
        let Some((kind, base)) = self.get(&id)? else { return Ok(()) };
        let mut held = base.len();
        let mut stack = vec![(Rc::new(base), first)];
        while let Some((base, todo)) = stack.last_mut() {
            let Some(number) = todo.pop() else {
                held -= base.len();
                stack.pop();
                continue;
            };
            let base = match todo.is_empty() {
                true => {
                    held -= base.len();
                    std::mem::take(base)
                }
                false => Rc::clone(base),
            };
            let Difference { at, size, offset } = waiting.differences[number];
            let end = pack.len();
            let difference = Reader::new(pack, at, end).inflate(size)?;
            let object = delta::apply(&base, &difference, LARGEST)?;
            let id = self.add(kind, &object)?;
            let next = waiting.take(offset, &id);
            if !next.is_empty() {
                held += object.len();
                if held > MOST_HELD {
                    return Err(FormatError::new("its objects build upon one another in more than 1 GiB").into());
                }
                stack.push((Rc::new(object), next));
            }
        }
        Ok(())
    }

    /// Adds an object.
    fn add(&mut self, kind: Kind, object: &[u8]) -> Result<ObjectId, Trouble> {
        let id = gix_object::compute_hash(HASH, kind, object);
        let id = id.map_err(|error| FormatError::new(format!("an object was made to collide: {error}")))?;
        if self.known.contains_key(&id) {
            return Ok(id);
        }
        let mut bytes = Vec::with_capacity(entry::MOST + object.len() / 2);
        entry::write_head(kind, object.len() as u64, &mut bytes);
        self.deflate.reset();
        let (mut from, mut status) = (0, Status::Ok);
        while status != Status::StreamEnd {
            bytes.reserve(4096.max(object.len() / 4));
            let before = self.deflate.total_in();
            let step = self.deflate.compress_vec(&object[from..], &mut bytes, FlushCompress::Finish);
            status = step.map_err(|error| FormatError::new(error.to_string()))?;
            from += (self.deflate.total_in() - before) as usize;
        }
        let entry = Entry { kind, at: self.file.len(), length: bytes.len() as u64 };
        self.file.append(&bytes)?;
        self.known.insert(id, entry);
        Ok(id)
    }

    /// Where an object is.
    pub(super) fn entry(&self, id: &ObjectId) -> Option<Entry> {
        self.known.get(id).copied()
    }

    /// What an object is, and its bytes.
    pub(super) fn get(&mut self, id: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Trouble> {
        let Some(Entry { kind, at, length }) = self.entry(id) else { return Ok(None) };
        let mut reader = Reader::new(&mut self.file, at, at + length);
        let head = entry::read_head(reader.peek(entry::MOST)?)?;
        reader.skip(head.length);
        Ok(Some((kind, reader.inflate(head.size)?)))
    }

    /// An object's entry as it is.
    pub(super) fn raw(&mut self, entry: Entry) -> Result<Vec<u8>, Trouble> {
        let mut bytes = vec![0; usize::try_from(entry.length).map_err(|_| cut())?];
        self.file.read(entry.at, &mut bytes)?;
        Ok(bytes)
    }
}

fn cut() -> FormatError {
    FormatError::new("the pack is cut off")
}

/// Reads a file from somewhere to its end.
struct Reader<'a> {
    file: &'a mut Scratch,
    /// Where the file is read next.
    next: u64,
    end: u64,
    window: Vec<u8>,
    used: usize,
    hasher: Option<gix_hash::Hasher>,
}

impl<'a> Reader<'a> {
    const fn new(file: &'a mut Scratch, at: u64, end: u64) -> Self {
        Self { file, next: at, end, window: Vec::new(), used: 0, hasher: None }
    }

    /// Where the next byte is.
    const fn at(&self) -> u64 {
        self.next - (self.window.len() - self.used) as u64
    }

    /// The next bytes, so many of them unless the end is nearer.
    fn peek(&mut self, least: usize) -> Result<&[u8], Trouble> {
        if self.window.len() - self.used < least && self.next < self.end {
            self.window.drain(..self.used);
            self.used = 0;
            let had = self.window.len();
            let more = ((self.end - self.next).min(WINDOW as u64)) as usize;
            self.window.resize(had + more, 0);
            self.file.read(self.next, &mut self.window[had..])?;
            self.next += more as u64;
        }
        Ok(&self.window[self.used..])
    }

    fn skip(&mut self, bytes: usize) {
        let skipped = &self.window[self.used..self.used + bytes];
        if let Some(hasher) = &mut self.hasher {
            hasher.update(skipped);
        }
        self.used += bytes;
    }

    /// Inflates exactly so many bytes.
    fn inflate(&mut self, size: u64) -> Result<Vec<u8>, Trouble> {
        if size > LARGEST {
            let reason = format!("an object of {size} bytes is larger than the {LARGEST} that are allowed");
            return Err(FormatError::new(reason).into());
        }
        let size = size as usize;
        let mut inflate = Decompress::new(true);
        // What is promised is not believed: room is made as bytes come.
        let mut object = Vec::with_capacity(size.min(64 << 10) + 1);
        loop {
            let input = self.peek(1)?;
            let ended = input.is_empty();
            let before = inflate.total_in();
            let status = inflate.decompress_vec(input, &mut object, FlushDecompress::None);
            let status = status.map_err(|error| FormatError::new(format!("an object can't be inflated: {error}")))?;
            let used = (inflate.total_in() - before) as usize;
            self.skip(used);
            if status == Status::StreamEnd {
                break;
            }
            if object.len() > size || (ended && used == 0 && object.len() < object.capacity()) {
                return Err(FormatError::new("an object of the pack has another size than it says").into());
            }
            if object.len() == object.capacity() {
                object.reserve(object.len().clamp(64, 16 << 20));
            }
        }
        match object.len() == size {
            true => Ok(object),
            false => Err(FormatError::new("an object of the pack has another size than it says").into()),
        }
    }
}
