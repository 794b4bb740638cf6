//! What has to be done to a client, as the mirror says it.

use airlift_kind::client::Client;
use serde::{Deserialize, Serialize};

/// The version of this format. A list of another one is refused; unknown fields are passed over.
pub const FORMAT: u32 = 1;

/// The list that a mirror offers as `/setup.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// The version of this format.
    pub format: u32,
    /// Where it is from: `http://mirror:8000`.
    pub mirror: String,
    /// The mirror's host alone, as its clients name it.
    pub host: String,
    /// The archive's name and date.
    pub archive: String,
    /// Whether the mirror asks for a name and a password.
    #[serde(default)]
    pub users: bool,
    /// The clients, in the order of the kinds.
    pub clients: Vec<Client>,
}

impl List {
    /// The clients' names.
    pub fn names(&self) -> Vec<&str> {
        self.clients.iter().map(|client| client.name.as_str()).collect()
    }
}

/// Whether a host can stand in client files, URLs and a shell script: a name or an address, in brackets for version 6.
pub fn is_host(host: &str) -> bool {
    let plain = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => plain(address, ":."),
        None => plain(host, ".-_") && !host.starts_with('-'),
    }
}

/// Host and port of a `Host` header, or of what was typed.
pub fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (authority, None),
    };
    is_host(host).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_nothing_that_a_shell_would_run() {
        for good in ["mirror", "mirror.example.org", "192.0.2.7", "[2001:db8::7]", "a_b"] {
            assert_eq!(host_and_port(good), Some((good, None)));
            assert_eq!(host_and_port(&format!("{good}:8000")), Some((good, Some(8000))));
        }
        for bad in
            ["", "a b", "$(x)", "a'b", "[::1", "a/b", "-a", "mirror:", "mirror:x", "mirror:99999", "a\nb", "é", "::1"]
        {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }
}
