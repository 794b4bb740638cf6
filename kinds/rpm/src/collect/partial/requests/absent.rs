//! Why nothing matches a line.

use super::{Line, Shelf, evrs, full_names};
use crate::collect::partial::universe::Package;
use crate::format::evr::{Evr, Flags};
use crate::format::request::Request;
use crate::format::rich::Simple;

impl Shelf<'_> {
    /// Why nothing matches a line, and who would have it.
    pub(super) fn why_missing(&self, line: &Line) -> String {
        let (universe, id) = (self.sight.universe, self.id(line));
        if matches!(line.request, Request::File(_)) {
            return format!("no package of {id} has it");
        }
        let all = universe.packages.iter().zip(0_u32..).filter(|(package, _)| is_named(&line.request, package));
        let all: Vec<(&Package, u32)> = all.collect();
        let own = || all.iter().filter(|(_, number)| self.is_of(line, *number));
        let meant = || own().filter(|(package, _)| has_version(&line.request, package));
        let reasons = |(_, number): &(&Package, u32)| self.catalogue.hidden(*number);
        let like_that = |reason: String| format!("no package of {id} that these hosts see is like that: {reason}");
        if let Some(reason) = meant().find_map(reasons) {
            return like_that(reason);
        }
        if let Some((source, _)) = meant().find(|(package, _)| package.is_source()) {
            let source = source.label();
            return format!("{source} of {id} is a source; 'sources: true' brings the sources of what is asked for");
        }
        let other = all.iter().find(|(package, number)| {
            let is_listed = package.repository < self.ids.len() && self.sight.sees(*number);
            is_listed && has_version(&line.request, package)
        });
        if let Some((package, _)) = other {
            let other = &self.ids[package.repository];
            return format!("{id} has no such package, but {other} has {}; ask there for it", package.label());
        }
        let seen = own().filter(|(_, number)| self.sight.sees(*number)).map(|(package, _)| package.label());
        let versions: Vec<String> = seen.take(5).collect();
        if !versions.is_empty() {
            return format!("{id} has it in other versions: {}", versions.join(", "));
        }
        match own().find_map(reasons) {
            Some(reason) => like_that(reason),
            None => format!("{id} has no such package"),
        }
    }
}

/// Whether a package has the name that a line asks for.
fn is_named(request: &Request, package: &Package) -> bool {
    let info = &package.info;
    match request {
        Request::Name(pattern) | Request::Version(pattern, _) => {
            pattern.matches(&info.name)
                || full_names(package).iter().any(|name| pattern.matches(name))
                || pattern.matches(&format!("{}.{}", info.name, info.arch))
        }
        Request::Provided(simple) => info.name == simple.name,
        _ => false,
    }
}

/// Whether a package of that name has the version that a line asks for.
fn has_version(request: &Request, package: &Package) -> bool {
    match request {
        Request::Version(_, version) => evrs(package).iter().any(|evr| version.matches(evr)),
        Request::Provided(Simple { version: Some((flags, evr)), .. }) => {
            Flags::EQUAL.overlap(&package.evr(), *flags, &Evr::parse(evr))
        }
        _ => true,
    }
}
