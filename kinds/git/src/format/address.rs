//! Where a repository is, and where its submodules are (gitmodules, `submodule.<name>.url`).

use airlift_core::{TreePath, UpstreamUrl};

use super::FormatError;

/// Where a repository is served: host and path of its URL, without `.git` at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The address of a repository.
    ///
    /// # Errors
    ///
    /// [`FormatError`] where the URL's path can't be one here.
    pub fn of(url: &UpstreamUrl) -> Result<Self, FormatError> {
        let path = url.decoded_path().ok_or_else(|| FormatError::new("its path is not UTF-8"))?;
        let path = short(&path);
        if path.is_empty() {
            return Err(FormatError::new("its URL names a host only"));
        }
        let address = format!("{}/{path}", url.authority());
        match TreePath::new(address.as_str()) {
            Ok(_) => Ok(Self(address)),
            Err(error) => Err(FormatError::new(error.to_string())),
        }
    }

    /// Host and path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A repository's path without slashes around it and `.git` at its end.
pub fn short(path: &str) -> &str {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").filter(|path| !path.is_empty() && !path.ends_with('/')).unwrap_or(path)
}

/// Reads the URL of a repository as people write it.
///
/// # Errors
///
/// A sentence that says what to write instead.
pub fn read(text: &str) -> Result<UpstreamUrl, String> {
    if let Some(https) = by_https(text) {
        return Err(format!("'{text}' is not fetched by ssh or git:// here: write {https}"));
    }
    let url: UpstreamUrl = text.parse().map_err(|error| format!("{error}"))?;
    match url.expose().scheme() {
        "file" => Err(format!(
            "'{url}' is a folder of this machine, which nobody speaks git's protocol for: serve it with git http-backend \
             behind a web server, and write its http URL"
        )),
        _ if url.expose().query().is_some() => Err(format!("'{url}' has a query, and a repository's URL has none")),
        _ => Ok(url),
    }
}

/// The same repository by https, where a URL is one of ssh or of git's own protocol, or is written like `scp` writes it.
pub fn by_https(text: &str) -> Option<String> {
    let without_user = |rest: &str| rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_owned();
    if let Some((scheme, rest)) = text.split_once("://") {
        if !matches!(scheme, "ssh" | "git" | "git+ssh" | "ssh+git") {
            return None;
        }
        let (host, path) = rest.split_once('/')?;
        let host = without_user(host);
        // The port is the one of ssh.
        let host = host.split(':').next().unwrap_or_default();
        return Some(format!("https://{host}/{path}"));
    }
    let (host, path) = text.split_once(':')?;
    let of_host = |c: char| c.is_ascii_alphanumeric() || ".-_@".contains(c);
    // `ext::` and the like name programs to be run.
    let plain = !host.is_empty() && host.chars().all(of_host) && !path.is_empty() && !path.starts_with(':');
    plain.then(|| format!("https://{}/{}", without_user(host), path.trim_start_matches('/')))
}

/// Where the repository of a submodule is: absolute URLs as they are, others beside the repository that names it.
///
/// # Errors
///
/// [`FormatError`] where that is no place that can be asked.
pub fn resolve(parent: &UpstreamUrl, text: &str) -> Result<UpstreamUrl, FormatError> {
    let refused = |reason: &str| FormatError::new(format!("the submodule's URL {text:?} {reason}"));
    if text.starts_with("./") || text.starts_with("../") || text == ".." {
        let mut url = parent.expose().clone();
        let path = url.path().trim_end_matches('/').to_owned();
        let mut segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        for segment in text.trim_end_matches('/').split('/') {
            match segment {
                "." | "" => {}
                ".." => {
                    segments.pop().ok_or_else(|| refused("leads out of its host"))?;
                }
                name => segments.push(name),
            }
        }
        url.set_path(&format!("/{}", segments.join("/")));
        return UpstreamUrl::try_from(url).map_err(|_| refused("is none"));
    }
    let text = by_https(text).unwrap_or_else(|| text.to_owned());
    let url: UpstreamUrl = text.parse().map_err(|_| refused("is none that can be fetched"))?;
    match url.expose().scheme() {
        "http" | "https" if url.expose().query().is_none() => Ok(url),
        _ => Err(refused("is none that can be fetched")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> UpstreamUrl {
        text.parse().expect("a URL")
    }

    #[test]
    fn the_suffix_does_not_matter() {
        for text in ["https://e.org/a/b.git", "https://e.org/a/b", "https://e.org/a/b/", "https://me@e.org//a/b.git/"] {
            assert_eq!(Address::of(&url(text)).expect(text).as_str(), "e.org/a/b");
        }
        assert!(Address::of(&url("https://e.org/")).is_err());
        assert!(Address::of(&url("https://e.org/a/%2e%2e%2fb")).is_err());
    }

    #[test]
    fn other_protocols_are_refused_with_the_url_to_write() {
        for (text, expected) in [
            ("git@github.com:NVIDIA/deepops.git", "https://github.com/NVIDIA/deepops.git"),
            ("ssh://git@github.com:22/NVIDIA/deepops.git", "https://github.com/NVIDIA/deepops.git"),
            ("git://github.com/NVIDIA/deepops", "https://github.com/NVIDIA/deepops"),
            ("file:///srv/deepops.git", "git http-backend"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
        assert!(read("http://[::1]:8080/x.git").is_ok());
    }

    #[test]
    fn submodules_are_beside_their_parent() {
        let parent = url("https://e.org/group/parent.git");
        for (text, expected) in [
            ("../child.git", "https://e.org/group/child.git"),
            ("../../other/child", "https://e.org/other/child"),
            ("./inside", "https://e.org/group/parent.git/inside"),
            ("https://f.org/x.git", "https://f.org/x.git"),
            ("git@f.org:x/y.git", "https://f.org/x/y.git"),
        ] {
            assert_eq!(resolve(&parent, text).expect(text).to_string(), expected);
        }
        for text in ["../../../../../x", "file:///etc", "/etc/x", "ext::sh -c x", "-u./x", ""] {
            assert!(resolve(&parent, text).is_err(), "{text}");
        }
    }
}
