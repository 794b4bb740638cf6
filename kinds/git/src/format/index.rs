//! The index of a pack (gitformat-pack, "Version 2 pack-*.idx files").

use gix_hash::ObjectId;

/// One object of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: ObjectId,
    /// Where its entry begins.
    pub offset: u64,
    /// The CRC-32 of its entry.
    pub crc: u32,
}

/// Writes the index of a pack; `places` are sorted by id. Its own checksum is left to the caller: it is the SHA-1 of all
/// this.
pub fn write(places: &[Place], pack: ObjectId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + 1024 + places.len() * 28 + 40);
    bytes.extend_from_slice(b"\xfftOc\0\0\0\x02");
    let mut below = 0_usize;
    for first in 0..=255_u8 {
        while places.get(below).is_some_and(|place| place.id.as_bytes()[0] <= first) {
            below += 1;
        }
        bytes.extend_from_slice(&(below as u32).to_be_bytes());
    }
    places.iter().for_each(|place| bytes.extend_from_slice(place.id.as_bytes()));
    places.iter().for_each(|place| bytes.extend_from_slice(&place.crc.to_be_bytes()));
    let mut large: Vec<u64> = Vec::new();
    for place in places {
        let short = match u32::try_from(place.offset) {
            Ok(offset) if offset < 1 << 31 => offset,
            _ => {
                large.push(place.offset);
                (1 << 31) | (large.len() - 1) as u32
            }
        };
        bytes.extend_from_slice(&short.to_be_bytes());
    }
    large.iter().for_each(|offset| bytes.extend_from_slice(&offset.to_be_bytes()));
    bytes.extend_from_slice(pack.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_packs_have_large_offsets() {
        let id = |first: u8| ObjectId::from_bytes_or_panic(&[first; 20]);
        let places = [(0, 12), (0, 13), (7, 1 << 31), (255, 1 << 40)].map(|(first, offset)| Place {
            id: id(first),
            offset,
            crc: 9,
        });
        let bytes = write(&places, id(3));
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        assert_eq!([number(8), number(8 + 4 * 6), number(8 + 4 * 7), number(8 + 4 * 255)], [2, 2, 3, 4]);
        let offsets = 8 + 1024 + 4 * 20 + 4 * 4;
        assert_eq!([0, 4, 8, 12].map(|at| number(offsets + at)), [12, 13, 1 << 31, (1 << 31) | 1]);
        assert_eq!(&bytes[offsets + 16 + 8..offsets + 32], (1_u64 << 40).to_be_bytes());
        assert_eq!(&bytes[offsets + 32..], id(3).as_bytes());
    }
}
