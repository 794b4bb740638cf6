//! The control archive of a `.deb`, and the stanza that a list of packages has for it (deb(5), deb-control(5)).

use airlift_core::Digest;
use airlift_unpack::{Format, Limits, MemberLimits, UnpackError, member};

use super::deb822::{Deb822Error, Stanza, Stanzas};

/// The most bytes of an unpacked control archive. It has a line for each file of the package (`md5sums`).
const LARGEST_ARCHIVE: u64 = 256 << 20;

/// The most bytes of the control file itself.
const LARGEST: u64 = 4 << 20;

/// The most members of a control archive.
const MOST_MEMBERS: usize = 10_000;

/// What a list says of the file, and what a package must not say of itself (Debian Policy, 5.3 and 5.6).
const ABOUT_THE_FILE: [&str; 7] = ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Status"];

/// A package's own description of itself.
#[derive(Debug)]
pub struct Control {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    fields: Vec<(String, String)>,
}

/// The file that a stanza is about.
#[derive(Clone, Copy, Debug)]
pub struct DebFile<'a> {
    /// Its path below the repository's root.
    pub path: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub digest: Digest,
}

/// A control archive that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It can't be unpacked.
    #[error("its control archive can't be unpacked")]
    Unpack {
        /// Why not.
        source: UnpackError,
    },
    /// It has no control file.
    #[error("its control archive has no file 'control'")]
    Absent,
    /// Not fields.
    #[error("its control file can't be read")]
    Deb822 {
        /// Why not.
        source: Deb822Error,
    },
    /// More than one stanza, or none.
    #[error("its control file is not one stanza")]
    Stanzas,
    /// A name of a field that can't be.
    #[error("its control file has a field that can't be: {name:?}")]
    Name {
        /// The field's name, cut at 100 characters.
        name: String,
    },
    /// A field that every package has, or that is no single line of text.
    #[error("its control file has no usable {field}")]
    Field {
        /// The field's name.
        field: &'static str,
    },
}

impl Control {
    /// Reads the control file of a packed control archive.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub fn read(archive: &[u8], format: Format) -> Result<Self, ControlError> {
        let limits = MemberLimits { archive: Limits::output(LARGEST_ARCHIVE), members: MOST_MEMBERS, member: LARGEST };
        let wanted = |name: &[u8]| name.strip_prefix(b"./").unwrap_or(name) == b"control";
        let text = member(archive, format, &limits, wanted).map_err(|source| ControlError::Unpack { source })?;
        Self::parse(&text.ok_or(ControlError::Absent)?)
    }

    /// Reads a control file.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub fn parse(text: &[u8]) -> Result<Self, ControlError> {
        let (mut stanzas, mut stanza) = (Stanzas::with_comments(text), Stanza::default());
        let deb822 = |source| ControlError::Deb822 { source };
        let one = stanzas.read(&mut stanza).map_err(deb822)?;
        if !one || stanzas.read(&mut Stanza::default()).map_err(deb822)? {
            return Err(ControlError::Stanzas);
        }
        let need = |field| {
            let value = stanza.get(field).filter(|value| is_word(value));
            value.map(str::to_owned).ok_or(ControlError::Field { field })
        };
        let (package, version, architecture) = (need("Package")?, need("Version")?, need("Architecture")?);
        let foreign = |name: &str| ABOUT_THE_FILE.iter().any(|own| own.eq_ignore_ascii_case(name));
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in stanza.fields() {
            if !is_name(name) {
                return Err(ControlError::Name { name: name.chars().take(100).collect() });
            }
            let twice = fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            if !foreign(name) && !twice {
                fields.push((name.to_owned(), plain(value)));
            }
        }
        Ok(Self { package, version, architecture, fields })
    }

    /// The stanza of a list of packages, an empty line at its end.
    pub fn stanza(&self, file: DebFile<'_>) -> String {
        let mut text = String::new();
        let mut field = |name: &str, value: &str| {
            text.push_str(name);
            // A value that begins on the next line has no blank before it.
            text.push_str(if value.starts_with('\n') || value.is_empty() { ":" } else { ": " });
            text.push_str(value);
            text.push('\n');
        };
        let (description, others): (Vec<_>, Vec<_>) =
            self.fields.iter().partition(|(name, _)| name.eq_ignore_ascii_case("Description"));
        others.iter().for_each(|(name, value)| field(name, value));
        field("Filename", file.path);
        field("Size", &file.size.to_string());
        field("SHA256", &file.digest.hex());
        description.iter().for_each(|(name, value)| field(name, value));
        text.push('\n');
        text
    }
}

