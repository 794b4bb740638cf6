//! Repositories, for clients that speak git's smart protocol over HTTP, and for those that only read files.
//!
//! `/git/<host>/<path>`, with or without `.git` at its end, is a repository. What a client asks for is worked out on the
//! graph that travels beside the pack; what is sent are ranges of the pack.

mod negotiate;
mod question;
mod select;
mod send;
mod tell;

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use airlift_core::Node;
use airlift_kind::{Asked, Asks, Content, Found, Lookup, Reply, View};
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures::FutureExt;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::OnceCell;

use self::send::Answer;
use crate::format::address::short;
use crate::format::graph::Graph;
use crate::format::refs::Refs;

/// The longest question in bytes, packed or not.
const LONGEST_QUESTION: u64 = 32 << 20;
/// The largest graph in bytes.
const LARGEST_GRAPH: u64 = 2 << 30;
/// The largest list of names in bytes.
const LARGEST_NAMES: u64 = 128 << 20;

/// The repositories of a snapshot.
pub(crate) struct Repositories {
    view: View,
    known: HashMap<String, Arc<Repository>>,
}

/// One repository.
pub(crate) struct Repository {
    view: View,
    head: Node,
    refs: Node,
    graph: Node,
    pack: Node,
    told: OnceCell<Arc<Refs>>,
    drawn: OnceCell<Arc<Graph>>,
}

impl Repository {
    /// Its names.
    async fn refs(&self) -> Result<Arc<Refs>, String> {
        let read = || async {
            let mut texts = Vec::new();
            for node in [&self.head, &self.refs] {
                let bytes = self.view.read(node, LARGEST_NAMES).await.map_err(|error| error.to_string())?;
                texts.push(String::from_utf8_lossy(&bytes).into_owned());
            }
            Refs::from_files(&texts[0], &texts[1]).map(Arc::new).map_err(|error| error.to_string())
        };
        self.told.get_or_try_init(read).await.cloned()
    }

    /// What leads from one of its objects to another. It is read once.
    async fn graph(&self) -> Result<Arc<Graph>, String> {
        let read = || async {
            let bytes = self.view.read(&self.graph, LARGEST_GRAPH).await.map_err(|error| error.to_string())?;
            let read = tokio::task::spawn_blocking(move || Graph::read(&bytes)).await;
            let graph = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            match graph.end() + 20 == self.pack.size {
                true => Ok(Arc::new(graph)),
                false => Err("the graph of the repository belongs to another pack".to_owned()),
            }
        };
        self.drawn.get_or_try_init(read).await.cloned()
    }
}

impl Repositories {
    pub(crate) fn new(view: View) -> Self {
        let mut known = HashMap::new();
        let nodes = view.below("repositories");
        for refs in nodes.iter().filter(|node| node.path.as_str().ends_with("/info/refs")) {
            let Some(folder) = view.path_of(refs).strip_suffix("/info/refs") else { continue };
            let get = |file: &str| view.get(&format!("{folder}/{file}")).cloned();
            let pack = view.below(folder).iter().find(|node| node.path.as_str().ends_with(".pack"));
            let (Some(head), Some(graph), Some(pack)) = (get("HEAD"), get("airlift/graph"), pack.cloned()) else {
                continue;
            };
            let name = folder.strip_prefix("repositories/").unwrap_or(folder).to_owned();
            let refs = refs.clone();
            let (told, drawn) = (OnceCell::new(), OnceCell::new());
            known.insert(name, Arc::new(Repository { view: view.clone(), head, refs, graph, pack, told, drawn }));
        }
        Self { view, known }
    }

    /// The repository that a path is in, and what follows its name.
    fn repository<'a>(&self, path: &'a str) -> Option<(&Arc<Repository>, &str, &'a str)> {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.filter_map(|end| {
            let (name, repository) = self.known.get_key_value(short(&path[..end]))?;
            Some((repository, name.as_str(), path[end..].trim_start_matches('/')))
        })
        .next_back()
    }

    /// What somebody is told who looks at a repository with a browser.
    fn page(&self, asked: &Asked<'_>, name: &str) -> Reply {
        let text = format!(
            "This is the git repository {name}, as it was collected for {}.\n\n  git clone {}/git/{name}.git\n",
            self.view.describe(),
            asked.base()
        );
        Reply::Content(Content::text(StatusCode::OK, text))
    }

    fn list(&self) -> Reply {
        let mut names: Vec<&str> = self.known.keys().map(String::as_str).collect();
        names.sort_unstable();
        Reply::Content(Content::text(StatusCode::OK, format!("Git repositories:\n  {}", names.join("\n  "))))
    }
}

