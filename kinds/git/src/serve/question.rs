//! What a client asks for in a fetch.

use gix_hash::ObjectId;

use crate::format::id_of_hex;
use crate::format::packet::{Line, Lines};

/// How much of the history is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deepen {
    /// So many commits from each name.
    pub(super) depth: Option<u32>,
    /// Counted from where the client's history ends, not from the names.
    pub(super) relative: bool,
    /// Commits since then, in seconds since 1970.
    pub(super) since: Option<i64>,
    /// Commits that these names don't lead to.
    pub(super) not: Vec<String>,
}

impl Deepen {
    /// Whether anything is said about it.
    pub(super) fn is_asked(&self) -> bool {
        self.depth.is_some() || self.since.is_some() || !self.not.is_empty()
    }
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) wants: Vec<ObjectId>,
    pub(super) haves: Vec<ObjectId>,
    /// Where the client's history ends.
    pub(super) shallow: Vec<ObjectId>,
    pub(super) deepen: Deepen,
    /// Whether the client has said all that it has.
    pub(super) done: bool,
    /// Whether tags come along that lead to what is sent.
    pub(super) include_tag: bool,
    /// Whether acknowledgements are asked for although everything is known.
    pub(super) wait_for_done: bool,
    /// What the client understands, before version 2.
    pub(super) capabilities: String,
    /// Whether it ended behind the wants: the client wants to know where its history will end.
    pub(super) wants_only: bool,
}

impl Question {
    /// Takes a line; whether it was understood.
    fn take(&mut self, line: &str) -> Result<bool, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let id = |text: &str| id_of_hex(text.as_bytes()).ok_or_else(|| "this is not the id of an object".to_owned());
        match (word, rest) {
            ("want", rest) => self.wants.push(id(rest)?),
            ("have", rest) => self.haves.push(id(rest)?),
            ("shallow", rest) => self.shallow.push(id(rest)?),
            ("deepen", rest) => {
                let depth: u32 = rest.parse().map_err(|_| "this is not a depth".to_owned())?;
                self.deepen.depth = (depth > 0).then_some(depth);
            }
            ("deepen-since", rest) => {
                self.deepen.since = Some(rest.parse().map_err(|_| "this is not a time".to_owned())?);
            }
            ("deepen-not", rest) => self.deepen.not.push(rest.to_owned()),
            ("deepen-relative", "") => self.deepen.relative = true,
            ("done", "") => self.done = true,
            ("include-tag", "") => self.include_tag = true,
            ("wait-for-done", "") => self.wait_for_done = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the arguments of version 2's `fetch`.
    pub(super) fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut question = Self::default();
        for line in arguments {
            if !question.take(line)? && !matches!(*line, "thin-pack" | "no-progress" | "ofs-delta") {
                return Err(format!(
                    "this mirror does not know the argument '{}'",
                    line.chars().take(40).collect::<String>()
                ));
            }
        }
        Ok(question)
    }

    /// Reads a question of before version 2 (gitprotocol-pack, "Packfile Negotiation").
    pub(super) fn read_old(words: &[u8]) -> Result<Self, String> {
        let mut question = Self { wants_only: true, ..Self::default() };
        let mut behind_wants = false;
        for line in Lines(words) {
            let line = line.map_err(|error| error.to_string())?;
            let Some(text) = line.text() else {
                behind_wants |= line == Line::Flush;
                continue;
            };
            let text = std::str::from_utf8(text).map_err(|_| "this is not a line of git's protocol".to_owned())?;
            if behind_wants {
                question.wants_only = false;
            }
            match text.strip_prefix("want ").and_then(|rest| rest.split_once(' ')) {
                Some((id, capabilities)) if question.wants.is_empty() => {
                    question.take(&format!("want {id}"))?;
                    question.capabilities = capabilities.to_owned();
                }
                _ => {
                    question.take(text)?;
                }
            }
        }
        question.include_tag = question.understands("include-tag");
        question.deepen.relative |= question.understands("deepen-relative");
        Ok(question)
    }

    /// Whether the client understands something, before version 2.
    pub(super) fn understands(&self, capability: &str) -> bool {
        self.capabilities.split(' ').any(|word| word == capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::packet::Writer;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn both_ways_of_asking_are_read() {
        let (want, have, shallow) = (format!("want {A}"), format!("have {B}"), format!("shallow {B}"));
        let new =
            Question::read(&["thin-pack", "ofs-delta", &want, &shallow, "deepen 3", "include-tag", &have, "done"]);
        let old = Writer::default().line(format!("{want} include-tag side-band-64k")).line(&shallow).line("deepen 3");
        let rest = old.clone().flush().line(&have).line("done").bytes();
        let read = Question::read_old(&rest).expect("a question");
        assert!(read.understands("side-band-64k") && !read.understands("side-band") && !read.wants_only);
        assert_eq!(Question { capabilities: String::new(), ..read }, new.expect("a question"));
        assert!(Question::read_old(&old.flush().bytes()).expect("a question").wants_only);
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for line in ["want x", "deepen -1", "deepen-since soon", "filter blob:none"] {
            assert!(Question::read(&[line]).is_err(), "{line}");
        }
    }
}
