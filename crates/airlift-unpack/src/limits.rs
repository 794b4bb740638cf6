//! How much may come out.

/// What unpacking may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that may come out.
    pub output: u64,
    /// How many times more may come out than went in. The first [`Limits::SLACK`] bytes are free of it, since short
    /// repetitive texts are dense without harm.
    pub ratio: u64,
    /// The most bytes of memory that a decoder may take for its window.
    pub memory: u64,
}

impl Limits {
    /// How many bytes may come out at whatever ratio.
    pub const SLACK: u64 = 16 << 20;

    /// The usual limits, with this many bytes at most.
    pub const fn output(bytes: u64) -> Self {
        Self { output: bytes, ratio: 400, memory: 128 << 20 }
    }
}
