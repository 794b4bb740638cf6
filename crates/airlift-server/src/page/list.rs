//! Long lists, a part at a time.

use airlift_core::Time;
use airlift_kind::Asked;

/// How many entries a page has.
pub(crate) const PAGE: usize = 100;

/// Which part of a list is shown, and where the others are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pager {
    /// The number of the page, from 1.
    pub(crate) page: usize,
    pub(crate) pages: usize,
    /// Where the page before is.
    pub(crate) previous: Option<String>,
    /// Where the next page is.
    pub(crate) next: Option<String>,
}

impl Pager {
    /// The page that is asked for of a list of so many entries at a path; the last one where there are fewer.
    pub(crate) fn new(asked: &Asked<'_>, path: &str, entries: usize) -> Self {
        let pages = entries.div_ceil(PAGE).max(1);
        let page = asked.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, pages);
        let at = |page: usize| format!("{path}?page={page}");
        let previous = (page > 1).then(|| at(page - 1));
        Self { page, pages, previous, next: (page < pages).then(|| at(page + 1)) }
    }

    /// This page's entries.
    pub(crate) fn of<T>(&self, entries: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        entries.skip((self.page - 1) * PAGE).take(PAGE)
    }
}

/// A number as a person reads it, with what is counted: `1,204 images`.
pub(crate) fn count(number: usize, [one, many]: [&str; 2]) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", thousands(number as u64))
}

/// A number with its thousands set apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A word as it begins a line.
pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A time as a person reads it: `2026-11-23 01:45:00 UTC`.
pub(crate) fn date(time: Time) -> String {
    time.to_string().replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    fn pager(query: Option<&str>, entries: usize) -> Pager {
        let headers = HeaderMap::new();
        Pager::new(
            &Asked { method: &Method::GET, path: "/x", query, headers: &headers, scheme: airlift_kind::Scheme::Http },
            "/x",
            entries,
        )
    }

    #[test]
    fn a_list_is_shown_a_page_at_a_time() {
        let first = pager(None, 250);
        assert_eq!((first.page, first.pages, first.previous.as_deref()), (1, 3, None));
        assert_eq!(first.next.as_deref(), Some("/x?page=2"));
        let last = pager(Some("page=99999999"), 250);
        assert_eq!((last.page, last.next.as_deref(), last.of(0..250).count()), (3, None, 50));
        for odd in ["page=0", "page=-1", "page=x", "page=99999999999999999999999"] {
            assert_eq!(pager(Some(odd), 250).page, 1, "{odd}");
        }
        assert_eq!(pager(None, 0).pages, 1);
    }

    #[test]
    fn numbers_are_readable() {
        let told = [0, 1, 999, 1000, 1_234_567].map(|number| count(number, ["image", "images"]));
        assert_eq!(told, ["0 images", "1 image", "999 images", "1,000 images", "1,234,567 images"]);
    }
}
