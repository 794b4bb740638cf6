//! How a person sees packages: by their repositories, with version, release and architecture.

use airlift_core::Node;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Item, Kind, Shown, Usage, View};

use crate::format::link::KEYS;

/// Packages are shown; a repository's metadata and its keys belong to it.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    let Some((repository, below)) = path.split_once('/') else {
        return Shown::part(path.strip_suffix(".json").unwrap_or(path));
    };
    match repository {
        KEYS => Shown::part(below.strip_suffix(".pub").unwrap_or(below)),
        _ => Shown { group: repository.into(), item: Item::package(node) },
    }
}

/// How a package is installed from here alone; without one, how dnf is pointed here.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let file = |id: &str| format!("curl -f -o /etc/yum.repos.d/{id}.repo {base}/{id}.repo");
    let install = |id: &str, what: &str| format!("dnf --disablerepo='*' --enablerepo={id} install {what}");
    let Some((shown, node)) = node.map(|node| (shown(view, node), node)) else {
        return vec![
            Usage::new("dnf, yum", format!("{}\n{}", file("airlift"), install("REPOSITORY", "PACKAGE"))),
            Usage::new("zypper", format!("zypper addrepo {base}/airlift.repo")),
        ];
    };
    let Some(item) = shown.item else { return Vec::new() };
    let package = format!("{}-{}.{}", item.name, item.version, item.of);
    let (repository, package, name) = (quoted(&shown.group), quoted(&package), quoted(&item.name));
    vec![
        Usage::new("dnf, yum", format!("{}\n{}", file(&repository), install(&repository, &package))),
        Usage::new(
            "zypper",
            format!("zypper addrepo {base}/{repository}.repo\nzypper install --repo {repository} {name}"),
        ),
        Usage::fetch(&format!("{base}{}", crate::Rpm::url_path(view.path_of(node)))),
    ]
}
