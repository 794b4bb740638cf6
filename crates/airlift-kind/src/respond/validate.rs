//! Validators and the conditions on them (RFC 9110, sections 8.8 and 13).

use airlift_core::{Digest, Time};
use http::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

/// What a representation is known by: a strong entity tag, which is the quoted digest, and a date where it has one.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// The entity tag with its quotes.
    pub(super) tag: String,
    /// The date.
    pub(super) modified: Option<Time>,
}

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer as if there were none.
    Proceed,
    /// Status 304.
    NotModified,
    /// Status 412.
    Failed,
}

impl Validators {
    pub(super) fn new(digest: Digest, modified: Option<Time>) -> Self {
        let mut tag = String::with_capacity(80);
        tag.push_str("\"sha256:");
        tag.push_str(&digest.hex());
        tag.push('"');
        Self { tag, modified }
    }

    /// Judges the conditions in the order of RFC 9110, section 13.2.2.
    ///
    /// A date goes backwards when a snapshot is rolled back or a tag is moved to an older image, so that only the very same
    /// date says that nothing has changed.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(IF_MATCH) {
            if !self.listed(headers, &IF_MATCH, Strength::Strong) {
                return Verdict::Failed;
            }
        } else if date(headers, &IF_UNMODIFIED_SINCE)
            .is_some_and(|date| self.modified.is_some_and(|modified| modified > date))
        {
            return Verdict::Failed;
        }
        let unchanged = match headers.contains_key(IF_NONE_MATCH) {
            true => self.listed(headers, &IF_NONE_MATCH, Strength::Weak),
            false => date(headers, &IF_MODIFIED_SINCE).is_some_and(|date| self.modified == Some(date)),
        };
        if unchanged { Verdict::NotModified } else { Verdict::Proceed }
    }

    /// The `Range` header, where there is one and `If-Range` does not forbid it.
    pub(super) fn range<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let range = headers.get(RANGE)?.to_str().ok()?;
        let Some(condition) = headers.get(IF_RANGE) else { return Some(range) };
        let condition = condition.to_str().ok()?.trim();
        let same = match condition.starts_with('"') || condition.starts_with("W/") {
            true => condition == self.tag,
            false => read_date(condition).is_some_and(|date| self.modified == Some(date)),
        };
        same.then_some(range)
    }

    fn listed(&self, headers: &HeaderMap, name: &HeaderName, strength: Strength) -> bool {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|list| {
            list.trim() == "*" || Tags(list).any(|(weak, tag)| tag == self.tag && (strength == Strength::Weak || !weak))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Weak,
    Strong,
}

/// The entity tags of a list, each with its quotes and whether it is weak.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = (bool, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let (weak, rest) = match rest.strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.strip_prefix('"')?.find('"')? + 2;
        let (tag, rest) = rest.split_at(end);
        self.0 = rest;
        Some((weak, tag))
    }
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Time> {
    read_date(headers.get(name)?.to_str().ok()?)
}

/// An HTTP date in any of its three forms.
fn read_date(text: &str) -> Option<Time> {
    httpdate::parse_http_date(text.trim()).ok().map(Time::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn verdict(name: HeaderName, value: &str) -> Verdict {
        let validators = Validators::new(Digest::of(b"x"), Some(Time::from_seconds(784_111_777)));
        let value = value.replace("TAG", &validators.tag);
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(&value).expect("a value"))]);
        validators.judge(&headers)
    }

    #[test]
    fn lists_of_tags_are_read() {
        for list in ["TAG", "*", "W/TAG", "\"a,b\" , W/\"\",TAG", ",, TAG"] {
            assert_eq!(verdict(IF_NONE_MATCH, list), Verdict::NotModified, "{list}");
        }
        for list in ["", "\"x\"", "\"x", "sha256:00", "x, TAG", "\"a,TAG"] {
            assert_eq!(verdict(IF_NONE_MATCH, list), Verdict::Proceed, "{list}");
        }
        assert_eq!(verdict(IF_MATCH, "\"x\", TAG"), Verdict::Proceed);
        assert_eq!(verdict(IF_MATCH, "W/TAG"), Verdict::Failed);
        assert_eq!(verdict(IF_MATCH, "\"x\""), Verdict::Failed);
    }

    #[test]
    fn dates_are_compared() {
        let rows = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Verdict::NotModified, Verdict::Proceed),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Verdict::NotModified, Verdict::Proceed),
            ("Sun Nov  6 08:49:37 1994", Verdict::NotModified, Verdict::Proceed),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Verdict::Proceed, Verdict::Proceed),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Verdict::Proceed, Verdict::Failed),
            ("yesterday", Verdict::Proceed, Verdict::Proceed),
        ];
        for (date, since, unless) in rows {
            assert_eq!(verdict(IF_MODIFIED_SINCE, date), since, "{date}");
            assert_eq!(verdict(IF_UNMODIFIED_SINCE, date), unless, "{date}");
        }
    }
}
