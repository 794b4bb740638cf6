//! What the templates are filled with. Everything is text already; the templates escape it.

use airlift_kind::{Fact, Usage};
use askama::Template;

use super::list::Pager;

/// What every page has.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// The archive's name.
    pub(crate) archive: String,
    /// What the search field has.
    pub(crate) query: String,
    pub(crate) kinds: Vec<Tab>,
}

/// A kind in the navigation.
#[derive(Debug)]
pub(crate) struct Tab {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) here: bool,
}

/// A place above this one.
#[derive(Debug)]
pub(crate) struct Crumb {
    pub(crate) text: String,
    pub(crate) href: String,
}

#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub(crate) struct Overview {
    pub(crate) frame: Frame,
    pub(crate) id: String,
    pub(crate) created: String,
    pub(crate) blobs: String,
    pub(crate) bytes: String,
    pub(crate) damaged: usize,
    pub(crate) setup: Vec<Usage>,
    pub(crate) kinds: Vec<KindRow>,
    pub(crate) omitted: Digested<RemarkRow>,
    pub(crate) notices: Digested<RemarkRow>,
    pub(crate) misses: Digested<MissRow>,
}

/// The beginning of a list.
#[derive(Debug)]
pub(crate) struct Digested<T> {
    pub(crate) first: Vec<T>,
    /// How many there are in all.
    pub(crate) all: String,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// A kind on the overview.
#[derive(Debug)]
pub(crate) struct KindRow {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// How much there is; nothing where there is none of it.
    pub(crate) counts: Option<String>,
    pub(crate) bytes: String,
    /// Where the service is.
    pub(crate) url: String,
    pub(crate) home: String,
}

/// Something that was left out, or that one should know.
#[derive(Debug)]
pub(crate) struct RemarkRow {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) origin: Option<String>,
}

/// Something that was asked for in vain.
#[derive(Debug)]
pub(crate) struct MissRow {
    pub(crate) kinds: String,
    pub(crate) path: String,
    pub(crate) times: String,
    pub(crate) last: String,
}

#[derive(Debug, Template)]
#[template(path = "kind.html")]
pub(crate) struct KindPage {
    pub(crate) frame: Frame,
    pub(crate) row: KindRow,
    pub(crate) uses: Vec<Usage>,
    pub(crate) column: String,
    pub(crate) groups: Vec<GroupRow>,
    pub(crate) pager: Pager,
}

/// A group of a kind.
#[derive(Debug)]
pub(crate) struct GroupRow {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) items: String,
    pub(crate) bytes: String,
}

#[derive(Debug, Template)]
#[template(path = "group.html")]
pub(crate) struct GroupPage {
    pub(crate) frame: Frame,
    pub(crate) crumbs: Vec<Crumb>,
    pub(crate) heading: String,
    pub(crate) summary: String,
    pub(crate) items: ItemTable,
    pub(crate) pager: Pager,
}

/// Items, with the columns that any of them has something in.
#[derive(Debug)]
pub(crate) struct ItemTable {
    pub(crate) rows: Vec<ItemRow>,
    pub(crate) versions: bool,
    pub(crate) of: bool,
    pub(crate) sizes: bool,
}

impl ItemTable {
    pub(crate) fn new(rows: Vec<ItemRow>) -> Self {
        let any = |has: fn(&ItemRow) -> &str| rows.iter().any(|row| !has(row).is_empty());
        let (versions, of, sizes) = (any(|row| &row.version), any(|row| &row.of), any(|row| &row.bytes));
        Self { rows, versions, of, sizes }
    }
}

/// An item of a group.
#[derive(Debug)]
pub(crate) struct ItemRow {
    pub(crate) name: String,
    pub(crate) version: String,
    /// For whom, and of which group where that is not plain.
    pub(crate) of: String,
    pub(crate) bytes: String,
    pub(crate) href: String,
}

#[derive(Debug, Template)]
#[template(path = "entry.html")]
pub(crate) struct EntryPage {
    pub(crate) frame: Frame,
    pub(crate) crumbs: Vec<Crumb>,
    pub(crate) heading: String,
    /// Where it is served.
    pub(crate) url: String,
    pub(crate) uses: Vec<Usage>,
    pub(crate) facts: Vec<Fact>,
}

#[derive(Debug, Template)]
#[template(path = "search.html")]
pub(crate) struct SearchPage {
    pub(crate) frame: Frame,
    pub(crate) found: Vec<Found>,
    pub(crate) asked: bool,
}

/// What was found of one kind.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) title: String,
    pub(crate) groups: Vec<Crumb>,
    pub(crate) items: ItemTable,
    /// Where there is more than is shown.
    pub(crate) cut: bool,
}

#[derive(Debug, Template)]
#[template(path = "remarks.html")]
pub(crate) struct RemarksPage {
    pub(crate) frame: Frame,
    pub(crate) lead: &'static str,
    pub(crate) rows: Vec<RemarkRow>,
    pub(crate) pager: Pager,
}

#[derive(Debug, Template)]
#[template(path = "misses.html")]
pub(crate) struct MissesPage {
    pub(crate) frame: Frame,
    pub(crate) misses: Vec<MissRow>,
    pub(crate) pager: Pager,
}

#[derive(Debug, Template)]
#[template(path = "missing.html")]
pub(crate) struct MissingPage {
    pub(crate) frame: Frame,
    pub(crate) path: String,
}
