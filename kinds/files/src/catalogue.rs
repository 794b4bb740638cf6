//! How a person sees files, and gets them.

use airlift_core::Node;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Kind, Shown, Usage, View};
use percent_encoding::percent_decode_str;

/// A file is shown by its host and path and by the manifest's name for it; that it also has its last name is not told twice.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    let upstream = node.origin.as_deref().and_then(|url| url.split_once("://"));
    let upstream = upstream.and_then(|(_, rest)| percent_decode_str(rest).decode_utf8().ok());
    let whole = upstream.filter(|whole| whole.rsplit_once('/').is_some_and(|(_, name)| name == path));
    match whole.filter(|whole| view.get(whole).is_some_and(|other| other.blob == node.blob)) {
        Some(whole) => Shown::part(whole.split('/').next().unwrap_or_default().to_owned()),
        None => Shown::file(path, node),
    }
}

/// How a file is fetched, and checked; without one, where they are listed.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let Some(node) = node else {
        return vec![Usage::new("curl, for a list with checksums", format!("curl -f {base}/SHA256SUMS"))];
    };
    let url = format!("{base}{}", crate::Files::url_path(view.path_of(node)));
    let (name, sha256) = (quoted(node.path.name()), node.blob.hex());
    // YAML takes single quotes as a shell does, but doubles the ones inside.
    let yaml = |text: &str| format!("'{}'", text.replace('\'', "''"));
    vec![
        Usage::new(
            "curl",
            format!("curl -fL -o {name} {}\nprintf '%s  %s\\n' {sha256} {name} | sha256sum --check", quoted(&url)),
        ),
        Usage::new("wget", format!("wget -O {name} {}", quoted(&url))),
        Usage::new(
            "Ansible",
            format!(
                "- ansible.builtin.get_url:\n    url: {}\n    dest: {}\n    checksum: sha256:{sha256}",
                yaml(&url),
                yaml(&format!("/opt/{}", node.path.name()))
            ),
        ),
    ]
}
