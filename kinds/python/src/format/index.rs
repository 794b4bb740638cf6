//! Project pages of an index, as they are read: JSON (PEP 691, 700) and HTML (PEP 503, 592, 714).

use std::borrow::Cow;
use std::collections::BTreeMap;

use airlift_core::{Checksum, Digest, Time, UpstreamUrl};
use html5gum::{HtmlString, StartTag, Token, Tokenizer};
use serde::Deserialize;
use url::Url;

use super::plain;

/// The media types that are asked for, JSON first.
pub const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// What a project page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The files, in the page's order.
    pub files: Vec<File>,
    /// The names of files that were not wanted, of which no more was read.
    pub unwanted: Vec<String>,
    /// Why nothing of it may be installed, where the index says so (PEP 792, "quarantined").
    pub quarantined: Option<String>,
}

/// What a project page says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file's name.
    pub name: String,
    /// Where it is.
    pub url: UpstreamUrl,
    /// Its promised checksums.
    pub checksums: Vec<Checksum>,
    /// Which interpreters it says to run on, unread.
    pub requires_python: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When it was uploaded.
    pub uploaded: Option<Time>,
    /// Why it was withdrawn, where it was; the reason may be empty.
    pub yanked: Option<String>,
    /// Whether its metadata can be had by itself (PEP 658).
    pub metadata: Promise,
}

impl File {
    /// A file of which only name and address are known.
    pub const fn at(name: String, url: UpstreamUrl) -> Self {
        Self {
            name,
            url,
            checksums: Vec::new(),
            requires_python: None,
            size: None,
            uploaded: None,
            yanked: None,
            metadata: Promise::None,
        }
    }
}

/// Whether the metadata of a file can be had by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promise {
    /// No.
    #[default]
    None,
    /// Yes, and nothing is promised of its bytes.
    Unchecked,
    /// Yes, and these are its bytes.
    Checked(Digest),
}

