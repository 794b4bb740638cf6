//! Keys of a JSON object (RFC 8259), changed in its text.

use std::collections::BTreeMap;
use std::ops::Range;

use airlift_kind::client::{JsonEdit, JsonValue};
use serde_json::Value;

use super::EditError;

/// A text with all of that set; one that is not there, or blank, is an empty object.
pub(super) fn apply(edits: &[JsonEdit], text: &[u8]) -> Result<Vec<u8>, EditError> {
    let text = String::from_utf8(text.to_vec()).map_err(|_| EditError("it is not text".to_owned()))?;
    let mut text = if text.trim_ascii().is_empty() { "{}\n".to_owned() } else { text };
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, Value>>(&text) {
        return Err(EditError(format!("it is not a JSON object: {error}")));
    }
    for edit in edits {
        text = set(&text, edit)?;
    }
    Ok(text.into_bytes())
}

/// A list as it is written anew.
pub(crate) fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| Value::from(value.as_str()).to_string()).collect();
    format!("[{}]", values.join(", "))
}

/// An object of texts as it is written anew.
pub(crate) fn object(value: &BTreeMap<String, String>) -> String {
    let members = value.iter().map(|(key, text)| format!("{}: {}", quoted(key), quoted(text)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn set(text: &str, JsonEdit { key, value }: &JsonEdit) -> Result<String, EditError> {
    let key = quoted(key);
    match (Object::read(text)?.member(text, &key), value) {
        (_, JsonValue::List(values)) => put(text, &key, &list(values)),
        (None, JsonValue::Includes(value)) => put(text, &key, &list(std::slice::from_ref(value))),
        (None, JsonValue::Entry { name, value }) => {
            let entry = put("{}", &quoted(name), &object(value))?;
            put(text, &key, &entry)
        }
        (Some(old), JsonValue::Entry { name, value }) => {
            if text.as_bytes().get(old.start) != Some(&b'{') {
                return Err(EditError(format!("its {key} is not an object")));
            }
            let entry = put(&text[old], &quoted(name), &object(value))?;
            put(text, &key, &entry)
        }
        (Some(old), JsonValue::Includes(value)) => {
            let parsed: Vec<Value> =
                serde_json::from_str(&text[old.clone()]).map_err(|_| EditError(format!("its {key} is not a list")))?;
            if parsed.iter().any(|other| other == value.as_str()) {
                return Ok(text.to_owned());
            }
            let (comma, value) = (if parsed.is_empty() { "" } else { ", " }, Value::from(value.as_str()));
            Ok(format!("{}{value}{comma}{}", &text[..=old.start], &text[old.start + 1..]))
        }
    }
}

/// An object in which this key, given with its quotes, has that value.
fn put(text: &str, key: &str, new: &str) -> Result<String, EditError> {
    let object = Object::read(text)?;
    Ok(match object.member(text, key) {
        Some(old) => format!("{}{new}{}", &text[..old.start], &text[old.end..]),
        None if object.members.is_empty() => {
            format!("{}\n  {key}: {new}\n{}", &text[..object.open], &text[object.close..])
        }
        None => format!("{}\n  {key}: {new},{}", &text[..object.open], &text[object.open..]),
    })
}

/// Where the members of an object are in its text.
struct Object {
    /// Behind the opening brace.
    open: usize,
    /// At the closing one.
    close: usize,
    /// Keys with their quotes, and values.
    members: Vec<(Range<usize>, Range<usize>)>,
}

impl Object {
    /// Finds the members. The text is known to be JSON.
    fn read(text: &str) -> Result<Self, EditError> {
        let bytes = text.as_bytes();
        let broken = || EditError("it is not a JSON object".to_owned());
        let mut at = blanks(bytes, 0);
        let open = at + 1;
        at = blanks(bytes, open);
        let mut members = Vec::new();
        while bytes.get(at) != Some(&b'}') {
            let key = at..string(bytes, at).ok_or_else(broken)?;
            // Behind the colon.
            at = blanks(bytes, blanks(bytes, key.end) + 1);
            let value = at..end(bytes, at).ok_or_else(broken)?;
            at = blanks(bytes, value.end);
            if bytes.get(at) == Some(&b',') {
                at = blanks(bytes, at + 1);
            }
            members.push((key, value));
        }
        Ok(Self { open, close: at, members })
    }

    /// The value of a key, which is given with its quotes. The last one counts, as for most readers.
    fn member(&self, text: &str, key: &str) -> Option<Range<usize>> {
        let found = self.members.iter().rev().find(|(name, _)| text.get(name.clone()) == Some(key));
        found.map(|(_, value)| value.clone())
    }
}

fn blanks(bytes: &[u8], from: usize) -> usize {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    bytes[from.min(bytes.len())..].iter().position(|byte| !blank(byte)).map_or(bytes.len(), |length| from + length)
}

/// The place behind a string.
fn string(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The place behind a value.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut depth) = (from, 0_usize);
    loop {
        at = match bytes.get(at)? {
            b'"' => string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at + 1
            }
            byte if depth == 0 && b",}] \t\r\n".contains(byte) => return Some(at),
            _ => {
                at += 1;
                continue;
            }
        };
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edits() -> [JsonEdit; 2] {
        let value = JsonValue::List(vec!["http://m:5000".into()]);
        let included = JsonValue::Includes("m:5000".into());
        [
            JsonEdit { key: "registry-mirrors".into(), value },
            JsonEdit { key: "insecure-registries".into(), value: included },
        ]
    }

    fn changed(text: &str) -> String {
        let once = apply(&edits(), text.as_bytes()).expect("a change");
        assert_eq!(apply(&edits(), &once).expect("a change"), once, "a second time nothing is changed");
        String::from_utf8(once).expect("text")
    }

    #[test]
    fn keys_are_set_and_the_rest_stays_as_it_is_written() {
        insta::assert_snapshot!(changed(""), @r#"
        {
          "insecure-registries": ["m:5000"],
          "registry-mirrors": ["http://m:5000"]
        }
        "#);
        let text = "{ \"a\" : {\"}\\\"\": [1,\"]\"]},\n\t\"registry-mirrors\":[\"https://x\"] , \"n\": -1.5e3,\n\
                    \"insecure-registries\": [ \"y:1\" ]}";
        insta::assert_snapshot!(changed(text), @r#"
        { "a" : {"}\"": [1,"]"]},
        	"registry-mirrors":["http://m:5000"] , "n": -1.5e3,
        "insecure-registries": ["m:5000",  "y:1" ]}
        "#);
    }

    #[test]
    fn a_member_of_an_object_is_set_and_its_neighbours_stay() {
        let value = JsonValue::Entry { name: "m:5000".into(), value: BTreeMap::from([("auth".into(), "bmU=".into())]) };
        let edits = [JsonEdit { key: "auths".into(), value }];
        let changed = |text: &str| {
            let once = apply(&edits, text.as_bytes()).expect("a change");
            assert_eq!(apply(&edits, &once).expect("a change"), once, "a second time nothing is changed");
            serde_json::from_slice::<Value>(&once).expect("JSON")
        };
        let ours = serde_json::json!({ "auth": "bmU=" });
        assert_eq!(changed(""), serde_json::json!({ "auths": { "m:5000": ours } }));
        let before = r#"{"credsStore": "x", "auths": {"a": {"auth": "}"}, "m:5000": {"identitytoken": "y"}}}"#;
        let after = serde_json::json!({ "credsStore": "x", "auths": { "a": { "auth": "}" }, "m:5000": ours } });
        assert_eq!(changed(before), after);
        assert!(apply(&edits, br#"{"auths": []}"#).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "{", "{\"a\":1,}", "x", "{\"insecure-registries\": 1}", "\u{0}"] {
            assert!(apply(&edits(), text.as_bytes()).is_err(), "{text}");
        }
        assert!(apply(&edits(), b"\xff").is_err());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a\"\\\\{}\\[\\],: é]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a\"\\\\,]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_text_says_what_was_set_and_else_what_it_said(
            members in prop::collection::btree_map("[a-c\"\\\\]{0,2}|registry-mirrors", json(), 0..5),
            pretty in any::<bool>(),
        ) {
            let before = Value::Object(members.into_iter().collect());
            let text = if pretty { serde_json::to_string_pretty(&before) } else { serde_json::to_string(&before) };
            let mut after: Value = serde_json::from_str(&changed(&text.expect("JSON"))).expect("JSON");
            prop_assert_eq!(&after["registry-mirrors"], &serde_json::json!(["http://m:5000"]));
            prop_assert_eq!(&after["insecure-registries"], &serde_json::json!(["m:5000"]));
            let mut expected = before;
            for key in ["registry-mirrors", "insecure-registries"] {
                after.as_object_mut().expect("an object").remove(key);
                expected.as_object_mut().expect("an object").remove(key);
            }
            prop_assert_eq!(after, expected);
        }
    }
}
