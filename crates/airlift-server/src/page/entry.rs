//! One item: how to get it, and what is known of it.

use airlift_core::Node;
use airlift_core::size::human;
use airlift_kind::{Content, Fact, Item};
use airlift_store::StoreError;

use super::browse::kind_crumb;
use super::list::{date, thousands};
use super::views::{Crumb, EntryPage};
use super::{Visit, group_href, html};

impl Visit<'_> {
    /// What is below `/entry/`: a kind's name and a node's path below it.
    pub(super) async fn entry(&self, rest: &str) -> Result<Option<Content>, StoreError> {
        let Some((name, path)) = rest.split_once('/') else { return Ok(None) };
        let Some((position, kind)) = self.kind(name) else { return Ok(None) };
        let view = &self.current.views[position];
        let Some(node) = view.get(path) else { return Ok(None) };
        let shown = kind.shown(view, node);
        let Some(item) = shown.item else { return Ok(None) };
        let facts = facts(node, &item, kind.facts(view.clone(), node.clone()).await);
        let crumbs =
            vec![kind_crumb(kind), Crumb { text: shown.group.to_string(), href: group_href(kind, &shown.group) }];
        let uses = self.mirror.address(kind.name()).map(|address| kind.usage(view, Some(node), address));
        let heading = match item.name.contains(&*item.version) {
            true => item.name.to_string(),
            false => format!("{} {}", item.name, item.version),
        };
        Ok(Some(html(&EntryPage {
            frame: self.frame(&*heading, Some(position)),
            crumbs,
            heading,
            url: self.service(kind, &kind.url_path(path)),
            uses: uses.unwrap_or_default(),
            facts,
        })))
    }
}

/// What the index tells, and between it what the content does.
fn facts(node: &Node, item: &Item<'_>, content: Vec<Fact>) -> Vec<Fact> {
    let size = || item.size.map(|size| format!("{} ({} bytes)", human(size), thousands(size)));
    let first = [("Size", size()), ("For", Some(item.of.to_string()).filter(|of| !of.is_empty()))];
    let then = [
        ("SHA-256", Some(node.blob.hex())),
        ("Media type", Some(node.media_type.to_string())),
        ("Changed upstream", node.modified.map(date)),
        ("Came from", Some(node.origin.as_deref().unwrap_or("Airlift, which made it while collecting").to_owned())),
        ("Package URL", node.purl.as_deref().map(str::to_owned)),
        ("Path in the archive", Some(node.path.to_string())),
    ];
    let fact = |(label, value): (&'static str, Option<String>)| Some(Fact::new(label, value?));
    first.into_iter().filter_map(fact).chain(content).chain(then.into_iter().filter_map(fact)).collect()
}
