//! Variables in the URLs of repositories: `$releasever`, `${basearch}` (dnf.conf(5)).

use std::collections::BTreeMap;

/// Puts values in the place of variables.
///
/// # Errors
///
/// The name of the first variable that has no value.
pub fn substitute(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, behind) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, behind)) => (name, behind),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        match value(name, values) {
            Some(value) => out.push_str(&value),
            None if name.is_empty() => out.push('$'),
            None => return Err(name.to_owned()),
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(name: &str, values: &BTreeMap<String, String>) -> Option<String> {
    if let Some(value) = values.get(name) {
        return Some(value.clone());
    }
    // dnf5 makes these of the release's version.
    let version = values.get("releasever")?;
    let (major, minor) = version.split_once('.').unwrap_or((version, ""));
    match name {
        "releasever_major" => Some(major.to_owned()),
        "releasever_minor" => Some(minor.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_get_their_values_or_are_named() {
        let values =
            BTreeMap::from([("releasever".to_owned(), "9.4".to_owned()), ("basearch".into(), "x86_64".into())]);
        let of = |text| substitute(text, &values);
        assert_eq!(of("http://e/$releasever/${basearch}/os").as_deref(), Ok("http://e/9.4/x86_64/os"));
        assert_eq!(of("el$releasever_major-$basearch$").as_deref(), Ok("el9-x86_64$"));
        assert_eq!(of("http://e/$arch/"), Err("arch".to_owned()));
    }
}
