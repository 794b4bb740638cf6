//! The API of a Galaxy server, as far as `ansible-galaxy` asks for it (ansible-core, `galaxy/api.py`): versions of
//! collections and what is said of each (v3), roles and their versions (v1), and what they are packed in.

use airlift_core::Node;
use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use http::StatusCode;
use serde_json::{Value, json};

use crate::format::answer::{self, Detail};
use crate::format::shelf::WANTED;
use crate::format::version;
use crate::format::wanted::Wanted;

/// Where everything is, and where the API is below it.
const ROOT: &str = "/galaxy";
/// The largest text that is read to answer with it, in bytes.
const TEXT: u64 = 64 << 20;
/// The ending of packed roles.
const PACKED: &str = ".tar.gz";

/// The collections and roles of a snapshot.
pub(crate) struct Galaxy {
    view: View,
}

impl Galaxy {
    pub(crate) const fn new(view: View) -> Self {
        Self { view }
    }

    /// What the API answers below its root; none where nothing is there.
    fn api(&self, asked: &Asked<'_>, path: &[&str]) -> Reply {
        match path {
            [] => json_reply(&root("")),
            ["v1", "roles"] => self.roles(asked),
            ["v1", "roles", role] => match self.versions(role).is_empty() {
                true => self.no_role(role),
                false => json_reply(&about(role)),
            },
            ["v1", "roles", role, "versions"] => self.role_versions(asked, role),
            ["v3", "collections", namespace, name, rest @ ..] => self.collection(asked, (namespace, name), rest),
            _ => self.missing(
                "the Galaxy API of this mirror has roles (v1) and collections (v3) to be read, and nothing else",
            ),
        }
    }

    fn collection(&self, asked: &Asked<'_>, (namespace, name): (&str, &str), rest: &[&str]) -> Reply {
        let folder = format!("collections/{namespace}/{name}");
        let get = |file: &str| self.view.get(&format!("{folder}/{file}"));
        match rest {
            [] => get("collection.json").map(|node| Reply::Found(Found::node(node))),
            ["versions"] => get("versions.json").map(|node| Reply::Found(Found::node(node))),
            ["versions", version] if version::parse(version).is_some() => {
                get(&format!("{version}.json")).map(|node| self.detail(node, asked.base()))
            }
            _ => None,
        }
        .unwrap_or_else(|| {
            let version = rest.get(1).map(|version| format!(" {version}")).unwrap_or_default();
            self.missing(&format!(
                "the collection {namespace}.{name}{version} is not in {}: name it below 'galaxy' in the manifest and collect again",
                self.view.describe()
            ))
        })
    }

    /// What is said of a version of a collection: its URL has to be a whole one.
    fn detail(&self, node: &Node, base: String) -> Reply {
        let (view, node) = (self.view.clone(), node.clone());
        Reply::Later(Box::pin(async move {
            let bytes = match view.read(&node, TEXT).await {
                Ok(bytes) => bytes,
                Err(error) => return broken(&airlift_core::failure::line(&error)),
            };
            match Detail::read_own(&bytes) {
                Ok(mut detail) => {
                    detail.download_url = format!("{base}{}", detail.download_url);
                    Reply::Content(Content {
                        status: StatusCode::OK,
                        media_type: "application/json",
                        bytes: detail.print().into(),
                        headers: Vec::new(),
                    })
                }
                Err(error) => broken(&airlift_core::failure::line(&error)),
            }
        }))
    }

    /// Roles by their owner and name, as `role install` asks; all of them where neither is given.
    fn roles(&self, asked: &Asked<'_>) -> Reply {
        let owner = asked.parameter("owner__username").or_else(|| asked.parameter("owner"));
        let mut names: Vec<&str> = Vec::new();
        match (owner, asked.parameter("name")) {
            (Some(owner), Some(name)) => {
                let role = format!("{owner}.{name}");
                let found = !self.versions(&role).is_empty();
                return listing(if found { vec![about(&role)] } else { Vec::new() });
            }
            _ => {
                for node in self.view.below("roles") {
                    let path = self.view.path_of(node).strip_prefix("roles/").unwrap_or_default();
                    let name = path.split('/').next().unwrap_or_default();
                    if names.last() != Some(&name) {
                        names.push(name);
                    }
                }
            }
        }
        listing(names.into_iter().map(about).collect())
    }

