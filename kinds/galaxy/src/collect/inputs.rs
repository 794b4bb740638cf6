//! What one entry of the manifest wants: its own collections and roles, and those of the files that it names.

use airlift_core::upstream::{UrlError, encode_path};
use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::Fetcher;
use airlift_fetch::engine::is_fatal;

use crate::error::GalaxyError;
use crate::format::requirement::{Collection, Role};
use crate::format::requirements::Requirements;
use crate::spec::GroupSpec;

/// The most bytes of a file of requirements, and the most files.
const FILE: u64 = 4 << 20;
const FILES: usize = 100;

/// What says that something is wanted where no file does.
pub(super) const MANIFEST: &str = "the manifest";

/// What is wanted, each with who wants it.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) collections: Vec<(Collection, Origin)>,
    pub(super) roles: Vec<(Role, Origin)>,
    /// What is to be known of the files.
    pub(super) remarks: Vec<(String, String)>,
}

/// Who wants something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The file as it was named, or the manifest, or the role that needs it.
    pub(super) of: String,
    /// Where the file is, where it is one from the network.
    pub(super) remote: bool,
}

impl Inputs {
    /// Reads what an entry wants.
    pub(super) async fn read(spec: &GroupSpec, fetcher: &Fetcher) -> Result<Self, GalaxyError> {
        let own = Origin { of: MANIFEST.to_owned(), remote: false };
        let mut inputs = Self {
            collections: spec.collections.iter().map(|one| (one.0.clone(), own.clone())).collect(),
            roles: spec.roles.iter().map(|one| (one.0.clone(), own.clone())).collect(),
            remarks: Vec::new(),
        };
        let mut open: Vec<(String, UpstreamUrl)> = Vec::new();
        for file in spec.requirements.iter().rev() {
            open.push((file.clone(), locate(file, fetcher)?));
        }
        let mut seen = Vec::new();
        while let Some((file, url)) = open.pop() {
            if seen.contains(&url) {
                continue;
            }
            if seen.len() >= FILES {
                let reason = format!("more than {FILES} files name one another");
                return Err(GalaxyError::File { file, reason });
            }
            let read = requirements(&file, &url, fetcher).await?;
            let origin = Origin { of: file.clone(), remote: url.expose().scheme() != "file" };
            inputs.collections.extend(read.collections.into_iter().map(|one| (one, origin.clone())));
            inputs.roles.extend(read.roles.into_iter().map(|one| (one, origin.clone())));
            inputs.remarks.extend(read.remarks.into_iter().map(|remark| (file.clone(), remark)));
            for include in read.includes.into_iter().rev() {
                let url = if origin.remote { beside(&include, &url)? } else { locate(&include, fetcher)? };
                open.push((include, url));
            }
            seen.push(url);
        }
        Ok(inputs)
    }
}

async fn requirements(file: &str, url: &UpstreamUrl, fetcher: &Fetcher) -> Result<Requirements, GalaxyError> {
    let document = fetcher.listing(&Request::new(url.clone()), FILE).await.map_err(|error| match is_fatal(&error) {
        true => GalaxyError::stopped(error),
        false => GalaxyError::Fetch { what: format!("the requirements file '{file}'"), source: Box::new(error) },
    })?;
    Requirements::read(&document.bytes).map_err(|reason| GalaxyError::File { file: file.to_owned(), reason })
}

/// Where a file is: by its URL, or beside the manifest.
pub(super) fn locate(file: &str, fetcher: &Fetcher) -> Result<UpstreamUrl, GalaxyError> {
    let failed = |reason: String| GalaxyError::Locate { file: file.to_owned(), reason };
    match file {
        "" => Err(failed("it has no name".to_owned())),
        file if file.contains("://") => file.parse().map_err(|error: UrlError| failed(error.reason)),
        file => {
            fetcher.local(file).ok_or_else(|| failed("it is relative, and the manifest lies in no folder".to_owned()))
        }
    }
}

/// Where a file is that one from the network names.
fn beside(file: &str, of: &UpstreamUrl) -> Result<UpstreamUrl, GalaxyError> {
    let failed = |reason: &str| GalaxyError::Locate { file: file.to_owned(), reason: reason.to_owned() };
    let joined = match file.contains("://") {
        true => url::Url::parse(file),
        false => of.expose().join(&encode_path(file)),
    };
    let url = joined.map_err(|error| failed(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" => UpstreamUrl::try_from(url).map_err(|error| failed(&error.reason)),
        _ => Err(failed("a file from the network names one of this machine")),
    }
}
