//! The configuration of pip and uv, as far as it says where packages come from.

use serde::Deserialize;

/// Where a configuration says that packages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The index.
    pub index: Option<String>,
    /// Further indexes that are asked before it: uv's.
    pub before: Vec<String>,
    /// Further indexes that are asked behind it: pip's.
    pub extra: Vec<String>,
    /// Folders and pages of links.
    pub links: Vec<String>,
}

impl Places {
    /// What is said here, and else what is said there, as configuration files override one another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (before, extra) = match self.before.is_empty() && self.extra.is_empty() {
            true => (other.before, other.extra),
            false => (self.before, self.extra),
        };
        Self {
            index: self.index.or(other.index),
            before,
            extra,
            links: if self.links.is_empty() { other.links } else { self.links },
        }
    }

    /// Several places in one text, as variables of the environment have them.
    pub fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }
}

/// Reads a `pip.conf` (pip user guide, "Configuration files"): the sections `global`, `install` and `download`.
pub fn pip_conf(text: &str) -> Places {
    let mut places = Places::default();
    let (mut wanted, mut key) = (false, String::new());
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            wanted = matches!(section.trim(), "global" | "install" | "download");
            continue;
        }
        let value = match line.starts_with([' ', '\t']) {
            // A value goes on where a line begins with a blank.
            true => trimmed,
            false => match line.split_once(['=', ':']) {
                Some((name, value)) => {
                    key = name.trim().to_ascii_lowercase().replace('_', "-");
                    value.trim()
                }
                None => continue,
            },
        };
        match key.as_str() {
            _ if !wanted || value.is_empty() => {}
            "index-url" => places.index = Some(value.to_owned()),
            "extra-index-url" => places.extra.extend(Places::list(value)),
            "find-links" => places.links.extend(Places::list(value)),
            _ => {}
        }
    }
    places
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct UvToml {
    index_url: Option<String>,
    extra_index_url: Vec<String>,
    find_links: Vec<String>,
    index: Vec<UvIndex>,
    pip: Option<Box<UvToml>>,
}

#[derive(Deserialize)]
struct UvIndex {
    url: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    explicit: bool,
}

/// Reads a `uv.toml`; an index that is for some projects only is passed over.
///
/// # Errors
///
/// A sentence where it is no TOML.
pub fn uv_toml(text: &str) -> Result<Places, String> {
    let file: UvToml = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let nested = file.pip.map(|pip| Places {
        index: pip.index_url,
        before: pip.extra_index_url,
        extra: Vec::new(),
        links: pip.find_links,
    });
    let default = file.index.iter().find(|index| index.default).map(|index| index.url.clone());
    let more = file.index.iter().filter(|index| !index.default && !index.explicit).map(|index| index.url.clone());
    let places = Places {
        index: default.or(file.index_url),
        before: more.chain(file.extra_index_url).collect(),
        extra: Vec::new(),
        links: file.find_links,
    };
    Ok(places.or(nested.unwrap_or_default()))
}

/// The index that `pip download --help` says is its own: the address behind "default".
pub fn default_of_help(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| word.contains("--index-url"))?;
    let mut words = words[at..].iter().skip_while(|word| !word.starts_with("(default"));
    let address = words.find(|word| word.starts_with("http"))?;
    Some(address.trim_end_matches(['.', ')', ',']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read() {
        let places = pip_conf(
            "[global]\nindex-url = https://a.example.org/simple\n; no\nextra_index_url =\n    https://b.example.org\n    https://c.example.org\n[freeze]\nindex-url = https://no.example.org\n[install]\nfind-links = /opt/wheels\n",
        );
        assert_eq!(places.index.as_deref(), Some("https://a.example.org/simple"));
        assert_eq!(places.extra, ["https://b.example.org", "https://c.example.org"]);
        assert_eq!(places.links, ["/opt/wheels"]);
        let places = uv_toml(
            "[[index]]\nname = 'x'\nurl = 'https://x.example.org'\n[[index]]\nurl = 'https://d.example.org'\ndefault = true\n[[index]]\nurl = 'https://torch.example.org'\nexplicit = true\n[pip]\nfind-links = ['/w']\n",
        )
        .expect("TOML");
        assert_eq!((places.index.as_deref(), places.extra.len()), (Some("https://d.example.org"), 0));
        assert_eq!(places.before, ["https://x.example.org"]);
        assert_eq!(places.links, ["/w"]);
    }

    #[test]
    fn the_default_of_pip_is_found_in_its_help() {
        let help = "Package Index Options:\n  -i, --index-url <url>       Base URL of the Python Package Index\n                              (default\n                              https://index.example.org/simple). This should\n  --extra-index-url <url>     Extra";
        assert_eq!(default_of_help(help).as_deref(), Some("https://index.example.org/simple"));
        assert_eq!(default_of_help("nothing"), None);
    }
}
