//! What both collecting and serving know of an archive's repositories: `helm/repositories.json`.

use airlift_kind::{ClientError, View};
use serde::{Deserialize, Serialize};

/// Where the list is, below the kind's name.
pub(crate) const LIST: &str = "repositories.json";

/// One repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// What it is called, and the folder that it is served in.
    pub(crate) name: String,
    /// Where it was collected from, without secrets and without a slash at its end.
    pub(crate) url: String,
    /// Whether it came along since a chart of another one depends on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) implied: bool,
}

/// The most bytes of the list.
const LIMIT: u64 = 64 << 20;

/// The list of a snapshot that has charts.
pub(crate) async fn read(view: &View) -> Result<Vec<Stored>, ClientError> {
    let what = || format!("the list of chart repositories of {}", view.describe());
    let node = view.get(LIST).ok_or_else(|| ClientError::new(what(), format!("{LIST} is missing")))?;
    let bytes = view.read(node, LIMIT).await.map_err(|error| ClientError::new(what(), error))?;
    serde_json::from_slice(&bytes).map_err(|error| ClientError::new(what(), error))
}
