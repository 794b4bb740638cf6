//! `modules.yaml`: streams of modules, and which of them are the default (modulemd, version 1 and 2).

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use super::{FormatError, short};

/// More documents than any repository has.
const MOST: usize = 20_000;

/// A document of `modules.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it says.
    pub says: Says,
    /// Where it stands in the text, in bytes, with its `---`.
    pub range: Range<usize>,
}

/// What a document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// What is in one build of a stream.
    Stream(Stream),
    /// Which stream of a module, and which profiles of its streams, are the default.
    Defaults(Defaults),
    /// Something else about a module, or about one stream of it: a translation, an end of life.
    About(String, Option<String>),
    /// Something else.
    Other,
}

/// One build of a stream of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The module's name.
    pub name: String,
    /// The stream's name.
    pub stream: String,
    /// The build's version: larger is newer.
    pub version: u64,
    /// What it was built for; builds with another context have other dependencies.
    pub context: String,
    /// Its architecture.
    pub arch: String,
    /// Which modules it needs, and of which streams; each of the maps is one possibility. Streams with a `-` before
    /// their name are all but these; no stream is any.
    pub requires: Vec<BTreeMap<String, Vec<String>>>,
    /// Names of packages by the profile that installs them.
    pub profiles: BTreeMap<String, Vec<String>>,
    /// Its packages, as `name-epoch:version-release.arch`.
    pub artifacts: Vec<String>,
}

/// What is the default of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The module's name.
    pub module: String,
    /// The default stream, if there is one.
    pub stream: Option<String>,
    /// The default profiles by stream.
    pub profiles: BTreeMap<String, Vec<String>>,
}

/// Reads all documents.
///
/// # Errors
///
/// [`FormatError`] for what is no YAML, or has more in it than any.
pub fn read(text: &str) -> Result<Vec<Document>, FormatError> {
    let mut documents = Vec::new();
    for range in ranges(text) {
        if documents.len() == MOST {
            return Err(FormatError::refused(format!("it has more than {MOST} documents")));
        }
        let says = says(&text[range.clone()])?;
        documents.push(Document { says, range });
    }
    Ok(documents)
}

/// Where the documents stand. A line that begins with `---` begins one, whatever it is in (YAML 1.2, 9.1.2).
fn ranges(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if line.starts_with("---") && line[3..].starts_with(|c: char| c.is_whitespace()) {
            found.push(start..at);
            start = at;
        }
        at += line.len();
    }
    found.push(start..at);
    found.retain(|range| text[range.clone()].lines().any(has_content));
    found
}

fn has_content(line: &str) -> bool {
    let line = line.strip_prefix("---").unwrap_or(line).trim();
    !line.is_empty() && !line.starts_with(['#', '%']) && line != "..."
}

fn says(text: &str) -> Result<Says, FormatError> {
    let kind = text.lines().find_map(|line| line.strip_prefix("document:")).unwrap_or_default();
    let kind = kind.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    Ok(match kind {
        "modulemd" | "modulemd-stream" => {
            let found = parse::<Wrapped<StreamFields>>(text)?.data;
            let requires = match found.dependencies {
                None => Vec::new(),
                Some(OneOrMany::One(one)) => vec![one.requires],
                Some(OneOrMany::Many(many)) => many.into_iter().map(|one| one.requires).collect(),
            };
            let streams = |(name, streams)| match streams {
                OneOrMany::One(one) => (name, vec![one]),
                OneOrMany::Many(many) => (name, many),
            };
            Says::Stream(Stream {
                name: found.name,
                stream: found.stream,
                version: found.version,
                context: found.context.unwrap_or_default(),
                arch: found.arch.unwrap_or_default(),
                requires: requires.into_iter().map(|one| one.into_iter().map(streams).collect()).collect(),
                profiles: found.profiles.into_iter().map(|(name, profile)| (name, profile.rpms)).collect(),
                artifacts: found.artifacts.map(|artifacts| artifacts.rpms).unwrap_or_default(),
            })
        }
        "modulemd-defaults" => {
            let found = parse::<Wrapped<DefaultsFields>>(text)?.data;
            Says::Defaults(Defaults { module: found.module, stream: found.stream, profiles: found.profiles })
        }
        "modulemd-translations" | "modulemd-obsoletes" => {
            let found = parse::<Wrapped<AboutFields>>(text)?.data;
            Says::About(found.module, found.stream)
        }
        _ => Says::Other,
    })
}

fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, FormatError> {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { with_snippet: false }).map_err(|error| {
        FormatError::refused(format!("a document can't be read as YAML: {}", short(&error.to_string())))
    })
}

#[derive(Deserialize)]
struct Wrapped<T> {
    data: T,
}

#[derive(Deserialize)]
struct StreamFields {
    name: String,
    stream: String,
    #[serde(default)]
    version: u64,
    context: Option<String>,
    arch: Option<String>,
    dependencies: Option<OneOrMany<Requires>>,
    #[serde(default)]
    profiles: BTreeMap<String, Rpms>,
    artifacts: Option<Rpms>,
}

#[derive(Deserialize)]
struct Requires {
    #[serde(default)]
    requires: BTreeMap<String, OneOrMany<String>>,
}

#[derive(Deserialize)]
struct Rpms {
    #[serde(default)]
    rpms: Vec<String>,
}

#[derive(Deserialize)]
struct DefaultsFields {
    module: String,
    stream: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct AboutFields {
    module: String,
    stream: Option<String>,
}

/// Version 1 has one where version 2 has a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: nodejs\n  stream: 18\n  version: 8080020230306170312\n  \
        context: 63b34585\n  arch: x86_64\n  dependencies:\n  - buildrequires: {platform: [el8]}\n    requires: {platform: [el8], a: []}\n  \
        profiles:\n    common:\n      rpms: [nodejs, npm]\n  artifacts:\n    rpms:\n    - nodejs-1:18.14.2-2.module.x86_64\n...\n---\n\
        document: modulemd-defaults\nversion: 1\ndata:\n  module: nodejs\n  stream: \"10\"\n  profiles:\n    18: [common]\n...\n\
        --- \ndocument: modulemd-obsoletes\nversion: 1\ndata:\n  module: nodejs\n  stream: \"10\"\n  message: |\n    a\n     --- b\n\
        ---\ndocument: modulemd\nversion: 1\ndata:\n  name: old\n  stream: s\n  dependencies:\n    requires: {platform: f29}\n";

    #[test]
    fn every_kind_of_document_is_read() {
        let found = read(TEXT).expect("modules");
        assert_eq!(found.len(), 4);
        let Says::Stream(stream) = &found[0].says else { panic!("{:?}", found[0]) };
        assert_eq!(
            (stream.stream.as_str(), stream.version, stream.context.as_str()),
            ("18", 8080020230306170312, "63b34585")
        );
        assert_eq!(stream.requires[0]["platform"], ["el8"]);
        assert_eq!(stream.profiles["common"], ["nodejs", "npm"]);
        let Says::Defaults(defaults) = &found[1].says else { panic!("{:?}", found[1]) };
        assert_eq!((defaults.stream.as_deref(), defaults.profiles["18"].len()), (Some("10"), 1));
        assert_eq!(found[2].says, Says::About("nodejs".to_owned(), Some("10".to_owned())));
        let Says::Stream(stream) = &found[3].says else { panic!("{:?}", found[3]) };
        assert_eq!(stream.requires[0]["platform"], ["f29"]);
        let whole: String = found.iter().map(|one| &TEXT[one.range.clone()]).collect();
        assert_eq!(whole, TEXT);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "---\ndocument: modulemd\nversion: 2\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*x{}", level - 1);
            text.push_str(&format!("x{level}: &x{level} [{}]\n", [alias.as_str(); 9].join(", ")));
        }
        text.push_str("data: {name: a, stream: b, artifacts: {rpms: *x11}}\n");
        assert!(read(&text).is_err());
        assert!(read("---\ndocument: modulemd\ndata: {name: [}\n").is_err());
    }
}
