//! What a `401` asks for: the challenges of `WWW-Authenticate` (RFC 9110, section 11.6.1).

use http::{HeaderMap, header};

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The scheme in lower case, `basic` or `bearer`.
    pub(crate) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// All challenges of an answer, in their order.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(parse).collect()
}

/// Reads one header. What makes no sense ends the reading, and what was read before counts.
fn parse(text: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        let value = after.trim_start();
        match (value.strip_prefix('='), challenges.last_mut()) {
            // A parameter of the challenge that has begun.
            (Some(value), Some(challenge)) if !value.starts_with('=') => {
                let Some((value, after)) = parameter_value(value.trim_start()) else { return challenges };
                challenge.parameters.push((word.to_ascii_lowercase(), value));
                rest = after;
            }
            (None, _) if after.is_empty() || after.starts_with([' ', '\t', ',']) => {
                challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
                rest = after;
            }
            _ => return challenges,
        }
    }
}

/// The characters of a token (RFC 9110, section 5.6.2), with those of a `token68` that are harmless here.
fn token(text: &str) -> (&str, &str) {
    let part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c);
    text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()))
}

fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some registries leave the quotes off a URL.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_send_is_understood() {
        let text =
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let [bearer] = &parse(text)[..] else { panic!("one challenge") };
        assert_eq!(bearer.scheme, "bearer");
        assert_eq!(bearer.get("realm"), Some("https://auth.example/token"));
        assert_eq!(bearer.get("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(bearer.get("error"), None);
    }

    #[test]
    fn several_challenges_in_one_line() {
        let found = parse(r#"Negotiate, Basic realm="a \"b\", c" , charset=UTF-8, BEARER Realm=https://x.example/t"#);
        let schemes: Vec<&str> = found.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["negotiate", "basic", "bearer"]);
        assert_eq!(found[1].get("realm"), Some("a \"b\", c"));
        assert_eq!(found[1].get("charset"), Some("UTF-8"));
        assert_eq!(found[2].get("realm"), Some("https://x.example/t"));
    }

    #[test]
    fn nonsense_ends_the_reading() {
        for text in
            ["", "=", "\"", "realm=\"x\"", "Basic realm=\"never closed", "Basic realm=\"ä", ",,,", "Basic ==", "é"]
        {
            assert!(parse(text).iter().all(|challenge| challenge.get("realm").is_none()), "{text}");
        }
    }
}
