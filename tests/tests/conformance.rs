//! The OCI conformance suites: the released one for pull and discovery, and the rewritten one as a read-only registry.
//!
//! Their reports are kept in `target/conformance/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use airlift_e2e::http::get;
use airlift_e2e::images::{DEEP, Image, ZSTD, image};
use airlift_e2e::loopback;
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

/// Runs a suite that has to pass, and keeps what it printed beside its reports.
fn passes(command: &mut Command, reports: &std::path::Path) -> String {
    let said = output(command.current_dir(reports));
    let printed = [said.stdout.as_slice(), &said.stderr].concat();
    fs::write(reports.join("output.txt"), &printed).expect("the output can be kept");
    assert!(said.status.success(), "{}", describe(command, &said));
    assert!(reports.join("junit.xml").is_file(), "the suite left no report: {}", describe(command, &said));
    String::from_utf8_lossy(&printed).into_owned()
}

#[test]
fn the_released_suite_is_green_for_pull_and_discovery() {
    const SUITE: &str = "oci-conformance-v1.1.1";
    if !present(&[SUITE, "olareg"]) {
        return;
    }
    let reports = reports("v1.1.1");
    let mut suite = Command::new(tool(SUITE));
    suite.env("OCI_ROOT_URL", format!("http://{}", loopback::start())).env("OCI_NAMESPACE", loopback::REPOSITORY);
    suite.envs([("OCI_TEST_PULL", "1"), ("OCI_TEST_CONTENT_DISCOVERY", "1"), ("OCI_HIDE_SKIPPED_WORKFLOWS", "1")]);
    suite.arg("--ginkgo.no-color");
    let said = passes(suite.env("OCI_REPORT_DIR", &reports), &reports);
    // So many pass against a registry that takes the pushes itself; fewer would mean that some were skipped.
    assert!(said.contains("38 Passed | 0 Failed"), "{said}");
    assert!(!said.contains("filtering by artifact-type is not implemented"), "{said}");
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
fn the_suite_of_main_is_green_for_a_read_only_registry() {
    const SUITE: &str = "oci-conformance-main";
    if !present(&[SUITE]) {
        return;
    }
    for (source, mirror) in world().mirrors() {
        for name in [DEEP, ZSTD] {
            let image = image(name);
            for version in ["1.1", "dev"] {
                let reports = reports(&format!("main-{version}-{source}-{}", image.registry()));
                let mut suite = Command::new(tool(SUITE));
                suite
                    .env("OCI_REGISTRY", mirror.images().to_string())
                    .env("OCI_TLS", "disabled")
                    .env("OCI_VERSION", version);
                suite.env("OCI_REPO1", format!("{}/{}", image.registry(), image.repository()));
                // The suite forgets the header's value where it does not know the manifest, and then misses the header.
                suite.env("OCI_API_MANIFESTS_DIGEST_HEADER", "false");
                for switch in ["PUSH", "BLOBS_DELETE", "MANIFESTS_DELETE", "TAGS_DELETE", "BLOBS_UPLOAD_CANCEL"] {
                    suite.env(format!("OCI_API_{switch}"), "false");
                }
                let digests = format!("{} {}", image.digest, image.amd64);
                suite.env("OCI_RO_DATA_TAGS", image.tag()).env("OCI_RO_DATA_MANIFESTS", &digests);
                suite.env("OCI_RO_DATA_BLOBS", blobs(mirror.images(), image).join(" "));
                suite.env("OCI_RO_DATA_REFERRERS", &digests).env("OCI_RESULTS_DIR", &reports);
                passes(&mut suite, &reports);
            }
        }
    }
}
