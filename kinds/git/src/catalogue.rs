//! How a person sees repositories: by their hosts, with their branches and tags.

use airlift_core::Node;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Fact, Item, Shown, Usage, View};

use crate::format::refs::Refs;

/// The most bytes of a list of names that is looked at.
const NAMES_LIMIT: u64 = 16 << 20;
/// The most names that are told.
const MOST_NAMES: usize = 200;
/// The file by which a repository is shown.
const SHOWN: &str = "/info/refs";

/// A repository is shown once, whatever files it has.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    let Some((host, below)) = path.strip_prefix("repositories/").and_then(|path| path.split_once('/')) else {
        return Shown::file(path, node);
    };
    let item = below.strip_suffix(SHOWN).map(|name| {
        let size = view.below(path.strip_suffix(SHOWN).unwrap_or(path)).iter().map(|node| node.size).sum();
        Item { name: name.into(), size: Some(size), ..Item::new(node) }
    });
    Shown { group: host.into(), item }
}

/// Where `HEAD` leads, and the commits of branches and tags.
pub(crate) async fn facts(view: View, node: Node) -> Vec<Fact> {
    let Some(folder) = view.path_of(&node).strip_suffix(SHOWN) else { return Vec::new() };
    let Some(head) = view.get(&format!("{folder}/HEAD")) else { return Vec::new() };
    let mut texts = Vec::new();
    for node in [head, &node] {
        match view.read(node, NAMES_LIMIT).await {
            Ok(bytes) => texts.push(String::from_utf8_lossy(&bytes).into_owned()),
            Err(_) => return Vec::new(),
        }
    }
    match Refs::from_files(&texts[0], &texts[1]) {
        Ok(refs) => told(&refs),
        Err(_) => Vec::new(),
    }
}

fn told(refs: &Refs) -> Vec<Fact> {
    let short = |name: &str| name.trim_start_matches("refs/").to_owned();
    let count = |folder: &str| refs.refs.iter().filter(|one| one.name.starts_with(folder)).count();
    let mut facts = vec![
        Fact::new("HEAD", refs.head.as_deref().map_or_else(|| "a commit of its own".to_owned(), short)),
        Fact::new("Branches", count("refs/heads/").to_string()),
        Fact::new("Tags", count("refs/tags/").to_string()),
    ];
    let commit = |one: &crate::format::refs::Ref| Fact::new(short(&one.name), one.peeled.unwrap_or(one.id).to_string());
    facts.extend(refs.refs.iter().take(MOST_NAMES).map(commit));
    if let Some(more) = refs.refs.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        facts.push(Fact::new("More", format!("{more} more names: git ls-remote tells them")));
    }
    facts
}

/// How a repository is cloned; without one, how git asks here for what is on a host.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let base = address.base();
    let Some(shown) = node.map(|node| shown(view, node)) else {
        let text = format!("git config --global url.{base}/git/HOST/.insteadOf https://HOST/");
        return vec![Usage::new("git, for all repositories of a host", text)];
    };
    let Some(item) = shown.item else { return Vec::new() };
    let (mirrored, upstream) = (format!("{base}/git/{}/", shown.group), format!("https://{}/", shown.group));
    let clone = |at: &str| quoted(&format!("{at}{}.git", item.name)).into_owned();
    let instead = format!("url.{mirrored}.insteadOf");
    vec![
        Usage::new("git", format!("git clone {}", clone(&mirrored))),
        Usage::new(
            "git, by its own URL and with its submodules",
            format!(
                "git config --global {} {}\ngit clone --recurse-submodules {}",
                quoted(&instead),
                quoted(&upstream),
                clone(&upstream)
            ),
        ),
    ]
}
