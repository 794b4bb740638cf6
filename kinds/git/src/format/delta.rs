//! Objects that are told by what they differ from another (gitformat-pack, "Deltified representation").

use super::FormatError;

fn corrupt(reason: &str) -> FormatError {
    FormatError::new(format!("a difference between two objects {reason}"))
}

/// The sizes of the object that a delta is against and of the one that it makes.
///
/// # Errors
///
/// [`FormatError`] where they can't be read.
pub fn sizes(delta: &[u8]) -> Result<(u64, u64), FormatError> {
    let (base, rest) = number(delta)?;
    Ok((base, number(rest)?.0))
}

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), FormatError> {
    let mut number = 0;
    for (position, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[position + 1..]));
        }
    }
    Err(corrupt("has no size"))
}

/// The object that a delta makes of its base. It has at most `limit` bytes.
///
/// # Errors
///
/// [`FormatError`] where the delta does not belong to the base, or makes something larger.
pub fn apply(base: &[u8], delta: &[u8], limit: u64) -> Result<Vec<u8>, FormatError> {
    let (base_size, rest) = number(delta)?;
    let (size, mut rest) = number(rest)?;
    if base_size != base.len() as u64 {
        return Err(corrupt("belongs to another one"));
    }
    if size > limit {
        return Err(corrupt(&format!("makes {size} bytes, and {limit} are allowed")));
    }
    let size = usize::try_from(size).map_err(|_| corrupt("makes too much"))?;
    let mut object = Vec::with_capacity(size);
    while let Some((&command, after)) = rest.split_first() {
        let piece;
        (piece, rest) = match command {
            0 => return Err(corrupt("has an unknown instruction")),
            command if command & 0x80 != 0 => copied(base, command, after)?,
            length => after.split_at_checked(usize::from(length)).ok_or_else(|| corrupt("ends too early"))?,
        };
        if object.len() + piece.len() > size {
            return Err(corrupt("makes more than it promises"));
        }
        object.extend_from_slice(piece);
    }
    if object.len() == size { Ok(object) } else { Err(corrupt("makes less than it promises")) }
}

/// The piece of the base that a copying instruction names, and what follows the instruction.
fn copied<'a, 'b>(base: &'a [u8], command: u8, mut rest: &'b [u8]) -> Result<(&'a [u8], &'b [u8]), FormatError> {
    let mut fields = [0_u8; 7];
    for (bit, field) in fields.iter_mut().enumerate() {
        if command & (1 << bit) != 0 {
            let (&byte, after) = rest.split_first().ok_or_else(|| corrupt("ends too early"))?;
            (*field, rest) = (byte, after);
        }
    }
    let [a, b, c, d, e, f, g] = fields;
    let start = u32::from_le_bytes([a, b, c, d]) as usize;
    let length = match u32::from_le_bytes([e, f, g, 0]) as usize {
        0 => 0x10000,
        length => length,
    };
    let piece = base.get(start..start + length).ok_or_else(|| corrupt("copies what is not there"))?;
    Ok((piece, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_are_copied_and_inserted() {
        // 5 bytes become 7: copy 3 from 1, insert "xy", copy 2 from 0.
        let delta = [5, 7, 0x91, 1, 3, 2, b'x', b'y', 0x90, 2];
        assert_eq!(apply(b"hello", &delta, 100).expect("an object"), b"ellxyhe");
        assert_eq!(sizes(&delta), Ok((5, 7)));
    }

    #[test]
    fn bombs_and_lies_are_refused() {
        let large = [5, 0xff, 0xff, 0xff, 0x7f, 0x90, 5];
        for (delta, word) in [
            (&large[..], "are allowed"),
            (&[4, 1, 1, b'x'], "another"),
            (&[5, 1, 0x91, 4, 2], "not there"),
            (&[5, 1, 0x90, 3], "more than"),
            (&[5, 9, 0x90, 3], "less than"),
            (&[5, 9, 0], "unknown"),
            (&[5, 9, 0x91, 4], "too early"),
            (&[5, 9, 7, b'x'], "too early"),
            (&[5], "no size"),
            (&[0x80; 12], "no size"),
        ] {
            let error = apply(b"hello", delta, 1000).expect_err(word);
            assert!(error.0.contains(word), "{error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(base in proptest::collection::vec(any::<u8>(), 0..20), delta in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(object) = apply(&base, &delta, 500) {
                prop_assert!(object.len() <= 500);
            }
        }
    }
}
