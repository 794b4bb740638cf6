//! Redirects, followed by hand: what they may not do, and what must not travel with them.

use airlift_core::Request;
use http::StatusCode;
use url::Url;

/// How many are followed.
pub(crate) const MOST: usize = 10;

/// Whether a status sends on to another URL (RFC 9110, section 15.4).
pub(crate) const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads.
///
/// # Errors
///
/// Why it is not followed. The target's query is not repeated, since it may be signed.
pub(crate) fn next(current: &Url, location: Option<&http::HeaderValue>) -> Result<Url, String> {
    let location = location.ok_or("the answer does not say where to")?;
    let text = std::str::from_utf8(location.as_bytes()).map_err(|_| "its target is not text".to_owned())?;
    let mut url = current.join(text).map_err(|error| format!("its target is not a URL ({error})"))?;
    match (current.scheme(), url.scheme()) {
        ("https", "http") => {
            return Err(format!("it leads from https to http, to {}", url.host_str().unwrap_or_default()));
        }
        (_, "http" | "https") => {}
        (_, scheme) => return Err(format!("'{scheme}' is not http or https")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("its target has no host".to_owned());
    }
    url.set_fragment(None);
    // A user and a password that somebody else wrote into a URL are not ours to send.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

/// Whether a URL is at the place that the request was made for, so that its headers and credentials may go there.
/// The same host by `https` instead of `http` is.
pub(crate) fn is_home(request: &Request, url: &Url) -> bool {
    let first = request.url.expose();
    let upgraded = (first.scheme(), first.port(), url.scheme(), url.port()) == ("http", None, "https", None);
    let same = first.scheme() == url.scheme() && first.port_or_known_default() == url.port_or_known_default();
    first.host() == url.host() && (same || upgraded)
}

/// Host and port, where the port is not the scheme's own.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &str, to: &str) -> Result<String, String> {
        let to = http::HeaderValue::from_str(to).expect("a header");
        next(&from.parse().expect("a URL"), Some(&to)).map(|url| url.to_string())
    }

    #[test]
    fn targets_are_resolved_and_cleaned() {
        let target = |to| follow("https://a.example/x/y?q=1", to).expect("a target");
        assert_eq!(target("z"), "https://a.example/x/z");
        assert_eq!(target("//b.example/z"), "https://b.example/z");
        assert_eq!(target("https://me:pw@b.example/z#f"), "https://b.example/z");
    }

    #[test]
    fn ways_out_are_refused() {
        for to in ["http://a.example/x?sig=s3cr3t", "file:///etc/passwd", "ftp://a.example/", "data:,x"] {
            let reason = follow("https://a.example/x", to).expect_err(to);
            assert!(!reason.contains("s3cr3t"), "{reason}");
        }
        assert!(next(&"http://a.example/".parse().expect("a URL"), None).is_err());
    }

    #[test]
    fn home_is_a_scheme_a_host_and_a_port() {
        let home = |first: &str, then: &str| {
            let request = Request::new(first.parse().expect("a URL"));
            is_home(&request, &then.parse().expect("a URL"))
        };
        assert!(home("https://a.example/x", "https://a.example:443/y"));
        assert!(home("http://a.example/x", "https://a.example/y"));
        assert!(!home("https://a.example/x", "https://a.example:444/y"));
        assert!(!home("https://a.example/x", "https://b.example/x"));
        assert!(!home("http://a.example:81/x", "http://a.example/x"));
    }
}
