//! Templates and conditions, in the language that Ansible uses.

use std::collections::BTreeMap;

use airlift_core::manifest::nearest;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value as Any};
use serde_json::Value;

use super::error::did_you_mean;

/// What `omit` is: a field or an entry with this value is left out, as in Ansible.
const OMIT: &str = "\u{0}omit";

/// The names that templates see, and how they are read.
#[derive(Clone)]
pub(crate) struct Scope {
    environment: Environment<'static>,
    names: BTreeMap<String, Any>,
}

impl Scope {
    /// One with nothing in it but `omit`.
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.add_filter("intersect", intersect);
        Self { environment, names: BTreeMap::from([("omit".to_owned(), OMIT.into())]) }
    }

    /// Gives a name a value.
    pub(crate) fn set(&mut self, name: &str, value: &Value) {
        self.names.insert(name.to_owned(), Any::from(Serde(value)));
    }

    /// The same with the `item` of a loop.
    pub(crate) fn with_item(&self, item: &Value) -> Self {
        let mut scope = self.clone();
        scope.set("item", item);
        scope
    }

    /// Whether a condition holds: true, false, an expression, or a list of which all must hold.
    pub(crate) fn holds(&self, condition: &Value) -> Result<bool, String> {
        match condition {
            Value::Bool(holds) => Ok(*holds),
            Value::String(expression) => self.evaluate(expression).map(|value| value.is_true()),
            Value::Array(all) => all.iter().try_fold(true, |so_far, one| Ok(so_far && self.holds(one)?)),
            other => Err(format!("when: {other} is neither true nor false nor an expression")),
        }
    }

    /// What a value is with its templates expanded; none where it is `omit`. A text that is one expression keeps the
    /// expression's type.
    pub(crate) fn expand(&self, value: &Value, item: Option<&Value>) -> Result<Option<Value>, String> {
        match item {
            Some(item) => self.with_item(item).expanded(value),
            None => self.expanded(value),
        }
    }

    fn expanded(&self, value: &Value) -> Result<Option<Value>, String> {
        let expanded = match value {
            Value::String(text) => self.text(text)?,
            Value::Array(values) => {
                let values = values.iter().filter_map(|value| self.expanded(value).transpose());
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let expand = |(name, value): (&String, &Value)| {
                    self.expanded(value).map(|value| value.map(|value| (name.clone(), value))).transpose()
                };
                Value::Object(fields.iter().filter_map(expand).collect::<Result<_, _>>()?)
            }
            plain => plain.clone(),
        };
        Ok(Some(expanded).filter(|value| value != OMIT))
    }

    fn text(&self, text: &str) -> Result<Value, String> {
        if !text.contains("{{") && !text.contains("{%") {
            return Ok(text.into());
        }
        let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(expression) = inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}")) {
            let value = self.evaluate(expression)?;
            return match value.is_undefined() {
                true => Err(format!("'{}' is not defined", expression.trim())),
                false => serde_json::to_value(&value).map_err(|error| format!("'{text}': {error}")),
            };
        }
        let failed = |error| format!("'{text}': {}", message(&error));
        let template = self.environment.template_from_str(text).map_err(failed)?;
        self.known(template.undeclared_variables(false))?;
        template.render(self.context()).map(Value::from).map_err(failed)
    }

    fn evaluate(&self, expression: &str) -> Result<Any, String> {
        let failed = |error| format!("'{}': {}", expression.trim(), message(&error));
        let compiled = self.environment.compile_expression(expression).map_err(failed)?;
        self.known(compiled.undeclared_variables(false))?;
        compiled.eval(self.context()).map_err(failed)
    }

    /// A name that nothing declares would be false in a condition, and nobody would see the slip.
    fn known(&self, used: std::collections::HashSet<String>) -> Result<(), String> {
        let global = |name: &String| self.environment.globals().any(|(known, _)| known == name);
        let mut used: Vec<String> = used.into_iter().collect();
        used.sort();
        match used.into_iter().find(|name| !self.names.contains_key(name) && !global(name)) {
            None => Ok(()),
            Some(name) => {
                let names: Vec<&str> = self.names.keys().map(String::as_str).collect();
                let end = did_you_mean(nearest(&name, &names), &names.join(", "));
                Err(format!("there is no variable '{name}'{end}"))
            }
        }
    }

    fn context(&self) -> Any {
        Any::from_pairs(self.names.iter().map(|(name, value)| (name.clone(), value.clone())))
    }
}

/// Ansible's filter: what two lists have in common.
fn intersect(list: Serde<Vec<Value>>, other: Serde<Vec<Value>>) -> Any {
    let both: Vec<&Value> = list.iter().filter(|value| other.contains(value)).collect();
    Any::from(Serde(both))
}

fn message(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::new();
        scope.set("os", &json!(["el8", "el9"]));
        scope.set("arch", &json!("amd64"));
        scope.set("slurm", &json!(false));
        scope
    }

    #[test]
    fn a_text_that_is_one_expression_keeps_its_type() {
        let value =
            json!({ "a": "{{ os }}", "b": "x-{{ arch }}", "c": "{{ omit }}", "d": ["{{ slurm }}", "{{ omit }}"] });
        let expanded = scope().expand(&value, None).expect("a value");
        assert_eq!(expanded, Some(json!({ "a": ["el8", "el9"], "b": "x-amd64", "d": [false] })));
        let item = json!({ "url": "u" });
        let value = json!({ "url": "{{ item.url }}", "sha256": "{{ item.sha256 | default(omit) }}" });
        assert_eq!(scope().expand(&value, Some(&item)), Ok(Some(json!({ "url": "u" }))));
        assert_eq!(scope().expand(&json!("{{ omit }}"), None), Ok(None));
    }

    #[test]
    fn conditions_are_expressions_or_lists_of_them() {
        for (condition, expected) in [
            (json!("slurm"), false),
            (json!("not slurm and 'el9' in os"), true),
            (json!(["true", "os | intersect(['el9', 'x'])"]), true),
            (json!(["os | intersect(['x'])"]), false),
            (json!(true), true),
        ] {
            assert_eq!(scope().holds(&condition), Ok(expected), "{condition}");
        }
    }

    #[test]
    fn what_is_not_declared_is_refused_also_in_a_condition() {
        for (text, expected) in [
            ("{{ archs }}", "there is no variable 'archs': did you mean 'arch'?"),
            ("a {{ somewhere }}", "there is no variable 'somewhere'; there are: arch, omit, os, slurm"),
            ("{{ os.first }}", "'os.first' is not defined"),
            ("{{ arch", "syntax error"),
        ] {
            let error = scope().expand(&json!(text), None).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
        assert!(scope().holds(&json!("slrum")).expect_err("a slip").contains("did you mean 'slurm'?"));
        assert!(scope().holds(&json!(1)).is_err());
    }
}