impl Lookup for Repositories {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let Some(path) = asked.path.strip_prefix("/git/") else { return Reply::Pass };
        if path.is_empty() && !self.known.is_empty() {
            return self.list();
        }
        let Some((repository, name, file)) = self.repository(path) else { return Reply::Pass };
        match file {
            "" if asked.reads() => self.page(asked, name),
            "info/refs" if asked.parameter("service").as_deref() == Some("git-upload-pack") && asked.reads() => {
                let (repository, version) = (Arc::clone(repository), version(asked));
                Reply::Later(async move { tell::names(&repository, version).await }.boxed())
            }
            "git-upload-pack" if *asked.method == Method::POST => question(asked, Arc::clone(repository)),
            "git-receive-pack" => read_only(),
            "info/refs" if asked.parameter("service").is_some() => read_only(),
            file => match self.view.get(&format!("repositories/{name}/{file}")) {
                Some(node) => Reply::Found(Found::node(node)),
                None => Reply::Content(Content::text(
                    StatusCode::NOT_FOUND,
                    format!("The repository {name} has no {file} in the snapshot {}.", self.view.describe()),
                )),
            },
        }
    }
}

fn read_only() -> Reply {
    let text = "This mirror is read-only: nothing can be pushed to it.";
    Reply::Content(Content::text(StatusCode::FORBIDDEN, text))
}

/// Whether the client speaks version 2 of the protocol.
fn version(asked: &Asked<'_>) -> u8 {
    let header = asked.headers.get("git-protocol").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header.split(':').any(|word| word == "version=2") {
        2
    } else if header.split(':').any(|word| word == "version=1") {
        1
    } else {
        0
    }
}

/// A question, once its words are there.
fn question(asked: &Asked<'_>, repository: Arc<Repository>) -> Reply {
    let version = version(asked);
    let encoding = asked.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let packed = matches!(encoding, "gzip" | "x-gzip");
    Reply::Asks(Asks {
        limit: LONGEST_QUESTION,
        answer: Box::new(move |body| {
            let answer = async move {
                let words = match packed {
                    true => inflated(&body),
                    false => Ok(body),
                };
                let answer = match words {
                    Ok(words) if version == 2 => negotiate::answer(&repository, &words).await,
                    Ok(words) => negotiate::answer_old(&repository, &words).await,
                    Err(reason) => Err(reason),
                };
                answer.unwrap_or_else(|reason| Answer::error(&reason)).reply(&repository.pack)
            };
            Reply::Later(answer.boxed())
        }),
    })
}

fn inflated(body: &[u8]) -> Result<Bytes, String> {
    let mut words = Vec::new();
    let mut reader = GzDecoder::new(body).take(LONGEST_QUESTION + 1);
    reader.read_to_end(&mut words).map_err(|_| "the question can't be unpacked".to_owned())?;
    match words.len() as u64 > LONGEST_QUESTION {
        true => Err(format!("the question is longer than {LONGEST_QUESTION} bytes")),
        false => Ok(words.into()),
    }
}

/// Bytes that must not be kept by anybody on the way.
fn made(media_type: &'static str, bytes: Vec<u8>) -> Reply {
    let content = Content { status: StatusCode::OK, media_type, bytes: bytes.into(), headers: Vec::new() };
    let value = HeaderValue::from_static("no-cache, max-age=0, must-revalidate");
    Reply::Content(content.with_header(CACHE_CONTROL, value))
}

/// The store can't bring what it has.
fn broken(reason: &str) -> Reply {
    Reply::Content(Content::text(StatusCode::INTERNAL_SERVER_ERROR, format!("error: {reason}")))
}
