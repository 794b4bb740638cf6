//! Packages, made byte by byte.

use airlift_kind_rpm::format::header::tag;

/// What a tag has.
pub(crate) enum Value {
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<u32>),
    Shorts(Vec<u16>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&[&str]> for Value {
    fn from(texts: &[&str]) -> Self {
        Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Numbers(vec![number])
    }
}

impl Value {
    /// Type, count, how it is aligned, and bytes.
    fn encoded(&self) -> (u32, usize, usize, Vec<u8>) {
        let ended = |text: &String| [text.as_bytes(), b"\0"].concat();
        match self {
            Self::Text(text) => (6, 1, 1, ended(text)),
            Self::Texts(texts) => (8, texts.len(), 1, texts.iter().flat_map(ended).collect()),
            Self::Numbers(all) => (4, all.len(), 4, all.iter().flat_map(|number| number.to_be_bytes()).collect()),
            Self::Shorts(all) => (3, all.len(), 2, all.iter().flat_map(|number| number.to_be_bytes()).collect()),
        }
    }
}

/// A header with these tags.
pub(crate) fn header(tags: &[(u32, Value)]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, value) in tags {
        let (kind, count, align, bytes) = value.encoded();
        data.resize(data.len().next_multiple_of(align), 0);
        for number in [*tag, kind, data.len() as u32, count as u32] {
            index.extend(number.to_be_bytes());
        }
        data.extend(bytes);
    }
    let counts = [(tags.len() as u32).to_be_bytes(), (data.len() as u32).to_be_bytes()].concat();
    [&[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0][..], &counts, &index, &data].concat()
}

/// A package of a main header and its payload; `sign` is given the header, and header and payload.
pub(crate) fn package(main: &[u8], payload: &[u8], sign: impl Fn(&[u8], &[u8]) -> Vec<(u32, Value)>) -> Vec<u8> {
    let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3, 0];
    bytes.resize(96, 0);
    let all = [main, payload].concat();
    bytes.extend(header(&sign(main, &all)));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    [bytes, all].concat()
}

/// The tags that every package has, and some files.
pub(crate) fn tags(name: &str) -> Vec<(u32, Value)> {
    vec![
        (tag::NAME, name.into()),
        (tag::VERSION, "1.0".into()),
        (tag::RELEASE, "2".into()),
        (tag::EPOCH, 3.into()),
        (tag::SUMMARY, "a <summary> & more".into()),
        (tag::ARCH, "noarch".into()),
        (tag::SOURCERPM, "s.src.rpm".into()),
        (tag::BASENAMES, (&["tool", "share", "log"][..]).into()),
        (tag::DIRNAMES, (&["/usr/bin/", "/usr/"][..]).into()),
        (tag::DIRINDEXES, Value::Numbers(vec![0, 1, 1])),
        (tag::FILEMODES, Value::Shorts(vec![0o100_755, 0o040_755, 0o100_644])),
        (tag::FILEFLAGS, Value::Numbers(vec![0, 0, 1 << 6])),
        (
            tag::REQUIRENAME,
            (&["rpmlib(X)", "/usr/bin/tool", "b", "b", "libc.so.6()(64bit)", "libc.so.6(GLIBC_2.4)"][..]).into(),
        ),
        (tag::REQUIREFLAGS, Value::Numbers(vec![0, 0, 12, 12 | 1 << 9, 0, 0])),
        (tag::REQUIREVERSION, (&["1", "", "2:3-4", "2:3-4", "", ""][..]).into()),
        (tag::CHANGELOGTIME, Value::Numbers(vec![20, 10, 10])),
        (tag::CHANGELOGNAME, (&["c ", "b", "a"][..]).into()),
        (tag::CHANGELOGTEXT, (&["third", "second", "first"][..]).into()),
    ]
}

/// A package of this name without signatures.
pub(crate) fn unsigned(name: &str) -> Vec<u8> {
    package(&header(&tags(name)), b"payload", |_, _| vec![(tag::SIG_PAYLOADSIZE, 7.into())])
}
