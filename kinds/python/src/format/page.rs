//! Project pages, as they are written: JSON (PEP 691, 700), HTML (PEP 503, 592, 658, 714), and the older JSON of Warehouse.
//!
//! All addresses are relative, so that host, port and a proxy's path don't matter.

use std::collections::BTreeMap;
use std::fmt::Write;

use airlift_core::{Digest, Time};
use pep440_rs::Version;
use serde_json::{Value, json};

/// The version of the index's format that is written (simple repository API, 1.1 is PEP 700).
const API_VERSION: &str = "1.1";

/// The media type of a page as JSON.
pub const JSON: &str = "application/vnd.pypi.simple.v1+json";
/// The media type of a page as HTML that names its version.
pub const HTML_V1: &str = "application/vnd.pypi.simple.v1+html";
/// The media type of a page as HTML.
pub const HTML: &str = "text/html; charset=utf-8";
/// The media type of the older JSON.
pub const LEGACY: &str = "application/json";

/// A project with the files that travelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The normalised name.
    pub name: String,
    /// The files, by version and name.
    pub files: Vec<PageFile>,
}

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFile {
    /// The file's name.
    pub name: String,
    /// The version that it is of.
    pub version: Version,
    /// Its digest.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Which interpreters it says to run on, as it is written upstream.
    pub requires_python: Option<String>,
    /// When it was uploaded.
    pub uploaded: Option<Time>,
    /// Why it was withdrawn, where it was.
    pub yanked: Option<String>,
    /// The digest of its metadata, where that is served by itself.
    pub metadata: Option<Digest>,
    /// One line about it.
    pub summary: Option<String>,
}

impl Project {
    /// The versions, oldest first.
    pub fn versions(&self) -> Vec<&Version> {
        let mut versions: Vec<&Version> = self.files.iter().map(|file| &file.version).collect();
        versions.sort();
        versions.dedup();
        versions
    }

    /// The newest upload.
    pub fn modified(&self) -> Option<Time> {
        self.files.iter().filter_map(|file| file.uploaded).max()
    }

    /// The page as JSON.
    pub fn json(&self) -> String {
        let versions: Vec<String> = self.versions().into_iter().map(ToString::to_string).collect();
        let files: Vec<Value> = self.files.iter().map(|file| file.json(&self.name)).collect();
        json!({ "meta": { "api-version": API_VERSION }, "name": self.name, "versions": versions, "files": files })
            .to_string()
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut page = head(&format!("Links for {}", self.name));
        for file in &self.files {
            let _ = write!(page, "<a href=\"{}#sha256={}\"", escape(&file.address(&self.name, 2)), file.sha256.hex());
            if let Some(python) = &file.requires_python {
                let _ = write!(page, " data-requires-python=\"{}\"", escape(python));
            }
            if let Some(reason) = &file.yanked {
                let _ = write!(page, " data-yanked=\"{}\"", escape(reason));
            }
            if let Some(digest) = &file.metadata {
                // The second name is a mistake of the first clients (PEP 714); older ones know only that.
                for name in ["data-core-metadata", "data-dist-info-metadata"] {
                    let _ = write!(page, " {name}=\"sha256={}\"", digest.hex());
                }
            }
            let _ = writeln!(page, ">{}</a><br/>", escape(&file.name));
        }
        page.push_str("</body>\n</html>\n");
        page
    }

    /// What Warehouse answers at `/pypi/<name>/json`, or with a version at `/pypi/<name>/<version>/json`.
    pub fn legacy(&self, version: Option<&Version>) -> String {
        let (levels, all) = (if version.is_some() { 3 } else { 2 }, self.versions());
        let stable = all.iter().rev().find(|version| !version.any_prerelease()).or(all.last());
        let chosen = version.or(stable.copied());
        let of = |version: &Version| -> Vec<Value> {
            let files = self.files.iter().filter(|file| file.version == *version);
            files.map(|file| file.legacy(&self.name, levels)).collect()
        };
        let about = chosen.and_then(|version| self.files.iter().find(|file| file.version == *version));
        let yanked = about.and_then(|file| file.yanked.as_deref());
        let info = json!({
            "name": self.name,
            "version": chosen.map(ToString::to_string),
            "summary": about.and_then(|file| file.summary.as_deref()).unwrap_or_default(),
            "requires_python": about.and_then(|file| file.requires_python.as_deref()),
            "yanked": yanked.is_some(),
            "yanked_reason": yanked.filter(|reason| !reason.is_empty()),
        });
        let urls = chosen.map(of).unwrap_or_default();
        let mut answer = json!({ "info": info, "last_serial": 0, "urls": urls, "vulnerabilities": [] });
        if version.is_none() {
            let releases: BTreeMap<String, Vec<Value>> = all.iter().map(|one| (one.to_string(), of(one))).collect();
            answer["releases"] = json!(releases);
        }
        answer.to_string()
    }
}

impl PageFile {
    /// Its address, from a page so many folders below the root.
    fn address(&self, project: &str, levels: usize) -> String {
        let path = airlift_core::upstream::encode_path(&format!("packages/{project}/{}", self.name));
        "../".repeat(levels) + &path
    }

