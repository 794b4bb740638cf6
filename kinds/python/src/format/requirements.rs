//! Requirements files, as pip reads them (pip user guide, "Requirements file format").

use airlift_core::Checksum;
use pep508_rs::VersionOrUrl;

use super::repository::Repository;
use super::{Requirement, dependency, plain};

/// What one logical line of a requirements file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A requirement, with the checksums that its files may have; none where any will do.
    Requirement(Box<Requirement>, Vec<Checksum>),
    /// `-r`: another such file, relative to this one.
    Include(String),
    /// `-c`: a file of constraints, relative to this one.
    Constraints(String),
    /// `--require-hashes`.
    RequireHashes,
    /// `--pre`.
    Pre,
    /// `--only-binary` for these projects, or `:all:`.
    OnlyBinary(Vec<String>),
}

/// A line that can't be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: '{text}': {reason}")]
pub struct LineError {
    /// The number of its first line, from 1.
    pub line: usize,
    /// The line, cut at 200 characters.
    pub text: String,
    /// Why not: a sentence.
    pub reason: String,
}

/// Options whose whole meaning is how pip itself goes about it; they change nothing of what is collected.
const HARMLESS: [&str; 6] =
    ["--prefer-binary", "--trusted-host", "--no-cache-dir", "--use-feature", "--no-binary", "--progress-bar"];

/// What helps where something is on one machine only.
const WHEEL: &str = "build a wheel of it ('pip wheel --no-deps FOLDER') and name that: NAME @ file:///FOLDER/FILE.whl";

/// Options that say where packages come from, which the manifest says.
const PLACES: [&str; 6] = ["-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links"];

/// Reads a requirements file.
///
/// # Errors
///
/// [`LineError`] for the first line that can't be followed.
pub fn parse(text: &str) -> Result<Vec<Line>, LineError> {
    let mut lines = Vec::new();
    for (number, line) in logical(text) {
        let failed = |reason: String| LineError { line: number, text: plain(&line, 200), reason };
        match line.starts_with('-') {
            true => lines.extend(option(&line).map_err(failed)?),
            false => lines.push(requirement(&line).map_err(failed)?),
        }
    }
    Ok(lines)
}

/// Lines with their numbers, without comments; those that end with a backslash are one with the next.
fn logical(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) if !is_comment => (part, true),
            _ => (line, false),
        };
        match lines.last_mut() {
            Some((_, last)) if open && !is_comment => {
                last.push(' ');
                last.push_str(part.trim());
            }
            _ => lines.push((number + 1, if is_comment { String::new() } else { part.trim().to_owned() })),
        }
        open = goes_on;
    }
    for (_, line) in &mut lines {
        // A comment begins with a number sign behind a blank; one inside of a URL is its fragment.
        if let Some(at) = [" #", "\t#"].iter().filter_map(|mark| line.find(mark)).min() {
            line.truncate(at);
        }
        *line = line.trim().to_owned();
    }
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

fn option(line: &str) -> Result<Option<Line>, String> {
    let (name, value) = match line.split_once([' ', '=']) {
        Some((name, value)) => (name, value.trim().trim_start_matches('=').trim()),
        // `-rother.txt` is understood by pip, too.
        None if line.len() > 2 && (line.starts_with("-r") || line.starts_with("-c")) => line.split_at(2),
        None => (line, ""),
    };
    Ok(Some(match name {
        "-r" | "--requirement" => Line::Include(value.to_owned()),
        "-c" | "--constraint" => Line::Constraints(value.to_owned()),
        "--require-hashes" => Line::RequireHashes,
        "--pre" => Line::Pre,
        "--only-binary" => Line::OnlyBinary(value.split(',').map(|name| name.trim().to_owned()).collect()),
        // What is editable is how a client goes about it; what it takes is the same.
        "-e" | "--editable" if value.contains("git+") => return requirement(value).map(Some),
        "-e" | "--editable" => return Err(format!("an editable requirement is a folder of one machine; {WHEEL}")),
        name if PLACES.contains(&name) => {
            return Err("where packages come from is said in the manifest: 'index', 'indexes'".to_owned());
        }
        name if HARMLESS.contains(&name) => return Ok(None),
        _ => return Err("this option is not known here".to_owned()),
    }))
}

fn requirement(line: &str) -> Result<Line, String> {
    let mut parts = line.split(" --");
    let text = parts.next().unwrap_or_default().trim();
    let mut checksums = Vec::new();
    for part in parts {
        let (name, value) = part.split_once(['=', ' ']).unwrap_or((part, ""));
        match name {
            "hash" => checksums.push(
                value
                    .trim()
                    .to_ascii_lowercase()
                    .parse::<Checksum>()
                    .map_err(|_| format!("'{}' is none of sha256:…, sha384:… and sha512:…", plain(value, 100)))?,
            ),
            "config-settings" | "global-option" | "install-option" => {}
            _ => return Err(format!("the option --{} is not known here", plain(name, 40))),
        }
    }
    read(text).map(|requirement| Line::Requirement(Box::new(requirement), checksums))
}

