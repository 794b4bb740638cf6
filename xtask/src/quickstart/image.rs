//! A real container image with one file in it: a static program needs nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::run::{Outcome, at, text};

/// The registry that the image is said to come from; a name that is reserved for examples (RFC 2606).
pub(crate) const REGISTRY: &str = "registry.example";
/// The image's repository.
pub(crate) const REPOSITORY: &str = "airlift/airlift";
/// The media type of the image's manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The parts of the image.
pub(crate) struct Image {
    /// Its tag.
    pub(crate) tag: &'static str,
    /// Its manifest.
    pub(crate) manifest: Part,
    /// Its configuration.
    pub(crate) config: Part,
    /// Its one layer.
    pub(crate) layer: Part,
}

/// A file of the image.
pub(crate) struct Part {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// The media type.
    pub(crate) media_type: &'static str,
    /// Its SHA-256 in hex.
    pub(crate) digest: String,
}

impl Image {
    /// Makes an image of a static program, in a folder.
    pub(crate) fn of(program: &Path, folder: &Path) -> Outcome<Self> {
        let folder = folder.join("image");
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let layer = folder.join("layer.tar");
        let place = program.parent().unwrap_or(Path::new("."));
        let name = program.file_name().unwrap_or_default();
        let mut tar = Command::new("tar");
        tar.args(["--create", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--file"]).arg(&layer);
        text(tar.arg("--directory").arg(place).arg(name))?;
        let layer = Part::of(layer, "application/vnd.oci.image.layer.v1.tar")?;
        let config = folder.join("config.json");
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        write(
            &config,
            &json!({
                "architecture": architecture,
                "os": "linux",
                "config": { "Entrypoint": ["/airlift"] },
                "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)] },
            }),
        )?;
        let config = Part::of(config, "application/vnd.oci.image.config.v1+json")?;
        let manifest = folder.join("manifest.json");
        write(
            &manifest,
            &json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config.descriptor()?,
                "layers": [layer.descriptor()?],
            }),
        )?;
        Ok(Self { tag: env!("CARGO_PKG_VERSION"), manifest: Part::of(manifest, MANIFEST)?, config, layer })
    }

    /// The image's name as a manifest of Airlift's has it.
    pub(crate) fn name(&self) -> String {
        format!("{REGISTRY}/{REPOSITORY}:{}", self.tag)
    }
}

impl Part {
    fn of(path: PathBuf, media_type: &'static str) -> Outcome<Self> {
        let digest = sha256(&path)?;
        Ok(Self { path, media_type, digest })
    }

    fn descriptor(&self) -> Outcome<Value> {
        let size = fs::metadata(&self.path).map_err(at(&self.path))?.len();
        Ok(json!({ "mediaType": self.media_type, "digest": format!("sha256:{}", self.digest), "size": size }))
    }
}

/// The SHA-256 of a file in hex, as another program than Airlift sees it.
pub(crate) fn sha256(path: &Path) -> Outcome<String> {
    let line = text(Command::new("sha256sum").arg("--binary").arg(path))?;
    let digest = line.split(' ').next().filter(|digest| digest.len() == 64);
    Ok(digest.ok_or("sha256sum printed no digest")?.to_owned())
}

fn write(path: &Path, content: &Value) -> Outcome {
    Ok(fs::write(path, content.to_string()).map_err(at(path))?)
}
