//! The OCI conformance suite of the distribution specification, as a read-only registry with images that were collected:
//! pulls, discovery and errors, by the rules of version 1.1 and of the next one.
//!
//! What it prints and its reports are kept in `target/conformance/`.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlift_e2e::http::get;
use airlift_e2e::images::{DEEP, Image, ZSTD, image};
use airlift_e2e::process::{describe, output};
use airlift_e2e::tools::{checkout, present, tool};
use airlift_e2e::world::world;

/// An empty folder for the reports of one run.
fn reports(run: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from);
    let folder = folder.join("conformance").join(run);
    // There is none after `cargo clean`.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for reports can be made");
    folder
}

/// The suite, installed by `scripts/install-test-tools`.
const SUITE: &str = "oci-conformance";

/// What one run of the suite said of each of its tests.
struct Verdicts(BTreeMap<String, String>);

impl Verdicts {
    /// Runs the suite and keeps what it prints beside its reports.
    fn of(suite: &mut Command, reports: &Path) -> Self {
        let said = output(suite.current_dir(reports).env("OCI_RESULTS_DIR", reports));
        let printed = [said.stdout.as_slice(), &said.stderr].concat();
        fs::write(reports.join("output.txt"), &printed).expect("the output can be kept");
        let printed = String::from_utf8_lossy(&printed).into_owned();
        // This version of the suite prints all results, and then fails to write the file of a run without pushes.
        let finished = said.status.success() || printed.contains("ReportResultsYAML");
        assert!(finished, "{}", describe(suite, &said));
        let results = printed.lines().skip_while(|line| *line != "Test results").take_while(|line| !line.is_empty());
        let verdicts = results.filter_map(|line| line.trim().rsplit_once(": "));
        let verdicts = Self(verdicts.map(|(test, verdict)| (test.to_owned(), verdict.to_owned())).collect());
        assert!(!verdicts.0.is_empty(), "the suite told no results: {}", describe(suite, &said));
        verdicts
    }

    fn passed(&self) -> usize {
        self.0.values().filter(|verdict| *verdict == "Pass").count()
    }

    /// The tests that neither passed nor were switched off, nor have only such tests below them.
    fn others(&self) -> Vec<(&String, &String)> {
        self.0.iter().filter(|(_, verdict)| !matches!(verdict.as_str(), "Pass" | "Disabled")).collect()
    }
}

fn suite(registry: SocketAddr, version: &str) -> Command {
    let mut suite = Command::new(tool(SUITE));
    suite.env("OCI_REGISTRY", registry.to_string()).env("OCI_TLS", "disabled").env("OCI_VERSION", version);
    for switch in ["BLOBS_DELETE", "MANIFESTS_DELETE", "TAGS_DELETE", "BLOBS_UPLOAD_CANCEL"] {
        suite.env(format!("OCI_API_{switch}"), "false");
    }
    suite
}

/// The blobs that the manifest for `linux/amd64` of an image names.
fn blobs(mirror: std::net::SocketAddr, image: &Image) -> Vec<String> {
    let path = format!("/v2/{}/{}/manifests/{}", image.registry(), image.repository(), image.amd64);
    let manifest = get(mirror, &path).expect(&[200], &path).body;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("a manifest is JSON");
    let layers = manifest["layers"].as_array().expect("a manifest has layers").iter();
    layers
        .chain([&manifest["config"]])
        .map(|blob| blob["digest"].as_str().expect("a blob has a digest").to_owned())
        .collect()
}

#[test]
fn a_read_only_registry_is_green() {
    if !present(&[SUITE]) {
        return;
    }
    for (source, mirror) in world().mirrors() {
        for name in [DEEP, ZSTD] {
            let image = image(name);
            for version in ["1.1", "dev"] {
                let reports = reports(&format!("{version}-read-only-{source}-{}", image.registry()));
                let mut suite = suite(mirror.images(), version);
                suite.env("OCI_API_PUSH", "false");
                // The suite forgets the header's value where it does not know the manifest, and then misses the header.
                suite.env("OCI_API_MANIFESTS_DIGEST_HEADER", "false");
                suite.env("OCI_REPO1", format!("{}/{}", image.registry(), image.repository()));
                let digests = format!("{} {}", image.digest, image.amd64);
                suite.env("OCI_RO_DATA_TAGS", image.tag()).env("OCI_RO_DATA_MANIFESTS", &digests);
                suite.env("OCI_RO_DATA_BLOBS", blobs(mirror.images(), image).join(" "));
                suite.env("OCI_RO_DATA_REFERRERS", &digests);
                let verdicts = Verdicts::of(&mut suite, &reports);
                assert_eq!(verdicts.others(), [], "{}", reports.display());
                assert!(verdicts.passed() >= 20, "only {} tests passed: {}", verdicts.passed(), reports.display());
            }
        }
    }
}
