//! Coming.
pub(crate) fn clean(t: &str, n: usize) -> String { t.chars().take(n).collect() }
