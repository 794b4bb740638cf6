//! Why something cannot be had, in words.

use std::fmt;

/// Why something cannot be had: sentences of bounded number and length, from the request down to the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    lines: Vec<String>,
}

impl Explanation {
    /// The sentences, the request first: `cuda-12 needs driver >= 580, which only driver-570 …`.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Explanation {
    /// The sentences on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("; "))
    }
}
