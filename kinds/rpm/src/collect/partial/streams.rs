//! Which streams of modules are enabled, and which packages that shows and hides (dnf's modular filtering).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::format::evr::compare;
use crate::format::modules::{Defaults, Says, Stream};
use crate::format::nevra::Nevra;

/// The modules of some repositories.
#[derive(Default)]
pub(super) struct Modules {
    builds: Vec<Stream>,
    defaults: BTreeMap<String, Defaults>,
}

/// Which packages the enabled streams show.
#[derive(Default)]
pub(super) struct Active {
    /// The enabled streams by module.
    pub(super) streams: BTreeMap<String, String>,
    /// Packages of modules: whether they are of an enabled stream, and which `module:stream` they are of.
    artifacts: HashMap<String, (bool, String)>,
    /// Names that the enabled streams have: no other package of these names is seen.
    pub(super) names: HashSet<String>,
}

impl Modules {
    pub(super) fn add(&mut self, says: &Says) {
        match says {
            Says::Stream(build) => self.builds.push(build.clone()),
            Says::Defaults(defaults) => _ = self.defaults.insert(defaults.module.clone(), defaults.clone()),
            Says::About(..) | Says::Other => {}
        }
    }

    pub(super) fn has(&self, module: &str) -> bool {
        self.builds.iter().any(|build| build.name == module)
    }

    /// The streams of a module, in the order of their names.
    pub(super) fn streams(&self, module: &str) -> BTreeSet<&str> {
        self.builds.iter().filter(|build| build.name == module).map(|build| build.stream.as_str()).collect()
    }

    /// The stream that is meant where none is named.
    pub(super) fn default_stream(&self, module: &str) -> Option<&str> {
        let streams = self.streams(module);
        let default = self.defaults.get(module).and_then(|defaults| defaults.stream.as_deref());
        let default = default.filter(|stream| streams.contains(stream));
        default.or_else(|| streams.first().copied().filter(|_| streams.len() == 1))
    }

    /// The newest build of a stream that is enabled.
    pub(super) fn newest(&self, module: &str, stream: &str, active: &Active) -> Option<&Stream> {
        let builds = self.builds.iter().filter(|build| build.name == module && build.stream == stream);
        builds.max_by_key(|build| (usable(build, &active.streams), build.version))
    }

    /// The profiles that are installed where none is named.
    pub(super) fn default_profiles(&self, build: &Stream) -> Vec<String> {
        let named = self.defaults.get(&build.name).and_then(|defaults| defaults.profiles.get(&build.stream));
        match (named, build.profiles.len()) {
            (Some(named), _) if !named.is_empty() => named.clone(),
            (_, 1) => build.profiles.keys().cloned().collect(),
            _ if build.profiles.contains_key("default") => vec!["default".to_owned()],
            _ => Vec::new(),
        }
    }

    /// Enables streams, those that they need, and the default ones of all other modules.
    ///
    /// # Errors
    ///
    /// The sentence that says which stream can't be enabled.
    pub(super) fn enable(&self, asked: &BTreeMap<String, String>) -> Result<Active, String> {
        let mut streams = asked.clone();
        let mut open: Vec<String> = asked.keys().cloned().collect();
        while let Some(module) = open.pop() {
            let stream = streams[&module].clone();
            open.extend(self.follow(&module, &stream, &mut streams)?);
        }
        for (module, defaults) in &self.defaults {
            let Some(stream) = &defaults.stream else { continue };
            let mut more = streams.clone();
            if !streams.contains_key(module) && self.has(module) && self.follow(module, stream, &mut more).is_ok() {
                streams.entry(module.clone()).or_insert_with(|| stream.clone());
            }
        }
        Ok(self.shown(streams))
    }

    /// Enables what one stream needs; the modules that were not enabled before.
    fn follow(
        &self,
        module: &str,
        stream: &str,
        streams: &mut BTreeMap<String, String>,
    ) -> Result<Vec<String>, String> {
        let builds: Vec<&Stream> =
            self.builds.iter().filter(|build| build.name == module && build.stream == stream).collect();
        if builds.is_empty() {
            let known: Vec<&str> = self.streams(module).into_iter().collect();
            if known.is_empty() {
                return Err(format!("no repository for these hosts has the module {module}"));
            }
            return Err(format!("the module {module} has no stream {stream}; it has: {}", known.join(", ")));
        }
        let none = [BTreeMap::new()];
        for build in &builds {
            let ways = if build.requires.is_empty() { &none[..] } else { &build.requires[..] };
            for way in ways {
                if let Some(more) = self.way(way, streams) {
                    let names = more.iter().map(|(name, _)| name.clone()).collect();
                    streams.extend(more);
                    return Ok(names);
                }
            }
        }
        let needs: Vec<String> =
            builds[0].requires.iter().flatten().map(|(name, of)| format!("{name}:[{}]", of.join(", "))).collect();
        Err(format!(
            "the module {module}:{stream} needs {}, which does not go with the streams that are enabled",
            needs.join(", ")
        ))
    }

    /// What has to be enabled besides for one possibility of a build; none where that does not go.
    fn way(
        &self,
        way: &BTreeMap<String, Vec<String>>,
        streams: &BTreeMap<String, String>,
    ) -> Option<Vec<(String, String)>> {
        let mut more = Vec::new();
        for (module, wanted) in way.iter().filter(|(module, _)| *module != "platform") {
            match streams.get(module) {
                Some(stream) if allows(wanted, stream) => {}
                Some(_) => return None,
                None => {
                    let mut known: Vec<&str> = self.streams(module).into_iter().collect();
                    known.retain(|stream| allows(wanted, stream));
                    // The default one, or else the newest by its name.
                    known.sort_by(|a, b| compare(b, a));
                    let default = self.default_stream(module).filter(|default| known.contains(default));
                    more.push((module.clone(), default.or(known.first().copied())?.to_owned()));
                }
            }
        }
        Some(more)
    }

