//! Kinds with their groups, groups with their items, and what is found by a name.

use airlift_core::Node;
use airlift_core::size::human;
use airlift_kind::{Content, DynKind, Item};
use airlift_store::StoreError;

use super::list::{Pager, capital, count};
use super::search::{Words, search};
use super::shelf::Group;
use super::views::{Crumb, Found, GroupPage, GroupRow, ItemRow, ItemTable, KindPage, SearchPage};
use super::{Shelf, Visit, entry_href, group_href, html};
use crate::site::Current;

/// The most hits of one kind that are shown.
const MOST_HITS: usize = 50;

impl Visit<'_> {
    /// What is below `/browse/`: a kind's name, and perhaps a group's.
    pub(super) async fn browse(&self, rest: &str) -> Result<Option<Content>, StoreError> {
        let (name, group) = rest.split_once('/').unwrap_or((rest, ""));
        let Some((position, kind)) = self.kind(name) else { return Ok(None) };
        let shelf = self.current.shelf(kind, position).await?;
        Ok(match group {
            "" => Some(self.kind_page(position, &shelf)),
            group => shelf.group(group).filter(|group| group.len() > 0).map(|group| self.group_page(position, group)),
        })
    }

    fn kind_page(&self, position: usize, shelf: &Shelf) -> Content {
        let kind = self.site().kinds[position];
        let nouns = kind.nouns();
        let pager = Pager::new(self.asked, &format!("/browse/{}", kind.name()), shelf.shown().count());
        let row = |group: &Group| GroupRow {
            name: group.name.to_string(),
            href: group_href(kind, &group.name),
            items: count(group.len(), nouns.items),
            bytes: human(group.bytes),
        };
        let uses = self.mirror.address(kind.name()).filter(|_| shelf.items > 0);
        html(&KindPage {
            frame: self.frame(capital(kind.title()), Some(position)),
            row: self.row(kind, shelf),
            uses: uses.map(|address| kind.usage(&self.current.views[position], None, address)).unwrap_or_default(),
            column: capital(nouns.groups[0]),
            groups: pager.of(shelf.shown()).map(row).collect(),
            pager,
        })
    }

    fn group_page(&self, position: usize, group: &Group) -> Content {
        let (kind, view) = (self.site().kinds[position], &self.current.views[position]);
        let pager = Pager::new(self.asked, &group_href(kind, &group.name), group.len());
        let items = pager.of(group.items(kind, view));
        let row = |(node, item): (&Node, Item<'_>)| item_row(kind, view.path_of(node), &item);
        html(&GroupPage {
            frame: self.frame(&*group.name, Some(position)),
            crumbs: vec![kind_crumb(kind)],
            heading: group.name.to_string(),
            summary: format!("{}, {}", count(group.len(), kind.nouns().items), human(group.bytes)),
            items: ItemTable::new(items.map(row).collect()),
            pager,
        })
    }

    pub(super) async fn search(&self) -> Result<Content, StoreError> {
        let question = self.asked.parameter("q").unwrap_or_default();
        let mut frame = self.frame("Search", None);
        frame.query = question.trim().to_owned();
        let Some(words) = Words::new(&question) else {
            return Ok(html(&SearchPage { frame, found: Vec::new(), asked: false }));
        };
        let mut shelves = Vec::new();
        for (position, &kind) in self.site().kinds.iter().enumerate() {
            shelves.push((kind, position, self.current.shelf(kind, position).await?));
        }
        let current = self.current.clone();
        let look = move || {
            let found =
                shelves.iter().filter_map(|(kind, position, shelf)| found(&words, *kind, (&current, *position), shelf));
            found.collect::<Vec<_>>()
        };
        let found = self.page.searches.work(look).await.map_err(|_| StoreError::Cancelled)?;
        Ok(html(&SearchPage { frame, found, asked: true }))
    }
}

/// What is found of one kind; none where nothing is.
fn found(
    words: &Words,
    kind: &'static dyn DynKind,
    (current, position): (&Current, usize),
    shelf: &Shelf,
) -> Option<Found> {
    let view = &current.views[position];
    let hits = search(words, kind, (view, shelf), MOST_HITS);
    let group = |name: &&str| Crumb { text: (*name).to_owned(), href: group_href(kind, name) };
    let items = hits.items.iter().map(|(group, node, item)| {
        let mut row = item_row(kind, view.path_of(node), item);
        if !row.name.contains(group) {
            row.of = [&*row.of, group].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        }
        row
    });
    let found = Found {
        title: capital(kind.title()),
        groups: hits.groups.iter().map(group).collect(),
        items: ItemTable::new(items.collect()),
        cut: hits.cut,
    };
    (!found.groups.is_empty() || !found.items.rows.is_empty()).then_some(found)
}

/// A kind as the place above its groups.
pub(super) fn kind_crumb(kind: &dyn DynKind) -> Crumb {
    Crumb { text: capital(kind.title()), href: format!("/browse/{}", kind.name()) }
}

fn item_row(kind: &dyn DynKind, path: &str, item: &Item<'_>) -> ItemRow {
    ItemRow {
        name: item.name.to_string(),
        // Some names say it already.
        version: if item.name.ends_with(&*item.version) { String::new() } else { item.version.to_string() },
        of: item.of.to_string(),
        bytes: item.size.map(human).unwrap_or_default(),
        href: entry_href(kind, path),
    }
}
