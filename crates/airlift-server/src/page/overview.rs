//! The first page: the archive, what was left out, how to begin, what is here.

use airlift_core::size::human;
use airlift_kind::{Content, DynKind, Usage};
use airlift_store::StoreError;

use super::list::{capital, count, date, thousands};
use super::remarks::{miss, notice, omission};
use super::views::{Digested, KindRow, Overview};
use super::{Shelf, Visit, html};

/// How many lines of each list are on this page.
const FIRST: usize = 8;

impl Visit<'_> {
    pub(super) async fn overview(&self) -> Result<Content, StoreError> {
        let (current, site) = (&self.current, self.site());
        let mut kinds = Vec::new();
        for (position, &kind) in site.kinds.iter().enumerate() {
            kinds.push(self.row(kind, &*current.shelf(kind, position).await?));
        }
        let missed = site.misses.all();
        let page = Overview {
            frame: self.frame("What is here", None),
            id: current.id.to_string(),
            created: date(current.header.created),
            blobs: count(usize::try_from(current.header.blobs).unwrap_or(usize::MAX), ["blob", "blobs"]),
            bytes: human(current.header.bytes),
            damaged: site.responder.damaged(),
            setup: self.setup(),
            kinds,
            omitted: digested(current.omissions(), ["thing was", "things were"], omission),
            notices: digested(current.notices(), ["thing", "things"], notice),
            misses: digested(&missed, ["name", "names"], miss),
        };
        Ok(html(&page))
    }

    /// The two ways to set up all clients of a host, and what goes before them. A script is never run while it is still
    /// coming.
    fn setup(&self) -> Vec<Usage> {
        let authority = &self.authority;
        let base = if self.mirror.tls { format!("https://{authority}") } else { format!("http://{authority}") };
        let (mut usages, mut trust, mut ca) = (Vec::new(), "", "");
        if self.mirror.ca.is_some() {
            let fetch = format!("curl -fsSk -o airlift-ca.crt {base}/ca.crt");
            let show = "openssl x509 -in airlift-ca.crt -noout -fingerprint -sha256";
            let label = "First, its authority: compare the fingerprint with that of 'airlift tls show' on the mirror";
            usages.push(Usage::new(label, format!("{fetch} && {show}")));
            (trust, ca) = ("--cacert airlift-ca.crt ", " --ca airlift-ca.crt");
        }
        let (who, user) = match self.mirror.users {
            true => ("-u NAME ", " --user NAME --password-file FILE"),
            false => ("", ""),
        };
        let script = format!("curl -fsSO {trust}{who}{base}/setup.sh && sh setup.sh{user}");
        usages.push(Usage::new("Any host with a shell, as root", script));
        let mirror = if self.mirror.tls { &base } else { authority };
        let program = format!("airlift setup --mirror {mirror}{ca}{user}");
        usages.push(Usage::new("With the airlift program, as root", program));
        usages
    }

    /// What a kind has, in a few words.
    pub(super) fn row(&self, kind: &dyn DynKind, shelf: &Shelf) -> KindRow {
        let nouns = kind.nouns();
        let groups = shelf.shown().count();
        let counts = || format!("{} in {}", count(shelf.items, nouns.items), count(groups, nouns.groups));
        KindRow {
            name: kind.name(),
            title: capital(kind.title()),
            counts: (shelf.items > 0).then(counts),
            bytes: human(shelf.bytes),
            url: self.service(kind, ""),
            home: self.service(kind, kind.home()),
        }
    }
}

fn digested<T, R>(all: &[T], nouns: [&str; 2], row: impl Fn(&T) -> R) -> Digested<R> {
    let many = thousands(all.len() as u64);
    let word = if all.len() == 1 { nouns[0] } else { nouns[1] };
    Digested {
        first: all.iter().take(FIRST).map(row).collect(),
        all: format!("{many} {word}"),
        more: all.len() > FIRST,
    }
}