    /// The versions of a role, each with its place below the kind's root.
    fn versions(&self, role: &str) -> Vec<(&str, &str)> {
        if role.is_empty() || role.contains('/') {
            return Vec::new();
        }
        let folder = format!("roles/{role}/");
        let nodes = self.view.below(folder.trim_end_matches('/')).iter();
        nodes
            .filter_map(|node| {
                let path = self.view.path_of(node);
                Some((path.strip_prefix(&folder)?.strip_suffix(PACKED)?, path))
            })
            .collect()
    }

    fn role_versions(&self, asked: &Asked<'_>, role: &str) -> Reply {
        let versions = self.versions(role);
        if versions.is_empty() {
            return self.no_role(role);
        }
        let base = asked.base();
        let all = versions.into_iter().map(|(version, path)| {
            let url = format!("{base}{ROOT}/{}", airlift_core::upstream::encode_path(path));
            // Clients before ansible-core 2.14 follow `source`, and later ones `download_url`.
            json!({ "name": version, "version": version, "download_url": url, "source": url })
        });
        listing(all.collect())
    }

    /// A `requirements.yml` in which everything has its URL on this mirror.
    fn requirements(&self, asked: &Asked<'_>) -> Reply {
        let Some(node) = self.view.get(WANTED).cloned() else {
            return self.missing(&format!("{} has no collections and no roles", self.view.describe()));
        };
        let (view, base) = (self.view.clone(), asked.base());
        Reply::Later(Box::pin(async move {
            let bytes = match view.read(&node, TEXT).await {
                Ok(bytes) => bytes,
                Err(error) => return broken(&airlift_core::failure::line(&error)),
            };
            match serde_json::from_slice::<Wanted>(&bytes) {
                Ok(wanted) => Reply::Content(Content {
                    status: StatusCode::OK,
                    media_type: "application/yaml",
                    bytes: wanted.to_requirements(&base, view.describe()).into(),
                    headers: Vec::new(),
                }),
                Err(error) => broken(&error.to_string()),
            }
        }))
    }

    fn no_role(&self, role: &str) -> Reply {
        self.missing(&format!(
            "the role {role} is not in {}: name it below 'galaxy' in the manifest and collect again",
            self.view.describe()
        ))
    }

    fn missing(&self, words: &str) -> Reply {
        Reply::Content(Content::json(StatusCode::NOT_FOUND, &answer::error(404, words)))
    }
}

/// Where the versions of the API are, seen from here.
fn root(prefix: &str) -> Value {
    json!({
        "description": "Ansible collections and roles, served by Airlift",
        "current_version": "v3",
        "available_versions": { "v1": format!("{prefix}v1/"), "v3": format!("{prefix}v3/") },
        "server_version": env!("CARGO_PKG_VERSION"),
    })
}

/// What is said of a role. Neither its user nor its repository on GitHub are: clients would go there.
fn about(role: &str) -> Value {
    let (owner, name) = crate::format::name::owner(role).unwrap_or(("", role));
    json!({
        "id": role, "name": name, "username": owner, "summary_fields": { "namespace": { "name": owner }, "versions": [] },
    })
}

/// A whole list, on one page.
fn listing(results: Vec<Value>) -> Reply {
    json_reply(&json!({
        "count": results.len(), "next": null, "next_link": null, "previous": null, "previous_link": null,
        "results": results,
    }))
}

fn json_reply(value: &Value) -> Reply {
    Reply::Content(Content::json(StatusCode::OK, value))
}

fn broken(words: &str) -> Reply {
    Reply::Content(Content::json(StatusCode::INTERNAL_SERVER_ERROR, &answer::error(500, words)))
}

impl Lookup for Galaxy {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let Some(below) = asked.path.strip_prefix(ROOT).filter(|below| below.is_empty() || below.starts_with('/'))
        else {
            return Reply::Pass;
        };
        let below = below.trim_matches('/');
        let segments: Vec<&str> = below.split('/').filter(|segment| !segment.is_empty()).collect();
        match segments.as_slice() {
            // What ansible-galaxy is given as its server: the API itself, so that it need not look for it.
            [] => json_reply(&root("api/")),
            ["api", rest @ ..] => self.api(asked, rest),
            ["requirements.yml"] => self.requirements(asked),
            _ => match self.view.get(below) {
                Some(node) => Reply::Found(Found::node(node)),
                None => self.missing(&format!(
                    "there is no {below} among the collections and roles of {}",
                    self.view.describe()
                )),
            },
        }
    }
}
