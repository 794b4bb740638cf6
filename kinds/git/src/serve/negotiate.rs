//! A question and its answer: what both sides have, and what is sent (gitprotocol-v2, "fetch"; gitprotocol-pack,
//! "Packfile Negotiation").

use std::collections::HashSet;
use std::sync::Arc;

use gix_hash::ObjectId;

use super::question::Question;
use super::select::{self, Ends, Places};
use super::send::{Answer, Bands};
use super::{Repository, tell};
use crate::format::graph::Graph;
use crate::format::packet::{Line, Lines, Writer};
use crate::format::refs::Refs;

/// What a line of a wrapped pack carries at most (gitprotocol-common).
const LARGE: usize = 65515;
const SMALL: usize = 995;

/// Answers a question of version 2.
pub(super) async fn answer(repository: &Repository, words: &[u8]) -> Result<Answer, String> {
    let (mut command, mut arguments, mut behind) = ("", Vec::new(), false);
    for line in Lines(words) {
        let line = line.map_err(|error| error.to_string())?;
        match line.text() {
            None if line == Line::Delimiter => behind = true,
            None => break,
            Some(text) => {
                let text = std::str::from_utf8(text).map_err(|_| "this is not a line of git's protocol".to_owned())?;
                match (behind, text.strip_prefix("command=")) {
                    (false, Some(name)) => command = name,
                    (false, None) if text.starts_with("object-format=") && text != "object-format=sha1" => {
                        return Err("this mirror has objects by SHA-1 only".to_owned());
                    }
                    (false, None) => {}
                    (true, _) => arguments.push(text),
                }
            }
        }
    }
    match command {
        "ls-refs" => Ok(Answer::words(tell::listing(&*repository.refs().await?, &arguments))),
        "fetch" => fetch(repository, Question::read(&arguments)?).await,
        "" => Ok(Answer::words(Vec::new())),
        other => Err(format!("this mirror does not know the command '{}'", other.chars().take(40).collect::<String>())),
    }
}

/// What was asked, and what it means here.
struct Fetch<'a> {
    repository: &'a Repository,
    question: &'a Question,
    refs: Arc<Refs>,
    graph: Arc<Graph>,
}

impl<'a> Fetch<'a> {
    async fn new(repository: &'a Repository, question: &'a Question) -> Result<Self, String> {
        Ok(Self { repository, question, refs: repository.refs().await?, graph: repository.graph().await? })
    }

    fn places(&self) -> Result<Places<'a>, String> {
        let find = |ids: &[ObjectId]| ids.iter().filter_map(|id| self.graph.find(id)).collect::<Vec<u32>>();
        let want = |id: &ObjectId| self.graph.find(id).ok_or_else(|| format!("upload-pack: not our ref {id}"));
        let mut not = Vec::new();
        for name in &self.question.deepen.not {
            let full = ["", "refs/", "refs/tags/", "refs/heads/"]
                .iter()
                .find_map(|folder| self.refs.get(&format!("{folder}{name}")));
            let found = full.and_then(|one| self.graph.find(&one.id));
            not.push(found.ok_or_else(|| format!("upload-pack: deepen-not is not a ref: {name}"))?);
        }
        let commits = |places: Vec<u32>| places.into_iter().filter(|place| *place < self.graph.commits()).collect();
        Ok(Places {
            wants: self.question.wants.iter().map(want).collect::<Result<_, _>>()?,
            haves: find(&self.question.haves),
            shallow: commits(find(&self.question.shallow)),
            deepen: Some(&self.question.deepen),
            not,
        })
    }

    /// Whether everything here is wanted by somebody who has nothing: then the pack is sent as it is.
    fn is_whole(&self) -> bool {
        let asked = self.question;
        is_everything(asked, &self.refs)
    }

    async fn pack(
        &self,
        words: Vec<u8>,
        (places, ends): (&Places<'_>, Option<&Ends>),
        bands: Bands,
    ) -> Result<Answer, String> {
        if self.is_whole() {
            return Ok(Answer::whole(words, self.repository, bands));
        }
        let tags: Vec<u32> = match self.question.include_tag {
            true => self.refs.refs.iter().filter_map(|one| self.graph.find(&one.id)).collect(),
            false => Vec::new(),
        };
        let lacking = select::lacking(&self.graph, places, ends, &tags);
        Answer::part(words, (self.repository, &self.graph), &lacking, bands).await
    }

    fn lines(&self, ends: &Ends, mut writer: Writer) -> Writer {
        ends.shallow.iter().for_each(|end| writer.push(format!("shallow {}", self.graph.id(*end))));
        ends.unshallow.iter().for_each(|end| writer.push(format!("unshallow {}", self.graph.id(*end))));
        writer
    }
}