/// Reads one requirement (PEP 508), or the URL of a wheel or source distribution.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn read(text: &str) -> Result<Requirement, String> {
    let text = text.trim();
    if text.starts_with(['.', '/', '~']) {
        return Err(format!("a folder of one machine is no requirement here; {WHEEL}"));
    }
    // A URL alone, which pip takes as well: with the project's name in its fragment, as older files have it.
    if text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['@', ' '])) {
        let (url, marker) = text.split_once(" ;").unwrap_or((text, ""));
        let egg = url
            .split_once('#')
            .and_then(|(_, fragment)| fragment.split('&').find_map(|part| part.strip_prefix("egg=")));
        let Some(name) = egg.filter(|_| url.starts_with("git+")) else {
            return Err(format!("write it with its project's name before it: name @ {}", plain(text, 200)));
        };
        return followed(format!("{name} @ {url} ;{marker}").trim_end_matches([' ', ';']));
    }
    followed(text)
}

/// A requirement, of which a repository that it names can be followed.
fn followed(text: &str) -> Result<Requirement, String> {
    let requirement = dependency::requirement(text)?;
    if let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url
        && Repository::is_meant(url)
    {
        Repository::of(url)?;
    }
    Ok(requirement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_lines_of_a_file_are_read() {
        let sum = "ab".repeat(32);
        let text = format!(
            "\u{feff}# a comment \\\n-r other.txt # and more\n-cconstraints.txt\n--require-hashes\nfoo[a]==1.0 ; python_version < '3.9' \\\n    --hash=sha256:{sum} \\\n    --hash sha512:{sum}{sum}\n\nbar @ https://e.org/bar-1.tar.gz#sha256={sum}\n--only-binary :all:\n--prefer-binary\n"
        );
        let lines = parse(&text).expect("a file");
        assert_eq!(lines[0], Line::Include("other.txt".into()));
        assert_eq!(lines[1], Line::Constraints("constraints.txt".into()));
        let Line::Requirement(foo, checksums) = &lines[3] else { panic!("{lines:?}") };
        assert_eq!((foo.name.as_ref(), foo.extras.len(), checksums.len()), ("foo", 1, 2));
        let Line::Requirement(bar, _) = &lines[4] else { panic!("{lines:?}") };
        assert!(matches!(bar.version_or_url, Some(pep508_rs::VersionOrUrl::Url(_))));
        assert_eq!(lines[5], Line::OnlyBinary(vec![":all:".into()]));
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        for (text, reason) in [
            ("a\n-e .", "pip wheel"),
            ("-i https://e.org/simple", "is said in the manifest"),
            ("--frobnicate", "not known"),
            ("a==${VERSION}", "not filled in"),
            ("a==1 --hash=md5:00", "is none of sha256"),
            ("git+https://e.org/x.git", "its project's name"),
            ("-e git+https://e.org/x.git", "its project's name"),
            ("x @ git+ssh://git@e.org/x.git", "git+https://"),
            ("x @ git+https://e.org/x.git@a..b", "a branch"),
            ("./x", "pip wheel"),
            ("https://e.org/x-1.tar.gz", "its project's name"),
            ("a b", "line 1"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn requirements_from_git_are_read() {
        let text = "x @ git+https://e.org/x.git@v1 ; os_name == 'posix'\n-e git+https://e.org/y.git@main#egg=y[z]&subdirectory=py\n\
                    git+https://me@e.org/w#egg=w ; os_name == 'nt'\n--editable=\"v @ git+https://e.org/v\"\n";
        let lines = parse(&text.replace('"', "")).expect("a file");
        let read: Vec<String> = lines
            .iter()
            .map(|line| match line {
                Line::Requirement(one, _) => one.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            read,
            [
                "x @ git+https://e.org/x.git@v1 ; os_name == 'posix'",
                "y[z] @ git+https://e.org/y.git@main#egg=y[z]&subdirectory=py",
                "w @ git+https://me@e.org/w#egg=w ; os_name == 'nt'",
                "v @ git+https://e.org/v",
            ]
        );
    }

    proptest! {
        #[test]
        fn no_file_is_too_odd_to_be_judged(text in "(-r |--hash=|sha256:|\\\\\n|\n| #|;|@|\\PC){0,60}") {
            let _ = parse(&text);
        }
    }
}
