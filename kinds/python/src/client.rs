//! The files that point pip and uv here.

use std::fmt::Write;

/// A `pip.conf`; `base` is the address that the client came by, `http://mirror:8003`.
pub(crate) fn pip_conf(base: &str, archive: &str) -> String {
    let mut text = format!("# {archive}\n[global]\nindex-url = {base}/simple/\n");
    if let Some(host) = base.strip_prefix("http://") {
        // pip takes packages over plain HTTP only from hosts that it was told to trust; loopback is trusted anyway.
        let _ = writeln!(text, "trusted-host = {host}");
    }
    text
}

/// A `uv.toml`.
pub(crate) fn uv_toml(base: &str, archive: &str) -> String {
    format!("# {archive}\n[[index]]\nname = \"airlift\"\nurl = \"{base}/simple/\"\ndefault = true\n")
}
