//! Requirements from git: `git+https://host/path.git@ref#subdirectory=folder` (pip user guide, "VCS Support").

use airlift_core::{TreePath, UpstreamUrl};
use url::Url;

/// A repository that a requirement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is.
    pub url: UpstreamUrl,
    /// The branch, tag or commit; none for what the repository begins with.
    pub reference: Option<String>,
    /// The folder in it that the project is in; none where it is at the top.
    pub folder: Option<String>,
}

impl Repository {
    /// Whether a requirement's URL is one of a version control system, and not of a file.
    pub fn is_meant(url: &Url) -> bool {
        ["git+", "hg+", "svn+", "bzr+"].iter().any(|system| url.scheme().starts_with(system))
    }

    /// Reads the URL of a requirement.
    ///
    /// # Errors
    ///
    /// A sentence that says what to write instead.
    pub fn of(url: &Url) -> Result<Self, String> {
        let Some(text) = ["git+https:", "git+http:"]
            .iter()
            .find_map(|known| url.as_str().starts_with(known).then(|| &url.as_str()["git+".len()..]))
        else {
            return Err(format!("{}:// is not fetched here: write the git+https:// URL of it", url.scheme()));
        };
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        // A user may stand before the host, with an @ behind it.
        let path = text.match_indices('/').nth(2).map_or(text.len(), |(at, _)| at);
        let (text, reference) = match text[path..].rsplit_once('@') {
            Some((before, reference)) => (&text[..path + before.len()], Some(reference.to_owned())),
            None => (text, None),
        };
        if let Some(odd) = reference.as_deref().filter(|reference| !is_reference(reference)) {
            return Err(format!("'{}' can't be the name of a branch, a tag or a commit", super::plain(odd, 100)));
        }
        let folder = fragment.split('&').find_map(|part| part.strip_prefix("subdirectory="));
        let folder = folder.map(|folder| folder.trim_matches('/').to_owned()).filter(|folder| !folder.is_empty());
        if let Some(odd) = folder.as_deref().filter(|folder| TreePath::new(*folder).is_err()) {
            return Err(format!("'{}' can't be a folder of a repository", super::plain(odd, 100)));
        }
        let url: UpstreamUrl = text.parse().map_err(|error: airlift_core::upstream::UrlError| error.reason)?;
        match url.expose().query() {
            Some(_) => Err("the URL of a repository has no query".to_owned()),
            None => Ok(Self { url, reference, folder }),
        }
    }

    /// Where forges have everything that a reference has as one archive: the first is that of most, the second that of
    /// GitLab.
    pub fn archives(&self) -> Vec<UpstreamUrl> {
        let reference = self.reference.as_deref().unwrap_or("HEAD");
        let plain = self.url.expose().path().trim_end_matches('/');
        let plain = plain.strip_suffix(".git").unwrap_or(plain);
        let name = plain.rsplit('/').next().unwrap_or_default();
        let paths = [
            format!("{plain}/archive/{reference}.tar.gz"),
            format!("{plain}/-/archive/{reference}/{name}-{}.tar.gz", reference.replace('/', "-")),
        ];
        let at = |path: String| {
            let mut url = self.url.expose().clone();
            url.set_path(&path);
            UpstreamUrl::try_from(url).ok()
        };
        paths.into_iter().filter_map(at).collect()
    }
}

/// A name that means the same in a URL, in a path and for git (git-check-ref-format).
fn is_reference(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._/+-".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with('.');
    text.chars().all(good) && text.split('/').all(part) && !text.contains("..") && text.len() <= 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Result<Repository, String> {
        Repository::of(&Url::parse(text).expect("a URL"))
    }

    #[test]
    fn the_forms_are_read() {
        let plain = of("git+https://e.org/a/b.git").expect("a repository");
        assert_eq!(
            (plain.url.to_string().as_str(), plain.reference, plain.folder),
            ("https://e.org/a/b.git", None, None)
        );
        let whole = of("git+http://me@e.org/a/b@release/1.0#egg=b&subdirectory=python/b").expect("a repository");
        assert_eq!((whole.reference.as_deref(), whole.folder.as_deref()), (Some("release/1.0"), Some("python/b")));
        assert_eq!(whole.url.expose().as_str(), "http://me@e.org/a/b");
        let archives: Vec<String> = whole.archives().iter().map(ToString::to_string).collect();
        assert!(archives[0].ends_with("e.org/a/b/archive/release/1.0.tar.gz"), "{archives:?}");
        assert!(archives[1].ends_with("e.org/a/b/-/archive/release/1.0/b-release-1.0.tar.gz"), "{archives:?}");
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        for (text, expected) in [
            ("git+ssh://git@e.org/a/b.git", "git+https://"),
            ("git+file:///srv/b.git", "git+https://"),
            ("hg+https://e.org/b", "git+https://"),
            ("git+https://e.org/a/b.git@", "a branch"),
            ("git+https://e.org/a/b.git@-x", "a branch"),
            ("git+https://e.org/a/b.git@a..b", "a branch"),
            ("git+https://e.org/a/b.git#subdirectory=../x", "a folder"),
            ("git+https://e.org/a/b.git?x=y", "query"),
        ] {
            let error = of(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_url_is_too_odd_to_be_judged(text in "git\\+https?://(me@)?e(\\.org)?(/|@|#|\\?|\\.\\.|\\.git|subdirectory=|&|-|\\PC){0,12}") {
            if let Ok(url) = Url::parse(&text) && let Ok(repository) = Repository::of(&url) {
                let host = repository.url.expose().host();
                prop_assert!(repository.archives().iter().all(|archive| archive.expose().host() == host));
            }
        }
    }
}
