//! Which form of a page a client prefers (simple repository API, "Version + Format Selection"; RFC 9110, section 12.5.1).

/// The forms of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `application/vnd.pypi.simple.v1+json`.
    Json,
    /// `application/vnd.pypi.simple.v1+html`.
    HtmlV1,
    /// `text/html`.
    Html,
}

/// The forms, the one first that is taken where the client does not care: what every client understands.
const FORMS: [(Form, &str, &str); 3] = [
    (Form::Html, "text/html", "text/html"),
    (Form::Json, "application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"),
    (Form::HtmlV1, "application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html"),
];

/// The form for an `Accept` header; none where none of them is accepted. No header, or an empty one, accepts all.
pub fn choose(accept: &str) -> Option<Form> {
    if accept.trim().is_empty() {
        return Some(FORMS[0].0);
    }
    let mut best: Option<(u16, Form)> = None;
    for (form, name, alias) in FORMS {
        let quality = quality(accept, name).max(quality(accept, alias));
        if quality > best.map_or(0, |(other, _)| other) {
            best = Some((quality, form));
        }
    }
    best.map(|(_, form)| form)
}

/// How much a media type is wanted, in thousandths: as its most special mention says.
fn quality(accept: &str, media_type: &str) -> u16 {
    let kind = media_type.split('/').next().unwrap_or_default();
    let mut best: Option<(u8, u16)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let special = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(media_type) => 2,
            Some(("*", "*")) => 0,
            Some((of, "*")) if of.eq_ignore_ascii_case(kind) => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1000, thousandths);
        if best.is_none_or(|(other, _)| special > other) {
            best = Some((special, weight));
        }
    }
    best.map_or(0, |(_, weight)| weight)
}

/// A weight between 0 and 1 with at most three digits behind the point; what is none counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if digits => 1000,
        "0" if digits => format!("{rest:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_client_gets_what_it_prefers() {
        for (accept, form) in [
            ("", Some(Form::Html)),
            ("*/*", Some(Form::Html)),
            // pip 20, pip of today, uv, poetry, a browser.
            ("text/html", Some(Form::Html)),
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                Some(Form::Json),
            ),
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
                Some(Form::Json),
            ),
            ("application/vnd.pypi.simple.v1+json, */*;q=0.1", Some(Form::Json)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Form::Html)),
            ("application/vnd.pypi.simple.v1+html", Some(Form::HtmlV1)),
            ("application/vnd.pypi.simple.latest+json", Some(Form::Json)),
            ("application/*", Some(Form::Json)),
            ("text/*;q=0.5, application/vnd.pypi.simple.v1+html;q=0.4", Some(Form::Html)),
            ("application/vnd.pypi.simple.v1+json;q=0, */*", Some(Form::Html)),
            ("application/json", None),
            ("application/vnd.pypi.simple.v2+json", None),
            ("text/html;q=0", None),
            ("text/html;q=x", None),
        ] {
            assert_eq!(choose(accept), form, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd_to_be_judged(accept in "(text/html|\\*/\\*|;q=|0\\.|,|\\PC){0,20}") {
            let _ = choose(&accept);
        }
    }
}
