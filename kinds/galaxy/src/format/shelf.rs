//! Where things are in an archive, below `galaxy/`.

use airlift_core::TreePath;
use airlift_core::path::PathError;

use super::name::CollectionName;

/// What a packed collection and a packed role are sent as.
pub const PACKED: &str = "application/gzip";

/// What was asked for, in the words of [`super::wanted::Wanted`].
pub const WANTED: &str = "requirements.json";

/// The folder of a collection.
pub fn collection(name: &CollectionName) -> String {
    format!("collections/{}/{}", name.namespace, name.name)
}

/// The file of one version of a collection.
pub fn packed(name: &CollectionName, version: &str) -> String {
    format!("{}/{}-{}-{version}.tar.gz", collection(name), name.namespace, name.name)
}

/// The file of one version of a role.
pub fn role(name: &str, version: &str) -> String {
    format!("roles/{name}/{version}.tar.gz")
}

/// A path of the index.
///
/// # Errors
///
/// [`PathError`] where it can be none.
pub fn path(below: &str) -> Result<TreePath, PathError> {
    TreePath::new(format!("galaxy/{below}"))
}
