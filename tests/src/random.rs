//! Random numbers from a seed that is printed, so that a failure can be repeated.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::tools::say;

/// A small generator (SplitMix64). Its numbers depend on the seed alone.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A generator for the test of that name, from `AIRLIFT_SEED` or else from the clock. Prints the seed.
    pub fn announced(test: &str) -> Self {
        let seed = match env::var("AIRLIFT_SEED") {
            Ok(seed) => seed.parse().expect("AIRLIFT_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs(),
        };
        say(&format!("{test}: repeat with AIRLIFT_SEED={seed}"));
        Self(seed)
    }

    /// A generator from a fixed seed, for content that is the same in every run.
    pub fn fixed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// That many random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.number().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
