//! The kinds. A ninth one is one folder in `kinds/`, one dependency, and one line here.

use airlift_kind::{DynKind, Erased};
use airlift_kind_deb::Deb;
use airlift_kind_files::Files;
use airlift_kind_galaxy::Galaxy;
use airlift_kind_git::Git;
use airlift_kind_helm::Helm;
use airlift_kind_oci::Oci;
use airlift_kind_python::Python;
use airlift_kind_rpm::Rpm;

/// Every kind, in the order in which they are shown.
pub(crate) static KINDS: [&dyn DynKind; 8] = [
    &Erased::<Oci>::new(),
    &Erased::<Helm>::new(),
    &Erased::<Rpm>::new(),
    &Erased::<Deb>::new(),
    &Erased::<Python>::new(),
    &Erased::<Files>::new(),
    &Erased::<Git>::new(),
    &Erased::<Galaxy>::new(),
];

/// The kind that is called so, by its name or by one of its keys in the manifest: `oci` or `images`.
pub(crate) fn named(name: &str) -> Option<&'static dyn DynKind> {
    KINDS.into_iter().find(|kind| kind.name() == name || kind.keys().first() == Some(&name))
}

/// Every kind's name, for messages: `oci (or images), files`.
pub(crate) fn names() -> String {
    let names = KINDS.iter().map(|kind| match kind.keys().first() {
        Some(key) if *key != kind.name() => format!("{} (or {key})", kind.name()),
        _ => kind.name().to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}
