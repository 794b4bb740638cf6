//! Dependency specifiers and their markers (PEP 508): the one way in to the library that reads them.
//!
//! The library was written for what people write. Some texts make it panic, and while it does so it holds the lock that all
//! markers share, so that nothing can be read any more. Other texts make it read variables of this process's environment
//! into URLs, or build tables that double with each part of a marker. `guard` refuses all of them before the library sees
//! them, and says why; `read` and `marker` are the only callers of the library.

use std::str::FromStr;

use pep508_rs::{
    ExtraName, MarkerEnvironment, MarkerEnvironmentBuilder, MarkerTree, MarkerTreeKind, MarkerValueExtra, Pep508Error,
    Pep508ErrorSource, VerbatimUrl,
};

use super::{Requirement, plain};

/// The most bytes of a text.
const LENGTH: usize = 64 << 10;
/// How deep markers may be nested: reading them is a recursion.
const DEPTH: usize = 64;
/// How often `and` and `or` may stand in a marker: a comparison of its own each, and a step of a recursion.
const JOINTS: usize = 256;
/// How often the rarer of `and` and `or` may stand in a marker of a stranger: each may double a table twice.
const TURNS: usize = 10;
/// Numbers from here on are too large to have one added to them.
const LARGE: &str = "1844674407370955161";

/// Reads a requirement that the user chose: one of the manifest, or of a file that it names.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn requirement(text: &str) -> Result<Requirement, String> {
    guard(text)?;
    Requirement::from_str(text).map_err(reason)
}

/// Reads a requirement of a package's own metadata: a stranger's.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn strange_requirement(text: &str) -> Result<Requirement, String> {
    let (ands, ors) = joints(text);
    if ands.min(ors) > TURNS {
        return Err(format!("its marker has more than {TURNS} 'and's between as many 'or's"));
    }
    requirement(text)
}

/// Reads a marker.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn marker(text: &str) -> Result<MarkerTree, String> {
    guard(text)?;
    MarkerTree::from_str(text).map_err(reason)
}

/// What markers see of a release of CPython (major, minor and patch) on Linux on a machine such as `x86_64`.
pub fn cpython((major, minor, patch): (u16, u16, u16), machine: &str) -> MarkerEnvironment {
    let (short, full) = (format!("{major}.{minor}"), format!("{major}.{minor}.{patch}"));
    let markers = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: machine,
        platform_python_implementation: "CPython",
        // What the kernel calls itself is not known beforehand, and markers that ask for it are of the past.
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: &full,
        python_version: &short,
        sys_platform: "linux",
    };
    markers.try_into().expect("numbers with dots between them are versions")
}

/// Whether a marker holds in an environment, with these extras.
///
/// As the library's own `evaluate`, which besides visits every path of the marker to warn of old names, and so takes a time
/// that doubles with each part of it.
pub fn applies(marker: &MarkerTree, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
    let mut rest = marker.clone();
    loop {
        let next = match rest.kind() {
            MarkerTreeKind::True => return true,
            MarkerTreeKind::False => return false,
            MarkerTreeKind::Version(one) => {
                let version = environment.get_version(one.key());
                one.edges().find(|(range, _)| range.contains(version)).map(|(_, next)| next)
            }
            MarkerTreeKind::String(one) => {
                let value = environment.get_string(one.key());
                one.children().find(|(range, _)| range.contains(value)).map(|(_, next)| next)
            }
            MarkerTreeKind::In(one) => Some(one.edge(one.value().contains(environment.get_string(one.key())))),
            MarkerTreeKind::Contains(one) => Some(one.edge(environment.get_string(one.key()).contains(one.value()))),
            MarkerTreeKind::Extra(one) => {
                let is_wanted = matches!(one.name(), MarkerValueExtra::Extra(extra) if extras.contains(extra));
                Some(one.edge(is_wanted))
            }
        };
        let Some(next) = next else { return false };
        rest = next;
    }
}

