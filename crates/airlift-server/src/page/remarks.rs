//! What was left out, what one should know, and what was asked for in vain.

use airlift_core::{Notice, Omission};
use airlift_kind::Content;

use super::list::{Pager, count, date};
use super::views::{MissRow, MissesPage, RemarkRow, RemarksPage};
use super::{Visit, html};
use crate::misses::Miss;

impl Visit<'_> {
    pub(super) fn omitted(&self) -> Content {
        let all = self.current.omissions();
        let pager = Pager::new(self.asked, "/omitted", all.len());
        html(&RemarksPage {
            frame: self.frame("Left out", None),
            lead: "The manifest asks for this, and this archive does not have it. To bring it, collect again without \
                   --keep-going, carry the archive over and load it.",
            rows: pager.of(all.iter()).map(omission).collect(),
            pager,
        })
    }

    pub(super) fn notices(&self) -> Content {
        let all = self.current.notices();
        let pager = Pager::new(self.asked, "/notices", all.len());
        html(&RemarksPage {
            frame: self.frame("To know of", None),
            lead: "What whoever uses this archive must know.",
            rows: pager.of(all.iter()).map(notice).collect(),
            pager,
        })
    }

    pub(super) fn misses(&self) -> Content {
        let all = self.site().misses.all();
        let pager = Pager::new(self.asked, "/misses", all.len());
        html(&MissesPage {
            frame: self.frame("Asked for, but not here", None),
            misses: pager.of(all.iter()).map(miss).collect(),
            pager,
        })
    }
}

pub(super) fn omission(omission: &Omission) -> RemarkRow {
    RemarkRow {
        path: omission.path.to_string(),
        text: omission.omitted.clone(),
        origin: omission.origin.as_deref().filter(|origin| !omission.omitted.contains(origin)).map(str::to_owned),
    }
}

pub(super) fn notice(notice: &Notice) -> RemarkRow {
    RemarkRow { path: notice.path.to_string(), text: notice.notice.clone(), origin: None }
}

pub(super) fn miss(miss: &Miss) -> MissRow {
    MissRow {
        kinds: miss.kinds.to_string(),
        path: miss.path.clone(),
        times: count(usize::try_from(miss.count).unwrap_or(usize::MAX), ["time", "times"]),
        last: date(miss.last),
    }
}
