//! Lines between two comments that say whose they are.

use super::{EditError, lines};

pub(crate) const BEGIN: &str = "# airlift: begin";
pub(crate) const END: &str = "# airlift: end";

/// A text with these lines in it: where such lines were, else at its end.
pub(super) fn apply(content: &str, text: &[u8]) -> Result<Vec<u8>, EditError> {
    let block = format!("{BEGIN}\n{content}{END}\n").into_bytes();
    let lines = lines::split(text);
    let Some(begin) = lines.iter().position(|line| *line == BEGIN.as_bytes()) else {
        let newline: &[u8] = if text.is_empty() || text.ends_with(b"\n") { b"" } else { b"\n" };
        return Ok([text, newline, &block].concat());
    };
    let Some(end) = lines[begin..].iter().position(|line| *line == END.as_bytes()) else {
        return Err(EditError(format!("it has a line '{BEGIN}', and no line '{END}' behind it")));
    };
    let mut changed = lines::join(&lines[..begin]);
    changed.extend_from_slice(&block);
    changed.extend_from_slice(&lines::join(&lines[begin + end + 1..]));
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> String {
        String::from_utf8(apply("x\n", text.as_bytes()).expect("a change")).expect("text")
    }

    #[test]
    fn a_block_is_put_at_the_end_once_and_then_where_it_is() {
        assert_eq!(changed(""), "# airlift: begin\nx\n# airlift: end\n");
        assert_eq!(changed("a"), "a\n# airlift: begin\nx\n# airlift: end\n");
        let between = "a\n# airlift: begin\nold\nold\n# airlift: end\nb\n";
        assert_eq!(changed(between), "a\n# airlift: begin\nx\n# airlift: end\nb\n");
        assert_eq!(changed(&changed("a\n")), changed("a\n"));
        assert!(apply("x\n", b"# airlift: begin\na\n").is_err());
    }
}
