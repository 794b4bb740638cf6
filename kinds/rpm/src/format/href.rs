//! Where something lies in a repository: a `location href`.
//!
//! Clients join it to the repository's URL as it is. So that they find it in a mirror, it has to stay below that URL.

use std::fmt;

use airlift_core::{TreePath, UpstreamUrl};
use percent_encoding::percent_decode_str;

use super::{FormatError, short};

/// A relative reference that stays below its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Href {
    raw: String,
    path: TreePath,
}

impl Href {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// [`FormatError::Refused`] for what leads elsewhere: another host, a folder above, a query.
    pub fn new(raw: &str) -> Result<Self, FormatError> {
        let refused =
            |reason: &str| FormatError::refused(format!("the location {:?} is refused: {reason}", short(raw)));
        if raw.starts_with('/') || raw.contains("://") {
            return Err(refused("it is not below the repository, so a mirror can't have it"));
        }
        if raw.contains(['?', '#', '\\']) || raw.chars().any(char::is_control) {
            return Err(refused("it has a character that no path has"));
        }
        let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| refused("it is no UTF-8"))?;
        let segments: Vec<&str> = decoded.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
        let path = TreePath::new(segments.join("/")).map_err(|error| refused(error.reason))?;
        Ok(Self { raw: raw.to_owned(), path })
    }

    /// Its path below the repository.
    pub const fn path(&self) -> &TreePath {
        &self.path
    }

    /// Its URL at an upstream. A base's query, such as a signature, is kept.
    ///
    /// # Errors
    ///
    /// [`FormatError::Refused`] where both together are no URL.
    pub fn at(&self, base: &UpstreamUrl) -> Result<UpstreamUrl, FormatError> {
        let refused = || FormatError::refused(format!("the location {:?} makes no URL", short(&self.raw)));
        let mut url = base.expose().join(&format!("./{}", self.raw)).map_err(|_| refused())?;
        url.set_query(base.expose().query());
        let url = UpstreamUrl::try_from(url).map_err(|_| refused())?;
        let below = url.authority() == base.authority() && url.expose().path().starts_with(base.expose().path());
        if below { Ok(url) } else { Err(refused()) }
    }
}

impl fmt::Display for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for raw in [
            "../x.rpm",
            "a/../../x.rpm",
            "a/%2e%2e/x.rpm",
            "%2e%2e%2fx.rpm",
            "/etc/passwd",
            "//host/x.rpm",
            "http://host/x.rpm",
            "file:///etc/passwd",
            "a\\..\\x",
            "a?b",
            "a#b",
            "a%00b",
            "a\nb",
            "",
            ".",
            "%ff",
        ] {
            assert!(Href::new(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn a_location_is_a_path_and_a_url() {
        let base: UpstreamUrl = "https://e.org/r/9/?sig=s".parse().expect("a URL");
        for (raw, path, url) in [
            (
                "Packages/a/a-1+2~3^4.rpm",
                "Packages/a/a-1+2~3^4.rpm",
                "https://e.org/r/9/Packages/a/a-1+2~3^4.rpm?sig=s",
            ),
            ("./x//y.rpm", "x/y.rpm", "https://e.org/r/9/x//y.rpm?sig=s"),
            ("a%2Bb.rpm", "a+b.rpm", "https://e.org/r/9/a%2Bb.rpm?sig=s"),
            ("a:b.rpm", "a:b.rpm", "https://e.org/r/9/a:b.rpm?sig=s"),
        ] {
            let href = Href::new(raw).expect(raw);
            assert_eq!(href.path().as_str(), path);
            assert_eq!(href.at(&base).expect(raw).expose().as_str(), url);
        }
    }
}
