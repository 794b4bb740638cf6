//! XML, one event at a time, in bounded memory.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::{FormatError, short};

/// The most bytes of one event: a tag with its attributes, or a text.
const MOST_OF_EVENT: usize = 4 << 20;

/// The most elements inside of each other.
const DEEPEST: usize = 32;

/// The most characters of a text that is wanted.
const MOST_OF_TEXT: usize = 64 << 10;

/// A reader of XML that refuses what metadata never has: document types, and with them entities; deep nesting; texts
/// and tags without end; an end before the end.
pub(super) struct Xml<R> {
    reader: quick_xml::Reader<Metered<R>>,
    buffer: Vec<u8>,
    depth: usize,
    rooted: bool,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(input: R) -> Self {
        let mut reader = quick_xml::Reader::from_reader(Metered { input, left: MOST_OF_EVENT });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0, rooted: false }
    }

    /// How many elements are open.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Where the next event begins in the document, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// The next event. An element without content is a start and an end.
    pub(super) fn next(&mut self) -> Result<Event<'_>, FormatError> {
        self.buffer.clear();
        self.buffer.shrink_to(MOST_OF_TEXT);
        self.reader.get_mut().left = MOST_OF_EVENT;
        let event = self.reader.read_event_into(&mut self.buffer).map_err(|source| FormatError::Xml { source })?;
        match &event {
            Event::DocType(_) => return Err(FormatError::refused("it has a document type, as metadata never has")),
            Event::Start(_) if self.depth == 0 && self.rooted => {
                return Err(FormatError::refused("it has more than one root element"));
            }
            Event::Start(_) if self.depth == DEEPEST => {
                return Err(FormatError::refused("its elements are nested more deeply than metadata ever is"));
            }
            Event::Start(_) => {
                self.depth += 1;
                self.rooted = true;
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 || !self.rooted => return Err(FormatError::refused("it ends too early")),
            _ => {}
        }
        Ok(event)
    }

    /// The text of the element that was just opened, up to and with its end.
    pub(super) fn text(&mut self) -> Result<String, FormatError> {
        let (end, mut text) = (self.depth - 1, String::new());
        loop {
            match self.next()? {
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|source| FormatError::Xml { source })?;
                    let name = reference.xml10_content();
                    match (character, quick_xml::escape::resolve_predefined_entity(&name)) {
                        (Some(character), _) => text.push(character),
                        (None, Some(known)) => text.push_str(known),
                        (None, None) => {
                            return Err(FormatError::refused(format!(
                                "it uses an entity that is none: {}",
                                short(&name)
                            )));
                        }
                    }
                }
                _ => {}
            }
            if text.len() > MOST_OF_TEXT {
                return Err(FormatError::refused("it has a text that is longer than metadata ever has"));
            }
            if self.depth == end {
                return Ok(text.trim().to_owned());
            }
        }
    }
}

/// An attribute of an element by its whole name. That one stands there twice is refused: readers would differ.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, FormatError> {
    let mut found = None;
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| FormatError::Xml { source: error.into() })?;
        if attribute.key.0 == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            found = Some(value.map_err(|source| FormatError::Xml { source })?.into_owned());
        }
    }
    Ok(found)
}

/// All attributes of an element. That one stands there twice is refused.
pub(super) fn attributes_of<'a>(
    element: &'a BytesStart<'_>,
    mut each: impl FnMut(&'a str, Cow<'a, str>) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| FormatError::Xml { source: error.into() })?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        each(attribute.key.0, value.map_err(|source| FormatError::Xml { source })?)?;
    }
    Ok(())
}

/// A document's root element, to be written again around a part of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Root {
    pub(super) fn of(element: &BytesStart<'_>) -> Result<Self, FormatError> {
        let name = element.name().0.to_owned();
        let mut attributes = Vec::new();
        attributes_of(element, |name, value| {
            attributes.push((name.to_owned(), quick_xml::escape::escape(value.as_ref()).into_owned()));
            Ok(())
        })?;
        Ok(Self { name, attributes })
    }

    /// The beginning of the document, with another number of packages.
    pub fn opened(&self, packages: u64) -> String {
        let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{}", self.name);
        for (name, value) in &self.attributes {
            match name.as_str() {
                "packages" => text.push_str(&format!(" packages=\"{packages}\"")),
                _ => text.push_str(&format!(" {name}=\"{value}\"")),
            }
        }
        text.push_str(">\n");
        text
    }

    /// The end of the document.
    pub fn closed(&self) -> String {
        format!("</{}>\n", self.name)
    }
}

/// An attribute that is a number of bytes or of things.
pub(super) fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<u64>, FormatError> {
    let Some(text) = attribute(element, name)? else { return Ok(None) };
    let number = text.trim().parse();
    number.map(Some).map_err(|_| FormatError::refused(format!("{name}={:?} is no number", short(&text))))
}

/// Input of which only so much is given until it is allowed again.
pub(super) struct Metered<R> {
    input: R,
    left: usize,
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.input.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            return Err(io::Error::other("a tag or a text is longer than metadata ever has"));
        }
        Ok(&available[..available.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left -= count;
        self.input.consume(count);
    }
}
