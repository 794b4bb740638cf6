//! YAML as strangers write it, read within bounds.

use serde::de::DeserializeOwned;

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

/// Reads a repository's index, which a machine wrote and which may be long: up to 50 million nodes. It has no aliases
/// worth mentioning, so that few of them are followed.
///
/// # Errors
///
/// [`YamlError`] with line and column.
pub fn read_index<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    let mut options = options();
    options.budget = serde_saphyr::budget! {
        max_events: 100_000_000,
        max_nodes: 50_000_000,
        max_total_scalar_bytes: 512 << 20,
        max_aliases: 1000,
    };
    parse(bytes, options)
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
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
