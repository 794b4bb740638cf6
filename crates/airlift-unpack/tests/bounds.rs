//! What is unpacked, and what is refused.

use std::io::{self, Read, Write};

use airlift_unpack::{Format, Limits, UnpackError, Unpacked, unpack};
use proptest::prelude::*;

const PACKED: [Format; 4] = [Format::Gzip, Format::Xz, Format::Zstd, Format::Bzip2];

fn pack(format: Format, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        Format::Plain => out.extend_from_slice(bytes),
        Format::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::best());
            encoder.write_all(bytes).expect("packed");
            encoder.finish().expect("packed");
        }
        Format::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(&mut out, 6);
            encoder.write_all(bytes).expect("packed");
            encoder.finish().expect("packed");
        }
        Format::Zstd => out = zstd::stream::encode_all(bytes, 19).expect("packed"),
        Format::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(&mut out, bzip2::Compression::best());
            encoder.write_all(bytes).expect("packed");
            encoder.finish().expect("packed");
        }
    }
    out
}

fn usual() -> Limits {
    Limits::output(1 << 30)
}

#[test]
fn what_was_packed_comes_out_also_of_several_parts() {
    for format in Format::ALL {
        let once = pack(format, b"some text, some text");
        assert_eq!(unpack(&once, format, &usual()).expect("intact"), b"some text, some text", "{format}");
        let twice = [once.clone(), pack(format, b"; more")].concat();
        assert_eq!(unpack(&twice, format, &usual()).expect("intact"), b"some text, some text; more", "{format}");
        assert_eq!(Format::of_magic(&once), format);
        assert_eq!(Format::of_name(&format!("primary.xml.{}", format.ending())), format);
    }
}

#[test]
fn an_early_end_is_an_error() {
    for format in PACKED {
        let whole = pack(format, &(0..60_000_u32).flat_map(|i| (i * i).to_le_bytes()).collect::<Vec<_>>());
        for end in [1, 3, whole.len() / 2, whole.len() - 1] {
            let error = unpack(&whole[..end], format, &usual()).expect_err("cut");
            assert!(
                matches!(error, UnpackError::Truncated | UnpackError::Damaged { .. }),
                "{format} cut at {end}: {error:?}"
            );
        }
    }
}

#[test]
fn what_follows_and_is_none_is_an_error() {
    for format in PACKED {
        let mut bytes = pack(format, b"some text");
        bytes.extend_from_slice(b"and something behind it that was never packed");
        let error = unpack(&bytes, format, &usual()).expect_err("garbage behind");
        assert!(matches!(error, UnpackError::Damaged { .. } | UnpackError::Truncated), "{format}: {error:?}");
    }
}

#[test]
fn bombs_are_refused_before_they_unfold() {
    let zeros = vec![0; 64 << 20];
    for format in PACKED {
        let bomb = pack(format, &zeros);
        let mut reader = Unpacked::new(bomb.as_slice(), format, &usual()).expect("a reader");
        let error = io::copy(&mut reader, &mut io::sink()).map_err(UnpackError::from_io).expect_err("a bomb");
        assert!(matches!(error, UnpackError::TooDense { ratio: 400 }), "{format}: {error:?}");
        // The ratio is of what was read, and it is read in pieces of 64 KiB.
        assert!(reader.given() <= (400 * 64) << 10, "{format}: {} bytes came out", reader.given());
    }
}

#[test]
fn no_byte_more_than_the_limit_is_accepted() {
    for format in Format::ALL {
        let bytes = pack(format, &[7; 1000]);
        assert_eq!(unpack(&bytes, format, &Limits::output(1000)).expect("as much as allowed").len(), 1000);
        let error = unpack(&bytes, format, &Limits::output(999)).expect_err("one too many");
        assert!(matches!(error, UnpackError::TooLarge { limit: 999 }), "{format}: {error:?}");
    }
}

#[test]
fn a_window_that_takes_too_much_memory_is_refused() {
    let small = Limits { memory: 1 << 20, ..usual() };
    let noise: Vec<u8> = (0..3_000_000_u32).flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
    for format in [Format::Xz, Format::Zstd] {
        let error = unpack(&pack(format, &noise), format, &small).expect_err("a large window");
        assert!(matches!(error, UnpackError::Memory { .. }), "{format}: {error:?}");
    }
}

#[test]
fn an_error_of_the_input_is_told_as_such() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    for format in Format::ALL {
        let mut reader = Unpacked::new(Broken, format, &usual()).expect("a reader");
        let error = reader.read_to_end(&mut Vec::new()).map_err(UnpackError::from_io).expect_err("broken");
        assert!(matches!(error, UnpackError::Input { .. }), "{format}: {error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_text_survives_and_no_damage_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000), at in any::<usize>()) {
        for format in PACKED {
            let mut packed = pack(format, &bytes);
            prop_assert_eq!(&unpack(&packed, format, &usual()).expect("intact"), &bytes);
            let at = at % packed.len();
            packed[at] ^= 0x55;
            let _ = unpack(&packed, format, &usual());
        }
    }
}
