//! Names of charts and files, and where they are in an index.
//!
//! ```text
//! helm/repositories.json                      the repositories, in the order of the manifest
//! helm/index.yaml                             the index of all of them, where there are several
//! helm/<repository>/index.yaml                its index
//! helm/<repository>/charts/<chart>-<version>.tgz        a chart
//! helm/<repository>/charts/<chart>-<version>.tgz.prov   its provenance file
//! ```
//!
//! A repository that the manifest names is called so; one that came along since a chart depends on it is called by its
//! host and path, `charts.example.org/stable`.

/// What can't be a repository's name, since the server answers something else there.
pub const RESERVED: [&str; 8] =
    ["api", "charts", "health", "info", "index.yaml", "metrics", "repositories.json", "repositories.yaml"];

/// The longest name of a chart, as Helm has it.
const LONGEST: usize = 250;

/// Whether this can be a chart's name: letters, digits, `.`, `_` and `-`, and no path.
pub fn is_chart(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= LONGEST && name.chars().all(plain) && !name.starts_with('.')
}

/// Whether this can be the name of a repository in the manifest.
pub fn is_repository(name: &str) -> bool {
    is_chart(name) && name.len() <= 63 && !RESERVED.contains(&name)
}

/// The file that `helm package` makes of a chart.
pub fn file_name(chart: &str, version: &str) -> String {
    format!("{chart}-{version}.tgz")
}

/// The path of a repository's index.
pub fn index(repository: &str) -> String {
    format!("helm/{repository}/index.yaml")
}

/// The path of a file among a repository's charts.
pub fn chart_file(repository: &str, file: &str) -> String {
    format!("helm/{repository}/charts/{file}")
}

/// The media type of an index.
pub const INDEX_TYPE: &str = "application/x-yaml";
/// The media type of a chart, as ChartMuseum has it.
pub const CHART_TYPE: &str = "application/x-tar";
/// The media type of a provenance file (RFC 3156).
pub const PROVENANCE_TYPE: &str = "application/pgp-signature";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["nginx", "kube-prometheus-stack", "a.b_c-1", "A"] {
            assert!(is_chart(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b", "a\n", "größe", &"x".repeat(251)] {
            assert!(!is_chart(name), "{name:?}");
        }
        assert!(is_repository("jupyterhub") && !is_repository("api") && !is_repository("charts"));
    }
}
