//! The lists that Kubespray's `contrib/offline/generate_list.sh` writes: `files.list` with a URL a line, `images.list`
//! with an image a line, both as its `download.yml` names them.

use serde_json::{Value, json};

use super::error::ProfileError;
use super::place::Place;
use super::resolve::{Item, Origin};

/// Which of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Files,
    Images,
}

impl List {
    /// The manifest's key that its entries belong to.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Images => "images",
        }
    }

    /// Reads one. Images are wanted for these platforms; for all where there are none.
    pub(crate) fn read(self, place: &Place, platforms: &[String], why: &str) -> Result<Vec<Item>, ProfileError> {
        let mut items = Vec::new();
        for (number, line) in (1..).zip(place.read()?.lines()) {
            let line = line.trim();
            let origin = Origin { place: place.clone(), line: number, key: self.key().to_owned() };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains("{{")
                || line.contains(char::is_whitespace)
                || (self == Self::Files && !line.contains("://"))
            {
                let what = if self == Self::Files { "URL" } else { "image" };
                let reason = format!("'{line}' is no {what}: this is not what generate_list.sh writes");
                return Err(ProfileError::Entry { origin: origin.to_string(), reason });
            }
            let value = match platforms {
                [] => Value::from(line),
                platforms => json!({ "ref": line, "platforms": platforms }),
            };
            items.push(Item { value, why: vec![why.to_owned()], origin });
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: List, text: &str, platforms: &[String]) -> Result<Vec<Item>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("some.list");
        fs_err::write(&path, text).expect("a file");
        list.read(&Place::File(path), platforms, "Kubespray").map_err(|error| error.to_string())
    }

    #[test]
    fn lines_become_entries_that_know_where_they_are_from() {
        let text =
            "https://dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubeadm\n\n# by hand\nhttps://get.helm.sh/x.tgz\n";
        let files = read(List::Files, text, &[]).expect("a list");
        assert_eq!(files.iter().map(|item| item.origin.line).collect::<Vec<_>>(), [1, 4]);
        let images = read(List::Images, "quay.io/calico/node:v3.31.5\n", &["linux/amd64".into()]).expect("a list");
        assert_eq!(images[0].value, json!({ "ref": "quay.io/calico/node:v3.31.5", "platforms": ["linux/amd64"] }));
    }

    #[test]
    fn what_is_no_such_list_is_refused_with_its_line() {
        for (list, text) in [
            (List::Files, "https://e.org/a\n{{ dl_k8s_io_url }}/release\n"),
            (List::Files, "https://e.org/a\nquay.io/calico/node:v3.31.5\n"),
            (List::Images, "nginx:1\nnginx: 1.28\n"),
        ] {
            let error = read(list, text, &[]).expect_err(text);
            assert!(error.contains("line 2") && error.contains("generate_list.sh"), "{error}");
        }
    }
}
