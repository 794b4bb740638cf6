//! By what a mirror is reached.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A name of a mirror, as clients type it: an address, or a DNS name, which may begin with `*.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A DNS name in lower case, without a dot at its end.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

/// A text that is no name of a host.
#[derive(Clone, Debug, thiserror::Error)]
#[error("'{text}' is neither a host's name nor an address{}", if text.contains([':', '/']) { ": leave out what is not the name, such as 'https://' or a port" } else { "" })]
pub struct NameError {
    /// What was given.
    pub text: String,
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let host = name.strip_prefix("*.").unwrap_or(&name);
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(known);
        // A name of digits and dots alone is an address with a mistake in it.
        let digits = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match name.len() <= 253 && !digits && host.split('.').all(label) {
            true => Ok(Self::Dns(name)),
            false => Err(NameError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Names with commas between them, for messages.
pub fn list(names: &[Name]) -> String {
    names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_printed() {
        for (text, printed) in [
            ("mirror", "mirror"),
            ("Mirror.Example.ORG.", "mirror.example.org"),
            ("*.mirror.example", "*.mirror.example"),
            ("10.0.0.7", "10.0.0.7"),
            ("fd00::7", "fd00::7"),
            ("[::1]", "::1"),
            ("3com", "3com"),
        ] {
            let name: Name = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(name.to_string(), printed);
            assert_eq!(name.to_string().parse::<Name>().expect("it is read again"), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", "*", "a..b", "mirror:8000", "https://mirror", "a b", "10.0.0", "10.0.0.256", "mìrror", "*.", "a.*"]
        {
            let error = text.parse::<Name>().expect_err(text);
            assert_eq!(error.to_string().contains("leave out"), text.contains(':'), "{error}");
        }
        assert!(format!("{}.example", "a".repeat(64)).parse::<Name>().is_err());
        assert!(["a"; 130].join(".").parse::<Name>().is_err());
    }
}
