//! Images in templates: the lines `image: …`, with the simple ones among their expressions worked out.
//!
//! Simple are `.Values…`, `.Chart.AppVersion` and its like, texts, and the functions `default`, `printf`, `quote` and
//! their like of these. Whatever else there is in a line leaves the line to `helm template`.

use serde_json::{Map, Value};

use super::reference;
use super::{Certainty, Images};
use crate::format::chart::Chart;

/// How many expressions lie within one another.
const DEEPEST: usize = 20;

/// Looks through a chart's templates. `values` are its values as they are merged.
pub(super) fn scan(chart: &Chart, values: &Map<String, Value>, images: &mut Images) {
    let scope = Scope { chart, values };
    for template in chart.templates.iter().filter(|(name, _)| !name.ends_with(".tpl") && !name.ends_with(".txt")) {
        let text = String::from_utf8_lossy(template.1);
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("- ").trim_start();
            let Some(rest) = line.strip_prefix("image:") else { continue };
            let certainty = if rest.contains("{{") { Certainty::Guessed } else { Certainty::Certain };
            // A container's image without a tag is the latest. What is put together without a tag, and is no path either,
            // is a part of an image in some other document, and not one.
            let whole = |image: &String| certainty == Certainty::Certain || image.contains(['/', ':']);
            let image = scope.line(rest.trim()).filter(whole);
            let image = image.and_then(|image| reference::full(&image, Some("latest")));
            if let Some(image) = image {
                images.add(image, certainty);
            }
        }
    }
}

struct Scope<'a> {
    chart: &'a Chart,
    values: &'a Map<String, Value>,
}

impl Scope<'_> {
    /// A scalar of YAML with expressions in it.
    fn line(&self, text: &str) -> Option<String> {
        let mut rest = text;
        let mut line = String::new();
        while let Some((before, after)) = rest.split_once("{{") {
            let (expression, after) = after.split_once("}}")?;
            line.push_str(before);
            let expression = expression.trim_start_matches('-').trim_end_matches('-').trim();
            line.push_str(&self.expression(&tokens(expression)?, 0)?);
            rest = after;
        }
        line.push_str(rest);
        let line = line.split(" #").next().unwrap_or_default().trim();
        let unquoted = line.trim_matches(['"', '\'']);
        (!unquoted.is_empty() && !unquoted.starts_with('#')).then(|| unquoted.to_owned())
    }

    /// Terms with pipes between them.
    fn expression(&self, tokens: &[Token], depth: usize) -> Option<String> {
        if depth > DEEPEST {
            return None;
        }
        let mut piped: Option<String> = None;
        for call in tokens.split(|token| *token == Token::Pipe) {
            let (first, arguments) = call.split_first()?;
            piped = Some(match (first, &piped) {
                (Token::Word(name), _) if !name.starts_with(['.', '$']) => {
                    let mut arguments: Vec<String> = self.arguments(name, arguments, depth)?;
                    arguments.extend(piped);
                    apply(name, &arguments)?
                }
                (value, None) if arguments.is_empty() => self.value(value, depth)?,
                _ => return None,
            });
        }
        piped
    }

    /// A function's arguments. What is not there is empty where the function is `default`, and unknown elsewhere.
    fn arguments(&self, function: &str, tokens: &[Token], depth: usize) -> Option<Vec<String>> {
        tokens
            .iter()
            .map(|token| match function {
                "default" | "coalesce" | "required" => Some(self.value(token, depth).unwrap_or_default()),
                _ => self.value(token, depth),
            })
            .collect()
    }

    fn value(&self, token: &Token, depth: usize) -> Option<String> {
        match token {
            Token::Text(text) => Some(text.clone()),
            Token::Group(tokens) => self.expression(tokens, depth + 1),
            Token::Word(word) => self.path(word.strip_prefix('$').unwrap_or(word)),
            Token::Pipe => None,
        }
    }

    fn path(&self, path: &str) -> Option<String> {
        let metadata = &self.chart.metadata;
        match path {
            ".Chart.AppVersion" => return metadata.app_version.clone(),
            ".Chart.Version" => return Some(metadata.version.clone()),
            ".Chart.Name" => return Some(metadata.name.clone()),
            _ => {}
        }
        let mut names = path.strip_prefix(".Values.")?.split('.').peekable();
        let mut fields = self.values;
        loop {
            // What is off deploys nothing.
            if fields.get("enabled") == Some(&Value::Bool(false)) {
                return None;
            }
            let value = fields.get(names.next()?);
            match (value, names.peek()) {
                (Some(Value::Object(below)), Some(_)) => fields = below,
                (Some(Value::String(text)), None) => return Some(text.clone()),
                (Some(Value::Number(number)), None) => return Some(number.to_string()),
                // Nothing is what a default is for.
                (None | Some(Value::Null), None) => return Some(String::new()),
                _ => return None,
            }
        }
    }
}

