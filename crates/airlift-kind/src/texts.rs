//! Lists of texts in a manifest.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A list of texts; one text by itself is a list of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (one, many) = (generator.subschema_for::<String>(), generator.subschema_for::<Vec<String>>());
        schemars::json_schema!({ "anyOf": [many, one] })
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts, or one text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Texts, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Spec {
        #[serde(default)]
        list: Texts,
        other: Option<Texts>,
    }

    #[test]
    fn one_text_is_a_list_of_one() {
        for (manifest, expected) in
            [("list: a b\n", vec!["a b"]), ("list: [a, \"8\"]\n", vec!["a", "8"]), ("{}\n", vec![])]
        {
            let spec: Spec = airlift_core::manifest::section(manifest, &["list", "other"]).expect(manifest);
            assert_eq!(spec.list.0, expected, "{manifest}");
            assert_eq!(spec.other, None);
        }
        let wrong = airlift_core::manifest::section::<Spec>("other: {a: b}\n", &["list", "other"]);
        let error = wrong.expect_err("a mapping").to_string();
        assert!(error.contains("a list of texts, or one text"), "{error}");
    }
}
