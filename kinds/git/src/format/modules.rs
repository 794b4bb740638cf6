//! The submodules that a repository names: its file `.gitmodules` (gitmodules), in the syntax of git-config.

use super::FormatError;

/// A submodule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Where it is in the tree.
    pub path: String,
    /// Where its repository is, as it is written.
    pub url: String,
}

/// The longest file in bytes.
pub const LONGEST: u64 = 1 << 20;

/// Reads a `.gitmodules`. What has no path or no URL is left out, as git does.
///
/// # Errors
///
/// [`FormatError`] where it is not in git's syntax.
pub fn read(text: &str) -> Result<Vec<Module>, FormatError> {
    let mut modules: Vec<(Option<String>, Option<String>)> = Vec::new();
    let mut inside = false;
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let wrong = |what: &str| FormatError::new(format!("line {} of .gitmodules {what}", number + 1));
        let mut line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            let end = end_of_section(rest).ok_or_else(|| wrong("has no end of its section's name"))?;
            inside = rest[..end].trim_start().to_ascii_lowercase().starts_with("submodule");
            modules.push((None, None));
            line = rest[end + 1..].trim();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let mut value = value.trim().to_owned();
        while value.ends_with('\\') && !value.ends_with("\\\\") {
            value.pop();
            value.push_str(lines.next().map_or("", |(_, next)| next));
        }
        let value = unquoted(&value).ok_or_else(|| wrong("has a quote without an end"))?;
        let module = modules.last_mut().ok_or_else(|| wrong("is in no section"))?;
        match key.trim().to_ascii_lowercase().as_str() {
            "path" if inside => module.0 = Some(value),
            "url" if inside => module.1 = Some(value),
            _ => {}
        }
    }
    let whole = modules.into_iter().filter_map(|(path, url)| Some(Module { path: path?, url: url? }));
    Ok(whole.collect())
}

/// Where the bracket is that ends a section's name; one in quotes does not.
fn end_of_section(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(place, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(place),
            _ => {}
        }
        None
    })
}

/// A value without quotes, escapes and comments; none where a quote has no end.
fn unquoted(text: &str) -> Option<String> {
    let (mut value, mut kept, mut quoted) = (String::new(), 0, false);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                't' => '\t',
                'b' => '\u{8}',
                other => other,
            }),
            c => value.push(c),
        }
        if quoted || !c.is_whitespace() {
            kept = value.len();
        }
    }
    value.truncate(kept);
    (!quoted).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_syntax_of_git_config_is_read() {
        let text = "# modules\n[core]\n\tpath = no\n[submodule \"a ] b\"]\n\tpath = sub/a # where\n\tURL = \"../a;b.git\"\n\
                    [Submodule \"half\"]\n\tpath = half\n[submodule \"c\"] path = c\n\turl = https://e.org/\\\nc.git\n";
        let module = |path: &str, url: &str| Module { path: path.to_owned(), url: url.to_owned() };
        assert_eq!(read(text), Ok(vec![module("sub/a", "../a;b.git"), module("c", "https://e.org/c.git")]));
    }

    #[test]
    fn what_is_not_git_config_is_refused() {
        for text in ["path = x", "[submodule \"x]", "[submodule \"x\"]\nurl = \"x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]a\"\\\\#= \n\té]{0,40}") {
            let _ = read(&text);
        }
    }
}