/// The functions that are worked out; the piped argument is the last one.
fn apply(name: &str, arguments: &[String]) -> Option<String> {
    match (name, arguments) {
        ("default", [default, value]) => Some(if value.is_empty() { default.clone() } else { value.clone() }),
        ("coalesce", values) => values.iter().find(|value| !value.is_empty()).cloned(),
        ("required", [_, value]) => Some(value.clone()),
        ("quote" | "squote" | "toString" | "print", [value]) => Some(value.clone()),
        ("trim", [value]) => Some(value.trim().to_owned()),
        ("lower", [value]) => Some(value.to_lowercase()),
        ("trimPrefix", [prefix, value]) => Some(value.strip_prefix(prefix.as_str()).unwrap_or(value).to_owned()),
        ("trimSuffix", [suffix, value]) => Some(value.strip_suffix(suffix.as_str()).unwrap_or(value).to_owned()),
        ("printf", [format, arguments @ ..]) => printf(format, arguments),
        _ => None,
    }
}

/// `%s` and `%v`, and no other directive.
fn printf(format: &str, arguments: &[String]) -> Option<String> {
    let mut arguments = arguments.iter();
    let mut parts = format.split('%');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        text.push_str(arguments.next()?);
        text.push_str(part.strip_prefix(['s', 'v'])?);
    }
    arguments.next().is_none().then_some(text)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Group(Vec<Token>),
    Pipe,
}

/// The parts of an expression; none where there is something in it that is none of them.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut stack = vec![Vec::new()];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '`' => {
                let end = rest[1..].find(first)?;
                let text = &rest[1..=end];
                if text.contains('\\') {
                    return None;
                }
                (Some(Token::Text(text.to_owned())), end + 2)
            }
            '|' => (Some(Token::Pipe), 1),
            '(' if stack.len() <= DEEPEST => {
                stack.push(Vec::new());
                (None, 1)
            }
            ')' => {
                let group = stack.pop().filter(|_| !stack.is_empty())?;
                (Some(Token::Group(group)), 1)
            }
            c if c.is_ascii_alphanumeric() || "._$".contains(c) => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "._$".contains(c)));
                let word = &rest[..end.unwrap_or(rest.len())];
                (Some(Token::Word(word.to_owned())), word.len())
            }
            _ => return None,
        };
        if let Some(token) = token {
            stack.last_mut()?.push(token);
        }
        rest = rest[length..].trim_start();
    }
    let whole = stack.pop()?;
    stack.is_empty().then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_expressions_are_worked_out() {
        let values: Map<String, Value> = serde_json::from_str(
            r#"{"image":{"repository":"quay.io/a/b","tag":""},"off":{"enabled":false,"image":"x/y:1"},"n":5,"init":"busybox"}"#,
        )
        .expect("JSON");
        let mut chart = Chart::default();
        chart.metadata.app_version = Some("1.2".to_owned());
        let scope = Scope { chart: &chart, values: &values };
        for (line, expected) in [
            ("quay.io/a/b:1", Some("quay.io/a/b:1")),
            ("\"quay.io/a/b:1\" # why", Some("quay.io/a/b:1")),
            (
                "\"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"",
                Some("quay.io/a/b:1.2"),
            ),
            (
                "{{ printf \"%s:%s\" $.Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}",
                Some("quay.io/a/b:1.2"),
            ),
            ("{{- .Values.image.repository -}}:v{{ .Values.n }}", Some("quay.io/a/b:v5")),
            ("{{ .Values.missing | default \"a/b:1\" }}", Some("a/b:1")),
            ("{{ .Values.off.image }}", None),
            ("{{ include \"x.image\" . }}", None),
            ("{{ template \"x\" }}", None),
            ("{{ .Values.image.repository", None),
            ("{{ (((((((((((((((((((((((((\"x\"))))))))))))))))))))))))) }}", None),
            ("{{ ) }}", None),
            ("", None),
        ] {
            assert_eq!(scope.line(line).as_deref(), expected, "{line}");
        }
    }
}
