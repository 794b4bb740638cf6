//! What a person asks of a repository, as dnf understands it: names, versions, files, groups, modules.

use globset::{GlobBuilder, GlobMatcher};

use super::rich::{Simple, simple};

/// A line of `packages`.
#[derive(Clone, Debug)]
pub enum Request {
    /// `@id`, `@name`, `@^id`: a group, an environment, or a module.
    Group(String),
    /// `@module:stream/profile`.
    Module {
        /// The module's name.
        module: String,
        /// The stream; none for the default one.
        stream: Option<String>,
        /// The profile; none for the default ones.
        profile: Option<String>,
    },
    /// A file, perhaps with wildcards.
    File(Pattern),
    /// `name >= 1.2`: whoever provides that.
    Provided(Simple),
    /// `name=1.2*`: packages of a name whose version, or version and release, is like that.
    Version(Pattern, Pattern),
    /// A name, with or without architecture and version, perhaps with wildcards.
    Name(Pattern),
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// The sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text.len() > 4096 || text.chars().any(char::is_control) {
            return Err("expected a package, a file, a '@group' or a '@module:stream'".to_owned());
        }
        if let Some(group) = text.strip_prefix('@') {
            return group_of(text, group);
        }
        if text.starts_with('/') {
            return Ok(Self::File(Pattern::new(text)?));
        }
        match text.split_once(['=', '<', '>']) {
            None => Ok(Self::Name(Pattern::new(text)?)),
            Some((name, version)) if version.contains(['*', '?', '[']) && text[name.len()..].starts_with('=') => {
                Ok(Self::Version(Pattern::new(name.trim())?, Pattern::new(version.trim_start_matches('=').trim())?))
            }
            Some(_) => match simple(text) {
                Some(simple) => Ok(Self::Provided(simple)),
                None => Err(format!("'{text}' is no name with a version, such as 'name >= 1.2' or 'name=1.2*'")),
            },
        }
    }
}

fn group_of(text: &str, group: &str) -> Result<Request, String> {
    if group.is_empty() || group == "^" {
        return Err(format!("'{text}' names no group"));
    }
    if group.starts_with('^') || !group.contains([':', '/']) {
        return Ok(Request::Group(group.to_owned()));
    }
    let (module, profile) = match group.split_once('/') {
        Some((module, profile)) => (module, Some(profile).filter(|profile| !profile.is_empty())),
        None => (group, None),
    };
    // What follows the stream, version and context, is for dnf's own use.
    let mut parts = module.split(':');
    let (module, stream) = (parts.next().unwrap_or_default(), parts.next().filter(|stream| !stream.is_empty()));
    match module.is_empty() {
        true => Err(format!("'{text}' names no module")),
        false => Ok(Request::Module {
            module: module.to_owned(),
            stream: stream.map(str::to_owned),
            profile: profile.map(str::to_owned),
        }),
    }
}

/// A text, perhaps with the wildcards `*`, `?` and `[…]`.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    glob: Option<GlobMatcher>,
    /// How much of it has no wildcard.
    plain: usize,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// The sentence that says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let plain = text.find(['*', '?', '[']);
        let glob = match plain {
            // Braces stand for themselves, as they do for dnf.
            Some(_) => {
                let escaped = text.replace('{', "[{]").replace('}', "[}]");
                let glob = GlobBuilder::new(&escaped).literal_separator(false).build();
                Some(glob.map_err(|error| format!("'{text}' is no pattern: {}", error.kind()))?.compile_matcher())
            }
            None => None,
        };
        Ok(Self { text: text.to_owned(), glob, plain: plain.unwrap_or(text.len()) })
    }

    /// Whether a text is like that.
    pub fn matches(&self, text: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(text),
            None => self.text == text,
        }
    }

    /// Whether a text that begins with this can be like that.
    pub fn may_begin(&self, begin: &str) -> bool {
        let plain = &self.text[..self.plain];
        plain.starts_with(begin) || (self.glob.is_some() && begin.starts_with(plain))
    }

    /// The text, where it has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        self.glob.is_none().then_some(&*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let read = |text: &str| format!("{:?}", Request::parse(text).expect(text));
        assert!(matches!(Request::parse("nginx"), Ok(Request::Name(name)) if name.literal() == Some("nginx")));
        assert!(matches!(Request::parse("nvidia-*"), Ok(Request::Name(name)) if name.matches("nvidia-x/y")));
        assert!(matches!(Request::parse("a = 1.2"), Ok(Request::Provided(_))));
        assert!(matches!(Request::parse("a=1.2*"), Ok(Request::Version(name, version))
            if name.matches("a") && version.matches("1.20-3")));
        assert!(matches!(Request::parse("/usr/bin/x"), Ok(Request::File(_))));
        assert!(read("@Development Tools").contains("Group(\"Development Tools\")"));
        assert!(read("@^server").contains("Group(\"^server\")"));
        assert!(read("@nodejs:18/common").contains("Some(\"18\"), profile: Some(\"common\")"));
        assert!(read("@nvidia-driver:580-dkms").contains("Some(\"580-dkms\"), profile: None"));
        assert!(read("@nodejs/common").contains("stream: None, profile: Some"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("", "expected a package"),
            ("@", "names no group"),
            ("@:1", "names no module"),
            ("a >= ", "is no name with a version"),
            ("a[", "is no pattern"),
        ] {
            let error = Request::parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn beginnings_are_told() {
        let pattern = Pattern::new("foo-1*").expect("a pattern");
        assert!(pattern.may_begin("foo") && pattern.may_begin("foo-1x") && !pattern.may_begin("foobar"));
        let pattern = Pattern::new("foo-1").expect("a pattern");
        assert!(pattern.may_begin("foo") && !pattern.may_begin("foo-1-1"));
        assert!(Pattern::new("a{b}*").expect("a pattern").matches("a{b}c"));
    }
}
