//! Loading an archive from a pipe, in constant memory: every byte is compared, hashed or refused as it comes.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, mpsc};

use airlift_core::{Digest, Hasher};
use bytes::Bytes;

use crate::archive::Loaded;
use crate::archive::header::{Header, MAX_HEADER, MemberName};
use crate::archive::layout::{BLOCK, END, Front, Layout, Place, blocks, read_first};
use crate::archive::load::{begin, name_it, require_space};
use crate::archive::reader::mismatch;
use crate::archive::verify::agreement;
use crate::copy::CHUNK;
use crate::error::StoreError;
use crate::part::Part;
use crate::snapshot::{Snapshot, read_index};
use crate::store::Store;
use crate::work::Reporter;

/// Blobs that are made durable at once, while the next ones come.
const SYNCING: usize = 8;

/// What the archive is called in messages.
const PLACE: &str = "the archive from the pipe";

/// Reads an archive to its end, and puts the blobs that the store lacks into it.
pub(crate) fn load_stream(
    reader: Box<dyn Read + Send>,
    store: &Store,
    reporter: &Reporter,
) -> Result<(Snapshot, Loaded), StoreError> {
    let mut input = Input { reader, position: 0, expected: None };
    let snapshot = input.front()?;
    let layout = snapshot.layout()?;
    input.expected = Some(layout.end);
    let lacking = reporter.handle().block_on(store.lacking(snapshot.index.blobs()))?;
    require_space(store, &lacking)?;
    let loaded = Loaded::of(&snapshot, &lacking);
    reporter.began(layout.blobs.len() as u64, snapshot.header.bytes);
    let lacking: HashSet<Digest> = lacking.into_iter().map(|(digest, _)| digest).collect();
    syncing(reporter, |sync| {
        for place in &layout.blobs {
            let part = lacking.contains(&place.digest).then(|| begin(store, place.digest)).transpose()?;
            input.blob(place, &layout, part.as_ref(), reporter).map_err(|error| name_it(error, &snapshot.index))?;
            match part {
                Some(part) => sync(part, place)?,
                None => reporter.done(place.digest.to_string(), place.size, true),
            }
        }
        Ok(())
    })?;
    input.end()?;
    reporter.ended();
    Ok((snapshot, loaded))
}

