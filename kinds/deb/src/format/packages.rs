//! `Packages` and `Sources`: which files a suite's pool has (DebianRepository/Format; deb822).

use std::io::BufRead;

use airlift_core::path::PathError;
use airlift_core::{Checksum, TreePath};

use super::deb822::{Deb822Error, Stanza, Stanzas};

/// The most files that one list may name. The largest distributions have some seventy thousand packages.
const MOST_FILES: usize = 500_000;

/// A file of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFile {
    /// Its path below the repository's root.
    pub path: TreePath,
    /// Its size in bytes.
    pub size: u64,
    /// Its strong checksums: SHA-256, SHA-512 or both.
    pub checksums: Vec<Checksum>,
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The package's architecture; `source` for sources.
    pub architecture: String,
}

/// A list of packages that can't be mirrored.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// Not stanzas at all, or damaged on the way.
    #[error(transparent)]
    Deb822(#[from] Deb822Error),
    /// A field that every package has.
    #[error("the package at line {line} has no usable {field}")]
    Field {
        /// The line at which it begins.
        line: usize,
        /// The field's name.
        field: &'static str,
    },
    /// A path that leaves the repository, or is none.
    #[error("the package at line {line} has a file name that can't be")]
    Path {
        /// The line at which it begins.
        line: usize,
        /// What is wrong with it.
        source: PathError,
    },
    /// Only MD5 or SHA-1 vouch for a file.
    #[error("the package at line {line} has neither SHA256 nor SHA512, so nothing that can be believed vouches for it")]
    Weak {
        /// The line at which it begins.
        line: usize,
    },
    /// A list without end.
    #[error("it names more than half a million files")]
    Many,
}

/// Hands over each file of a `Packages` list.
///
/// # Errors
///
/// [`PackagesError`], or what `each` returns.
pub fn packages<E: From<PackagesError>>(
    input: impl BufRead,
    mut each: impl FnMut(PoolFile) -> Result<(), E>,
) -> Result<(), E> {
    every(input, |stanza| {
        let field = |field| stanza.get(field).filter(|value| !value.is_empty());
        let need = |name| field(name).ok_or(PackagesError::Field { line: stanza.line, field: name });
        let size = need("Size")?.parse().map_err(|_| PackagesError::Field { line: stanza.line, field: "Size" })?;
        let sums = [("sha256", field("SHA256")), ("sha512", field("SHA512"))];
        let checksums = sums.into_iter().filter_map(|(name, sum)| checksum(name, sum?)).collect();
        each(PoolFile {
            path: pool_path(need("Filename")?, stanza.line)?,
            size,
            checksums: strong(checksums, stanza.line)?,
            package: need("Package")?.to_owned(),
            version: need("Version")?.to_owned(),
            architecture: need("Architecture")?.to_owned(),
        })
    })
}

/// Hands over each file of a `Sources` list.
///
/// # Errors
///
/// [`PackagesError`], or what `each` returns.
pub fn sources<E: From<PackagesError>>(
    input: impl BufRead,
    mut each: impl FnMut(PoolFile) -> Result<(), E>,
) -> Result<(), E> {
    every(input, |stanza| {
        let line = stanza.line;
        let need =
            |name| stanza.get(name).filter(|value| !value.is_empty()).ok_or(PackagesError::Field { line, field: name });
        let (package, version, folder) = (need("Package")?, need("Version")?, need("Directory")?);
        let lists = [("sha256", "Checksums-Sha256"), ("sha512", "Checksums-Sha512")];
        let (algorithm, field) =
            lists.into_iter().find(|(_, field)| stanza.get(field).is_some()).ok_or(PackagesError::Weak { line })?;
        for file in need(field)?.lines().map(str::trim).filter(|file| !file.is_empty()) {
            let words: Vec<&str> = file.split_whitespace().collect();
            let [sum, size, name] = words[..] else { return Err(PackagesError::Field { line, field }.into()) };
            let size = size.parse().map_err(|_| PackagesError::Field { line, field })?;
            let path = if folder == "." { name.to_owned() } else { format!("{folder}/{name}") };
            each(PoolFile {
                path: pool_path(&path, line)?,
                size,
                checksums: strong(checksum(algorithm, sum).into_iter().collect(), line)?,
                package: package.to_owned(),
                version: version.to_owned(),
                architecture: "source".to_owned(),
            })?;
        }
        Ok(())
    })
}

