//! The `.repo` files that a mirror generates for its clients (dnf.conf(5), zypper(8)).

use std::fmt::Write;

/// A repository as its clients have to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Its id.
    pub(crate) id: String,
    /// Whether a key of it travels.
    pub(crate) keyed: bool,
    /// Whether its metadata has a signature.
    pub(crate) signed: bool,
}

/// The file for some repositories. `base` is how the client came: scheme and authority.
///
/// It is never weaker than upstream: packages are always checked, and metadata wherever it is signed.
pub(crate) fn repo_file(repositories: &[&Served], base: &str, archive: &str) -> String {
    let mut text = format!("# Made by Airlift of the archive {archive}\n");
    for Served { id, keyed, signed } in repositories.iter().copied() {
        let metadata = u8::from(*keyed && *signed);
        // Writing to a String can't fail.
        let _ = write!(
            text,
            "\n[{id}]\nname={id} (Airlift)\nbaseurl={base}/{id}/\nenabled=1\ngpgcheck=1\nrepo_gpgcheck={metadata}\n"
        );
        if metadata == 0 {
            // Without it zypper would take good metadata for a check of the packages.
            text.push_str("pkg_gpgcheck=1\n");
        }
        if *keyed {
            let _ = writeln!(text, "gpgkey={base}/gpgkeys/{id}.pub");
        } else {
            text.push_str(
                "# No key of it travels: packages are installed only where the host has their key already.\n",
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(id: &str, keyed: bool, signed: bool) -> Served {
        Served { id: id.to_owned(), keyed, signed }
    }

    #[test]
    fn packages_are_always_checked_and_metadata_where_it_is_signed() {
        let all = [served("a", true, true), served("b", true, false), served("c", false, true)];
        let text = repo_file(&all.iter().collect::<Vec<_>>(), "http://m:8001", "x of y");
        let part = |id: &str| {
            let start = text.find(&format!("[{id}]")).expect("the section");
            text[start..].split("\n\n").next().expect("a part").to_owned()
        };
        assert_eq!(text.matches("\ngpgcheck=1\n").count(), 3);
        assert!(part("a").contains("repo_gpgcheck=1\ngpgkey=http://m:8001/gpgkeys/a.pub"), "{text}");
        assert!(part("b").contains("repo_gpgcheck=0\npkg_gpgcheck=1\ngpgkey=http://m:8001/gpgkeys/b.pub"), "{text}");
        assert!(part("c").contains("repo_gpgcheck=0") && !part("c").contains("gpgkey="), "{text}");
        assert!(part("a").contains("baseurl=http://m:8001/a/\n"), "{text}");
    }
}
