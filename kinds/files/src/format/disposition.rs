//! The file name in a `Content-Disposition` header (RFC 6266).

use percent_encoding::percent_decode_str;

/// The name, without any folder, where there is one that is harmless.
pub fn file_name(header: &str) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    for parameter in split_parameters(header).skip(1) {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(unquote(value)),
            "filename*" => extended = decode_extended(value),
            _ => {}
        }
    }
    let name = extended.or(plain)?;
    let name = name.rsplit(['/', '\\']).next()?.to_owned();
    airlift_core::TreePath::new(name.clone()).is_ok().then_some(name)
}

/// Splits at semicolons outside of quotes.
fn split_parameters(header: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    header.split(move |c| {
        let at_end = c == ';' && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        at_end
    })
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut characters = inner.chars();
    let mut plain = String::new();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

/// `UTF-8''na%C3%AFve.txt` (RFC 8187).
fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    charset
        .eq_ignore_ascii_case("utf-8")
        .then(|| percent_decode_str(encoded).decode_utf8().ok().map(|name| name.into_owned()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_harmless() {
        for (header, name) in [
            ("attachment; filename=x.run", Some("x.run")),
            ("attachment; filename=\"a;b \\\"c\\\".run\"; size=3", Some("a;b \"c\".run")),
            ("attachment; filename=x; filename*=UTF-8''na%C3%AFve.txt", Some("naïve.txt")),
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename=\"..\"", None),
            ("attachment; filename=\"a\\\\b.exe\"", Some("b.exe")),
            ("attachment", None),
        ] {
            assert_eq!(file_name(header).as_deref(), name, "{header}");
        }
    }
}