/// Refuses what the library does not survive. Each rule is wider than its cause, so that nothing has to be parsed twice.
fn guard(text: &str) -> Result<(), String> {
    if text.len() > LENGTH {
        return Err(format!("it is longer than {LENGTH} bytes"));
    }
    // It counts characters and then cuts bytes. No part of a requirement has others but a URL, which has them encoded.
    if let Some(odd) = text.chars().find(|c| !c.is_ascii()) {
        return Err(format!("it has the character '{}', which is not ASCII", odd.escape_default()));
    }
    // It fills in variables of this process's environment, which may be secrets, and sends them to who wrote the URL.
    if text.contains("${") {
        return Err("variables of the environment are not filled in here".to_owned());
    }
    // It takes such names for read, and then does not expect that they are none.
    let (name, rest) = split_name(text.trim_start());
    let extras = rest.trim_start().strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let names = std::iter::once(name).chain(extras.split(|c| !is_of_name(c)));
    if let Some(odd) = names.into_iter().find(|name| name.ends_with(['.', '-', '_'])) {
        return Err(format!("the name '{}' ends with a '{}'", plain(odd, 100), &odd[odd.len() - 1..]));
    }
    // It refuses `name ~= 'text'`, and forgets to do so the other way round.
    if text.split(['\'', '"']).skip(1).any(|behind| behind.trim_start().starts_with("~=")) {
        return Err("it compares a text by '~=', which is for versions".to_owned());
    }
    // It adds one to them.
    if text.contains(LARGE) {
        return Err("it has a number that no version has".to_owned());
    }
    if text.matches('(').count() > DEPTH {
        return Err(format!("it has more than {DEPTH} parentheses"));
    }
    let (ands, ors) = joints(text);
    match ands + ors > JOINTS {
        true => Err(format!("its marker has more than {JOINTS} parts")),
        false => Ok(()),
    }
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// The name that a text begins with, and the rest.
fn split_name(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_of_name(c)).unwrap_or(text.len()))
}

/// How often `and` and `or` stand in a text as words.
fn joints(text: &str) -> (usize, usize) {
    let words = || text.split(|c: char| !c.is_alphanumeric() && c != '_');
    (words().filter(|word| *word == "and").count(), words().filter(|word| *word == "or").count())
}

