//! What a buffer stands for, while maps come and go.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use airlift_map::{locate, map};

fn file_of(len: usize) -> (Arc<File>, Vec<u8>) {
    let bytes: Vec<u8> = (0..len).map(|position| (position * 31 % 251) as u8).collect();
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&bytes).expect("a written file");
    (Arc::new(file), bytes)
}

#[test]
fn a_slice_stands_for_its_place() {
    let (file, bytes) = file_of(20_000);
    let mapped = map(&file, 5_001..15_000).expect("a map");
    assert_eq!(mapped, bytes[5_001..15_000]);
    let place = locate(&mapped.slice(4_000..4_100)).expect("a place");
    assert!(Arc::ptr_eq(&place.file, &file));
    assert_eq!(place.offset, 9_001);
    assert_eq!(locate(&mapped[9_998..]).expect("a place").offset, 14_999);
    assert!(locate(&mapped[3..3]).is_none());
    assert!(locate(&bytes).is_none());
}

#[test]
fn a_region_outside_of_the_file_is_refused() {
    let (file, _) = file_of(100);
    assert!(map(&file, 50..101).is_err());
    assert!(map(&file, 200..300).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
    let reversed = map(&file, 60..50);
    assert!(reversed.is_err());
    assert!(map(&file, 100..100).expect("an empty map").is_empty());
}

#[test]
fn maps_that_come_and_go_are_never_confused() {
    let (file, bytes) = file_of(64 * 1024);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (file, bytes) = (&file, &bytes);
            scope.spawn(move || {
                for round in 0..500_u64 {
                    let start = (round * 127 + thread * 4_099) % 40_000;
                    let mapped = map(file, start..start + 9_000).expect("a map");
                    let slice = mapped.slice(17..8_000);
                    drop(mapped);
                    assert_eq!(locate(&slice).expect("a place").offset, start + 17);
                    assert_eq!(slice, bytes[start as usize + 17..start as usize + 8_000]);
                    let ordinary = vec![0_u8; 9_000];
                    assert!(locate(&ordinary).is_none());
                }
            });
        }
    });
}
