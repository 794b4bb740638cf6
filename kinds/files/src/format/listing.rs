//! The contents of a folder, for people (HTML), for programs (JSON), and for `sha256sum --check`.

use airlift_core::size::human;
use airlift_core::{Digest, Time};
use serde::Serialize;

use super::link::{encode, escape_html};

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Entry {
    /// A folder.
    Folder {
        /// Its name, without a slash.
        name: String,
        /// How many files are in it and below.
        files: usize,
    },
    /// A file.
    File {
        /// Its name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// Its SHA-256, 64 hexadecimal characters.
        #[serde(serialize_with = "hex")]
        sha256: Digest,
        /// When upstream last changed it.
        #[serde(skip_serializing_if = "Option::is_none")]
        modified: Option<Time>,
    },
}

fn hex<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&digest.hex())
}

/// A folder and what is in it.
pub struct Listing<'a> {
    /// The folder's path, `/` or `/get.helm.sh/`.
    pub path: &'a str,
    /// The archive's name and date.
    pub archive: &'a str,
    /// What is in it.
    pub entries: Vec<Entry>,
}

impl Listing<'_> {
    /// The listing as JSON.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "path": self.path, "entries": self.entries }).to_string()
    }

    /// The listing as `sha256sum` prints and checks it.
    pub fn to_sums(&self) -> String {
        let lines = self.entries.iter().filter_map(|entry| match entry {
            Entry::File { name, sha256, .. } => Some(format!("{}  {name}\n", sha256.hex())),
            Entry::Folder { .. } => None,
        });
        lines.collect()
    }

    /// The listing as a page.
    pub fn to_html(&self) -> String {
        let path = escape_html(self.path);
        let archive = escape_html(self.archive);
        let up = if self.path == "/" {
            ""
        } else {
            "<tr><td><a href=\"../\">../</a></td><td></td><td></td><td></td></tr>\n"
        };
        let rows: String = self.entries.iter().map(row).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{path}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>{path}</h1>\n<p>Archive {archive}. \
             <a href=\"SHA256SUMS\">SHA256SUMS</a> of this folder.</p>\n<div class=\"wide\"><table>\n\
             <thead><tr><th>Name</th><th class=\"n\">Size</th><th>Changed</th><th>SHA-256</th></tr></thead>\n\
             <tbody>\n{up}{rows}</tbody>\n</table></div>\n</body>\n</html>\n"
        )
    }
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;\
    padding:0 1rem}h1{font-size:1.3rem;overflow-wrap:anywhere}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
    th,td{text-align:left;padding:.3rem 1.2rem .3rem 0;border-bottom:1px solid #8884;white-space:nowrap}.n{text-align:right}\
    code{font-size:.8rem}";

fn row(entry: &Entry) -> String {
    match entry {
        Entry::Folder { name, files } => {
            let plural = if *files == 1 { "file" } else { "files" };
            let (href, name) = (encode(name), escape_html(name));
            format!(
                "<tr><td><a href=\"./{href}/\">{name}/</a></td><td class=\"n\">{files} {plural}</td><td></td><td></td></tr>\n"
            )
        }
        Entry::File { name, size, sha256, modified } => {
            let (href, name, hex, size) = (encode(name), escape_html(name), sha256.hex(), human(*size));
            let modified = modified.map(|time| time.to_string().replace('T', " ").replace('Z', "")).unwrap_or_default();
            format!(
                "<tr><td><a href=\"./{href}\">{name}</a></td><td class=\"n\">{size}</td><td>{modified}</td><td><code>{hex}</code></td></tr>\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_not_leave_their_place() {
        let name = "<script>&\"'.bin".to_owned();
        let entries = vec![Entry::File { name, size: 1536, sha256: Digest::of(b""), modified: None }];
        let page = Listing { path: "/<b>/", archive: "a", entries }.to_html();
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
        assert!(page.contains("1.54 kB") && page.contains("./%3Cscript%3E%26%22%27.bin"), "{page}");
    }
}
