//! Unfinished downloads: what is written down about them, and how far they can be trusted.

use airlift_core::{Request, Time, UpstreamUrl};
use airlift_store::Part;
use serde::{Deserialize, Serialize};

use super::assembly::Ranges;
use crate::answer::{self, Answer, Validators};
use crate::fetcher::Expected;

/// What is written down about an unfinished download.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    /// The URL, without secrets.
    pub(super) url: String,
    pub(super) validators: Validators,
    pub(super) total: Option<u64>,
    pub(super) media_type: Option<String>,
    pub(super) modified: Option<Time>,
    /// Whether the machine may have lost power since the first of these bytes, so that some may be missing. A checksum
    /// tells; without one nothing does.
    #[serde(default)]
    pub(super) doubtful: bool,
    /// What is there, where it is not simply the file's length.
    pub(super) ranges: Option<Vec<(u64, u64)>>,
}

impl Notes {
    /// What an answer says.
    pub(super) fn of(url: &UpstreamUrl, answer: &Answer) -> Self {
        Self {
            url: url.to_string(),
            validators: Validators::of(&answer.headers),
            total: answer.total(),
            media_type: answer::media_type(&answer.headers),
            modified: answer::date(&answer.headers),
            doubtful: false,
            ranges: None,
        }
    }
}

/// What is there of an earlier run, and may be gone on with.
///
/// Without a promised checksum only what an `If-Range` can guard is of use, and only as long as the machine runs; with
/// one the sum will tell.
pub(super) fn resumable(part: &Part, request: &Request, expected: &Expected) -> (Notes, Ranges) {
    let length = part.len();
    let nothing = (Notes::default(), Ranges::default());
    let Some(mut notes) = part.notes::<Notes>().filter(|_| length > 0) else { return nothing };
    if notes.url != request.url.to_string() {
        // Another place that promises the same bytes: it has other validators.
        (notes.validators, notes.url) = (Validators::default(), request.url.to_string());
    }
    notes.doubtful |= !part.is_safe();
    let trusted = notes.validators.if_range().is_some() && !notes.doubtful;
    let guarded = trusted || !expected.checksums.is_empty();
    let right_size = expected.size.is_none() || notes.total.is_none() || expected.size == notes.total;
    if !guarded || !right_size {
        return nothing;
    }
    let ranges: Ranges = match &notes.ranges {
        Some(pairs) => pairs.iter().copied().collect(),
        None => [(0, length)].into_iter().collect(),
    };
    let mut end = notes.total.or(expected.size).unwrap_or(u64::MAX).min(length);
    if expected.checksums.is_empty() && notes.total.is_some_and(|total| total <= end) {
        // At least one byte is asked for, so that upstream can say that it has another version now.
        end = end.saturating_sub(1);
    }
    (notes, ranges.up_to(end))
}
