//! Lists of packages as bytes: stanzas that are looked into and handed on exactly as they are.

/// The stanzas of a list (deb822(5)), without the empty lines between them; each ends with its last line's end.
pub fn stanzas(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while let Some(line) = first_line(rest).filter(|line| is_blank(line)) {
            rest = &rest[line.len()..];
        }
        let mut end = 0;
        while let Some(line) = first_line(&rest[end..]).filter(|line| !is_blank(line)) {
            end += line.len();
        }
        let (stanza, after) = rest.split_at(end);
        rest = after;
        (end > 0).then_some(stanza)
    })
}

/// The first line with its end; none of no bytes.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    (end > 0).then(|| &bytes[..end])
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// The fields of a stanza in their order: name and value, without white space around the value; lines that continue it are
/// part of it. What is no field is passed over.
pub fn fields(stanza: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = stanza;
    std::iter::from_fn(move || {
        loop {
            let mut end = first_line(rest)?.len();
            while let Some(line) =
                first_line(&rest[end..]).filter(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
            {
                end += line.len();
            }
            let (field, after) = rest.split_at(end);
            rest = after;
            if let Some(colon) =
                field.iter().position(|byte| *byte == b':' || *byte == b'\n').filter(|at| field[*at] == b':')
            {
                return Some((&field[..colon], field[colon + 1..].trim_ascii()));
            }
        }
    })
}

/// A field's value, where it is there, not empty, and text; names are compared without case.
pub fn field<'a>(stanza: &'a [u8], name: &str) -> Option<&'a str> {
    let (_, value) = fields(stanza).find(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))?;
    std::str::from_utf8(value).ok().filter(|value| !value.is_empty())
}

/// The source of a package, and its version: `Source: name (version)`, where they are not the package's own
/// (deb-control(5), Source).
pub fn source_of<'a>(stanza: &'a [u8], own: (&'a str, &'a str)) -> (&'a str, &'a str) {
    let Some(source) = field(stanza, "Source") else { return own };
    match source.split_once('(') {
        Some((name, version)) => (name.trim(), version.trim_end().trim_end_matches(')').trim()),
        None => (source, own.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::deb822::{Stanza, Stanzas};

    #[test]
    fn stanzas_keep_their_bytes() {
        let list = b"\n \nPackage: a\nDescription: x\n \xe4 y\n .\n\n\t\n\nPackage: b\nX:";
        let found: Vec<&[u8]> = stanzas(list).collect();
        assert_eq!(found, [&b"Package: a\nDescription: x\n \xe4 y\n .\n"[..], b"Package: b\nX:"]);
        assert_eq!(field(found[0], "package"), Some("a"));
        assert_eq!(field(found[0], "Description"), None, "it is no text");
        assert_eq!((field(found[1], "X"), field(found[1], "Y")), (None, None));
        assert_eq!(field(b"no field\nA:1\nB: x,\n y\n", "B"), Some("x,\n y"));
    }

    proptest::proptest! {
        #[test]
        fn it_reads_what_the_other_reader_reads(text in "([A-C]: ?[a-c]{0,2}\n( [a-c]{1,2}\n)?|\n){0,8}") {
            let (mut reader, mut stanza, mut all) = (Stanzas::new(text.as_bytes()), Stanza::default(), stanzas(text.as_bytes()));
            while reader.read(&mut stanza).expect("stanzas") {
                let raw = all.next().expect("a stanza");
                for name in ["A", "B", "C"] {
                    proptest::prop_assert_eq!(field(raw, name), stanza.get(name).filter(|value| !value.is_empty()));
                }
            }
            proptest::prop_assert!(all.next().is_none());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::sample::select(b"A: \n\t.\xff".to_vec()), 0..40)) {
            for stanza in stanzas(&bytes) {
                let _ = (fields(stanza).count(), field(stanza, "A"));
            }
        }
    }
}
