//! Platforms: `os/architecture`, or `os/architecture/variant` (OCI image specification 1.1, `image-index.md`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A platform as an index or an image's configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The version of Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// A platform that a manifest asks for: every variant where it names none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Wanted {
    /// Whether an image for this platform is meant. `arm64` and `arm64/v8` are the same.
    pub fn matches(&self, platform: &Platform) -> bool {
        let variant = |variant: Option<&str>| match (self.architecture.as_str(), variant) {
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == platform.os
            && self.architecture == platform.architecture
            && (self.variant.is_none() || variant(self.variant.as_deref()) == variant(platform.variant.as_deref()))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
        match (os, architecture) {
            (Some(os), Some(architecture)) if parts.next().is_none() && text.split('/').all(plain) => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: variant.map(str::to_owned),
            }),
            _ => Err(format!("'{text}' is not a platform such as linux/amd64 or linux/arm/v7")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(wanted: &str, os: &str, architecture: &str, variant: Option<&str>) -> bool {
        let platform = Platform {
            os: os.into(),
            architecture: architecture.into(),
            variant: variant.map(str::to_owned),
            os_version: None,
        };
        wanted.parse::<Wanted>().expect("a platform").matches(&platform)
    }

    #[test]
    fn variants_match_where_they_are_asked_for() {
        assert!(matches("linux/amd64", "linux", "amd64", None));
        assert!(matches("linux/arm64", "linux", "arm64", Some("v8")));
        assert!(matches("linux/arm64/v8", "linux", "arm64", None));
        assert!(matches("linux/arm", "linux", "arm", Some("v6")));
        assert!(!matches("linux/arm/v7", "linux", "arm", Some("v6")));
        assert!(!matches("linux/amd64", "windows", "amd64", None));
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in ["linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/a b", ""] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }
}
