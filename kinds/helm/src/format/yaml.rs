//! YAML as strangers write it, read within bounds, and as Helm reads it (sigs.k8s.io/yaml, which is YAML 1.1): `no` is
//! false, and of a key that stands there twice the last one counts.

use serde::de::DeserializeOwned;
use serde_saphyr::options::DuplicateKeyPolicy;

/// The most values that an index may have. The largest public ones have less than a tenth of it.
pub const MOST_IN_INDEX: usize = 10_000_000;

/// A text that is not the YAML that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct YamlError(String);

/// Reads a chart's own files: at most 250,000 nodes, and aliases that stand for at most a million.
///
/// # Errors
///
/// [`YamlError`] with line and column.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    parse(bytes, options())
}

/// Reads a text of several documents.
///
/// # Errors
///
/// [`YamlError`] with line and column.
pub fn read_all<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, YamlError> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(explained)
}

/// Reads a repository's index, which a machine wrote and which may be long: up to [`MOST_IN_INDEX`] nodes. It has no
/// aliases worth mentioning, so that few of them are followed.
///
/// # Errors
///
/// [`YamlError`] with line and column.
pub fn read_index<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    let mut options = options();
    options.budget = serde_saphyr::budget! {
        max_events: 3 * MOST_IN_INDEX,
        max_nodes: MOST_IN_INDEX,
        max_total_scalar_bytes: 512 << 20,
        max_aliases: 1000,
    };
    // Nothing has to be kept until a mapping ends.
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    parse(bytes, options)
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        // Values say one thing in many places by an anchor. What they come to is bounded all the same.
        budget: serde_saphyr::budget! { enforce_alias_anchor_ratio: false },
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        strict_booleans: false,
        with_snippet: false,
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], options: serde_saphyr::Options) -> Result<T, YamlError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_saphyr::from_slice_with_options(bytes, options).map_err(explained)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn explained(error: serde_saphyr::Error) -> YamlError {
    YamlError(error.without_snippet().to_string().chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn values_are_read_as_helm_reads_them() {
        let text = "a: &a {image: x}\nenabled: no\nquoted: \"no\"\nversion: 1\nversion: 2\nb: *a\nc: {<<: *a, d: on}\n";
        let read: Value = read(text.as_bytes()).expect("YAML");
        let c = json!({"image": "x", "d": true});
        let expected = json!({
            "a": {"image": "x"}, "enabled": false, "quoted": "no", "version": 2, "b": {"image": "x"}, "c": c,
        });
        assert_eq!(read, expected);
        let many = format!("a: &a x\nb: [{}]\n", vec!["*a"; 5000].join(", "));
        assert!(super::read::<Value>(many.as_bytes()).is_ok(), "one anchor in many places");
        assert!(read_all::<Value>("a: 1\na: 2\n---\nb: 1\n").is_ok_and(|documents| documents.len() == 2));
    }
}