fn is_everything(asked: &Question, refs: &Refs) -> bool {
    let plain = asked.haves.is_empty() && asked.shallow.is_empty() && !asked.deepen.is_asked();
    let wants: HashSet<&ObjectId> = asked.wants.iter().collect();
    plain && refs.refs.iter().all(|one| wants.contains(&one.id))
}

async fn fetch(repository: &Repository, question: Question) -> Result<Answer, String> {
    if question.wants.is_empty() {
        return Ok(Answer::words(Writer::default().flush().bytes()));
    }
    let fetch = Fetch::new(repository, &question).await?;
    let places = fetch.places()?;
    let mut writer = Writer::default();
    if !question.done && (!question.haves.is_empty() || question.wait_for_done) {
        writer.push("acknowledgments");
        if places.haves.is_empty() {
            writer.push("NAK");
        }
        places.haves.iter().for_each(|have| writer.push(format!("ACK {}", fetch.graph.id(*have))));
        if question.wait_for_done || !select::is_enough(&fetch.graph, &places.wants, &places.haves) {
            return Ok(Answer::words(writer.flush().bytes()));
        }
        writer = writer.line("ready").delimiter();
    }
    let ends = select::ends(&fetch.graph, &places);
    if let Some(ends) = &ends {
        writer = fetch.lines(ends, writer.line("shallow-info")).delimiter();
    }
    let words = writer.line("packfile").bytes();
    fetch.pack(words, (&places, ends.as_ref()), Bands::Lines(LARGE)).await
}

/// Answers a question of before version 2.
pub(super) async fn answer_old(repository: &Repository, words: &[u8]) -> Result<Answer, String> {
    let question = Question::read_old(words)?;
    if question.wants.is_empty() {
        return Ok(Answer::words(Vec::new()));
    }
    let fetch = Fetch::new(repository, &question).await?;
    let places = fetch.places()?;
    let ends = select::ends(&fetch.graph, &places);
    let mut writer = Writer::default();
    if let Some(ends) = &ends {
        writer = fetch.lines(ends, writer).flush();
    }
    if question.wants_only {
        return Ok(Answer::words(writer.bytes()));
    }
    let detailed = question.understands("multi_ack_detailed");
    let last = places.haves.last().map(|have| fetch.graph.id(*have));
    let ready = detailed && select::is_enough(&fetch.graph, &places.wants, &places.haves);
    if detailed {
        places.haves.iter().for_each(|have| writer.push(format!("ACK {} common", fetch.graph.id(*have))));
        if let (true, Some(last), false) = (ready, last, question.done) {
            writer.push(format!("ACK {last} ready"));
        }
    }
    if !question.done {
        let send = ready && question.understands("no-done");
        match last {
            Some(last) if !detailed => writer.push(format!("ACK {last}")),
            _ => writer.push("NAK"),
        }
        if !send {
            return Ok(Answer::words(writer.bytes()));
        }
    }
    match last {
        Some(last) if detailed || question.done => writer.push(format!("ACK {last}")),
        Some(_) => {}
        None => writer.push("NAK"),
    }
    let bands = match (question.understands("side-band-64k"), question.understands("side-band")) {
        (true, _) => Bands::Lines(LARGE),
        (false, true) => Bands::Lines(SMALL),
        (false, false) => Bands::None,
    };
    fetch.pack(writer.bytes(), (&places, ends.as_ref()), bands).await
}
