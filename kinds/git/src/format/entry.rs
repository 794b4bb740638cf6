//! The objects of a pack (gitformat-pack, "pack-*.pack files have the following format").

use gix_hash::ObjectId;
use gix_object::Kind;

use super::FormatError;

/// The bytes before the first object: `PACK`, the version, the number of objects.
pub const HEADER: usize = 12;

/// The bytes behind the last object: the SHA-1 of all before.
pub const TRAILER: usize = 20;

/// The longest head of an object.
pub const MOST: usize = 32;

/// What an object's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The object itself.
    Whole(Kind),
    /// What it differs in from the object whose entry begins so many bytes before.
    Behind(u64),
    /// What it differs in from this object.
    Against(ObjectId),
}

/// The head of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What its bytes are.
    pub form: Form,
    /// How many they are, once they are inflated.
    pub size: u64,
    /// How many bytes this head has.
    pub length: usize,
}

/// The bytes before the first of so many objects.
pub fn header(objects: u32) -> [u8; HEADER] {
    let mut header = *b"PACK\0\0\0\x02\0\0\0\0";
    header[8..].copy_from_slice(&objects.to_be_bytes());
    header
}

/// The number of objects of a pack.
///
/// # Errors
///
/// [`FormatError`] where this is no pack of version 2 or 3.
pub fn objects(header: &[u8; HEADER]) -> Result<u32, FormatError> {
    let [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, a, b, c, d] = *header else {
        return Err(FormatError::new("what upstream sent is no pack of version 2 or 3"));
    };
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// The head of a whole object of so many bytes.
pub fn write_head(kind: Kind, size: u64, into: &mut Vec<u8>) {
    let number = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let mut rest = size >> 4;
    let mut byte = (number << 4) | (size & 0x0f) as u8;
    while rest != 0 {
        into.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    into.push(byte);
}

/// Reads the head of an object; [`MOST`] bytes are enough for each.
///
/// # Errors
///
/// [`FormatError`] where this is none.
pub fn read_head(bytes: &[u8]) -> Result<Head, FormatError> {
    let cut = || FormatError::new("the pack ends in the head of an object");
    let mut rest = bytes.iter();
    let first = *rest.next().ok_or_else(cut)?;
    let (mut size, mut shift, mut byte) = (u64::from(first & 0x0f), 4, first);
    while byte & 0x80 != 0 {
        byte = *rest.next().ok_or_else(cut)?;
        if shift > 56 {
            return Err(FormatError::new("an object of the pack has an impossible size"));
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    let form = match (first >> 4) & 7 {
        1 => Form::Whole(Kind::Commit),
        2 => Form::Whole(Kind::Tree),
        3 => Form::Whole(Kind::Blob),
        4 => Form::Whole(Kind::Tag),
        6 => {
            let mut byte = *rest.next().ok_or_else(cut)?;
            let mut distance = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = *rest.next().ok_or_else(cut)?;
                if distance >> 55 != 0 {
                    return Err(FormatError::new("an object of the pack builds upon nothing"));
                }
                distance = ((distance + 1) << 7) | u64::from(byte & 0x7f);
            }
            Form::Behind(distance)
        }
        7 => {
            let id = rest.as_slice().get(..20).ok_or_else(cut)?;
            rest.nth(19);
            Form::Against(ObjectId::from_bytes_or_panic(id))
        }
        other => return Err(FormatError::new(format!("the pack has an object of the unknown type {other}"))),
    };
    Ok(Head { form, size, length: bytes.len() - rest.as_slice().len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_header_is_read() {
        assert_eq!(objects(&header(70_000)), Ok(70_000));
        assert!(objects(b"PACK\0\0\0\x04\0\0\0\0").is_err());
    }

    proptest! {
        #[test]
        fn heads_survive_being_written_and_read(size in 0_u64..1 << 59, kind in 0..4) {
            let kind = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag][kind as usize];
            let mut bytes = Vec::new();
            write_head(kind, size, &mut bytes);
            let length = bytes.len();
            bytes.extend_from_slice(b"rest");
            prop_assert_eq!(read_head(&bytes), Ok(Head { form: Form::Whole(kind), size, length }));
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(head) = read_head(&bytes) {
                prop_assert!(head.length <= bytes.len() && head.length <= MOST);
            }
        }
    }
}
