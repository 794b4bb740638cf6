//! Which packages a manifest asks for: names and globs with versions and architectures, tasks, and a few of apt's patterns
//! (apt-get(8), "install"; apt-patterns(7)).

use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobMatcher};

/// One entry of `packages`.
#[derive(Clone, Debug)]
pub struct Selector {
    text: Box<str>,
    what: What,
}

/// What an entry of `packages` means.
#[derive(Clone, Debug)]
pub enum What {
    /// Packages by their names.
    Name {
        /// The name, or a glob over names.
        name: Pattern,
        /// The architecture; none for every one that is mirrored.
        architecture: Option<Box<str>>,
        /// The version, or a glob over versions; none for the best.
        version: Option<Pattern>,
    },
    /// The packages of a task: those that say so in their field `Task`.
    Task(Box<str>),
    /// The packages of a section.
    Section(Box<str>),
    /// The packages of a priority.
    Priority(Box<str>),
    /// The packages that no host is without.
    Essential,
}

/// A text, or a glob.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This text.
    Exact(Box<str>),
    /// Whatever matches.
    Glob(GlobMatcher),
}

impl Pattern {
    fn read(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Exact(text.into()));
        }
        Glob::new(text).map(|glob| Self::Glob(glob.compile_matcher())).map_err(|error| error.to_string())
    }

    /// Whether a text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Glob(glob) => glob.is_match(text),
        }
    }
}

impl Selector {
    /// What it means.
    pub const fn what(&self) -> &What {
        &self.what
    }

    /// Whether it names one package, so that its absence is a mistake of its own, and near names help.
    pub fn exact_name(&self) -> Option<&str> {
        match &self.what {
            What::Name { name: Pattern::Exact(name), .. } => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let what = what(text).map_err(|reason| format!("packages: '{text}': {reason}"))?;
        Ok(Self { text: text.into(), what })
    }
}

fn what(text: &str) -> Result<What, String> {
    if text.starts_with('?') && (text.contains('(') || text == "?essential") {
        return pattern(text);
    }
    if let Some(task) = text.strip_suffix('^') {
        return plain(task).map(|()| What::Task(task.into()));
    }
    let (name, version) = match text.split_once('=') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let (name, architecture) = match name.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (name, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+-._*?[]!{},".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(
            "a name has letters, digits and + - . _, and * ? [ ] as wildcards; a version stands behind '='".to_owned()
        );
    }
    let is_version = |c: char| c.is_ascii_alphanumeric() || ".+-~:*?[]!_".contains(c);
    if version.is_some_and(|version| version.is_empty() || !version.chars().all(is_version)) {
        return Err("the version behind '=' is none; '=1.2*' means every one that begins so".to_owned());
    }
    architecture.map_or(Ok(()), plain)?;
    Ok(What::Name {
        name: Pattern::read(name)?,
        architecture: architecture.map(Into::into),
        version: version.map(Pattern::read).transpose()?,
    })
}

fn pattern(text: &str) -> Result<What, String> {
    if text == "?essential" {
        return Ok(What::Essential);
    }
    let (name, argument) = text[1..].strip_suffix(')').and_then(|text| text.split_once('(')).unwrap_or_default();
    let argument = argument.trim();
    match name {
        "section" | "priority" if argument.is_empty() => Err(format!("?{name}() needs a name")),
        "section" => Ok(What::Section(argument.into())),
        "priority" => Ok(What::Priority(argument.into())),
        _ => Err("of apt's patterns, ?essential, ?priority(…) and ?section(…) are read".to_owned()),
    }
}

fn plain(text: &str) -> Result<(), String> {
    match !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)) {
        true => Ok(()),
        false => Err("it is no name of letters, digits and + - . _".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> What {
        text.parse::<Selector>().unwrap_or_else(|error| panic!("{error}")).what
    }

    #[test]
    fn every_form_is_read() {
        let What::Name { name, architecture, version } = read("libc6:i386=2.3*") else { panic!("a name") };
        assert!(name.matches("libc6") && !name.matches("libc6-dev") && version.expect("a version").matches("2.36-9"));
        assert_eq!(architecture.as_deref(), Some("i386"));
        let What::Name { name, version: None, .. } = read("nvidia-*-5?0") else { panic!("a name") };
        assert!(name.matches("nvidia-driver-570") && !name.matches("nvidia-570"));
        let What::Name { version: Some(version), .. } = read("a=1:2-3~b") else { panic!("a version") };
        assert!(version.matches("1:2-3~b"));
        assert!(matches!(read("standard^"), What::Task(task) if &*task == "standard"));
        assert!(matches!(read("?section(net)"), What::Section(name) if &*name == "net"));
        assert!(matches!(read("?priority( required )"), What::Priority(name) if &*name == "required"));
        assert!(matches!(read("?essential"), What::Essential));
        assert!(matches!(read("?ello"), What::Name { name: Pattern::Glob(_), .. }));
        assert_eq!("a=1*".parse::<Selector>().expect("a selector").to_string(), "a=1*");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("", "a name has"),
            ("a b", "a name has"),
            ("a=", "is none"),
            ("a=1 2", "is none"),
            ("a:", "no name"),
            ("^", "no name"),
            ("?depends(x)", "of apt's patterns"),
            ("?section()", "needs a name"),
            ("@group", "a name has"),
            ("a[", "unclosed"),
        ] {
            let error = text.parse::<Selector>().expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
