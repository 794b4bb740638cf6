//! What points Helm here: a repositories file, and the same for a person.

use std::fmt::Write;

use serde_json::Value;

use crate::stored::Stored;

/// What a repository can be called in Helm's own configuration, where no slash may be.
fn alias(stored: &Stored) -> String {
    stored.name.replace(['/', ':'], "-")
}

/// Helm's `repositories.yaml`, for `--repository-config` or `HELM_REPOSITORY_CONFIG`. `base` is the address that the
/// client came by, without a slash at its end.
pub(crate) fn repositories(listed: &[Stored], base: &str) -> String {
    let mut text = String::from("apiVersion: \"\"\ngenerated: \"0001-01-01T00:00:00Z\"\nrepositories:\n");
    for stored in listed {
        let (name, url) = (Value::from(alias(stored)), Value::from(format!("{base}/{}", stored.name)));
        // Writing to a string can't fail.
        let _ = writeln!(text, "- name: {name}\n  url: {url}");
    }
    text
}

/// What there is, and how to add it.
pub(crate) fn welcome(listed: &[Stored], (base, archive): (&str, &str)) -> String {
    let mut text = format!("Helm charts of {archive}, served by Airlift.\n\n");
    for stored in listed {
        let implied = if stored.implied { " (charts here depend on it)" } else { "" };
        let _ = writeln!(text, "# {}{implied}\nhelm repo add {} {base}/{}", stored.url, alias(stored), stored.name);
    }
    let _ = write!(text, "\n# all of them as one\nhelm repo add airlift {base}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repositories_file_is_helms() {
        let stored = |name: &str, implied| Stored { name: name.into(), url: format!("https://{name}"), implied };
        let listed = [stored("hub", false), stored("charts.example.org:8443/stable", true)];
        insta::assert_snapshot!(repositories(&listed, "http://mirror:8002"), @r#"
        apiVersion: ""
        generated: "0001-01-01T00:00:00Z"
        repositories:
        - name: "hub"
          url: "http://mirror:8002/hub"
        - name: "charts.example.org-8443-stable"
          url: "http://mirror:8002/charts.example.org:8443/stable"
        "#);
        assert!(welcome(&listed, ("http://m", "x")).contains("helm repo add hub http://m/hub"));
    }
}
