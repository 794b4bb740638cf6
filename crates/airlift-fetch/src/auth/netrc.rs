//! `~/.netrc`: users and passwords by host, as curl and ftp read it.

use airlift_core::Secret;

/// The entries of a netrc file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Netrc {
    machines: Vec<(String, Entry)>,
    default: Option<Entry>,
}

/// A user and a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) login: String,
    pub(crate) password: Option<Secret>,
}

impl Netrc {
    /// Reads a file's content. Words that mean nothing are passed over, as other programs do.
    pub(crate) fn parse(text: &str) -> Self {
        let mut this = Self::default();
        let mut words = Words { rest: text };
        let mut current: Option<(Option<String>, Entry)> = None;
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" | "default" => {
                    this.keep(current.take());
                    let name =
                        if word == "machine" { words.next().map(|name| name.to_ascii_lowercase()) } else { None };
                    current = Some((name, Entry::default()));
                }
                "macdef" => {
                    this.keep(current.take());
                    words.skip_macro();
                }
                "login" | "user" => {
                    let login = words.next().unwrap_or_default();
                    if let Some((_, entry)) = &mut current {
                        entry.login = login;
                    }
                }
                "password" => {
                    let password = words.next().map(Secret::new);
                    if let Some((_, entry)) = &mut current {
                        entry.password = password;
                    }
                }
                "account" => drop(words.next()),
                _ => {}
            }
        }
        this.keep(current);
        this
    }

    fn keep(&mut self, entry: Option<(Option<String>, Entry)>) {
        match entry {
            Some((Some(name), entry)) => self.machines.push((name, entry)),
            Some((None, entry)) if self.default.is_none() => self.default = Some(entry),
            _ => {}
        }
    }

    /// The entry that names this host; the first one counts.
    pub(crate) fn machine(&self, host: &str) -> Option<&Entry> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        self.machines.iter().find(|(name, _)| *name == host).map(|(_, entry)| entry)
    }

    /// The entry for every other host.
    pub(crate) const fn any(&self) -> Option<&Entry> {
        self.default.as_ref()
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// The body of a macro ends with an empty line.
    fn skip_macro(&mut self) {
        let end = ["\n\n", "\n\r\n"].iter().filter_map(|end| self.rest.find(end)).min();
        self.rest = end.map_or("", |end| &self.rest[end..]);
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    /// The next word: up to white space, or in quotes with backslashes. From `#` to the end of a line is a comment.
    fn next(&mut self) -> Option<String> {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                break;
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
        let mut word = String::new();
        let quoted = self.rest.starts_with('"');
        let mut characters = self.rest.char_indices().skip(usize::from(quoted));
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' if quoted => {
                    end = at + 1;
                    break;
                }
                c if !quoted && c.is_whitespace() => {
                    end = at;
                    break;
                }
                '\\' if quoted => word.extend(characters.next().map(|(_, c)| c)),
                c => word.push(c),
            }
        }
        let empty = self.rest.is_empty();
        self.rest = &self.rest[end..];
        (!empty).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(entry: Option<&Entry>) -> Option<(&str, &str)> {
        entry.map(|entry| (entry.login.as_str(), entry.password.as_ref().map_or("", Secret::expose)))
    }

    #[test]
    fn the_forms_that_people_write() {
        let netrc = Netrc::parse(
            "# mine\nmachine a.example login me password s3cr3t\n\
             machine B.example\n\tlogin you\n\taccount x\n\tpassword \"with \\\"quotes\\\" and space\" # not this\n\
             macdef init\nmachine evil login x password y\n\n\
             machine c.example login only\n\
             default login anybody password pw#1",
        );
        assert_eq!(pair(netrc.machine("a.example")), Some(("me", "s3cr3t")));
        assert_eq!(pair(netrc.machine("b.EXAMPLE")), Some(("you", "with \"quotes\" and space")));
        assert_eq!(pair(netrc.machine("c.example")), Some(("only", "")));
        assert_eq!(netrc.machine("evil"), None);
        assert_eq!(pair(netrc.any()), Some(("anybody", "pw#1")));
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in ["", "machine", "machine a", "login x password y", "\"", "machine \"", "default", "macdef", "#"] {
            let netrc = Netrc::parse(text);
            assert_eq!(pair(netrc.machine("a")).map(|(login, _)| login).unwrap_or_default(), "", "{text}");
        }
    }
}
