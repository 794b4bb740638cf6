//! Rich dependencies: `(a if b else c)` (rpm's "Boolean Dependencies").

use std::fmt;

use super::evr::Flags;

/// The most brackets inside of each other.
const DEEPEST: usize = 32;

/// The most parts of one dependency.
const MOST: usize = 2000;

/// A dependency, with its parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rich {
    /// A name, with or without versions.
    Simple(Simple),
    /// All of these.
    And(Vec<Rich>),
    /// One of these, the first preferred.
    Or(Vec<Rich>),
    /// One package that is all of these.
    With(Vec<Rich>),
    /// A package that is the first and not the second.
    Without(Box<[Rich; 2]>),
    /// The first where the second is there; where it is not, the third, if there is one.
    If(Box<[Rich; 2]>, Option<Box<Rich>>),
    /// The first where the second is not there; where it is, the third, if there is one.
    Unless(Box<[Rich; 2]>, Option<Box<Rich>>),
}

/// A name, with or without versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Simple {
    /// The name.
    pub name: String,
    /// Which versions, as `epoch:version-release`; none for all.
    pub version: Option<(Flags, String)>,
}

/// Whether a dependency's name is a rich dependency.
pub fn is_rich(name: &str) -> bool {
    name.starts_with('(')
}

/// Reads a rich dependency. None for what is none, and for one that is larger than any real one.
pub fn parse(text: &str) -> Option<Rich> {
    let mut reader = Reader { rest: text.trim(), parts: 0 };
    let found = reader.bracketed(0)?;
    reader.rest.is_empty().then_some(found)
}

/// Reads `name`, or `name sign version`, with or without blanks around the sign.
pub fn simple(text: &str) -> Option<Simple> {
    let text = text.trim();
    let Some(start) = text.find(['<', '>', '=']) else {
        let plain = !text.is_empty() && !text.contains(char::is_whitespace);
        return plain.then(|| Simple { name: text.to_owned(), version: None });
    };
    let (name, rest) = text.split_at(start);
    let (sign, version) = rest.split_at(rest.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(rest.len()));
    let (name, version) = (name.trim(), version.trim());
    let whole = !name.is_empty() && !version.is_empty() && !version.contains(char::is_whitespace);
    let flags = Flags::of_sign(sign).filter(|_| whole && !name.contains(char::is_whitespace))?;
    Some(Simple { name: name.to_owned(), version: Some((flags, version.to_owned())) })
}

