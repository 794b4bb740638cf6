//! What goes wrong where a repository is taken apart, before it is said of which.

use airlift_core::UpstreamUrl;
use airlift_fetch::FetchError;

use crate::error::GitError;
use crate::format::FormatError;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This machine has trouble.
    Machine(FetchError),
    /// Upstream's bytes are refused.
    Format(FormatError),
    /// Upstream said no.
    Said(String),
}

impl Trouble {
    /// Upstream's own words, without what is not for a screen.
    pub(super) fn said(words: &[u8]) -> Self {
        let words: String = String::from_utf8_lossy(words).chars().take(200).collect();
        let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self::Said(words.trim().to_owned())
    }

    /// The same, of a repository.
    pub(super) fn of(self, url: &UpstreamUrl, what: &'static str) -> GitError {
        match self {
            Self::Machine(error) => GitError::fetch(url, what)(error),
            Self::Format(error) => GitError::content(url)(error),
            Self::Said(said) => GitError::Refused { url: Box::new(url.clone()), said },
        }
    }
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Machine(error)
    }
}

impl From<FormatError> for Trouble {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// Does what takes long where it keeps nobody waiting.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(FetchError::Interrupted.into()),
    }
}