    fn shown(&self, streams: BTreeMap<String, String>) -> Active {
        let mut active = Active { streams, ..Active::default() };
        for build in &self.builds {
            let enabled = active.streams.get(&build.name) == Some(&build.stream);
            // Where no build fits, all are shown: metadata says what it was built for, not always what it runs with.
            let fits = || self.builds.iter().any(|other| same(other, build) && usable(other, &active.streams));
            let shown = enabled && (usable(build, &active.streams) || !fits());
            for artifact in &build.artifacts {
                let of = || (shown, format!("{}:{}", build.name, build.stream));
                let known = active.artifacts.entry(artifact.clone()).or_insert_with(of);
                if shown && !known.0 {
                    *known = of();
                }
                let package = Nevra::parse(artifact).filter(|package| shown && package.arch != "src");
                active.names.extend(package.map(|package| package.name.to_owned()));
            }
        }
        active
    }
}

impl Active {
    /// Whether a package of a module is shown, and of which `module:stream` it is; none for a package of no module.
    pub(super) fn artifact(&self, nevra: &str) -> Option<(bool, &str)> {
        self.artifacts.get(nevra).map(|(shown, of)| (*shown, of.as_str()))
    }
}

fn same(a: &Stream, b: &Stream) -> bool {
    a.name == b.name && a.stream == b.stream
}

/// Whether a build goes with the streams that are enabled.
fn usable(build: &Stream, streams: &BTreeMap<String, String>) -> bool {
    let fits = |way: &BTreeMap<String, Vec<String>>| {
        let mut needed = way.iter().filter(|(module, _)| *module != "platform");
        needed.all(|(module, wanted)| streams.get(module).is_some_and(|stream| allows(wanted, stream)))
    };
    build.requires.is_empty() || build.requires.iter().any(fits)
}

/// Whether a stream is one of those: no name is any stream, names with a `-` are all others.
fn allows(wanted: &[String], stream: &str) -> bool {
    let not = |name: &String| name.strip_prefix('-') == Some(stream);
    let mut positive = wanted.iter().filter(|name| !name.starts_with('-')).peekable();
    !wanted.iter().any(not) && (positive.peek().is_none() || positive.any(|name| name == stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(name: &str, stream: &str, requires: &[(&str, &[&str])], artifact: &str) -> Says {
        let way = requires.iter().map(|(module, streams)| {
            ((*module).to_owned(), streams.iter().map(|stream| (*stream).to_owned()).collect())
        });
        Says::Stream(Stream {
            name: name.to_owned(),
            stream: stream.to_owned(),
            requires: vec![way.chain([("platform".to_owned(), vec!["el8".to_owned()])]).collect()],
            artifacts: vec![artifact.to_owned()],
            ..Stream::default()
        })
    }

    fn defaults(module: &str, stream: &str) -> Says {
        Says::Defaults(Defaults { module: module.to_owned(), stream: Some(stream.to_owned()), ..Defaults::default() })
    }

    fn modules() -> Modules {
        let mut modules = Modules::default();
        for says in [
            build("perl", "5.24", &[], "perl-4:5.24-1.x86_64"),
            build("perl", "5.26", &[], "perl-4:5.26-1.x86_64"),
            build("dbi", "1", &[("perl", &["5.24"])], "dbi-0:1-1.24.x86_64"),
            build("dbi", "1", &[("perl", &["5.26"])], "dbi-0:1-1.26.x86_64"),
            build("app", "2", &[("dbi", &[]), ("perl", &["-5.26"])], "app-0:2-1.x86_64"),
            defaults("perl", "5.26"),
            defaults("dbi", "1"),
        ] {
            modules.add(&says);
        }
        modules
    }

    fn shown(asked: &[(&str, &str)]) -> Vec<String> {
        let asked = asked.iter().map(|(module, stream)| ((*module).to_owned(), (*stream).to_owned())).collect();
        let active = modules().enable(&asked).expect("streams");
        let mut shown: Vec<String> =
            active.artifacts.into_iter().filter(|(_, (shown, _))| *shown).map(|(name, _)| name).collect();
        shown.sort();
        shown
    }

    #[test]
    fn builds_fit_the_streams_that_are_enabled() {
        assert_eq!(shown(&[]), ["dbi-0:1-1.26.x86_64", "perl-4:5.26-1.x86_64"]);
        assert_eq!(shown(&[("perl", "5.24")]), ["dbi-0:1-1.24.x86_64", "perl-4:5.24-1.x86_64"]);
        assert_eq!(shown(&[("app", "2")]), ["app-0:2-1.x86_64", "dbi-0:1-1.24.x86_64", "perl-4:5.24-1.x86_64"]);
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        let asked = |list: &[(&str, &str)]| {
            let list = list.iter().map(|(module, stream)| ((*module).to_owned(), (*stream).to_owned())).collect();
            modules().enable(&list).err().unwrap_or_default()
        };
        assert!(asked(&[("app", "2"), ("perl", "5.26")]).contains("app:2 needs"), "{}", asked(&[("app", "2")]));
        assert_eq!(asked(&[("perl", "6")]), "the module perl has no stream 6; it has: 5.24, 5.26");
    }
}
