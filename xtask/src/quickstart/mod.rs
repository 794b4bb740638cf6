//! `cargo xtask quickstart`: the main job, for real, on this machine alone.
//!
//! It can count on nothing but this checkout: no registry, no network. So it makes a container image of the program that
//! it just built, serves it from a registry of its own on loopback, and has Airlift collect that image and a few files of
//! the checkout, verify the archive, serve it in place, and answer curl.

mod image;
mod registry;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::Args;
use serde_json::Value;

use self::image::{Image, sha256};
use self::registry::Registry;
use crate::dist;
use crate::run::{Outcome, at, not_started, program, root, run as run_command, say, target, text};

/// What can be chosen.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Goes on serving the archive until Ctrl-C.
    #[arg(long)]
    stay: bool,
}

/// Builds the program, and does all of it.
pub(crate) fn run(options: &Options) -> Outcome {
    let airlift = dist::run()?;
    let place = Place::create(airlift)?;
    let image = Image::of(&place.airlift, &place.folder)?;
    let upstream = Registry::start(&image)?;
    let files = write_manifest(&place, &image, &upstream)?;
    let asked = |words: &[&str]| place.airlift(words);
    run_command(asked(&["plan"]).arg(&place.manifest).arg("--store").arg(&place.store).arg("-o").arg(&place.archive))?;
    let mut collect = asked(&["collect"]);
    run_command(collect.arg(&place.manifest).arg("--store").arg(&place.store).arg("-o").arg(&place.archive))?;
    run_command(asked(&["verify"]).arg(&place.archive))?;
    let mut served = Served::start(asked(&["serve"]).arg(&place.archive))?;
    fetch_files(&place, &files, &served)?;
    fetch_image(&place, &image, &served)?;
    if options.stay {
        say(&format!("serving images at {} and files at {} until Ctrl-C", served.images, served.files));
        served.child.wait()?;
    }
    drop(served);
    println!("{}", next_steps(&place));
    Ok(())
}

/// Where the quick start keeps its things.
struct Place {
    airlift: PathBuf,
    folder: PathBuf,
    manifest: PathBuf,
    store: PathBuf,
    archive: PathBuf,
}

impl Place {
    fn create(airlift: PathBuf) -> Outcome<Self> {
        let folder = target().join("quickstart");
        // Every quick start is a first one.
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(at(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let [manifest, store, archive] = ["airlift.yaml", "store", "archive.tar"].map(|name| folder.join(name));
        Ok(Self { airlift, folder, manifest, store, archive })
    }

    fn airlift(&self, words: &[&str]) -> Command {
        let mut command = program(&self.airlift);
        command.args(words);
        command
    }
}

/// Writes the manifest and returns the names and paths of its files.
fn write_manifest(place: &Place, image: &Image, upstream: &Registry) -> Outcome<Vec<(&'static str, PathBuf)>> {
    let files = vec![
        ("airlift-linux", place.airlift.clone()),
        ("README.md", root().join("README.md")),
        ("LICENSE", root().join("LICENSE")),
    ];
    let mut manifest = format!(
        "version: 1\nname: quickstart\nimages:\n  - {}\nmirrors:\n  {}: \"http://{}\"\nfiles:\n",
        image.name(),
        image::REGISTRY,
        upstream.address()
    );
    for (name, path) in &files {
        manifest.push_str(&format!("  - {{ url: \"file://{}\", name: {name} }}\n", path.display()));
    }
    fs::write(&place.manifest, &manifest).map_err(at(&place.manifest))?;
    say(&format!("{}:\n\n{manifest}", place.manifest.display()));
    Ok(files)
}

/// An archive that is served in place.
struct Served {
    child: Child,
    images: String,
    files: String,
}

impl Served {
    /// Starts the server with ports of the system's choice, and waits until both kinds listen.
    fn start(command: &mut Command) -> Outcome<Self> {
        command.args([
            "--json",
            "--bind",
            "127.0.0.1",
            "--port",
            "oci=0",
            "--port",
            "files=0",
            "--port",
            "rpm=0",
            "--port",
            "deb=0",
            "--admin-port",
            "0",
            "--access-log",
            "off",
        ]);
        say("airlift serve archive.tar");
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| not_started(command, &error))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut served = Self { child, images: String::new(), files: String::new() };
        for line in BufReader::new(output).lines() {
            let event: Value = serde_json::from_str(&line?)?;
            let listens = |kind| event["kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
            if event["event"] == "listening" {
                let address = event["address"].as_str().unwrap_or_default().to_owned();
                for (kind, place) in [("oci", &mut served.images), ("files", &mut served.files)] {
                    if listens(kind) {
                        place.clone_from(&address);
                    }
                }
            }
            if !served.images.is_empty() && !served.files.is_empty() {
                return Ok(served);
            }
        }
        Err("the server ended before it listened".into())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is over.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fetches every file with curl and compares it with the one that was collected.
fn fetch_files(place: &Place, files: &[(&str, PathBuf)], served: &Served) -> Outcome {
    for (name, original) in files {
        let fetched = place.folder.join("fetched");
        curl(&format!("http://{}/{name}", served.files), &fetched, &[])?;
        same(name, &sha256(&fetched)?, &sha256(original)?)?;
    }
    Ok(())
}

/// Fetches the image as a client does, manifest first, and compares every digest.
fn fetch_image(place: &Place, image: &Image, served: &Served) -> Outcome {
    let repository = format!("http://{}/v2/{}/{}", served.images, image::REGISTRY, image::REPOSITORY);
    let fetched = place.folder.join("fetched");
    let manifest = format!("{repository}/manifests/{}", image.tag);
    curl(&manifest, &fetched, &["--header", &format!("Accept: {}", image::MANIFEST)])?;
    same(&image.name(), &sha256(&fetched)?, &image.manifest.digest)?;
    for blob in [&image.config, &image.layer] {
        curl(&format!("{repository}/blobs/sha256:{}", blob.digest), &fetched, &[])?;
        same(&format!("its {}", blob.media_type), &sha256(&fetched)?, &blob.digest)?;
    }
    Ok(())
}

fn curl(url: &str, output: &Path, more: &[&str]) -> Outcome {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]).args(more).arg("--output").arg(output).arg(url);
    text(&mut curl).map(drop)
}

fn same(what: &str, fetched: &str, original: &str) -> Outcome {
    if fetched != original {
        return Err(format!("{what}: curl got sha256 {fetched}, not {original}").into());
    }
    say(&format!("curl got {what}, sha256 {original}"));
    Ok(())
}

fn next_steps(place: &Place) -> String {
    let [airlift, manifest, archive] = [&place.airlift, &place.manifest, &place.archive].map(|path| path.display());
    format!(
        "\nThat was the whole job: collected, verified, served without unpacking, and fetched.\n\n\
         Next:\n  {airlift} list {archive}\n  {airlift} serve {archive}\n  \
         write a manifest of your own (this one is {manifest}), then: {airlift} collect\n  \
         docs/guide/getting-started.md"
    )
}
