//! The sources of a host: `sources.list` and `*.sources` (sources.list(5)).

use super::deb822::{Deb822Error, Stanza, Stanzas};

/// One enabled source of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSource {
    /// Whether binary packages are asked for.
    pub binary: bool,
    /// Whether source packages are asked for.
    pub source: bool,
    /// Where its repositories are.
    pub uris: Vec<String>,
    /// The suites; one that ends with a slash is a flat repository.
    pub suites: Vec<String>,
    /// The components.
    pub components: Vec<String>,
    /// The architectures; none for the host's own.
    pub architectures: Vec<String>,
    /// What vouches for it: paths of keyrings, fingerprints, or one armored key.
    pub signed_by: Vec<String>,
}

/// A file of sources that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// Not stanzas.
    #[error(transparent)]
    Deb822(#[from] Deb822Error),
    /// A line that is no source.
    #[error("line {line} is no source: {reason}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Reads a file in the one-line style.
///
/// # Errors
///
/// [`SourcesError`] names the line.
pub fn one_line(text: &str) -> Result<Vec<HostSource>, SourcesError> {
    let mut sources = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            sources.push(entry(line).map_err(|reason| SourcesError::Line { line: number + 1, reason })?);
        }
    }
    Ok(sources)
}

fn entry(line: &str) -> Result<HostSource, &'static str> {
    let (kind, rest) = line.split_once(char::is_whitespace).ok_or("it has a type alone")?;
    let (binary, source) = match kind {
        "deb" => (true, false),
        "deb-src" => (false, true),
        _ => return Err("it begins with neither deb nor deb-src"),
    };
    let mut of = HostSource { binary, source, ..HostSource::default() };
    let mut rest = rest.trim_start();
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']').ok_or("its options have no end")?;
        for option in options.split_whitespace() {
            let (name, value) = option.split_once('=').ok_or("an option has no value")?;
            let values = value.split(',').map(str::to_owned).collect();
            match name.trim_end_matches('+') {
                "arch" => of.architectures = values,
                "signed-by" => of.signed_by = values,
                // The others say how the host treats the source, not what is in it.
                _ => {}
            }
        }
        rest = after.trim_start();
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    of.uris = vec![words.next().ok_or("it has no URI")?];
    of.suites = vec![words.next().ok_or("it has no suite")?];
    of.components = words.collect();
    Ok(of)
}

/// Reads a file of stanzas; what is disabled is passed over.
///
/// # Errors
///
/// [`SourcesError`] names the line.
pub fn stanzas(text: &str) -> Result<Vec<HostSource>, SourcesError> {
    let (mut stanzas, mut stanza, mut sources) =
        (Stanzas::with_comments(text.as_bytes()), Stanza::default(), Vec::new());
    while stanzas.read(&mut stanza)? {
        let disabled = stanza.get("Enabled").is_some_and(|value| matches!(value, "no" | "false" | "0" | "off"));
        if disabled {
            continue;
        }
        let words = |name| stanza.words(name).map(str::to_owned).collect::<Vec<_>>();
        let types = words("Types");
        let of = HostSource {
            binary: types.iter().any(|kind| kind == "deb"),
            source: types.iter().any(|kind| kind == "deb-src"),
            uris: words("URIs"),
            suites: words("Suites"),
            components: words("Components"),
            architectures: words("Architectures"),
            signed_by: signed_by(stanza.get("Signed-By").unwrap_or_default()),
        };
        let missing = [(types.is_empty(), "Types"), (of.uris.is_empty(), "URIs"), (of.suites.is_empty(), "Suites")];
        if let Some((_, field)) = missing.into_iter().find(|(missing, _)| *missing) {
            let reason = match field {
                "Types" => "its stanza has no Types",
                "URIs" => "its stanza has no URIs",
                _ => "its stanza has no Suites",
            };
            return Err(SourcesError::Line { line: stanza.line, reason });
        }
        sources.push(of);
    }
    Ok(sources)
}

/// An inline key has blanks before each line, and a dot for an empty one.
fn signed_by(value: &str) -> Vec<String> {
    if !value.contains("-----BEGIN PGP") {
        return value.split([',', ' ', '\n', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    }
    let lines = value.lines().map(|line| match line.trim() {
        "." => "",
        line => line,
    });
    vec![lines.collect::<Vec<_>>().join("\n")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_line_style_is_read() {
        let text = "# comment\ndeb [arch=amd64,arm64 signed-by=/k.asc trusted=yes] https://e.org/x noble stable edge # end\n\
                    deb-src http://e.org/ ./\n";
        let sources = one_line(text).expect("sources");
        assert_eq!(sources[0].architectures, ["amd64", "arm64"]);
        assert_eq!(sources[0].signed_by, ["/k.asc"]);
        assert_eq!(sources[0].components, ["stable", "edge"]);
        assert!(sources[1].source && !sources[1].binary && sources[1].suites == ["./"]);
        for (text, expected) in [("deb\n", "type alone"), ("rpm x y\n", "neither"), ("deb [x y z\n", "no end")] {
            assert!(one_line(text).expect_err(text).to_string().contains(expected), "{text}");
        }
    }

    #[test]
    fn stanzas_are_read() {
        let text = "Types: deb deb-src\nURIs: http://e.org\nSuites: a a-updates\nComponents: main\nSigned-By:\n \
                    -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\nEnabled: no\nTypes: deb\n";
        let sources = stanzas(text).expect("sources");
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].suites, ["a", "a-updates"]);
        assert_eq!(sources[0].signed_by, ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc"]);
        assert!(stanzas("Types: deb\n").expect_err("no URIs").to_string().contains("no URIs"));
    }
}
