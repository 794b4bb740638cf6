//! How a person sees packages: projects with their files.

use airlift_core::Node;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Item, Kind, Shown, Usage, View};

/// Wheels and source distributions are shown; pages and metadata belong to their projects.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let mut parts = view.path_of(node).split('/');
    let (folder, project, file) = (parts.next(), parts.next(), parts.next());
    let item = match (folder, file) {
        (Some("packages"), Some(file)) => Item::package(node).map(|item| Item { name: file.into(), ..item }),
        _ => None,
    };
    // The list of all projects is a file where the others have folders.
    let group = project.filter(|_| file.is_some()).unwrap_or("the index itself");
    Shown { group: group.into(), item }
}

/// How a package is installed; without one, how pip and uv are pointed here.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let trusted = if address.mirror.tls { String::new() } else { format!(" --trusted-host {}", address.authority()) };
    let Some((shown, node)) = node.map(|node| (shown(view, node), node)) else {
        return vec![
            Usage::new("pip", format!("curl -f -o /etc/pip.conf {base}/pip.conf\npip install PACKAGE")),
            Usage::new("uv", format!("uv pip install --default-index {base}/simple/ PACKAGE")),
        ];
    };
    let version = shown.item.map(|item| item.version).unwrap_or_default();
    let package = format!("{}=={version}", shown.group);
    let package = quoted(&package);
    vec![
        Usage::new("pip", format!("pip install --index-url {base}/simple/{trusted} {package}")),
        Usage::new("uv", format!("uv pip install --default-index {base}/simple/ {package}")),
        Usage::fetch(&format!("{base}{}", crate::Python::url_path(view.path_of(node)))),
    ]
}
