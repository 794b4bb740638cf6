//! The client's side of git's smart protocol over HTTP (gitprotocol-http, gitprotocol-v2; gitprotocol-pack for servers
//! that know no version 2).

use airlift_core::{Request, Secret, UpstreamUrl};
use airlift_fetch::{FetchError, Fetcher, Scratch};
use bytes::Bytes;
use gix_hash::ObjectId;

use super::trouble::{Trouble, off_the_runtime};
use crate::error::GitError;
use crate::format::packet::{self, Line, Lines, Writer};
use crate::format::{FormatError, refs};

/// The most bytes that names may take.
const MOST_NAMES: u64 = 128 << 20;
/// The most bytes that a pack may take.
const MOST_PACK: u64 = 1 << 40;
/// So much of an answer is read at a time.
const WINDOW: usize = 256 << 10;

const AGENT: &str = concat!("agent=airlift/", env!("CARGO_PKG_VERSION"));

/// A repository upstream.
pub(super) struct Remote<'a> {
    fetcher: &'a Fetcher,
    /// As the manifest has it.
    url: &'a UpstreamUrl,
    /// Where it really is, after redirects.
    base: UpstreamUrl,
    headers: Vec<(String, Secret)>,
    /// What a server told at once that knows no version 2.
    told: Option<(refs::Refs, String)>,
}

impl<'a> Remote<'a> {
    /// Asks who is there.
    pub(super) async fn open(
        fetcher: &'a Fetcher,
        url: &'a UpstreamUrl,
        headers: Vec<(String, Secret)>,
    ) -> Result<Self, GitError> {
        let content = GitError::content(url);
        let below = below(url, "info/refs", Some("service=git-upload-pack"));
        let request = Request { headers: headers.clone(), ..Request::new(below) };
        let request = request.with_header("Git-Protocol", "version=2");
        let answer = fetcher.listing(&request, MOST_NAMES).await;
        let answer = answer.map_err(GitError::fetch(url, "its branches and tags"))?;
        let smart = answer.media_type.as_deref() == Some("application/x-git-upload-pack-advertisement");
        if !smart {
            return Err(GitError::Dumb { url: Box::new(url.clone()) });
        }
        let mut message: &[u8] = &answer.bytes;
        let first = Lines(message).next().transpose().map_err(&content)?;
        if first.and_then(Line::text).is_some_and(|text| text.starts_with(b"# service=")) {
            // The announcement and the end behind it.
            for _ in 0..2 {
                let (_, length) = packet::first(message).map_err(&content)?.unwrap_or((Line::End, message.len()));
                message = &message[length..];
            }
        }
        let first = Lines(message).next().transpose().map_err(&content)?;
        let told = match first.and_then(Line::text) {
            Some(b"version 2") => {
                refuse_other_ids(&String::from_utf8_lossy(message)).map_err(&content)?;
                None
            }
            _ => {
                let (refs, capabilities) = refs::read_advertisement(message).map_err(&content)?;
                refuse_other_ids(&capabilities).map_err(&content)?;
                Some((refs, capabilities))
            }
        };
        let base = base_of(&answer.url);
        // What the manifest has for one host is no other's to know.
        let headers = if base.authority() == url.authority() { headers } else { Vec::new() };
        Ok(Self { fetcher, url, base, headers, told })
    }

    /// Its branches and tags; all other names, too, with `others`: some servers have one for each proposed change.
    pub(super) async fn refs(&self, others: bool) -> Result<refs::Refs, GitError> {
        if let Some((refs, _)) = &self.told {
            return Ok(refs.clone());
        }
        let question = Writer::default().line("command=ls-refs").line(AGENT).line("object-format=sha1").delimiter();
        let question = question.line("peel").line("symrefs").line("ref-prefix HEAD");
        let question = match others {
            true => question.line("ref-prefix refs/"),
            false => question.line("ref-prefix refs/heads/").line("ref-prefix refs/tags/"),
        };
        let question = question.flush();
        let what = "its branches and tags";
        let mut answer = self.post(question.bytes(), (what, MOST_NAMES)).await?;
        let read = off_the_runtime(move || {
            let mut message = vec![0; usize::try_from(answer.len()).unwrap_or_default()];
            answer.read(0, &mut message)?;
            Ok(refs::read_listing(&message)?)
        });
        read.await.map_err(|trouble| trouble.of(self.url, what))
    }

