//! What a reference host has: dpkg's status file, `dpkg -l`, or `dpkg-query -W`.

use super::raw;

/// A package that a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its architecture, where that is said.
    pub architecture: Option<&'a str>,
    /// Its version.
    pub version: &'a str,
    /// Its stanza, where a status file says more of it.
    pub stanza: Option<&'a [u8]>,
}

/// A text that is no list of installed packages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstalledError {
    /// It is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// There is no package in it.
    #[error("it names no installed package")]
    Empty,
    /// A line that is none of the three formats.
    #[error("line {line} names no package and version: {text:?}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// The line, cut at 100 characters.
        text: String,
    },
}

/// Reads a status file (stanzas), the table of `dpkg -l`, or the lines of `dpkg-query -W`, whichever it is.
///
/// # Errors
///
/// [`InstalledError`].
pub fn read(bytes: &[u8]) -> Result<Vec<Installed<'_>>, InstalledError> {
    let is_status = raw::stanzas(bytes)
        .next()
        .is_some_and(|stanza| ["Package", "Status", "Version"].iter().all(|name| raw::field(stanza, name).is_some()));
    let packages = match is_status {
        true => raw::stanzas(bytes).filter_map(of_stanza).collect(),
        false => of_lines(std::str::from_utf8(bytes).map_err(|_| InstalledError::NotText)?)?,
    };
    match packages.is_empty() {
        true => Err(InstalledError::Empty),
        false => Ok(packages),
    }
}

/// A stanza whose status is `install ok installed`, whatever is wanted of it.
fn of_stanza(stanza: &[u8]) -> Option<Installed<'_>> {
    let installed = raw::field(stanza, "Status")?.split_whitespace().last() == Some("installed");
    let (name, version) = (raw::field(stanza, "Package")?, raw::field(stanza, "Version")?);
    let architecture = raw::field(stanza, "Architecture");
    installed.then_some(Installed { name, architecture, version, stanza: Some(stanza) })
}

fn of_lines(text: &str) -> Result<Vec<Installed<'_>>, InstalledError> {
    let mut packages = Vec::new();
    // The table has a head, which is translated; its last line is a rule.
    let head = text.lines().position(|line| line.starts_with("+++-")).map_or(0, |rule| rule + 1);
    for (number, line) in text.lines().enumerate().skip(head).filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, version, architecture) = match words[..] {
            // Desired action, status, and error: only what is unpacked and configured, or nearly, is there.
            [state, name, version, architecture, ..] if head > 0 && is_state(state) => {
                if !matches!(state.as_bytes().get(1), Some(b'i' | b'W' | b't')) {
                    continue;
                }
                (name, version, Some(architecture))
            }
            [name, version] if head == 0 => (name, version, None),
            [_] if head == 0 && line.ends_with(['\t', ' ']) => continue,
            [name, version, architecture] if head == 0 => (name, version, Some(architecture)),
            _ => return Err(InstalledError::Line { line: number + 1, text: line.chars().take(100).collect() }),
        };
        let (name, qualifier) = name.split_once(':').map_or((name, None), |(name, of)| (name, Some(of)));
        packages.push(Installed { name, architecture: architecture.or(qualifier), version, stanza: None });
    }
    Ok(packages)
}

fn is_state(word: &str) -> bool {
    (2..=3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let one = |of: Installed<'_>| format!("{}:{}={}", of.name, of.architecture.unwrap_or("-"), of.version);
        read(text.as_bytes()).expect("a list").into_iter().map(one).collect()
    }

    #[test]
    fn the_three_forms_are_read() {
        let status = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2-3\nProvides: x\n\n\
                      Package: b\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n";
        assert_eq!(names(status), ["a:amd64=1:2-3"]);
        assert!(read(status.as_bytes()).expect("a list")[0].stanza.is_some());
        let table = "Desired=Unknown/Install\n| Status=Not/Inst\n|/ Err?=(none)\n||/ Name Version Architecture Description\n\
                     +++-====-=====-=====-====\nii  libc6:amd64  2.36-9  amd64  GNU C\nhi  a  1  all  b c\nrc  gone  1  all  x\nun  never  <none>  <none>  (no)\n";
        assert_eq!(names(table), ["libc6:amd64=2.36-9", "a:all=1"]);
        assert_eq!(names("libc6:i386\t2.36-9\na\t1\nremoved\t\n"), ["libc6:i386=2.36-9", "a:-=1"]);
        assert_eq!(names("a 1 amd64\n"), ["a:amd64=1"]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(read(b""), Err(InstalledError::Empty));
        assert_eq!(read(b"\xff"), Err(InstalledError::NotText));
        let error = read(b"a\t1\nwhat is this line doing\n").expect_err("a line");
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(Package: a|Status: x installed|Version: 1|\\+\\+\\+-|ii  a  1  x y|a\t1|\n| ){0,12}") {
            let _ = read(text.as_bytes());
        }
    }
}
