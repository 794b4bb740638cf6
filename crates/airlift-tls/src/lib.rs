//! The certificate that a mirror shows, and the private authority that issues it.
//!
//! [`Folder::issue`] makes an authority where there is none, and a certificate for the mirror's names. [`Pair::read`] reads
//! a certificate with its key, whoever issued it, and refuses what no client would accept. The authority's key is in no
//! store and in no archive, and nothing that serves reads it.
//!
//! * [`name`]: by what a mirror is reached.
//! * [`certificate`]: what a certificate says.
//! * `authority`: signs.
//! * [`folder`]: where all of it lies.
//! * [`pair`]: what a server shows.

mod authority;
pub mod certificate;
pub mod error;
pub mod folder;
pub mod name;
pub mod pair;

pub use certificate::Certificate;
pub use error::TlsError;
pub use folder::{Folder, Issued, Wanted};
pub use name::Name;
pub use pair::{Files, Pair};