/// What the library says, in one line: its own message has a drawing in it, and draws beyond the end of some texts.
fn reason(error: Pep508Error<VerbatimUrl>) -> String {
    match error.message {
        Pep508ErrorSource::String(reason) | Pep508ErrorSource::UnsupportedRequirement(reason) => plain(&reason, 300),
        Pep508ErrorSource::UrlError(error) => plain(&error.to_string(), 300),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environment() -> MarkerEnvironment {
        cpython((3, 11, 7), "x86_64")
    }

    /// Each made the library panic, or worse.
    #[test]
    fn what_the_library_does_not_survive_is_refused() {
        for (text, expected) in [
            ("a ; os_name == 'x' aé", "not ASCII"),
            ("a- ; os_name == 'x'", "'a-' ends with a '-'"),
            ("a. >=1", "ends with a '.'"),
            ("a[b_]", "'b_' ends with a '_'"),
            ("a [b, c-", "ends with a '-'"),
            ("a ; 'x' ~= os_name", "'~='"),
            ("a ; \"x\"~=sys_platform", "'~='"),
            ("a ; python_version == '3.18446744073709551615.*'", "number"),
            ("a ; python_version > '3.18446744073709551615'", "number"),
            ("a ; python_version ~= '18446744073709551615.1'", "number"),
            ("a @ https://example.org/${HOME}/a-1.tar.gz", "not filled in"),
            ("a @ https://example.org/${PROJECT_ROOT}/a-1.tar.gz", "not filled in"),
        ] {
            let error = requirement(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
        for text in ["os_name == 'x' aé", "'x' ~= os_name", "python_version > '3.18446744073709551615'"] {
            assert!(marker(text).is_err(), "{text}");
        }
        let deep = format!("a ; {}os_name == 'x'{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(requirement(&deep).expect_err("deep").contains("longer"));
        let deep = format!("a ; {}os_name == 'x'{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(requirement(&deep).expect_err("deep").contains("parentheses"));
    }

    #[test]
    fn the_largest_that_are_read_take_no_long_time_and_no_deep_stack() {
        let contains = |at: usize| format!("'x{at}' in os_name");
        let wide = (0..=JOINTS).map(contains).collect::<Vec<_>>().join(" or ");
        let tree = marker(&wide).expect("a marker");
        assert!(!applies(&tree, &environment(), &[]));
        assert!(requirement(&format!("a ; {wide} or {}", contains(999))).expect_err("too wide").contains("parts"));

        // Each term doubles the table: the first halves of all terms come before the second halves of all.
        let term = |at: usize| {
            format!(
                "('a{at:02}' in os_name or 'b{at:02}' in os_name) and ('c{at:02}' in os_name or 'd{at:02}' in os_name)"
            )
        };
        let terms = |count: usize| (0..count).map(term).collect::<Vec<_>>().join(" or ");
        let hard = strange_requirement(&format!("a ; {}", terms(TURNS))).expect("a requirement");
        assert!(!applies(&hard.marker, &environment(), &[]));
        let error = strange_requirement(&format!("a ; {}", terms(TURNS + 1))).expect_err("too many turns");
        assert!(error.contains("'and's"), "{error}");
    }

    #[test]
    fn what_people_write_is_read() {
        for text in [
            "a",
            "a.b-c_d[e-f,g.h]>=1,!=1.5.*,<2",
            "a (>=1) ; extra == 'all'",
            "a @ https://example.org/a-1.tar.gz#sha256=00 ; python_version < '3.9'",
            "a[] ~= 1.2 ; python_version ~= '3.8'",
            "a ; '3.8' <= python_version and platform_version != 'é'.replace",
        ] {
            let read = requirement(text);
            assert_eq!(read.is_err(), text.contains("replace"), "{text}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn markers_hold_where_the_library_says_so(
            parts in proptest::collection::vec((0_usize..8, any::<bool>()), 1..6),
        ) {
            let comparisons = [
                "os_name == 'posix'", "python_version < '3.9'", "extra == 'x'", "'lin' in sys_platform",
                "sys_platform in 'linux win32'", "python_full_version >= '3.11.7'", "platform_machine != 'arm64'",
                "platform_release > '5'",
            ];
            let mut text = String::new();
            for (at, (which, and)) in parts.iter().enumerate() {
                let joint = if *and { " and " } else { " or " };
                text.push_str(if at == 0 { "" } else { joint });
                text.push_str(comparisons[*which]);
            }
            let tree = marker(&text).expect("a marker");
            let extra = [ExtraName::from_str("x").expect("a name")];
            for extras in [&[][..], &extra[..]] {
                prop_assert_eq!(applies(&tree, &environment(), extras), tree.evaluate(&environment(), extras), "{}", text);
            }
        }

        #[test]
        fn no_text_is_too_odd_to_be_judged(
            text in "(a|\\[|\\]|,|-|_|\\.|;| |\\(|\\)|'|\"|~=|==|<|!=|===|os_name|python_version|python_full_version|implementation_version|extra|in|not|and|or|3|\\.\\*|1!|rc|\\+l|@|https://e/|#|\\$\\{|\\PC){0,40}"
        ) {
            for read in [requirement(&text), strange_requirement(&text)].into_iter().flatten() {
                let _ = (applies(&read.marker, &environment(), &[]), read.to_string());
            }
            let _ = marker(&text);
        }

        #[test]
        fn no_marker_is_too_odd_to_be_judged(
            text in "((os_name|python_version|python_full_version|implementation_version|extra|'3\\.[0-9]{1,2}'|'18446744073709551(614|615|616)'|'[0-9.*a+!]{0,6}') ?(==|!=|<|<=|>|>=|~=|===|in|not in) ?(os_name|python_version|implementation_version|extra|'3\\.[0-9]{1,2}(\\.\\*)?'|'[0-9.*a+! ]{0,6}')( and | or |  ?\\(|\\)|)){0,5}"
        ) {
            for read in [requirement(&format!("a ; {text}")), requirement(&format!("a[b] @ https://e/x ; {text}"))].into_iter().flatten() {
                let _ = (applies(&read.marker, &environment(), &[]), read.to_string());
            }
            let _ = marker(&text);
        }
    }
}