    fn json(&self, project: &str) -> Value {
        let mut file = json!({
            "filename": self.name,
            "url": self.address(project, 2),
            "hashes": { "sha256": self.sha256.hex() },
            "size": self.size,
            "yanked": self.yanked.as_ref().map_or(json!(false), |reason| match reason.is_empty() {
                true => json!(true),
                false => json!(reason),
            }),
            "core-metadata": self.metadata.map_or(json!(false), |digest| json!({ "sha256": digest.hex() })),
        });
        if let Some(python) = &self.requires_python {
            file["requires-python"] = json!(python);
        }
        if let Some(uploaded) = self.uploaded {
            file["upload-time"] = json!(uploaded.to_string());
        }
        file
    }

    fn legacy(&self, project: &str, levels: usize) -> Value {
        let is_wheel = self.name.ends_with(".whl");
        let uploaded = self.uploaded.map(|time| time.to_string());
        json!({
            "filename": self.name,
            "url": self.address(project, levels),
            "packagetype": if is_wheel { "bdist_wheel" } else { "sdist" },
            "digests": { "sha256": self.sha256.hex() },
            "size": self.size,
            "requires_python": self.requires_python,
            "upload_time": uploaded.as_deref().map(|time| time.trim_end_matches('Z')),
            "upload_time_iso_8601": uploaded,
            "yanked": self.yanked.is_some(),
            "yanked_reason": self.yanked.as_ref().filter(|reason| !reason.is_empty()),
            "core-metadata": self.metadata.map_or(json!(false), |digest| json!({ "sha256": digest.hex() })),
        })
    }
}

/// The list of all projects as JSON.
pub fn projects_json<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let projects: Vec<Value> = names.map(|name| json!({ "name": name })).collect();
    json!({ "meta": { "api-version": API_VERSION }, "projects": projects }).to_string()
}

/// The list of all projects as HTML.
pub fn projects_html<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut page = head("Simple index");
    for name in names {
        let _ = writeln!(page, "<a href=\"{name}/\">{name}</a><br/>");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn head(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"{API_VERSION}\"/>\n<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
}

/// A text in HTML, also in an attribute with double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#x27;")
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::super::index::{Promise, from_html, from_json};
    use super::*;
    use proptest::prelude::*;

    fn file(name: &str, version: &str, yanked: Option<&str>, python: Option<&str>) -> PageFile {
        let digest = Digest::of(name.as_bytes());
        PageFile {
            name: name.to_owned(),
            version: Version::from_str(version).expect("a version"),
            sha256: digest,
            size: 5,
            requires_python: python.map(str::to_owned),
            uploaded: Some(Time::from_seconds(1_700_000_000)),
            yanked: yanked.map(str::to_owned),
            metadata: Some(digest),
            summary: Some("it is".to_owned()),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(reason in proptest::option::of("[a-z<>&\"' ]{0,12}"), python in ">=3\\.[0-9]{1,2}(,!=3\\.[0-9]\\.\\*)?") {
            let reason = reason.map(|text| super::super::plain(&text, 100));
            let name = "foo-1.0+x-py3-none-any.whl";
            let project = Project { name: "foo".into(), files: vec![file(name, "1.0+x", reason.as_deref(), Some(&python))] };
            let base = "http://mirror:8003/simple/foo/".parse().expect("a URL");
            let json = from_json(project.json().as_bytes(), &base, |_| true).expect("JSON").files.remove(0);
            let html = from_html(project.html().as_bytes(), &base).expect("HTML").files.remove(0);
            for found in [&json, &html] {
                prop_assert_eq!(&found.name, name);
                prop_assert_eq!(found.url.to_string(), "http://mirror:8003/packages/foo/foo-1.0+x-py3-none-any.whl");
                prop_assert_eq!(&found.yanked, &reason);
                prop_assert_eq!(found.requires_python.as_ref(), Some(&python));
                prop_assert_eq!(found.metadata, Promise::Checked(Digest::of(name.as_bytes())));
            }
        }
    }

    #[test]
    fn the_older_json_has_its_addresses_here() {
        let files = vec![file("foo-1.tar.gz", "1", None, None), file("foo-2rc1.tar.gz", "2rc1", Some(""), None)];
        let project = Project { name: "foo".into(), files };
        let answer: Value = serde_json::from_str(&project.legacy(None)).expect("JSON");
        assert_eq!(answer["info"]["version"], "1");
        assert_eq!(answer["urls"][0]["url"], "../../packages/foo/foo-1.tar.gz");
        assert_eq!(answer["releases"]["2rc1"][0]["yanked"], true);
        let version = Version::from_str("2rc1").expect("a version");
        let answer: Value = serde_json::from_str(&project.legacy(Some(&version))).expect("JSON");
        assert_eq!((&answer["info"]["yanked"], answer.get("releases")), (&json!(true), None));
        assert_eq!(answer["urls"][0]["url"], "../../../packages/foo/foo-2rc1.tar.gz");
    }
}
