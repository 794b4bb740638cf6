//! Where the mirror's services are.

use crate::kinds::KINDS;

/// The addresses of a mirror's services, by the names of their kinds.
pub(crate) struct Addresses {
    /// `http://mirror`.
    base: String,
}

impl Addresses {
    /// Those of a host, `mirror`, or of one that has TLS, `https://mirror`.
    pub(crate) fn new(mirror: &str) -> Self {
        let mirror = mirror.trim_end_matches('/');
        match mirror.contains("://") {
            true => Self { base: mirror.to_owned() },
            false => Self { base: format!("http://{mirror}") },
        }
    }

    /// Puts addresses in the place of `{files}` and its like, and the host alone in that of `{oci:host}`.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for kind in KINDS {
            let address = self.of(kind.name());
            let host = address.split_once("://").map_or("", |(_, host)| host);
            text = text.replace(&format!("{{{}}}", kind.name()), &address);
            text = text.replace(&format!("{{{}:host}}", kind.name()), host);
        }
        text
    }

    /// Whether clients speak TLS to it.
    pub(crate) fn has_tls(&self) -> bool {
        self.base.starts_with("https://")
    }

    /// The address of a kind's service.
    pub(crate) fn of(&self, kind: &str) -> String {
        let port = KINDS.iter().find(|known| known.name() == kind).map_or(0, |known| known.port());
        format!("{}:{port}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_ansible_are_left_alone() {
        let filled = Addresses::new("mirror").fill("{files}/a/{{ files }}/{oci:host}/b {rpm}{x}");
        assert_eq!(filled, "http://mirror:8004/a/{{ files }}/mirror:5000/b http://mirror:8001{x}");
        assert_eq!(Addresses::new("https://m.example.org/").fill("{oci}"), "https://m.example.org:5000");
    }
}