fn every<E: From<PackagesError>>(input: impl BufRead, mut each: impl FnMut(&Stanza) -> Result<(), E>) -> Result<(), E> {
    let (mut stanzas, mut stanza, mut count) = (Stanzas::new(input), Stanza::default(), 0);
    while stanzas.read(&mut stanza).map_err(PackagesError::from)? {
        count += 1;
        if count > MOST_FILES {
            return Err(PackagesError::Many.into());
        }
        each(&stanza)?;
    }
    Ok(())
}

fn checksum(algorithm: &str, sum: &str) -> Option<Checksum> {
    format!("{algorithm}:{}", sum.to_ascii_lowercase()).parse().ok()
}

fn strong(checksums: Vec<Checksum>, line: usize) -> Result<Vec<Checksum>, PackagesError> {
    match checksums.is_empty() {
        true => Err(PackagesError::Weak { line }),
        false => Ok(checksums),
    }
}

/// A path of the pool. Flat repositories write `./x.deb`, and some `a/./x.deb`; both mean the path without the dot.
fn pool_path(text: &str, line: usize) -> Result<TreePath, PackagesError> {
    let plain = text.replace("/./", "/");
    let path = TreePath::new(plain.trim_start_matches("./"));
    path.map_err(|source| PackagesError::Path { line, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn stanza(name: &str, sum: &str) -> String {
        format!("Package: a\nVersion: 1:2+b~1\nArchitecture: amd64\nFilename: {name}\nSize: 4\n{sum}\n\n")
    }

    fn read(text: &str) -> Result<Vec<PoolFile>, PackagesError> {
        let mut files = Vec::new();
        packages(text.as_bytes(), |file| {
            files.push(file);
            Ok::<(), PackagesError>(())
        })?;
        Ok(files)
    }

    #[test]
    fn packages_are_read() {
        let files = read(&stanza("./a_1%3a2+b~1_amd64.deb", &format!("SHA256: {SHA256}"))).expect("a list");
        assert_eq!(files[0].path.as_str(), "a_1%3a2+b~1_amd64.deb");
        assert_eq!((files[0].size, files[0].version.as_str()), (4, "1:2+b~1"));
    }

    #[test]
    fn sources_are_read() {
        let text = format!(
            "Package: a\nVersion: 1\nDirectory: pool/a\nChecksums-Sha256:\n {SHA256} 4 a_1.dsc\n {SHA256} 4 a_1.tar.xz\n"
        );
        let mut paths = Vec::new();
        sources(text.as_bytes(), |file| {
            paths.push(file.path.to_string());
            Ok::<(), PackagesError>(())
        })
        .expect("a list");
        assert_eq!(paths, ["pool/a/a_1.dsc", "pool/a/a_1.tar.xz"]);
    }

    #[test]
    fn hostile_packages_are_refused() {
        let good = format!("SHA256: {SHA256}");
        for (name, sum, expected) in [
            ("../../etc/cron.d/x", &*good, "can't be"),
            ("pool/../../x.deb", &*good, "can't be"),
            ("/etc/passwd", &*good, "can't be"),
            ("pool\\..\\x.deb", &*good, "can't be"),
            ("pool/x.deb", "MD5sum: d41d8cd98f00b204e9800998ecf8427e", "neither SHA256 nor SHA512"),
            ("pool/x.deb", "SHA256: ../x", "neither SHA256 nor SHA512"),
        ] {
            let error = airlift_core::failure::line(&read(&stanza(name, sum)).expect_err(name));
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