/// Why a page can't be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It is no JSON of an index.
    #[error("it is no project page as JSON (PEP 691)")]
    Json(#[source] serde_json::Error),
    /// It is of a major version that nobody knew when this program was made.
    #[error("it is of version {0} of the index's format, and this Airlift reads version 1")]
    Version(String),
    /// A file has an address that can't be used.
    #[error("the address of {file} can't be used: {reason}")]
    Address {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct JsonPage<'a> {
    #[serde(default)]
    meta: JsonMeta,
    #[serde(borrow, default)]
    files: Vec<JsonFile<'a>>,
    #[serde(default, rename = "project-status")]
    status: Option<JsonStatus>,
}

#[derive(Default, Deserialize)]
struct JsonMeta {
    #[serde(default, rename = "api-version")]
    version: Option<String>,
}

#[derive(Deserialize)]
struct JsonStatus {
    status: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile<'a> {
    #[serde(borrow)]
    filename: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    size: Option<u64>,
    #[serde(borrow)]
    upload_time: Option<Cow<'a, str>>,
    yanked: Option<Flag>,
    #[serde(default)]
    core_metadata: Flags,
    #[serde(default)]
    dist_info_metadata: Flags,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Is(bool),
    Because(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flags {
    Is(Option<bool>),
    Hashes(BTreeMap<String, String>),
}

impl Default for Flags {
    fn default() -> Self {
        Self::Is(None)
    }
}

impl Flags {
    fn promise(&self) -> Promise {
        match self {
            Self::Is(Some(true)) => Promise::Unchecked,
            Self::Is(_) => Promise::None,
            Self::Hashes(hashes) => {
                let digest = hashes.get("sha256").and_then(|hex| Digest::from_hex(&hex.to_ascii_lowercase()).ok());
                digest.map_or(Promise::Unchecked, Promise::Checked)
            }
        }
    }
}

/// Reads a project page as JSON; relative addresses are resolved against the page's own. Of files whose name says that
/// nobody wants them, and these are the most on long pages, only the name is read.
///
/// # Errors
///
/// [`PageError`] where it is none.
pub fn from_json(bytes: &[u8], base: &UpstreamUrl, is_wanted: impl Fn(&str) -> bool) -> Result<Page, PageError> {
    let page: JsonPage<'_> = serde_json::from_slice(bytes).map_err(PageError::Json)?;
    check_version(page.meta.version.as_deref())?;
    let status = page.status.filter(|status| status.status.as_deref() == Some("quarantined"));
    let quarantined = status.map(|status| plain(status.reason.as_deref().unwrap_or_default(), 300));
    let (wanted, unwanted): (Vec<JsonFile<'_>>, Vec<JsonFile<'_>>) =
        page.files.into_iter().partition(|file| is_wanted(&file.filename));
    let files = wanted.into_iter().map(|file| {
        let checksums = file.hashes.iter().filter_map(|(name, hex)| checksum(name, hex)).collect();
        let promise = match file.core_metadata.promise() {
            Promise::None => file.dist_info_metadata.promise(),
            promise => promise,
        };
        Ok(File {
            url: resolve(base, base.expose(), &file.url, &file.filename)?,
            checksums,
            requires_python: file.requires_python.filter(|text| !text.trim().is_empty()),
            size: file.size,
            uploaded: file.upload_time.and_then(|time| time.parse().ok()),
            yanked: match file.yanked {
                Some(Flag::Is(true)) => Some(String::new()),
                Some(Flag::Is(false)) | None => None,
                Some(Flag::Because(reason)) => Some(plain(&reason, 500)),
            },
            metadata: promise,
            name: file.filename.into_owned(),
        })
    });
    let files = files.collect::<Result<Vec<File>, PageError>>()?;
    if quarantined.is_some() {
        return Ok(Page { quarantined, ..Page::default() });
    }
    let unwanted = unwanted.into_iter().map(|file| file.filename.into_owned()).collect();
    Ok(Page { files, unwanted, quarantined })
}

fn check_version(version: Option<&str>) -> Result<(), PageError> {
    match version.and_then(|version| version.split('.').next()) {
        None | Some("1") => Ok(()),
        Some(_) => Err(PageError::Version(plain(version.unwrap_or_default(), 20))),
    }
}

fn checksum(name: &str, hex: &str) -> Option<Checksum> {
    format!("{}:{}", name.to_ascii_lowercase(), hex.to_ascii_lowercase()).parse().ok()
}

/// The address of a file. The index's own credentials go to the index's own host, and nowhere else.
fn resolve(page: &UpstreamUrl, base: &Url, address: &str, file: &str) -> Result<UpstreamUrl, PageError> {
    let failed = |reason: String| PageError::Address { file: plain(file, 200), reason };
    let mut url = base.join(address).map_err(|error| failed(error.to_string()))?;
    url.set_fragment(None);
    if url.scheme() == "file" && page.expose().scheme() != "file" {
        return Err(failed("a page from the network names a file of this machine".to_owned()));
    }
    let url = UpstreamUrl::try_from(url).map_err(|error| failed(error.reason))?;
    Ok(url.with_user_of(page))
}

/// Reads a project page, or a page of links, as HTML; relative addresses are resolved against its `base` or its own.
///
/// # Errors
///
/// [`PageError`] where its version is unknown or an address can't be used.
pub fn from_html(bytes: &[u8], page: &UpstreamUrl) -> Result<Page, PageError> {
    let mut base = page.expose().clone();
    let mut files = Vec::new();
    for Ok(token) in Tokenizer::new(bytes) {
        let Token::StartTag(tag) = token else { continue };
        match tag.name.as_slice() {
            b"base" => base = attribute(&tag, "href").and_then(|href| base.join(&href).ok()).unwrap_or(base),
            b"meta" if attribute(&tag, "name").as_deref() == Some("pypi:repository-version") => {
                check_version(attribute(&tag, "content").as_deref())?;
            }
            b"a" => files.extend(anchor(&tag, page, &base).transpose()?),
            _ => {}
        }
    }
    Ok(Page { files, ..Page::default() })
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(&HtmlString(name.as_bytes().to_vec()))?;
    Some(String::from_utf8_lossy(value.as_slice()).into_owned())
}

fn anchor(tag: &StartTag<()>, page: &UpstreamUrl, base: &Url) -> Option<Result<File, PageError>> {
    let href = attribute(tag, "href")?;
    let (address, fragment) = href.split_once('#').unwrap_or((&href, ""));
    // A page of links has others too: to a homepage, to the folder above.
    let last = address.split(['?']).next()?.rsplit('/').next().filter(|name| !name.is_empty())?;
    let name = percent_decoded(last)?;
    let checksums = fragment.split('&').filter_map(|part| part.split_once('=')).filter_map(|(n, hex)| checksum(n, hex));
    let promise = ["data-core-metadata", "data-dist-info-metadata"].iter().find_map(|field| attribute(tag, field));
    let promise = match promise.as_deref() {
        None | Some("false") => Promise::None,
        Some(text) => text
            .strip_prefix("sha256=")
            .and_then(|hex| Digest::from_hex(&hex.to_ascii_lowercase()).ok())
            .map_or(Promise::Unchecked, Promise::Checked),
    };
    let url = match resolve(page, base, address, &name) {
        Ok(url) => url,
        // What can't be fetched is a file only if it looks like one.
        Err(error) => return name.contains(".whl").then_some(Err(error)),
    };
    Some(Ok(File {
        url,
        checksums: checksums.collect(),
        requires_python: attribute(tag, "data-requires-python").filter(|text| !text.trim().is_empty()),
        size: None,
        uploaded: None,
        yanked: attribute(tag, "data-yanked").map(|reason| plain(&reason, 500)),
        metadata: promise,
        name,
    }))
}

/// A segment of a path after percent-decoding, where that is UTF-8.
fn percent_decoded(segment: &str) -> Option<String> {
    let url = format!("file:///{segment}").parse::<UpstreamUrl>().ok()?;
    url.decoded_path()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> UpstreamUrl {
        "https://me:pass@index.example.org/simple/foo/".parse().expect("a URL")
    }

    #[test]
    fn json_pages_are_read() {
        let sum = "ab".repeat(32);
        let text = format!(
            r#"{{"meta":{{"api-version":"1.4","_last-serial":7}},"name":"foo","versions":["1.0"],"files":[
              {{"filename":"foo-1.0-py3-none-any.whl","url":"../../files/foo-1.0-py3-none-any.whl","hashes":{{"sha256":"{sum}","md5":"00"}},
                "requires-python":">=3.8","size":10,"upload-time":"2024-01-02T03:04:05.678901Z","yanked":"broken\nit is",
                "core-metadata":{{"sha256":"{sum}"}}}},
              {{"filename":"foo-0.9.tar.gz","url":"https://files.example.net/foo-0.9.tar.gz","hashes":{{}},"requires-python":null,
                "yanked":false,"core-metadata":false}}]}}"#
        );
        let page = from_json(text.as_bytes(), &base(), |_| true).expect("a page");
        let wheel = &page.files[0];
        assert_eq!(wheel.url.to_string(), "https://index.example.org/files/foo-1.0-py3-none-any.whl");
        assert_eq!(wheel.url.expose().password(), Some("pass"));
        assert_eq!((wheel.checksums.len(), wheel.size, wheel.yanked.as_deref()), (1, Some(10), Some("broken it is")));
        assert_eq!(wheel.uploaded.expect("a time").to_string(), "2024-01-02T03:04:05Z");
        assert!(matches!(wheel.metadata, Promise::Checked(_)));
        assert_eq!(page.files[1].url.expose().password(), None);
        assert_eq!((page.files[1].metadata, page.files[1].yanked.as_ref()), (Promise::None, None));
    }

    /// Some indexes write a null where nothing is to be said.
    #[test]
    fn nothing_may_be_said_with_a_null() {
        let text = r#"{"files":[{"filename":"foo-1.tar.gz","url":"foo-1.tar.gz","yanked":null,"size":null,
            "requires-python":null,"upload-time":null,"core-metadata":null,"dist-info-metadata":null}]}"#;
        let page = from_json(text.as_bytes(), &base(), |_| true).expect("a page");
        assert_eq!((page.files[0].yanked.as_ref(), page.files[0].metadata), (None, Promise::None));
    }

    #[test]
    fn html_pages_are_read() {
        let sum = "ab".repeat(32);
        let text = format!(
            "<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.1\"></head><body><a href=\"/\">up</a>\
             <a href=\"../../f/foo-1.0%2Bl-py3-none-any.whl#sha256={sum}\" data-requires-python=\"&gt;=3.8\" \
             data-yanked=\"\" data-dist-info-metadata=\"true\">foo</a><A HREF='foo-1.tar.gz'>x</A></body></html>"
        );
        let page = from_html(text.as_bytes(), &base()).expect("a page");
        assert_eq!(page.files.len(), 2, "{page:?}");
        let wheel = &page.files[0];
        assert_eq!(wheel.name, "foo-1.0+l-py3-none-any.whl");
        assert_eq!(wheel.requires_python.as_deref(), Some(">=3.8"));
        assert_eq!((wheel.yanked.as_deref(), wheel.metadata, wheel.checksums.len()), (Some(""), Promise::Unchecked, 1));
        assert_eq!(page.files[1].url.to_string(), "https://index.example.org/simple/foo/foo-1.tar.gz");
    }

    #[test]
    fn pages_that_lead_astray_are_refused() {
        let file = r#"{"meta":{"api-version":"1.0"},"files":[{"filename":"foo-1.tar.gz","url":"file:///etc/passwd","hashes":{}}]}"#;
        assert!(matches!(from_json(file.as_bytes(), &base(), |_| true), Err(PageError::Address { .. })));
        let newer = r#"{"meta":{"api-version":"2.0"},"files":[]}"#;
        assert!(matches!(from_json(newer.as_bytes(), &base(), |_| true), Err(PageError::Version(_))));
        let status =
            r#"{"project-status":{"status":"quarantined","reason":"malware"},"files":[{"filename":"a","url":"a"}]}"#;
        let page = from_json(status.as_bytes(), &base(), |_| true).expect("a page");
        assert_eq!((page.files.len(), page.quarantined.as_deref()), (0, Some("malware")));
    }

    #[test]
    fn of_unwanted_files_only_the_name_is_read() {
        let text = r#"{"files":[{"filename":"foo-1-cp311-cp311-win_amd64.whl","url":"gopher://no/"},{"filename":"foo-1.zip","url":"f"}]}"#;
        let page = from_json(text.as_bytes(), &base(), |name| !name.contains("win")).expect("a page");
        assert_eq!((page.files.len(), page.unwanted.len()), (1, 1));
        assert!(from_json(text.as_bytes(), &base(), |_| true).is_err());
    }

    proptest! {
        #[test]
        fn no_page_is_too_odd_to_be_judged(text in "(<a|<base| href=|\"|'|>|#sha256=|<!--|-->|\\PC){0,60}") {
            let _ = from_html(text.as_bytes(), &base());
            let _ = from_json(text.as_bytes(), &base(), |_| true);
        }
    }
}
