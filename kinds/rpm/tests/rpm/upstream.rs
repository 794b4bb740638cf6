//! A repository in a folder, as right or as wrong as a test wants it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::failure::line;
use airlift_core::{Digest, Plan};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::Kind;
use airlift_kind_rpm::Rpm;
use airlift_store::Store;

/// A repository; what is `Some` is written instead of the truth.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
    names: Vec<String>,
    /// What the list's name ends with.
    pub(crate) ending: &'static str,
    /// The name of the checksums' algorithm.
    pub(crate) algorithm: &'static str,
    /// The list's checksum.
    pub(crate) checksum: Option<String>,
    /// The checksum of what the list unpacks to.
    pub(crate) open_checksum: Option<String>,
    /// The size of what the list unpacks to.
    pub(crate) open_size: Option<usize>,
    /// How many packages the list says to have.
    pub(crate) promised: Option<usize>,
    /// Where the packages lie.
    pub(crate) href: Option<&'static str>,
    /// How many blanks follow the packages.
    pub(crate) padding: usize,
}

impl Repository {
    /// A repository with these packages.
    pub(crate) fn new(names: &[&str]) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            names: names.iter().map(|name| format!("Packages/{name}")).collect(),
            ending: ".gz",
            algorithm: "sha256",
            checksum: None,
            open_checksum: None,
            open_size: None,
            promised: None,
            href: None,
            padding: 0,
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        url::Url::from_file_path(self.folder.path().join("9")).expect("a URL").to_string() + "/"
    }

    /// A manifest with it as the repository `r`.
    pub(crate) fn manifest(&self, rest: &str) -> String {
        format!("version: 1\nyum:\n  - {{ id: r, baseurl: \"{}\", {rest} }}\n", self.url())
    }

    /// Puts a file into it.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("9").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Puts a key that has signed nothing there; its URL.
    pub(crate) fn write_key(&self) -> String {
        let key = include_bytes!("key.asc");
        url::Url::from_file_path(self.write("key.asc", key)).expect("a URL").to_string()
    }

    /// Writes packages, their list, and the root.
    pub(crate) fn write_root(&self) {
        let packages: String = self.names.iter().map(|name| self.package(name)).collect();
        let promised = self.promised.unwrap_or(self.names.len());
        let list = format!(
            "<?xml version=\"1.0\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"{promised}\">\
             \n{packages}{}</metadata>\n",
            " ".repeat(self.padding)
        );
        let packed = pack(self.ending, list.as_bytes());
        let name = format!("repodata/primary.xml{}", self.ending);
        self.write(&name, &packed);
        let sum = |told: &Option<String>, bytes: &[u8]| told.clone().unwrap_or_else(|| Digest::of(bytes).hex());
        let root = format!(
            "<repomd><revision>1</revision><data type=\"primary\"><checksum type=\"{0}\">{1}</checksum>\
             <open-checksum type=\"{0}\">{2}</open-checksum><location href=\"{name}\"/><timestamp>1</timestamp>\
             <size>{3}</size><open-size>{4}</open-size></data></repomd>",
            self.algorithm,
            sum(&self.checksum, &packed),
            sum(&self.open_checksum, list.as_bytes()),
            packed.len(),
            self.open_size.unwrap_or(list.len())
        );
        self.write("repodata/repomd.xml", root.as_bytes());
    }

    fn package(&self, name: &str) -> String {
        let bytes = format!("the package {name}");
        self.write(name, bytes.as_bytes());
        format!(
            "<package type=\"rpm\"><name>a</name><arch>noarch</arch><version epoch=\"2\" ver=\"1\" rel=\"1\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum><size package=\"{}\"/>\
             <location href=\"{}\"/><format><file>/x</file></format></package>\n",
            Digest::of(bytes.as_bytes()).hex(),
            bytes.len(),
            self.href.unwrap_or(name)
        )
    }
}

fn pack(ending: &str, bytes: &[u8]) -> Vec<u8> {
    match ending {
        ".gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(bytes).expect("packed");
            encoder.finish().expect("packed")
        }
        ".xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(bytes).expect("packed");
            encoder.finish().expect("packed")
        }
        ".zst" => zstd::stream::encode_all(bytes, 3).expect("packed"),
        ".bz2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(bytes).expect("packed");
            encoder.finish().expect("packed")
        }
        _ => bytes.to_vec(),
    }
}

/// The plan of a manifest, or the error with its causes.
pub(crate) async fn plan_of(manifest: &str) -> Result<Plan, String> {
    let spec = airlift_core::manifest::section(manifest, Rpm::KEYS).map_err(|error| error.to_string())?;
    let cancel = tokio_util::sync::CancellationToken::new();
    let fetcher = Fetcher::new(Settings::default(), Store::memory(), Arc::new(Silent), cancel).expect("a fetcher");
    Rpm::collect(&spec, &airlift_testkit::signing::context(fetcher)).await.map_err(|error| line(&error))
}
