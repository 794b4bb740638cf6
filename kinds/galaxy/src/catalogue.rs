//! How a person sees collections and roles: by their names, with their versions.

use airlift_core::Node;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Item, Kind, Shown, Usage, View};

/// What a packed version ends with.
const PACKED: &str = ".tar.gz";

/// Packed versions are shown; what the API answers belongs to them.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    let parts: Vec<&str> = path.split('/').collect();
    let (name, version) = match *parts.as_slice() {
        ["collections", namespace, name, file] => {
            let version = file.strip_prefix(&format!("{namespace}-{name}-")).and_then(|rest| rest.strip_suffix(PACKED));
            (format!("{namespace}.{name}"), version)
        }
        ["roles", name, file] => (name.to_owned(), file.strip_suffix(PACKED)),
        _ => return Shown::part(parts[0]),
    };
    let of = if parts[0] == "roles" { "role" } else { "collection" };
    let item = |version: &'a str| Item {
        name: name.clone().into(),
        version: version.into(),
        of: of.into(),
        ..Item::new(node)
    };
    Shown { item: version.map(item), group: name.into() }
}

/// How a version is installed; without one, how ansible-galaxy is pointed here.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let server = format!("--server {base}/galaxy/");
    let Some((shown, node)) = node.map(|node| (shown(view, node), node)) else {
        let all = format!("curl -fO {base}/galaxy/requirements.yml\nansible-galaxy install -r requirements.yml");
        return vec![
            Usage::new("ansible-galaxy, all that is here", all),
            Usage::new("ansible-galaxy", format!("export ANSIBLE_GALAXY_SERVER={base}/galaxy/")),
        ];
    };
    let Some(item) = shown.item else { return Vec::new() };
    let install = match &*item.of {
        "role" => format!("role install {server} {}", quoted(&format!("{},{}", item.name, item.version))),
        _ => format!("collection install {server} {}", quoted(&format!("{}:{}", item.name, item.version))),
    };
    vec![
        Usage::new("ansible-galaxy", format!("ansible-galaxy {install}")),
        Usage::fetch(&format!("{base}{}", crate::Galaxy::url_path(view.path_of(node)))),
    ]
}
