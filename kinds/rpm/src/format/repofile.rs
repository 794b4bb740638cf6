//! The `.repo` files of a host (dnf.conf(5), "Repo options").

use std::collections::BTreeMap;

/// A repository as a host has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRepository {
    /// Its id.
    pub id: String,
    options: BTreeMap<String, String>,
}

impl HostRepository {
    /// Whether the host uses it.
    pub fn enabled(&self) -> bool {
        self.option("enabled").is_none_or(is_true)
    }

    /// Whether the host wants its metadata signed.
    pub fn checks_metadata(&self) -> bool {
        self.option("repo_gpgcheck").is_some_and(is_true)
    }

    /// Whether its packages are seen whatever streams of modules are enabled.
    pub fn module_hotfixes(&self) -> bool {
        self.option("module_hotfixes").is_some_and(is_true)
    }

    /// The value of an option that is one text, where it is there and not empty.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The values of an option that is a list.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let value = self.option(name).unwrap_or_default();
        value.split([',', ' ', '\n', '\t']).filter(|part| !part.is_empty()).collect()
    }
}

fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on")
}

/// Reads the repositories of a file.
pub fn read(text: &str) -> Vec<HostRepository> {
    let mut found: Vec<HostRepository> = Vec::new();
    let mut last = None;
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(id) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            found.push(HostRepository { id: id.trim().to_owned(), ..HostRepository::default() });
            last = None;
            continue;
        }
        let Some(repository) = found.last_mut() else { continue };
        match (line.starts_with([' ', '\t']), &last) {
            (true, Some(name)) => {
                let value = repository.options.entry(String::clone(name)).or_default();
                value.push('\n');
                value.push_str(content);
            }
            _ => {
                let Some((name, value)) = content.split_once('=') else { continue };
                let name = name.trim().to_ascii_lowercase();
                repository.options.insert(name.clone(), value.trim().to_owned());
                last = Some(name);
            }
        }
    }
    found.retain(|repository| repository.id != "main");
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_repositories_are_read() {
        let text = "# x\n[main]\ncachedir=/x\n[base]\nname=Base $releasever\nbaseurl = http://a/$basearch/\n   http://b/\nmodule_hotfixes=True\n\
                    gpgkey=file:///k1, file:///k2\nrepo_gpgcheck=1\n\n[debug]\nenabled=0\nmetalink=https://m/\n";
        let found = read(text);
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["base", "debug"]);
        assert_eq!(found[0].list("baseurl"), ["http://a/$basearch/", "http://b/"]);
        assert_eq!(found[0].list("gpgkey"), ["file:///k1", "file:///k2"]);
        assert!(found[0].enabled() && found[0].checks_metadata() && !found[1].enabled());
        assert!(found[0].module_hotfixes() && !found[1].module_hotfixes());
        assert_eq!(found[1].option("metalink"), Some("https://m/"));
    }
}
