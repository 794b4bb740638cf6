//! Requirements files, as pip reads them (pip user guide, "Requirements file format").

use airlift_core::Checksum;
use pep508_rs::VersionOrUrl;

use super::forms::Form;
use super::repository::Repository;
use super::{Requirement, dependency, plain};

/// What a logical line of a requirements file says, or one of its options.
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
    /// `--prefer-binary`.
    PreferBinary,
    /// `--only-binary` or `--no-binary` for these projects, `:all:` or `:none:`.
    Only(Form, Vec<String>),
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

/// Options without a value.
const FLAGS: [&str; 5] = ["--require-hashes", "--pre", "--prefer-binary", "--no-index", "--no-cache-dir"];

/// Options whose whole meaning is how pip itself goes about it; they change nothing of what is collected.
const HARMLESS: [&str; 4] = ["--trusted-host", "--no-cache-dir", "--use-feature", "--progress-bar"];

/// Options of one requirement that say how it is built, which the client does.
const BUILDING: [&str; 5] = ["-C", "--config-setting", "--config-settings", "--global-option", "--install-option"];

/// Options that say where packages come from, which the manifest says.
const PLACES: [&str; 6] = ["-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links"];

/// Other options with a value.
const VALUED: [&str; 9] =
    ["-r", "--requirement", "-c", "--constraint", "-e", "--editable", "--only-binary", "--no-binary", "--hash"];

/// What helps where something is on one machine only.
const WHEEL: &str = "build a wheel of it ('pip wheel --no-deps FOLDER') and name that: NAME @ file:///FOLDER/FILE.whl";

/// Reads a requirements file.
///
/// # Errors
///
/// [`LineError`] for the first line that can't be followed.
pub fn parse(text: &str) -> Result<Vec<Line>, LineError> {
    let mut lines = Vec::new();
    for (number, line) in logical(text) {
        let failed = |reason: String| LineError { line: number, text: plain(&line, 200), reason };
        lines.extend(read_line(&line).map_err(failed)?);
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

/// What a line says: a requirement with its options, or options alone, of which there may be several.
fn read_line(line: &str) -> Result<Vec<Line>, String> {
    let begins = |(at, c): (usize, char)| c == '-' && line[..at].chars().next_back().is_none_or(char::is_whitespace);
    let at = line.char_indices().find(|one| begins(*one)).map_or(line.len(), |(at, _)| at);
    let (text, rest) = (line[..at].trim(), &line[at..]);
    if text.is_empty()
        && let Some(what) = editable(rest)
    {
        // What is editable is how a client goes about it; what it takes is the same.
        return match what.contains("git+") {
            true => Ok(vec![Line::Requirement(Box::new(read(what)?), Vec::new())]),
            false => Err(format!("an editable requirement is a folder of one machine; {WHEEL}")),
        };
    }
    let options = options(rest)?;
    if text.is_empty() {
        return options.into_iter().filter_map(|(name, value)| option(&name, value).transpose()).collect();
    }
    let mut checksums = Vec::new();
    for (name, value) in &options {
        match name.as_str() {
            "--hash" => checksums.push(
                value
                    .to_ascii_lowercase()
                    .parse::<Checksum>()
                    .map_err(|_| format!("'{}' is none of sha256:…, sha384:… and sha512:…", plain(value, 100)))?,
            ),
            name if BUILDING.contains(&name) => {}
            _ => return Err(format!("the option {name} is not one of a requirement: write it on a line of its own")),
        }
    }
    Ok(vec![Line::Requirement(Box::new(read(text)?), checksums)])
}

/// What is to be editable, where a line says so. A marker has quotes that mean something, so that it is not taken apart.
fn editable(line: &str) -> Option<&str> {
    let rest = ["-e", "--editable"].iter().find_map(|name| line.strip_prefix(name))?;
    let what = rest.trim().trim_start_matches('=').trim();
    let bare = ['"', '\''].iter().find_map(|quote| what.strip_prefix(*quote)?.strip_suffix(*quote));
    (rest.is_empty() || rest.starts_with([' ', '\t', '='])).then_some(bare.unwrap_or(what))
}

/// The options of a line with their values, taken apart as a shell does.
fn options(line: &str) -> Result<Vec<(String, String)>, String> {
    let words = shlex::split(line).ok_or("a quotation mark is not closed, or a backslash is its end")?;
    let mut words = words.into_iter();
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            // `-rother.txt` is understood by pip, too.
            _ if !word.starts_with("--") && word.starts_with('-') && word.is_char_boundary(2) && word.len() > 2 => {
                let (name, value) = word.split_at(2);
                (name.to_owned(), Some(value.trim_start_matches('=').to_owned()))
            }
            _ => (word, None),
        };
        let known = [&HARMLESS[..], &BUILDING, &PLACES, &VALUED].concat();
        let value = match value {
            _ if !name.starts_with('-') => return Err(format!("'{}' stands behind an option", plain(&name, 100))),
            None if FLAGS.contains(&name.as_str()) => String::new(),
            None if known.contains(&name.as_str()) => words.next().ok_or_else(|| format!("{name} needs a value"))?,
            Some(value) if known.contains(&name.as_str()) => value,
            _ => return Err(format!("the option {} is not known here", plain(&name, 40))),
        };
        options.push((name, value));
    }
    Ok(options)
}

