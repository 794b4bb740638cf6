//! How a person sees packages: by their repositories, with version and architecture.

use airlift_core::Node;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Item, Kind, Shown, Usage, View};

/// Packages are shown; a repository's indices, its description and its keys belong to it.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    match path.split_once('/') {
        Some(("gpgkeys", key)) => Shown::part(key.strip_suffix(".asc").unwrap_or(key)),
        Some((repository, _)) => Shown { group: repository.into(), item: Item::package(node) },
        None => Shown::part(path.strip_suffix(".json").unwrap_or(path)),
    }
}

/// How a package is installed; without one, how apt is pointed here.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let point =
        |id: &str| format!("curl -f -o /etc/apt/sources.list.d/{id}.sources {base}/{id}.sources\napt-get update");
    let Some((shown, node)) = node.map(|node| (shown(view, node), node)) else {
        return vec![Usage::new("apt", format!("{}\napt-get install PACKAGE", point("airlift")))];
    };
    let Some(item) = shown.item else { return Vec::new() };
    let verb = if item.of == "source" { "source" } else { "install" };
    let package = format!("{}={}", item.name, item.version);
    let apt = format!("{}\napt-get {verb} {}", point(&quoted(&shown.group)), quoted(&package));
    vec![Usage::new("apt", apt), Usage::fetch(&format!("{base}{}", crate::Deb::url_path(view.path_of(node))))]
}
