//! Versions of Debian packages and their order (Debian Policy, section 5.6.12; deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions: epoch, then upstream version, then revision.
///
/// Any two texts can be compared, also those that are no versions: an epoch that is no number counts as text, as dpkg
/// has it for what is installed already.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    let epochs = number(a.0).cmp(&number(b.0));
    epochs.then_with(|| part(a.1, b.1)).then_with(|| part(a.2, b.2))
}

/// Epoch, upstream version and revision; an absent epoch or revision is the same as one of "0" (section 5.6.12).
fn parts(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("0", version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// A number without its leading zeros, ordered by length and then as text: of any size.
fn number(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

/// Compares upstream versions or revisions: what is no digit and what is, by turns.
fn part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (text_a, text_b) =
            (take(&mut a, |byte| !byte.is_ascii_digit()), take(&mut b, |byte| !byte.is_ascii_digit()));
        let order = text(text_a, text_b);
        if order.is_ne() {
            return order;
        }
        let (digits_a, digits_b) = (take(&mut a, u8::is_ascii_digit), take(&mut b, u8::is_ascii_digit));
        let order = digits(digits_a, digits_b);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn take<'a>(rest: &mut &'a [u8], wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = rest.iter().position(|byte| !wanted(byte)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    taken
}

/// `~` sorts before the end, the end before letters, letters before all else.
fn text(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let longest = a.len().max(b.len());
    let ranks = (0..longest).map(|at| rank(a.get(at)).cmp(&rank(b.get(at))));
    ranks.fold(Ordering::Equal, Ordering::then)
}

fn digits(a: &[u8], b: &[u8]) -> Ordering {
    let trim = |digits: &[u8]| digits.iter().position(|byte| *byte != b'0').unwrap_or(digits.len());
    let (a, b) = (&a[trim(a)..], &b[trim(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each is less than the next, as policy and deb-version(7) have it.
    #[test]
    fn versions_are_in_their_order() {
        let ordered = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0+",
            "0.0~rc1",
            "0.0",
            "0.00a",
            "1.0~beta1~svn1245",
            "1.0~beta1",
            "1.0",
            "1.0-0ubuntu1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-10",
            "1.0a",
            "1.0+dfsg",
            "1.0-1-1",
            "1.0.1",
            "1.9",
            "1.10",
            "99999999999999999999999",
            "100000000000000000000000",
            "1:0~",
            "1:0",
            "2:0",
            "10:0",
        ];
        for (at, a) in ordered.iter().enumerate() {
            for (other, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a, b), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_may_be_the_same() {
        for (a, b) in
            [("1", "0:1"), ("1", "1-0"), ("1.0", "1.00"), ("01", "1"), ("1-", "1"), ("1.", "1.0"), ("00:1", "1")]
        {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    fn version() -> impl Strategy<Value = String> {
        "([0-9]{1,2}:)?[0-9][0-9a-b.+~]{0,6}(-[0-9a-b+.~]{1,3})?"
    }

    proptest! {
        #[test]
        fn the_order_is_total((a, b, c) in (version(), version(), version())) {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }

        #[test]
        fn a_tilde_is_before_and_a_plus_is_behind(a in "[0-9][0-9a-b.+~]{0,6}") {
            let (before, behind, later) = (format!("{a}~"), format!("{a}+"), format!("1:{a}"));
            prop_assert!(compare(&before, &a).is_lt());
            prop_assert!(compare(&behind, &a).is_gt());
            prop_assert!(compare(&later, &a).is_gt());
        }

        #[test]
        fn no_text_makes_it_panic((a, b) in ("[-:~+.a-c0-2\u{e4} ]{0,12}", "[-:~+.a-c0-2\u{e4} ]{0,12}")) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
    }
}
