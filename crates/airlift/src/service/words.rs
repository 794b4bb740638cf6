//! Command lines as systemd reads them (systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting").

/// Words as a setting has them: `%` and `$` mean themselves, and a word that has more than plain characters is quoted.
pub(crate) fn join<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// One word of a command line: the only setting in which `$` begins a variable.
fn quote(word: &str) -> String {
    setting(word).replace('$', "$$")
}

/// One word of another setting.
pub(crate) fn setting(word: &str) -> String {
    let escaped = escape(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%$".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => escaped,
        false => format!("\"{}\"", escaped.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// A text in which `%` means itself.
pub(crate) fn escape(text: &str) -> String {
    text.replace('%', "%%")
}

/// The words of a command line that [`join`] made.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            // The second of `%%` and `$$`, and whatever is behind a backslash.
            '\\' | '%' | '$' => word.get_or_insert_default().extend(rest.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive() {
        let words =
            ["serve", "--port", "oci=5001", "", "a b", "50%", "$HOME", "\"q\"", "back\\slash", "--bind=[::]", "é"];
        let line = join(words);
        assert_eq!(split(&line), words, "{line}");
        assert_eq!(join(["--access-log", "off", "/opt/deepops"]), "--access-log off /opt/deepops");
        assert_eq!(join(["/srv/100% offline"]), "\"/srv/100%% offline\"");
        assert_eq!((join(["/srv/$x%"]), setting("/srv/$x%")), ("/srv/$$x%%".to_owned(), "/srv/$x%%".to_owned()));
    }
}
