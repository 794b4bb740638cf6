//! Variables: what there are, what they may be, and what they are.

use airlift_core::manifest::nearest;
use airlift_core::tree;
use serde_json::Value;

use super::document::Declaration;
use super::error::ProfileError;
use super::extra::Typed;
use super::place::Place;
use super::template::Scope;

/// A variable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) declaration: Declaration,
    /// Who declares it.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) value: Value,
    /// Who said so; none for its default.
    pub(crate) set_by: Option<String>,
}

/// Every variable of a manifest and of those that it includes, in the order in which they are declared.
#[derive(Default)]
pub(crate) struct Variables(Vec<Variable>);

impl Variables {
    /// Declares what one manifest declares.
    pub(crate) fn declare(&mut self, place: &Place, declared: &[(String, Declaration)]) -> Result<(), ProfileError> {
        for (name, declaration) in declared {
            if let Some(known) = self.0.iter().find(|variable| variable.name == *name) {
                let (first, second) = (known.place.clone(), place.clone());
                return Err(ProfileError::DeclaredTwice { name: name.clone(), first, second });
            }
            self.0.push(Variable {
                name: name.clone(),
                declaration: declaration.clone(),
                place: place.clone(),
                value: Value::Null,
                set_by: None,
            });
        }
        Ok(())
    }

    /// Sets one; what is set later wins. Whether the value is one that it may have is seen when all are known.
    pub(crate) fn set(&mut self, (name, value, by): Typed) -> Result<(), ProfileError> {
        let names: Vec<&str> = self.0.iter().map(|variable| variable.name.as_str()).collect();
        let Some(position) = names.iter().position(|known| *known == name) else {
            let (nearest, known) = (nearest(&name, &names).map(str::to_owned), names.join(", "));
            return Err(ProfileError::UnknownVariable { name, by, nearest, known });
        };
        (self.0[position].value, self.0[position].set_by) = (value, Some(by));
        Ok(())
    }

    /// Gives every variable its value, and tells templates. A default may be a template over what is declared before.
    pub(crate) fn settle(mut self, scope: &mut Scope) -> Result<Vec<Variable>, ProfileError> {
        for variable in &mut self.0 {
            let by = variable.set_by.clone().unwrap_or_else(|| format!("its default in {}", variable.place));
            let refuse = |reason| ProfileError::Value { name: variable.name.clone(), by, reason };
            let declaration = &variable.declaration;
            let settled = scope.expand(&declaration.default, None).and_then(|default| {
                let default = default.unwrap_or(Value::Null);
                let value = match variable.set_by {
                    Some(_) => fit(&default, std::mem::take(&mut variable.value))?,
                    None => default,
                };
                permitted(&value, declaration)?;
                Ok(value)
            });
            variable.value = settled.map_err(refuse)?;
            scope.set(&variable.name, &variable.value);
        }
        Ok(self.0)
    }
}

/// Makes a value have the type of the default, as far as it can be meant.
fn fit(default: &Value, value: Value) -> Result<Value, String> {
    if let Some(reason) = tree::inexact(&value) {
        return Err(reason);
    }
    let shown = value.to_string();
    match (default, value) {
        (Value::Bool(_), Value::Bool(value)) => Ok(value.into()),
        (Value::Bool(_), value) => match value.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "yes" | "on" | "1" | "y" | "t") => Ok(true.into()),
            Some("false" | "no" | "off" | "0" | "n" | "f") => Ok(false.into()),
            _ => Err(format!("{shown} is neither true nor false")),
        },
        (Value::Array(_), Value::Array(values)) => Ok(values.into()),
        // `-e os=el8,el9`, and `-e os=` for none of them.
        (Value::Array(_), Value::String(text)) => match text.trim_start().starts_with('[') {
            true => tree::data(&text).map_err(|error| error.reason).and_then(|value| fit(default, value)),
            false => Ok(text.split([',', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>().into()),
        },
        (Value::Number(_), Value::Number(number)) => Ok(number.into()),
        (Value::Number(_), Value::String(text)) => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("{shown} is no whole number"))
        }
        (Value::String(_), Value::String(text)) => Ok(text.into()),
        (Value::String(_), Value::Number(number)) => Ok(number.to_string().into()),
        (Value::Null | Value::Object(_), value) => Ok(value),
        (default, _) => Err(format!("{shown} is not of the type of its default, {default}")),
    }
}

