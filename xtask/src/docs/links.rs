//! Links between the documents of this checkout.

use std::fs;
use std::path::Path;

use crate::run::{Outcome, at, files, root, say};

/// Checks that every relative link leads to something.
pub(super) fn check() -> Outcome {
    let pages = files(root(), "md")?;
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).map_err(at(page))?;
        let folder = page.parent().unwrap_or(Path::new("."));
        for target in targets(&text).filter(|target| !leads_somewhere(folder, target)) {
            broken.push(format!("{}: {target}", page.strip_prefix(root()).unwrap_or(page).display()));
        }
    }
    if broken.is_empty() {
        say(&format!("docs: the links of {} pages lead somewhere", pages.len()));
        return Ok(());
    }
    Err(format!("links that lead nowhere:\n  {}", broken.join("\n  ")).into())
}

/// The targets of a page's links, `[text](target)`, outside of code blocks.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    let lines = text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    lines.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// Whether a link's file is there. What lies on other hosts is not asked for.
fn leads_somewhere(folder: &Path, target: &str) -> bool {
    let file = target.split('#').next().unwrap_or(target);
    file.is_empty() || file.contains("://") || folder.join(file).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_outside_of_code() {
        let text = "See [a](a.md), [b](b/c.md#part).\n```text\n[x](not-a-link)\n```\n[web](https://example.org/)\n";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["a.md", "b/c.md#part", "https://example.org/"]);
    }

    #[test]
    fn a_link_to_nothing_is_seen() {
        assert!(leads_somewhere(root(), "README.md#commands"));
        assert!(leads_somewhere(root(), "#commands"));
        assert!(leads_somewhere(root(), "https://example.org/none"));
        assert!(!leads_somewhere(root(), "docs/none.md"));
    }
}