/// Runs `work`, which hands over finished parts; other threads make them durable and give them their names.
fn syncing(
    reporter: &Reporter,
    work: impl FnOnce(&mut dyn FnMut(Part, &Place) -> Result<(), StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (sender, receiver) = mpsc::sync_channel::<(Part, Place)>(SYNCING);
    let (receiver, failed) = (Mutex::new(receiver), Mutex::new(None));
    let commit = || {
        loop {
            let next = receiver.lock().expect("no thread panics while it holds this").recv();
            let Ok((part, place)) = next else { break };
            match part.commit_blocking(place.digest, place.size, reporter.handle()) {
                Ok(()) => reporter.done(place.digest.to_string(), place.size, false),
                Err(error) => drop(failed.lock().expect("no thread panics while it holds this").get_or_insert(error)),
            }
        }
    };
    let mut worked = std::thread::scope(|scope| {
        for _ in 0..SYNCING {
            scope.spawn(commit);
        }
        let worked = work(&mut |part, place| {
            if failed.lock().expect("no thread panics while it holds this").is_some() {
                return Err(StoreError::Cancelled);
            }
            // The receiver lives as long as this function.
            let _ = sender.send((part, *place));
            Ok(())
        });
        drop(sender);
        worked
    });
    if let Some(error) = failed.into_inner().expect("no thread panics while it holds this") {
        worked = Err(error);
    }
    worked
}

/// The pipe, and how far it was read.
struct Input {
    reader: Box<dyn Read + Send>,
    position: u64,
    /// The size of the archive, once it is known.
    expected: Option<u64>,
}

impl Input {
    /// Reads all members before the blobs.
    fn front(&mut self) -> Result<Snapshot, StoreError> {
        let (header, header_bytes) = self.header()?;
        let members = Layout::front(&header, &header_bytes).map_err(damaged)?;
        let mut bytes = BTreeMap::new();
        let mut index = None;
        for front in members.iter().skip(1) {
            let content = self.member(front, &header)?;
            if Digest::of(&content) != front.sha256 {
                return Err(damaged(format!("{} does not have the digest that the header names", front.name)));
            }
            if front.name == MemberName::Index {
                index = Some(read_index(&header, &content, PLACE)?);
            }
            bytes.insert(front.name.clone(), content);
        }
        let lock = bytes.get(&MemberName::Lock).cloned().unwrap_or_default();
        let index = index.unwrap_or_default();
        let snapshot = Snapshot::received(header_bytes, index.into(), bytes, PLACE)?;
        let lock = str::from_utf8(&lock).map_err(|_| damaged("airlift/lock.yaml is not UTF-8".to_owned()))?;
        agreement(lock, &snapshot.header, &snapshot.index).map_err(damaged)?;
        Ok(snapshot)
    }

    fn header(&mut self) -> Result<(Header, Bytes), StoreError> {
        let no_archive = |reason: String| StoreError::NotAnArchive { place: PLACE.to_owned(), reason };
        let mut block = [0; 512];
        self.fill(&mut block)?;
        let (size, mtime) = read_first(&block).map_err(no_archive)?;
        if size > MAX_HEADER {
            return Err(damaged(format!("airlift/header.json has {size} bytes, and {MAX_HEADER} is the limit")));
        }
        let bytes = self.bytes(size)?;
        let header = Header::read(&bytes, PLACE)?;
        self.padding(size, "airlift/header.json")?;
        match header.created == mtime {
            true => Ok((header, bytes)),
            false => Err(damaged(format!("its members are from {mtime}, and its header from {}", header.created))),
        }
    }

    fn member(&mut self, front: &Front, header: &Header) -> Result<Bytes, StoreError> {
        let name = front.name.to_string();
        self.compare(&name, front.start, &front.header_blocks(header.created))?;
        let bytes = self.bytes(front.size)?;
        self.padding(front.size, &name)?;
        Ok(bytes)
    }

    /// Reads a blob, into its part where there is one.
    fn blob(
        &mut self,
        place: &Place,
        layout: &Layout,
        part: Option<&Part>,
        reporter: &Reporter,
    ) -> Result<(), StoreError> {
        self.compare(&place.name(), place.start, &place.header_blocks(layout.mtime))?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; CHUNK.min(usize::try_from(place.size).unwrap_or(CHUNK))];
        let mut done = 0;
        while done < place.size {
            reporter.check()?;
            let rest = usize::try_from(place.size - done).unwrap_or(usize::MAX);
            let chunk = buffer.len().min(rest);
            let chunk = &mut buffer[..chunk];
            self.fill(chunk)?;
            hasher.update(chunk);
            if let Some(part) = part {
                part.file().write_all_at(chunk, done).map_err(StoreError::io("write", part.path()))?;
            }
            reporter.progress(chunk.len() as u64);
            done += chunk.len() as u64;
        }
        let found = hasher.finish();
        if found != place.digest {
            let reason = format!("its bytes have the digest {found}");
            return Err(StoreError::Corrupt { digest: place.digest, place: PLACE.to_owned(), reason });
        }
        self.padding(place.size, &place.name())
    }

    /// Reads the end, after which nothing may follow.
    fn end(&mut self) -> Result<(), StoreError> {
        let expected = self.position + END;
        self.zeros(END, "its end")?;
        let after = io::copy(&mut self.reader, &mut io::sink())
            .map_err(|source| StoreError::Stream { action: "read", source })?;
        match after {
            0 => Ok(()),
            after => Err(StoreError::Length { place: PLACE.to_owned(), expected, found: expected + after }),
        }
    }

    /// Refuses other header blocks than the expected ones.
    fn compare(&mut self, name: &str, start: u64, expected: &[u8]) -> Result<(), StoreError> {
        let mut found = vec![0; expected.len()];
        // Block by block, so that what stands there instead is told even where the archive ends soon after.
        for (number, block) in found.chunks_mut(512).enumerate() {
            self.fill(block)?;
            let (from, to) = (number * 512, number * 512 + block.len());
            let at = start + number as u64 * BLOCK;
            mismatch(name, at, &expected[from..to], block).map_or(Ok(()), |reason| Err(damaged(reason)))?;
        }
        Ok(())
    }

    fn padding(&mut self, size: u64, name: &str) -> Result<(), StoreError> {
        self.zeros(blocks(size) - size, &format!("the padding of {name}"))
    }

    fn zeros(&mut self, count: u64, what: &str) -> Result<(), StoreError> {
        let start = self.position;
        let bytes = self.bytes(count)?;
        match bytes.iter().position(|&byte| byte != 0) {
            None => Ok(()),
            Some(at) => Err(damaged(format!("{what} is not zero at byte {}", start + at as u64))),
        }
    }

    /// So many bytes in memory, which grows only as they come.
    fn bytes(&mut self, count: u64) -> Result<Bytes, StoreError> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(count).read_to_end(&mut bytes);
        self.position += bytes.len() as u64;
        read.map_err(|source| StoreError::Stream { action: "read", source })?;
        match bytes.len() as u64 == count {
            true => Ok(bytes.into()),
            false => Err(self.ended()),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), StoreError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => return Err(self.ended()),
                Ok(read) => {
                    filled += read;
                    self.position += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(StoreError::Stream { action: "read", source }),
            }
        }
        Ok(())
    }

    /// The pipe ended too early.
    fn ended(&self) -> StoreError {
        let (place, found) = (PLACE.to_owned(), self.position);
        match self.expected {
            Some(expected) => StoreError::Length { place, expected, found },
            None if found < BLOCK => StoreError::NotAnArchive { place, reason: format!("it has {found} bytes") },
            None => damaged(format!("it ends after {found} bytes, within what stands before the blobs")),
        }
    }
}

fn damaged(reason: String) -> StoreError {
    StoreError::Damaged { place: PLACE.to_owned(), reason }
}
