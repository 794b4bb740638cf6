//! SHA-256 as registries write it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// `sha256:<hex>` of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(digest(&SHA256, bytes)))
}

/// `sha256:<hex>` of a file.
pub fn sha256_of_file(path: &Path) -> String {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        if count == 0 {
            return format!("sha256:{}", hex::encode(context.finish()));
        }
        context.update(&buffer[..count]);
    }
}
