//! What points Helm here: a repositories file, and the same for a person.

use std::fmt::Write;

use airlift_kind::client::{Ask, Change, placeholder};
use airlift_kind::{Address, Client, ClientError, ClientFile, Mirror, View};
use serde_json::Value;

use crate::stored::{self, Stored};

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

/// What the clients of this kind need. Helm's configuration is each user's own: it is root's here.
pub(crate) async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
    if view.below("").is_empty() {
        return Ok(Vec::new());
    }
    let listed = stored::read(view).await?;
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let mut client = Client::named("helm");
    let mut text = repositories(&listed, &address.base());
    if address.mirror.ca.is_some() {
        text = text.replace("\n  url: ", &format!("\n  caFile: {}\n  url: ", Mirror::CA_FILE));
    }
    let mut file = ClientFile::whole("/root/.config/helm/repositories.yaml", text);
    if address.mirror.users {
        let login =
            format!("\n  username: \"{}\"\n  password: \"{}\"\n  url: ", placeholder::USER, placeholder::PASSWORD);
        if let Change::Whole { content } = &mut file.change {
            *content = content.replace("\n  url: ", &login);
        }
        file = file.secret();
    }
    client.files.push(file);
    client.then.push("helm repo update".into());
    client.notes.push(format!(
        "Helm's repositories are each user's own, and these are root's; others fetch {}/repositories.yaml",
        address.base()
    ));
    client.asks.push(Ask::that_names_the_mirror(["helm", "repo", "list", "--output", "yaml"]));
    Ok(vec![client])
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
