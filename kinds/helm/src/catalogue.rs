//! How a person sees charts: by their repositories, with their versions.

use airlift_core::Node;
use airlift_core::upstream::encode_path;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Item, Kind, Shown, Usage, View};

/// Charts are shown; indexes and provenance files belong to them.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    let Some((repository, file)) = path.rsplit_once("/charts/") else {
        let repository = path.strip_suffix("/index.yaml").unwrap_or("all repositories as one");
        return Shown::part(repository);
    };
    let named = || Item { name: file.into(), ..Item::new(node) };
    let item = file.ends_with(".tgz").then(|| Item::package(node).unwrap_or_else(named));
    Shown { group: repository.into(), item }
}

/// How a chart is installed; without one, how all repositories are added as one.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let Some((shown, node)) = node.map(|node| (shown(view, node), node)) else {
        let all = format!("helm repo add airlift {base}\nhelm repo update airlift\nhelm search repo airlift/");
        return vec![
            Usage::new("helm, all repositories as one", all),
            Usage::new("helm, one of them", format!("helm repo add NAME {base}/REPOSITORY")),
        ];
    };
    let Some(item) = shown.item else { return Vec::new() };
    let (chart, version) = (quoted(&item.name), quoted(&item.version));
    let repository = format!("{base}/{}", encode_path(&shown.group));
    vec![
        Usage::new("helm", format!("helm install {chart} {chart} --repo {repository} --version {version}")),
        Usage::new("helm, to look at it first", format!("helm pull {chart} --repo {repository} --version {version}")),
        Usage::fetch(&format!("{base}{}", crate::Helm::url_path(view.path_of(node)))),
    ]
}
