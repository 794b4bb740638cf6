//! Keys of a file of lines: TOML, INI, or names and values.

use airlift_kind::client::LineEdit;

use super::normal;

/// The lines of a text, without their line feeds.
pub(super) fn split(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // Behind the last line feed there is no line.
    lines.pop_if(|last| last.is_empty());
    lines
}

/// The text of some lines.
pub(super) fn join(lines: &[&[u8]]) -> Vec<u8> {
    lines.iter().flat_map(|line| [*line, b"\n"].concat()).collect()
}

/// A text with all of that set. Where everything is as it has to be, it is the same.
pub(super) fn apply(edits: &[LineEdit], text: &[u8]) -> Vec<u8> {
    let before = split(text);
    let mut lines: Vec<Vec<u8>> = before.iter().map(|line| line.to_vec()).collect();
    edits.iter().for_each(|edit| set(&mut lines, edit));
    let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    if lines == before { text.to_vec() } else { join(&lines) }
}

fn set(lines: &mut Vec<Vec<u8>>, edit: &LineEdit) {
    let heading = edit.section.as_ref().map(|section| format!("[{section}]").into_bytes());
    let start = match &heading {
        None => 0,
        Some(heading) => match lines.iter().position(|line| normal(line) == normal(heading)) {
            Some(found) => found + 1,
            None => return add_section(lines, heading, edit.line.as_deref()),
        },
    };
    let section = lines[start..].iter().position(|line| normal(line).first() == Some(&b'['));
    let end = section.map_or(lines.len(), |length| start + length);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let (mut found, mut key_indent) = (false, None);
    for old in lines[start..end].iter().cloned() {
        if is_key(&old, &edit.key) {
            // The first one is replaced where it stands.
            kept.extend(edit.line.as_deref().filter(|_| !found).map(|line| indented(edit, line, indent(&old))));
            found = true;
            key_indent = edit.continued.then(|| indent(&old));
        } else if normal(&old).is_empty() {
            kept.push(old);
        } else if key_indent.is_none_or(|key_indent| indent(&old) <= key_indent) {
            key_indent = None;
            kept.push(old);
        }
    }
    if let Some(line) = edit.line.as_deref().filter(|_| !found) {
        // In an INI file, a line that is further in than the one before it belongs to that.
        let first =
            kept.iter().find(|line| !normal(line).is_empty() && !is_comment(line)).map_or(0, |line| indent(line));
        // Before the sections, it stands behind whatever is there.
        let place = if edit.section.is_none() { kept.len() } else { 0 };
        kept.insert(place, indented(edit, line, first));
    }
    lines.splice(start..end, kept);
}

fn add_section(lines: &mut Vec<Vec<u8>>, heading: &[u8], line: Option<&str>) {
    let Some(line) = line else { return };
    if lines.last().is_some_and(|last| !last.is_empty()) {
        lines.push(Vec::new());
    }
    lines.extend([heading.to_vec(), line.as_bytes().to_vec()]);
}

/// A line as far in as the others are, where that means something.
fn indented(edit: &LineEdit, line: &str, blanks: usize) -> Vec<u8> {
    let blanks = if edit.continued { blanks } else { 0 };
    [&vec![b' '; blanks], line.as_bytes()].concat()
}

/// How many blanks a line begins with.
fn indent(line: &[u8]) -> usize {
    line.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(line.len())
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.get(indent(line)), Some(b'#' | b';'))
}

/// Whether a line sets this key. Small and capital letters are the same, and so are hyphens and underscores, as for pip.
fn is_key(line: &[u8], key: &str) -> bool {
    let line = &line[indent(line)..];
    let end = line.iter().position(|byte| matches!(byte, b'=' | b':' | b' ' | b'\t' | b'\r')).unwrap_or(line.len());
    let same = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    line[..end].iter().map(same).eq(key.as_bytes().iter().map(same))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(section: Option<&str>, key: &str, line: Option<&str>) -> LineEdit {
        let (section, line) = (section.map(str::to_owned), line.map(str::to_owned));
        LineEdit { section, key: key.to_owned(), line, continued: true }
    }

    fn changed(edits: &[LineEdit], text: &str) -> String {
        let once = apply(edits, text.as_bytes());
        assert_eq!(apply(edits, &once), once, "a second time nothing is changed");
        String::from_utf8(once).expect("text")
    }

    #[test]
    fn a_key_is_set_in_its_section_and_the_rest_stays() {
        let set = [edit(Some("global"), "index-url", Some("index-url = http://m/"))];
        assert_eq!(changed(&set, ""), "[global]\nindex-url = http://m/\n");
        assert_eq!(changed(&set, "[install]\na = b"), "[install]\na = b\n\n[global]\nindex-url = http://m/\n");
        assert_eq!(
            changed(
                &set,
                "# c\n[ global ]\n  Index_URL: https://x\n timeout = 3\nindex-url = y\n\n[a]\nindex-url = z\n"
            ),
            "# c\n[ global ]\n  index-url = http://m/\n timeout = 3\n\n[a]\nindex-url = z\n"
        );
        assert_eq!(changed(&set, "[global]\n\n[a]\n"), "[global]\nindex-url = http://m/\n\n[a]\n");
        assert_eq!(changed(&set, "[global]\n  a = b\n"), "[global]\n  index-url = http://m/\n  a = b\n", "as far in");
    }

    #[test]
    fn a_key_goes_with_all_of_its_lines() {
        let unset = [edit(Some("global"), "extra-index-url", None)];
        let text = "[global]\n extra-index-url =\n    https://a/\n\n  https://b/?x=y\n timeout = 3\n";
        assert_eq!(changed(&unset, text), "[global]\n\n timeout = 3\n");
        assert_eq!(changed(&unset, "[install]\nextra-index-url = a"), "[install]\nextra-index-url = a");
    }

    #[test]
    fn toml_is_found_in_both_kinds_of_quotes() {
        let mut set = edit(Some("plugins.\"io.a\".registry"), "config_path", Some("  config_path = \"/x\""));
        set.continued = false;
        let text = "version = 3\n[plugins.'io.a'.registry]\nconfig_path = ''\n  [plugins.'io.a'.registry.auths]\n";
        assert_eq!(
            changed(&[set], text),
            "version = 3\n[plugins.'io.a'.registry]\n  config_path = \"/x\"\n  [plugins.'io.a'.registry.auths]\n"
        );
    }

    #[test]
    fn a_file_without_sections_is_set_at_its_end() {
        let set = [edit(None, "ENROOT_ALLOW_HTTP", Some("ENROOT_ALLOW_HTTP yes"))];
        assert_eq!(changed(&set, "#ENROOT_ALLOW_HTTP no\n"), "#ENROOT_ALLOW_HTTP no\nENROOT_ALLOW_HTTP yes\n");
        assert_eq!(changed(&set, "ENROOT_ALLOW_HTTP\tno\nX y\n"), "ENROOT_ALLOW_HTTP yes\nX y\n");
    }
}
