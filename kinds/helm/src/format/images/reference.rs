//! Names of images.

use airlift_core::Digest;

/// The full name of an image, with its registry and its tag or digest: `docker.io/library/nginx:1.29`. `tag` is for
/// names without a tag; none where it is no image, or has no tag at all.
pub fn full(text: &str, tag: Option<&str>) -> Option<String> {
    let text = text.trim();
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let colon = rest.rfind(':').filter(|colon| !rest[*colon..].contains('/'));
    let (name, own_tag) = colon.map_or((rest, None), |colon| (&rest[..colon], Some(&rest[colon + 1..])));
    let tag = own_tag.or_else(|| tag.filter(|_| digest.is_none()));
    if !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest) || (tag.is_none() && digest.is_none()) {
        return None;
    }
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (host, path.to_owned()),
        Some(_) => ("docker.io", name.to_owned()),
        None => ("docker.io", format!("library/{name}")),
    };
    let path = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path };
    if !path.split('/').all(is_component) || path.len() + host.len() > 255 {
        return None;
    }
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    Some(format!("{host}/{path}{tag}{digest}"))
}

/// Whether NVIDIA's operators add the system of each node to an image's tag, which its name has not got yet: they build
/// drivers for each, `nvcr.io/nvidia/driver:570.124.06-ubuntu22.04`.
pub fn lacks_system(image: &str) -> bool {
    let Some((name, tag)) = image.rsplit_once(':').filter(|(name, tag)| !name.contains('@') && !tag.contains('/'))
    else {
        return false;
    };
    let is_driver = name.starts_with("nvcr.io/") && name.ends_with("driver");
    // Systems are letters and a number: -ubuntu22.04, -rhel9.4, -rhcos4.16.
    is_driver && !tag.split('-').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// Whether a text names an image so plainly that it can hardly be anything else: with a registry's host and a tag.
pub fn is_plain(text: &str) -> bool {
    let host = text.split_once('/').is_some_and(|(host, _)| host.contains('.') && is_host(host));
    let tagged = text.rsplit('/').next().is_some_and(|last| last.contains(':') || last.contains("@sha256:"));
    host && tagged && full(text, None).is_some()
}

fn is_host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    (text.contains(['.', ':']) || text == "localhost") && text.chars().all(plain) && !text.starts_with(['.', ':', '-'])
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.chars().all(|c| alphanumeric(c) || "._-".contains(c))
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
}

fn is_tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(first) && text.chars().all(|c| first(c) || c == '.' || c == '-')
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| Digest::from_hex(hex).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_full() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, tag, expected) in [
            ("nginx:1.29", None, Some("docker.io/library/nginx:1.29")),
            ("nginx", Some("1"), Some("docker.io/library/nginx:1")),
            ("grafana/grafana", Some("11"), Some("docker.io/grafana/grafana:11")),
            ("docker.io/nginx:1", None, Some("docker.io/library/nginx:1")),
            ("localhost:5000/a", Some("1"), Some("localhost:5000/a:1")),
            ("nvcr.io/nvidia/cuda:12.4.1-base-ubi8", Some("x"), Some("nvcr.io/nvidia/cuda:12.4.1-base-ubi8")),
            ("nginx", None, None),
            ("https://example.org/x", Some("1"), None),
            ("UPPER", Some("1"), None),
            ("a b", Some("1"), None),
            ("{{ x }}", Some("1"), None),
            ("a/../b", Some("1"), None),
            ("nginx@sha256:12", None, None),
        ] {
            assert_eq!(full(text, tag).as_deref(), expected, "{text}");
        }
        assert_eq!(full(&format!("a/b@{digest}"), Some("1")), Some(format!("docker.io/a/b@{digest}")));
        for (image, lacks) in [
            ("nvcr.io/nvidia/driver:570.124.06", true),
            ("nvcr.io/nvidia/mellanox/doca-driver:25.01-0.6.0.0-0", true),
            ("nvcr.io/nvidia/driver:570.124.06-ubuntu22.04", false),
            ("nvcr.io/nvidia/cloud-native/k8s-driver-manager:v0.8.0", false),
            ("quay.io/a/driver:1", false),
            ("nvcr.io/nvidia/driver", false),
        ] {
            assert_eq!(lacks_system(image), lacks, "{image}");
        }
        assert!(
            is_plain("quay.io/a/b:1") && !is_plain("a/b:1") && !is_plain("example.org/x") && !is_plain("10.0.0.1:80")
        );
    }
}
