//! Changes of a file that is there already. They are made on its text, so that everything else in it stays as it is, byte
//! for byte; the script makes the same changes with awk.

mod block;
mod json;
mod lines;

pub(crate) use block::BEGIN;
pub(crate) use json::{list, object};

use airlift_kind::client::{Change, Condition};

/// Why a file can't be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EditError(pub(crate) String);

/// What a file becomes. `before` is nothing where it is not there.
///
/// # Errors
///
/// A sentence that says why it can't be changed.
pub fn apply(change: &Change, before: Option<&[u8]>) -> Result<Vec<u8>, EditError> {
    let text = before.unwrap_or_default();
    match change {
        Change::Whole { content } => Ok(content.clone().into_bytes()),
        Change::Block { content } => block::apply(content, text),
        Change::Lines { edits } => Ok(lines::apply(edits, text)),
        Change::Json { edits } => json::apply(edits, text),
    }
}

/// Whether a file looks as it has to. Where it does not, and somebody should know: the sentence.
///
/// # Errors
///
/// The sentence, or nothing.
pub fn meets(conditions: &[Condition], before: Option<&[u8]>) -> Result<(), Option<String>> {
    let lines: Vec<Vec<u8>> = lines::split(before.unwrap_or_default()).into_iter().map(normal).collect();
    for condition in conditions {
        let there = lines.iter().any(|line| line.starts_with(condition.line.as_bytes()));
        if there != condition.there {
            return Err(condition.otherwise.clone());
        }
    }
    Ok(())
}

/// Whether a file names something over the network.
pub fn leads_outside(text: &[u8]) -> bool {
    let remote: [&[u8]; 5] = [b"http://", b"https://", b"ftp://", b"mirror://", b"mirror+"];
    let counts = |line: &&[u8]| !matches!(line.trim_ascii_start().first(), Some(b'#' | b';'));
    let names = |line: &[u8]| remote.iter().any(|scheme| line.windows(scheme.len()).any(|part| part == *scheme));
    lines::split(text).into_iter().filter(counts).any(names)
}

/// A line without blanks, and with double quotes alone.
fn normal(line: &[u8]) -> Vec<u8> {
    let kept = line.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    kept.map(|byte| if *byte == b'\'' { b'"' } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_sees_lines_through_blanks_and_quotes() {
        let condition = |line: &str, there| Condition { line: line.into(), there, otherwise: Some("no".into()) };
        let text: &[u8] = b"  version = 3\n[plugins.'a.b'.c.mirrors.\"x\"]\n";
        assert_eq!(meets(&[condition("version=3", true)], Some(text)), Ok(()));
        assert_eq!(meets(&[condition("version=2", true)], Some(text)), Err(Some("no".into())));
        assert_eq!(meets(&[condition("[plugins.\"a.b\".c.mirrors.", false)], Some(text)), Err(Some("no".into())));
        assert_eq!(meets(&[condition("", false)], Some(text)), Err(Some("no".into())));
        assert_eq!(meets(&[condition("", false)], None), Ok(()));
        assert_eq!(meets(&[condition("", false)], Some(b"")), Ok(()));
    }

    #[test]
    fn only_what_is_not_a_comment_leads_outside() {
        let outside =
            ["deb http://a/ b c\n", "URIs:\n https://a/\n", "metalink=https://a", "deb mirror+file:/etc/m b c\n"];
        for text in outside {
            assert!(leads_outside(text.as_bytes()), "{text}");
        }
        for text in ["", "# deb http://a/ b c\n  ; https://a\n", "deb cdrom:[x]/ b c\nbaseurl=file:///media\n"] {
            assert!(!leads_outside(text.as_bytes()), "{text}");
        }
    }
}