/// Whether a value is one of those that it may be, or each of its parts is.
fn permitted(value: &Value, declaration: &Declaration) -> Result<(), String> {
    let values = &declaration.values;
    if declaration.needed && matches!(value, Value::Array(parts) if parts.is_empty()) {
        let there = if values.is_empty() { String::new() } else { format!("; there are: {}", values.join(", ")) };
        return Err(format!("it is empty, and at least one is needed{there}"));
    }
    let parts: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |parts| parts.iter().collect());
    let known: Vec<&str> = values.iter().map(String::as_str).collect();
    let wrong = parts.into_iter().find(|part| !part.as_str().is_some_and(|part| known.contains(&part)));
    match wrong {
        Some(wrong) if !known.is_empty() => {
            let text = wrong.as_str().map_or_else(|| wrong.to_string(), str::to_owned);
            let meant = nearest(&text, &known).map(|name| format!("did you mean '{name}'? ")).unwrap_or_default();
            Err(format!("'{text}' is not one of its values: {meant}There are: {}", known.join(", ")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn declaration(default: Value, values: &[&str]) -> Declaration {
        let values = values.iter().map(ToString::to_string).collect();
        Declaration { default, values, needed: false, help: String::new(), formerly: None }
    }

    fn settled(set: &[(&str, Value)]) -> Result<Vec<(String, Value)>, String> {
        let mut variables = Variables::default();
        let declared = [
            ("os", declaration(json!(["el8", "el9"]), &["el8", "el9", "ubuntu24.04"])),
            ("arch", declaration(json!("amd64"), &["amd64", "arm64"])),
            ("processors", Declaration { needed: true, ..declaration(json!(["amd64"]), &["amd64", "arm64"]) }),
            ("machine", declaration(json!("{{ 'x86_64' if arch == 'amd64' else 'aarch64' }}"), &[])),
            ("slurm", declaration(json!(true), &[])),
            ("newest", declaration(json!(1), &[])),
        ];
        let declared = declared.map(|(name, declaration)| (name.to_owned(), declaration));
        let place = Place::File("site.yaml".into());
        variables.declare(&place, &declared).expect("a declaration");
        for (name, value) in set {
            variables.set((name.to_string(), value.clone(), "-e".into())).map_err(|error| error.to_string())?;
        }
        let settled = variables.settle(&mut Scope::new()).map_err(|error| error.to_string())?;
        Ok(settled.into_iter().map(|variable| (variable.name, variable.value)).collect())
    }

    #[test]
    fn values_take_the_type_of_the_default_and_the_last_one_wins() {
        let set = [
            ("os", json!("el8")),
            ("os", json!("el9,ubuntu24.04")),
            ("arch", json!("arm64")),
            ("slurm", json!("no")),
            ("newest", json!("3")),
        ];
        let values: Vec<Value> = settled(&set).expect("values").into_iter().map(|(_, value)| value).collect();
        let expected =
            [json!(["el9", "ubuntu24.04"]), json!("arm64"), json!(["amd64"]), json!("aarch64"), json!(false), json!(3)];
        assert_eq!(values, expected);
        assert_eq!(settled(&[("os", json!(""))]).expect("values")[0].1, json!([]));
        assert_eq!(settled(&[("os", json!("[el8]"))]).expect("values")[0].1, json!(["el8"]));
    }

    #[test]
    fn mistakes_are_named() {
        for (name, value, expected) in [
            ("oss", json!("el9"), "there is no variable 'oss' (-e): did you mean 'os'?"),
            ("wholly-other", json!("el9"), "there are: os, arch, processors, machine, slurm, newest"),
            ("os", json!("ubuntu2404"), "'ubuntu2404' is not one of its values: did you mean 'ubuntu24.04'?"),
            ("processors", json!(""), "it is empty, and at least one is needed; there are: amd64, arm64"),
            ("os", json!([1]), "'1' is not one of its values"),
            ("slurm", json!("perhaps"), "\"perhaps\" is neither true nor false"),
            ("newest", json!("many"), "\"many\" is no whole number"),
            ("arch", json!({}), "is not of the type of its default, \"amd64\""),
            ("machine", json!(1.1), "put it in quotes"),
        ] {
            let error = settled(&[(name, value)]).expect_err(name);
            assert!(error.contains(expected), "{error}");
        }
    }
}
