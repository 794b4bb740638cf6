//! YAML as people and strangers write it, read within bounds.

use serde_json::Value;

/// Reads one document: at most 250,000 nodes, and aliases that stand for at most a million.
///
/// # Errors
///
/// A sentence with line and column.
pub fn read(bytes: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_saphyr::from_slice_with_options(bytes, options)
        .map_err(|error: serde_saphyr::Error| error.without_snippet().to_string().chars().take(300).collect())
}

/// A text. A number is what ansible-galaxy makes of it: `2.10` without quotes is `2.1`.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
