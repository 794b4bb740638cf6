//! Where a person came by: the address that commands on a page have to name.

use airlift_setup::list::host_and_port;
use http::HeaderMap;
use http::header::HOST;

/// The longest host name (RFC 1035), with a port behind it.
const LONGEST: usize = 253 + ":65535".len();

/// The address that a page was asked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// The host without a port: `mirror`, `192.0.2.7`, `[2001:db8::7]`.
    pub(crate) host: String,
    /// Host and port as they were sent.
    pub(crate) authority: String,
}

impl Visitor {
    /// What the request's `Host` says, where that is nothing but a host and perhaps a port: it is printed in commands.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| host.len() <= LONGEST);
        match sent.and_then(|sent| Some((sent, host_and_port(sent)?.0))) {
            Some((sent, host)) => Self { host: host.to_ascii_lowercase(), authority: sent.to_ascii_lowercase() },
            None => Self { host: "localhost".to_owned(), authority: "localhost".to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(host: &str) -> (String, String) {
        let headers = HeaderMap::from_iter([(HOST, host.parse().expect("a value"))]);
        let Visitor { host, authority } = Visitor::of(&headers);
        (host, authority)
    }

    #[test]
    fn only_a_host_is_believed() {
        for (sent, host) in
            [("Mirror:8000", "mirror"), ("192.0.2.7", "192.0.2.7"), ("[2001:db8::7]:80", "[2001:db8::7]")]
        {
            assert_eq!(visitor(sent), (host.to_owned(), sent.to_ascii_lowercase()));
        }
        let long = "a".repeat(300);
        for sent in ["", "a b", "me@mirror", "$(reboot)", "a;b", "a/b", "<b>", "-x", ":80", &long] {
            assert_eq!(visitor(sent).0, "localhost", "{sent}");
        }
        assert_eq!(Visitor::of(&HeaderMap::new()).host, "localhost");
    }
}
