//! `.treeinfo`, which makes a repository an installation tree: kernels and images, and their checksums (productmd).

use std::collections::BTreeMap;

use airlift_core::Checksum;

use super::href::Href;
use super::{FormatError, checksum};

/// The names that it may have.
pub const NAMES: [&str; 2] = [".treeinfo", "treeinfo"];

/// The most files of a tree.
const MOST: usize = 10_000;

/// Reads which files a tree has besides its repository, and their checksums where they are ones that can be trusted.
///
/// # Errors
///
/// [`FormatError`] for files that are not below the tree, and for more than any tree has.
pub fn read(text: &str) -> Result<Vec<(Href, Option<Checksum>)>, FormatError> {
    let (mut section, mut found) = (String::new(), BTreeMap::<String, Option<Checksum>>::new());
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            continue;
        };
        match section.as_str() {
            "checksums" => {
                let (algorithm, hex) = value.split_once(':').unwrap_or(("", value));
                found.insert(name.to_owned(), checksum(name, algorithm, hex).ok());
            }
            section if section.starts_with("images-") || section == "stage2" => {
                found.entry(value.to_owned()).or_default();
            }
            _ => {}
        }
        if found.len() > MOST {
            return Err(FormatError::refused(format!("it names more than {MOST} files")));
        }
    }
    // The repository's root has a signature of its own, and is read before.
    found.retain(|name, _| !name.is_empty() && !name.starts_with("repodata/"));
    found.into_iter().map(|(name, checksum)| Ok((Href::new(&name)?, checksum))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_their_checksums_are_read() {
        let sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let text = format!(
            "[general]\nversion = 9\n[checksums]\nimages/boot.iso = sha256:{sum}\nimages/old.img = md5:00\n\
             repodata/repomd.xml = sha256:{sum}\n; no\n[images-x86_64]\nkernel = images/pxeboot/vmlinuz\n\
             boot.iso = images/boot.iso\n[stage2]\nmainimage = images/install.img\n[variant-A]\nrepository = ../../A\n"
        );
        let found = read(&text).expect("a tree");
        let names: Vec<String> = found.iter().map(|(href, sum)| format!("{href} {}", sum.is_some())).collect();
        assert_eq!(
            names,
            [
                "images/boot.iso true",
                "images/install.img false",
                "images/old.img false",
                "images/pxeboot/vmlinuz false"
            ]
        );
        assert!(read("[stage2]\nmainimage = ../../etc/passwd\n").is_err());
        assert!(read("[checksums]\n/etc/passwd = sha256:00\n").is_err());
    }
}