/// What an option of a whole file says; none where it means nothing here.
fn option(name: &str, value: String) -> Result<Option<Line>, String> {
    let names = || value.split(',').map(|name| name.trim().to_owned()).collect();
    Ok(Some(match name {
        "-r" | "--requirement" => Line::Include(value),
        "-c" | "--constraint" => Line::Constraints(value),
        "--require-hashes" => Line::RequireHashes,
        "--pre" => Line::Pre,
        "--prefer-binary" => Line::PreferBinary,
        "--only-binary" => Line::Only(Form::Wheel, names()),
        "--no-binary" => Line::Only(Form::Sdist, names()),
        name if PLACES.contains(&name) => {
            return Err("where packages come from is said in the manifest: 'index', 'indexes'".to_owned());
        }
        name if HARMLESS.contains(&name) => return Ok(None),
        _ => return Err(format!("{name} stands alone on its line, and not behind a requirement")),
    }))
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
        assert_eq!(lines[5], Line::Only(Form::Wheel, vec![":all:".into()]));
        assert_eq!((&lines[6], lines.len()), (&Line::PreferBinary, 7));
    }

    #[test]
    fn options_are_taken_apart_as_a_shell_does() {
        let sum = "ab".repeat(32);
        let text = format!(
            "--only-binary=:all: --pre --no-binary 'a,b' --trusted-host e.org\n-r \"my file.txt\" -c'c.txt'\n\
             foo==1\t--hash=sha256:{sum}\t--hash 'sha256:{sum}' -C--x=y --config-settings=\"a=b c\"\n"
        );
        let lines = parse(&text).expect("a file");
        let foo = Line::Requirement(
            Box::new(read("foo==1").expect("foo")),
            vec![format!("sha256:{sum}").parse().expect("a sum"); 2],
        );
        let expected = [
            Line::Only(Form::Wheel, vec![":all:".into()]),
            Line::Pre,
            Line::Only(Form::Sdist, vec!["a".into(), "b".into()]),
            Line::Include("my file.txt".into()),
            Line::Constraints("c.txt".into()),
            foo,
        ];
        assert_eq!(lines, expected);
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
            ("-r a.txt b.txt", "'b.txt' stands behind an option"),
            ("-r", "-r needs a value"),
            ("-r \"a.txt", "quotation mark"),
            ("a==1 --pre", "on a line of its own"),
            ("--hash=sha256:00", "behind a requirement"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn requirements_from_git_are_read() {
        let text = "x @ git+https://e.org/x.git@v1 ; os_name == 'posix'\n-e git+https://e.org/y.git@main#egg=y[z]&subdirectory=py\n\
                    git+https://me@e.org/w#egg=w ; os_name == 'nt'\n--editable=\"v @ git+https://e.org/v\"\n";
        let lines = parse(text).expect("a file");
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
        fn no_file_is_too_odd_to_be_judged(text in "(-r |-e |--hash=|sha256:|\\\\\n|\n|\t| #|;|@|'|\"|--pre|--no-binary|=|\\PC){0,60}") {
            let _ = parse(&text);
        }
    }
}
