//! A pack, as it is sent: ranges of the stored one.

use std::ops::Range;

use airlift_core::Node;
use airlift_kind::{Answer as Sent, Piece, Reply};
use bytes::Bytes;
use gix_hash::Hasher;

use super::Repository;
use super::select::Set;
use crate::format::graph::Graph;
use crate::format::packet::{self, Writer};
use crate::format::{HASH, entry};

/// So much of the pack is read at a time where a checksum has to be computed.
const STRIDE: u64 = 1 << 20;

/// How a pack is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bands {
    /// Not at all.
    None,
    /// In lines of so many bytes at most, each with the number of its band before it.
    Lines(usize),
}

/// What is answered to a question.
pub(super) struct Answer {
    pieces: Vec<Piece>,
}

impl Answer {
    /// Words, and nothing of the pack.
    pub(super) fn words(words: Vec<u8>) -> Self {
        Self { pieces: vec![Piece::Made(words.into())] }
    }

    /// A refusal in the words of the protocol.
    pub(super) fn error(reason: &str) -> Self {
        Self::words(Writer::default().line(format!("ERR {reason}")).bytes())
    }

    /// Words, and the whole pack behind them.
    pub(super) fn whole(words: Vec<u8>, repository: &Repository, bands: Bands) -> Self {
        let whole: Range<u64> = 0..repository.pack.size;
        Self { pieces: wrapped(words, vec![Piece::Range(whole)], bands) }
    }

    /// Words, and a pack of some objects behind them.
    pub(super) async fn part(
        words: Vec<u8>,
        (repository, graph): (&Repository, &Graph),
        objects: &Set,
        bands: Bands,
    ) -> Result<Self, String> {
        let (mut ranges, mut count): (Vec<Range<u64>>, u32) = (Vec::new(), 0);
        for place in objects.places() {
            let entry = graph.entry(place);
            count += 1;
            match ranges.last_mut() {
                Some(last) if last.end == entry.start => last.end = entry.end,
                _ => ranges.push(entry),
            }
        }
        let mut sum = gix_hash::hasher(HASH);
        let header = entry::header(count);
        sum.update(&header);
        for range in &ranges {
            add(repository, range.clone(), &mut sum).await?;
        }
        let sum = sum.try_finalize().map_err(|error| error.to_string())?;
        let mut pieces = vec![Piece::Made(Bytes::copy_from_slice(&header))];
        pieces.extend(ranges.into_iter().map(Piece::Range));
        pieces.push(Piece::Made(Bytes::copy_from_slice(sum.as_bytes())));
        Ok(Self { pieces: wrapped(words, pieces, bands) })
    }

    /// The answer as it is sent.
    pub(super) fn reply(self, pack: &Node) -> Reply {
        let ranges = self.pieces.iter().any(|piece| matches!(piece, Piece::Range(_)));
        Reply::Answer(Sent {
            media_type: "application/x-git-upload-pack-result",
            blob: ranges.then_some((pack.blob, pack.size)),
            pieces: self.pieces,
        })
    }
}

async fn add(repository: &Repository, range: Range<u64>, sum: &mut Hasher) -> Result<(), String> {
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + STRIDE);
        let bytes = repository.view.range(&repository.pack, at..end).await.map_err(|error| error.to_string())?;
        sum.update(&bytes);
        at = end;
    }
    Ok(())
}

/// Words, and a pack behind them as the client wants it.
fn wrapped(words: Vec<u8>, pack: Vec<Piece>, bands: Bands) -> Vec<Piece> {
    let Bands::Lines(most) = bands else {
        return [Piece::Made(words.into())].into_iter().chain(pack).collect();
    };
    // What is made between two ranges is gathered.
    let (mut pieces, mut made) = (Vec::new(), words);
    let length = |piece: &Piece| match piece {
        Piece::Made(bytes) => bytes.len() as u64,
        Piece::Range(range) => range.end - range.start,
    };
    let (mut left, mut room) = (pack.iter().map(length).sum::<u64>(), 0);
    for piece in pack {
        let (mut at, end) = (0, length(&piece));
        while at < end {
            if room == 0 {
                room = left.min(most as u64);
                made.extend_from_slice(&packet::header(room as usize + 1));
                made.push(1);
            }
            let step = room.min(end - at);
            match &piece {
                Piece::Made(bytes) => made.extend_from_slice(&bytes[at as usize..(at + step) as usize]),
                Piece::Range(range) => {
                    pieces.push(Piece::Made(std::mem::take(&mut made).into()));
                    pieces.push(Piece::Range(range.start + at..range.start + at + step));
                }
            }
            (at, room, left) = (at + step, room - step, left - step);
        }
    }
    made.extend_from_slice(b"0000");
    pieces.push(Piece::Made(made.into()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::packet::{Line, Lines};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_wrapped_is_the_same_inside(sizes in proptest::collection::vec((any::<bool>(), 1_u64..50), 1..8), most in 1_usize..40) {
            let blob: Vec<u8> = (0..=255).cycle().take(500).collect();
            let (mut pack, mut plain) = (Vec::new(), Vec::new());
            for (number, (made, size)) in sizes.into_iter().enumerate() {
                let at = number as u64 * 50;
                let bytes = &blob[at as usize..(at + size) as usize];
                plain.extend_from_slice(bytes);
                pack.push(if made { Piece::Made(Bytes::copy_from_slice(bytes)) } else { Piece::Range(at..at + size) });
            }
            let sent: Vec<u8> = wrapped(b"0008NAK\n".to_vec(), pack, Bands::Lines(most)).into_iter().flat_map(|piece| match piece {
                Piece::Made(bytes) => bytes.to_vec(),
                Piece::Range(range) => blob[range.start as usize..range.end as usize].to_vec(),
            }).collect();
            let lines: Vec<Line<'_>> = Lines(&sent).collect::<Result<_, _>>().expect("lines");
            prop_assert_eq!(lines[0], Line::Data(b"NAK\n"));
            prop_assert_eq!(lines[lines.len() - 1], Line::Flush);
            let mut inside = Vec::new();
            for line in &lines[1..lines.len() - 1] {
                let Line::Data([1, data @ ..]) = line else { panic!("{line:?}") };
                prop_assert!(data.len() <= most);
                inside.extend_from_slice(data);
            }
            prop_assert_eq!(inside, plain);
        }
    }
}
