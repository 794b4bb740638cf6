//! What guards a registry upstream: credentials and a private authority are needed, and neither is given away.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::images::SPARSE;
use airlift_e2e::process::{describe, output, run};
use airlift_e2e::registry::{PASSWORD, USER};
use airlift_e2e::temporary;
use airlift_e2e::world::{Upstreams, path};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

static UPSTREAMS: LazyLock<Upstreams> = LazyLock::new(Upstreams::start);

/// Writes a manifest that names one image.
fn manifest(folder: &Path, image: &str) {
    let text = format!("version: 1\nname: guarded\n{}images:\n  - {image}\n", UPSTREAMS.mirrors());
    fs::write(folder.join("airlift.yaml"), text).expect("the manifest can be written");
}

/// Fails unless collecting an image ends with the exit code for upstreams and a message that names it; returns that.
fn is_refused(airlift: &Airlift, image: &str) -> String {
    let folder = temporary::folder();
    manifest(folder.path(), image);
    let mut collect = airlift.command(["collect", "airlift.yaml", "-o", "archive.tar", "--store", "store"]);
    let said = output(collect.current_dir(folder.path()));
    assert_eq!(said.status.code(), Some(3), "{}", describe(&collect, &said));
    let (name, _) = image.rsplit_once(':').expect("the image has a tag");
    let message = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(message.contains(name), "{}", describe(&collect, &said));
    assert!(!folder.path().join("archive.tar").exists(), "an archive was written without {image}");
    message
}

#[test]
fn a_private_image_needs_credentials() {
    is_refused(&Airlift::new(), "docker.io/acme/private:1");
}

#[test]
fn wrong_credentials_are_refused() {
    let address = UPSTREAMS.address(airlift_e2e::registry::Upstream::Docker);
    let auth = STANDARD.encode(format!("{USER}:wrong"));
    let config =
        format!("{{\"auths\": {{\"{address}\": {{\"auth\": \"{auth}\"}}, \"docker.io\": {{\"auth\": \"{auth}\"}}}}}}");
    is_refused(&Airlift::new().with_home_file(".docker/config.json", &config), "docker.io/acme/private:1");
}

#[test]
fn a_private_authority_has_to_be_named() {
    let message = is_refused(&Airlift::new(), SPARSE);
    assert!(message.contains("certificate"), "{message}");
    assert!(!message.contains("attempt"), "a certificate does not get better by asking again: {message}");
}

#[test]
fn secrets_stay_behind() {
    let folder = temporary::folder();
    manifest(folder.path(), "docker.io/acme/private:1");
    let airlift = UPSTREAMS.airlift();
    let mut collect =
        airlift.command(["collect", "airlift.yaml", "-o", "archive.tar", "--store", "store", "--json", "-vv"]);
    let said = run(collect.current_dir(folder.path()));
    let mut written = vec![("standard output".to_owned(), said.stdout), ("standard error".to_owned(), said.stderr)];
    let mut folders = vec![folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder can be read") {
            let place = entry.expect("a folder can be read").path();
            match place.is_dir() {
                true => folders.push(place),
                false => written.push((place.display().to_string(), fs::read(place).expect("a file can be read"))),
            }
        }
    }
    assert!(written.iter().any(|(name, _)| name.ends_with("archive.tar")), "collect wrote no archive");
    for secret in [PASSWORD.to_owned(), STANDARD.encode(format!("{USER}:{PASSWORD}"))] {
        for (name, bytes) in &written {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is in {name}");
        }
    }
    // The archive of one image is read in place without any of it.
    Airlift::new().run([path("verify"), &folder.path().join("archive.tar")]);
}