    /// A pack with these objects and everything that they need.
    pub(super) async fn fetch(&self, wants: &[ObjectId]) -> Result<Scratch, GitError> {
        let question = match &self.told {
            None => {
                let writer = Writer::default().line("command=fetch").line(AGENT).line("object-format=sha1").delimiter();
                let writer = writer.line("ofs-delta").line("no-progress");
                wants.iter().fold(writer, |writer, id| writer.line(format!("want {id}"))).line("done").flush()
            }
            Some((_, capabilities)) => old_question(wants, capabilities),
        };
        let what = "its objects";
        let mut raw = self.post(question.bytes(), (what, MOST_PACK)).await?;
        let key = format!("pack of {}", self.url);
        let mut pack = self.fetcher.scratch(&key).map_err(GitError::fetch(self.url, what))?;
        let banded = self.told.as_ref().is_none_or(|(_, capabilities)| capabilities.contains("side-band-64k"));
        let taken = off_the_runtime(move || {
            unwrap(&mut raw, &mut pack, banded)?;
            Ok(pack)
        });
        taken.await.map_err(|trouble| trouble.of(self.url, what))
    }

    async fn post(&self, body: Vec<u8>, (what, limit): (&'static str, u64)) -> Result<Scratch, GitError> {
        let failed = GitError::fetch(self.url, what);
        let service = below(&self.base, "git-upload-pack", None);
        let mut request = Request { headers: self.headers.clone(), ..Request::new(service) };
        if self.told.is_none() {
            request = request.with_header("Git-Protocol", "version=2");
        }
        let request = request
            .with_header("Content-Type", "application/x-git-upload-pack-request")
            .with_header("Accept", "application/x-git-upload-pack-result");
        let scratch = self.fetcher.scratch(&format!("answer of {}", self.url)).map_err(&failed)?;
        self.fetcher.post(&request, Bytes::from(body), (scratch, limit)).await.map_err(&failed)
    }
}

/// The question in the words of before version 2: what is wanted, nothing that is had, and done.
fn old_question(wants: &[ObjectId], capabilities: &str) -> Writer {
    let ours = ["side-band-64k", "ofs-delta", "no-progress"];
    let ours: Vec<&str> = ours.into_iter().filter(|ours| capabilities.split(' ').any(|word| word == *ours)).collect();
    let mut writer = Writer::default();
    for (number, id) in wants.iter().enumerate() {
        match number {
            0 => writer.push(format!("want {id} {} {AGENT}", ours.join(" "))),
            _ => writer.push(format!("want {id}")),
        }
    }
    writer.flush().line("done")
}

/// A URL below a repository's.
fn below(url: &UpstreamUrl, path: &str, query: Option<&str>) -> UpstreamUrl {
    let mut below = url.expose().clone();
    below.set_path(&format!("{}/{path}", url.expose().path().trim_end_matches('/')));
    below.set_query(query);
    UpstreamUrl::try_from(below).unwrap_or_else(|_| url.clone())
}

/// The repository's URL, from the one that its names were told at.
fn base_of(answered: &UpstreamUrl) -> UpstreamUrl {
    let mut base = answered.expose().clone();
    let path = base.path().strip_suffix("/info/refs").unwrap_or(base.path()).to_owned();
    base.set_path(&path);
    base.set_query(None);
    UpstreamUrl::try_from(base).unwrap_or_else(|_| answered.clone())
}

fn refuse_other_ids(capabilities: &str) -> Result<(), FormatError> {
    match capabilities.contains("object-format=sha256") {
        true => Err(FormatError::new("its objects are known by SHA-256, and only SHA-1 is understood")),
        false => Ok(()),
    }
}

/// Takes the pack out of the answer that it is wrapped in.
fn unwrap(raw: &mut Scratch, pack: &mut Scratch, banded: bool) -> Result<(), Trouble> {
    let (mut at, mut window, mut begun) = (0, Vec::new(), false);
    loop {
        refill(raw, &mut at, &mut window)?;
        if begun && !banded {
            if window.is_empty() {
                return Ok(());
            }
            pack.append(&window)?;
            window.clear();
            continue;
        }
        let mut used = 0;
        while let Some((line, length)) = packet::first(&window[used..])? {
            used += length;
            match line {
                Line::Data(data) if begun => match data.split_first() {
                    Some((1, data)) => pack.append(data)?,
                    Some((2, _)) | None => {}
                    Some((_, said)) => return Err(Trouble::said(said)),
                },
                Line::Data(data) if data.starts_with(b"ERR ") => return Err(Trouble::said(&data[4..])),
                Line::Data(b"packfile\n" | b"NAK\n") => begun = true,
                Line::Flush if begun => return Ok(()),
                _ => {}
            }
            if begun && !banded {
                break;
            }
        }
        window.drain(..used);
        if used == 0 && at == raw.len() {
            return Err(FormatError::new("the answer ends within the pack").into());
        }
    }
}

fn refill(raw: &mut Scratch, at: &mut u64, window: &mut Vec<u8>) -> Result<(), FetchError> {
    let (had, left) = (window.len(), raw.len() - *at);
    let more = (WINDOW - had.min(WINDOW)).min(usize::try_from(left).unwrap_or(WINDOW));
    window.resize(had + more, 0);
    raw.read(*at, &mut window[had..])?;
    *at += more as u64;
    Ok(())
}
