//! Copying between files, inside the kernel where it can.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

/// How much is read or written at once where the kernel can't copy.
pub(crate) const CHUNK: usize = 1 << 20;

/// Copies so many bytes between two files at the given offsets; file systems with reflinks share them.
///
/// # Errors
///
/// [`io::ErrorKind::UnexpectedEof`] where the source ends before; what the system says.
pub(crate) fn copy_range(from: (&File, u64), to: (&File, u64), length: u64) -> io::Result<()> {
    let ((source, mut read), (target, mut written)) = (from, to);
    let end = read + length;
    while read < end {
        let rest = usize::try_from(end - read).unwrap_or(usize::MAX);
        match rustix::fs::copy_file_range(source, Some(&mut read), target, Some(&mut written), rest) {
            Ok(0) => return copy_by_hand((source, read), (target, written), end - read),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF) => {
                return copy_by_hand((source, read), (target, written), end - read);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Copies through memory: between file systems, and on kernels that can't do otherwise.
fn copy_by_hand(from: (&File, u64), to: (&File, u64), length: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK))];
    let mut done = 0;
    while done < length {
        let chunk = buffer.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
        let chunk = &mut buffer[..chunk];
        from.0.read_exact_at(chunk, from.1 + done)?;
        to.0.write_all_at(chunk, to.1 + done)?;
        done += chunk.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(bytes, 0).expect("written");
        file
    }

    #[test]
    fn both_ways_copy_the_same() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
        let source = file(&bytes);
        for copy in [copy_range, copy_by_hand] {
            let target = file(b"0123456789");
            copy((&source, 7), (&target, 5), 2_999_000).expect("copied");
            let mut copied = vec![0; 2_999_005];
            target.read_exact_at(&mut copied, 0).expect("read");
            assert_eq!((&copied[..5], copied[5..] == bytes[7..2_999_007]), (b"01234".as_slice(), true));
        }
    }

    #[test]
    fn a_source_that_is_too_short_is_an_error() {
        let (source, target) = (file(b"abc"), file(b""));
        for copy in [copy_range, copy_by_hand] {
            let error = copy((&source, 1), (&target, 0), 3).expect_err("too short");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
