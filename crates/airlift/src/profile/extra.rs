//! `-e`, as Ansible users know it: `key=value` (several with spaces between them), JSON or YAML in braces, `@file`.

use std::path::PathBuf;

use airlift_core::tree;
use serde_json::Value;

use super::error::ProfileError;
use super::place::Place;

/// A value that was typed, and how to call it in a message.
pub(crate) type Typed = (String, Value, String);

/// Reads what was typed, in its order.
pub(crate) fn read(arguments: &[String]) -> Result<Vec<Typed>, ProfileError> {
    let mut typed = Vec::new();
    for text in arguments {
        typed.extend(one(text)?);
    }
    Ok(typed)
}

fn one(text: &str) -> Result<Vec<Typed>, ProfileError> {
    let refuse = |reason: String| ProfileError::Extra { text: text.to_owned(), reason };
    if let Some(path) = text.strip_prefix('@') {
        let place = Place::File(PathBuf::from(path));
        let read = tree::data(&place.read()?).map_err(|source| ProfileError::Text { place: place.clone(), source })?;
        return pairs(read, &place.to_string())
            .ok_or_else(|| refuse("the file is no mapping of names and values".into()));
    }
    if text.trim_start().starts_with('{') {
        let read = tree::data(text).map_err(|error| refuse(error.reason))?;
        return pairs(read, "-e").ok_or_else(|| refuse("expected a mapping of names and values".into()));
    }
    let words = shlex::split(text).ok_or_else(|| refuse("a quotation mark is not closed".into()))?;
    let assigned = words.iter().map(|word| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Value::from(value), format!("-e {word}"))),
        _ => Err(refuse(format!("'{word}' is no 'name=value'"))),
    });
    match words.is_empty() {
        true => Err(refuse("expected name=value".into())),
        false => assigned.collect(),
    }
}

fn pairs(value: Value, by: &str) -> Option<Vec<Typed>> {
    match value {
        Value::Object(fields) => Some(fields.into_iter().map(|(name, value)| (name, value, by.to_owned())).collect()),
        // A file with nothing but comments.
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(arguments: &[&str]) -> Result<Vec<(String, Value)>, String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let typed = read(&arguments).map_err(|error| error.to_string())?;
        Ok(typed.into_iter().map(|(name, value, _)| (name, value)).collect())
    }

    #[test]
    fn the_forms_of_ansible_are_read_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("site.yaml");
        fs_err::write(&file, "# of the site\nos: [el9]\nslurm: false\n").expect("a file");
        let at = format!("@{}", file.display());
        let read = plain(&["a=1 b='two words'", "{\"c\": [1, true]}", "{d: x}", &at]).expect("variables");
        let expected = [("a", json!("1")), ("b", json!("two words")), ("c", json!([1, true])), ("d", json!("x"))];
        let expected = expected.into_iter().chain([("os", json!(["el9"])), ("slurm", json!(false))]);
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_variable_is_refused_with_the_reason() {
        for (argument, expected) in [
            ("os", "'os' is no 'name=value'"),
            ("=x", "'=x' is no 'name=value'"),
            ("", "expected name=value"),
            ("a='b", "a quotation mark is not closed"),
            ("{a: [}", "-e {a: [}:"),
            ("@/nowhere/site.yaml", "can't read /nowhere/site.yaml"),
        ] {
            let error = plain(&[argument]).expect_err(argument);
            assert!(error.contains(expected), "{error}");
        }
    }
}