impl fmt::Display for Simple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.version {
            Some((flags, version)) => write!(f, " {} {version}", flags.sign()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Rich {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word, otherwise): (&[Self], _, _) = match self {
            Self::Simple(simple) => return simple.fmt(f),
            Self::And(parts) => (parts, "and", None),
            Self::Or(parts) => (parts, "or", None),
            Self::With(parts) => (parts, "with", None),
            Self::Without(parts) => (&parts[..], "without", None),
            Self::If(parts, otherwise) => (&parts[..], "if", otherwise.as_deref()),
            Self::Unless(parts, otherwise) => (&parts[..], "unless", otherwise.as_deref()),
        };
        for (place, part) in parts.iter().enumerate() {
            match place {
                0 => write!(f, "({part}")?,
                _ => write!(f, " {word} {part}")?,
            }
        }
        match otherwise {
            Some(otherwise) => write!(f, " else {otherwise})"),
            None => f.write_str(")"),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    parts: usize,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// The next word: up to a blank, or to a bracket that it did not open itself, as in `perl(Carp)`.
    fn word(&mut self) -> &'a str {
        self.blanks();
        let mut open = 0_usize;
        let end = self.rest.find(|c: char| {
            match c {
                '(' => open += 1,
                ')' if open == 0 => return true,
                ')' => open -= 1,
                _ => {}
            }
            c.is_whitespace()
        });
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// The next word, which is left where it is.
    fn ahead(&self) -> &'a str {
        Reader { rest: self.rest, parts: 0 }.word()
    }

    fn bracketed(&mut self, depth: usize) -> Option<Rich> {
        self.rest = self.rest.strip_prefix('(').filter(|_| depth < DEEPEST)?;
        let found = self.inside(depth + 1)?;
        self.blanks();
        self.rest = self.rest.strip_prefix(')')?;
        self.blanks();
        Some(found)
    }

    fn inside(&mut self, depth: usize) -> Option<Rich> {
        let first = self.operand(depth)?;
        let operator = self.ahead();
        if operator.is_empty() {
            return Some(first);
        }
        let mut operands = vec![first];
        while self.ahead() == operator {
            self.word();
            operands.push(self.operand(depth)?);
        }
        let otherwise = match self.ahead() {
            "else" if matches!(operator, "if" | "unless") => {
                self.word();
                Some(Box::new(self.operand(depth)?))
            }
            _ => None,
        };
        let pair = |operands: Vec<Rich>| <[Rich; 2]>::try_from(operands).ok().map(Box::new);
        Some(match operator {
            "and" => Rich::And(operands),
            "or" => Rich::Or(operands),
            "with" => Rich::With(operands),
            "without" => Rich::Without(pair(operands)?),
            "if" => Rich::If(pair(operands)?, otherwise),
            "unless" => Rich::Unless(pair(operands)?, otherwise),
            _ => return None,
        })
    }

    fn operand(&mut self, depth: usize) -> Option<Rich> {
        self.parts += 1;
        if self.parts > MOST {
            return None;
        }
        self.blanks();
        if self.rest.starts_with('(') {
            return self.bracketed(depth);
        }
        let name = self.word();
        if name.is_empty() {
            return None;
        }
        let version = match Flags::of_sign(self.ahead()) {
            Some(flags) => {
                self.word();
                let version = self.word();
                Some((flags, version.to_owned())).filter(|_| !version.is_empty()).map(Some)?
            }
            None => None,
        };
        Some(Rich::Simple(Simple { name: name.to_owned(), version }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Rich {
        Rich::Simple(simple(text).expect("a dependency"))
    }

    #[test]
    fn every_operator_is_read() {
        let pair = |a: &str, b: &str| Box::new([name(a), name(b)]);
        for (text, expected) in [
            ("(a and b and c)", Rich::And(vec![name("a"), name("b"), name("c")])),
            ("(a or b)", Rich::Or(vec![name("a"), name("b")])),
            ("(a >= 1:2-3 with a < 4)", Rich::With(vec![name("a >= 1:2-3"), name("a < 4")])),
            ("(a without b)", Rich::Without(pair("a", "b"))),
            ("(a if b)", Rich::If(pair("a", "b"), None)),
            ("(a if b else c = 1)", Rich::If(pair("a", "b"), Some(Box::new(name("c = 1"))))),
            ("(a unless b else c)", Rich::Unless(pair("a", "b"), Some(Box::new(name("c"))))),
            ("(perl(A::B) if libx.so.1()(64bit))", Rich::If(pair("perl(A::B)", "libx.so.1()(64bit)"), None)),
            (
                "( (a or b) if  (c and /bin/d) )",
                Rich::If(
                    Box::new([Rich::Or(vec![name("a"), name("b")]), Rich::And(vec![name("c"), name("/bin/d")])]),
                    None,
                ),
            ),
            ("((a))", name("a")),
        ] {
            assert_eq!(parse(text).as_ref(), Some(&expected), "{text}");
            if text != "((a))" {
                assert_eq!(parse(&expected.to_string()), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn what_is_none_is_none() {
        for text in [
            "",
            "a",
            "(",
            "()",
            "(a",
            "(a and)",
            "(a and b or c)",
            "(a if b if c)",
            "(a else b)",
            "(a b)",
            "(a) b",
            "(a >=)",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(parse(&deep), None);
        let wide = format!("(a{})", " or a".repeat(100_000));
        assert_eq!(parse(&wide), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-c()<>= ]{0,40}|\\((a|b| |if|or|and|with|else|unless|\\(|\\)|=|1){0,20}\\)") {
            let _ = (parse(&text), simple(&text));
        }
    }
}