/// A single word without control characters, as names, versions and architectures are.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 500 && text.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

/// A name of a field (Debian Policy, 5.1).
fn is_name(text: &str) -> bool {
    !text.starts_with(['#', '-']) && text.chars().all(|c| c.is_ascii_graphic() && c != ':')
}

/// A value of which no line is taken for the end of the stanza, whatever ends lines where it is from.
fn plain(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (number, line) in value.split('\n').enumerate() {
        let line = line.replace(|c: char| c.is_control() && c != '\t', " ");
        match (number, line.trim_end()) {
            (0, line) => text.push_str(line),
            (_, "") => text.push_str("\n ."),
            (_, line) => {
                text.push('\n');
                text.push_str(line);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).expect("memory");
        }
        builder.into_inner().expect("memory")
    }

    const TEXT: &str = "Package: a\nVersion: 1:2+b~1\nArchitecture: all\nDepends: b,\n c (>= 1)\nsha256: x\nFilename: ../../x\n\
                        Description: short\n long\n .\n  more\nDepends: evil\nTag:\n one\n";

    #[test]
    fn a_control_archive_becomes_a_stanza() {
        for name in ["control", "./control"] {
            let archive = tar(&[("md5sums", b"x"), (name, TEXT.as_bytes())]);
            let control = Control::read(&archive, Format::Plain).expect("a control file");
            let digest = Digest::of(b"x");
            let stanza = control.stanza(DebFile { path: "./a.deb", size: 7, digest });
            let expected = format!(
                "Package: a\nVersion: 1:2+b~1\nArchitecture: all\nDepends: b,\n c (>= 1)\nTag:\n one\nFilename: ./a.deb\n\
                 Size: 7\nSHA256: {digest}\nDescription: short\n long\n .\n  more\n\n",
                digest = digest.hex()
            );
            assert_eq!(stanza, expected);
        }
    }

    #[test]
    fn hostile_control_archives_are_refused() {
        let text = |text: &str| tar(&[("control", text.as_bytes())]);
        for (archive, expected) in [
            (tar(&[("x", b"")]), "has no file 'control'"),
            (text(""), "not one stanza"),
            (text("Package: a\n\nPackage: b\n"), "not one stanza"),
            (text("Package: a b\nVersion: 1\nArchitecture: all\n"), "no usable Package"),
            (text("Package: a\nVersion: 1\n\t2\nArchitecture: all\n"), "no usable Version"),
            (text("Package: a\nVersion: 1\n"), "no usable Architecture"),
            (text("nothing\n"), "can't be read"),
            (text("Package: a\nVersion: 1\nArchitecture: all\nA\rB: x\n"), "a field that can't be"),
            (text("Package: a\n")[..515].to_vec(), "can't be unpacked"),
            (vec![b'x'; 2048], "can't be unpacked"),
            (text(&format!("Package: a\nDescription: {}\n", "x".repeat(5 << 20))), "more than the 4194304 bytes"),
            ((0..40).flat_map(|_| tar(&vec![("x", &b""[..]); 1000])[..512_000].to_vec()).collect(), "members"),
        ] {
            let error = Control::read(&archive, Format::Plain).expect_err(expected);
            let error = airlift_core::failure::line(&error);
            assert!(error.contains(expected), "{expected}: {error}");
        }
        let bomb = {
            use std::io::Write;
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            (0..300).for_each(|_| packed.write_all(&vec![0; 1 << 20]).expect("memory"));
            packed.finish().expect("memory")
        };
        // Zeros are the end of a tar: nothing after it is unpacked.
        assert!(matches!(Control::read(&bomb, Format::Gzip), Err(ControlError::Absent)));
    }

    proptest::proptest! {
        #[test]
        fn a_stanza_is_read_as_it_was_written(value in "[a-z(),\n\r\t]{0,40}", more in "( [a-z.]{1,5}\n){0,3}") {
            let text = format!("Package: a\nVersion: 1\nArchitecture: all\nX: {value}\n{more}");
            if let Ok(control) = Control::parse(text.as_bytes()) {
                let stanza = control.stanza(DebFile { path: "./a", size: 1, digest: Digest::of(b"") });
                let mut read = Stanza::default();
                let mut stanzas = Stanzas::new(stanza.as_bytes());
                proptest::prop_assert!(stanzas.read(&mut read).expect("a stanza"));
                proptest::prop_assert_eq!(read.get("Filename"), Some("./a"));
                proptest::prop_assert!(!stanzas.read(&mut Stanza::default()).expect("the end"));
            }
        }
    }
}
