//! Looking for names in all kinds.

use airlift_core::Node;
use airlift_kind::{DynKind, Item, View};
use memchr::memchr2_iter;

use super::shelf::Shelf;

/// The longest question in bytes.
const LONGEST: usize = 200;

/// Words that all have to be in a name, whatever letters are capitals.
pub(crate) struct Words(Vec<Vec<u8>>);

impl Words {
    /// The words of a question; none where it has none.
    pub(crate) fn new(question: &str) -> Option<Self> {
        let question: String = question.chars().take(LONGEST).collect();
        let words: Vec<Vec<u8>> =
            question.split_whitespace().map(|word| word.to_ascii_lowercase().into_bytes()).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    fn are_in(&self, text: &str) -> bool {
        self.0.iter().all(|word| contains(text.as_bytes(), word))
    }
}

/// Whether a text has a word, which is in small letters and not empty.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let first = word[0];
    memchr2_iter(first, first.to_ascii_uppercase(), text)
        .any(|start| text.get(start..start + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word)))
}

/// What was found of one kind.
#[derive(Debug)]
pub(crate) struct Hits<'a> {
    /// Groups by their names.
    pub(crate) groups: Vec<&'a str>,
    /// Items by their names, versions and paths, each with its group.
    pub(crate) items: Vec<(&'a str, &'a Node, Item<'a>)>,
    /// Whether there are more.
    pub(crate) cut: bool,
}

/// Looks for words in one kind's names. This may take a second.
pub(crate) fn search<'a>(
    words: &Words,
    kind: &'a dyn DynKind,
    (view, shelf): (&'a View, &'a Shelf),
    most: usize,
) -> Hits<'a> {
    let mut groups: Vec<&str> = Vec::new();
    let mut items = Vec::new();
    let mut text = String::new();
    for group in shelf.shown() {
        if groups.len() <= most && words.are_in(&group.name) {
            groups.push(&group.name);
        }
        // Enough items were found: what is left to find are groups.
        let wanted = if items.len() > most { 0 } else { group.len() };
        for (node, item) in group.items(kind, view).take(wanted) {
            text.clear();
            for part in [&group.name, &*item.name, &*item.version, &*item.of, view.path_of(node)] {
                text.push_str(part);
                text.push(' ');
            }
            if words.are_in(&text) {
                items.push((&*group.name, node, item));
            }
            if items.len() > most {
                break;
            }
        }
        if items.len() > most && groups.len() > most {
            break;
        }
    }
    let cut = items.len() > most || groups.len() > most;
    items.truncate(most);
    groups.truncate(most);
    Hits { groups, items, cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_be_there_in_any_letters() {
        let words = Words::new("  NGINX 1.2 ").expect("words");
        assert!(words.are_in("docker.io/library/nginx:1.29"));
        assert!(words.are_in("1.20 Nginx"));
        assert!(!words.are_in("nginx:1.3"));
        assert!(!words.are_in("ngin"));
        assert!(Words::new(" \t").is_none());
        assert!(contains("xé<É".as_bytes(), "é".as_bytes()));
    }
}
