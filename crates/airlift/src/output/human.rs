//! Sizes and counts for people.

pub(crate) use airlift_core::size::human as bytes;

/// A count with the right form of its noun: `1 blob`, `2 blobs`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}
