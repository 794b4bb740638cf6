//! A small world of packages, written as one writes them: `(a if b)`, `lib >= 2`.

use std::cell::RefCell;

use airlift_solve::{Candidate, Capability, Catalogue, Closure, Conflict, Dependencies, Formula, Options, Root, Slot};

/// One package of the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) provides: Vec<String>,
    pub(crate) requires: Vec<String>,
    pub(crate) recommends: Vec<String>,
    pub(crate) supplements: Vec<String>,
    pub(crate) conflicts: Vec<String>,
    pub(crate) obsoletes: Vec<String>,
    pub(crate) installed: bool,
}

/// All packages, and the names of those that may stand beside one another in several versions.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) packages: Vec<Package>,
    pub(crate) parallel: Vec<String>,
    texts: RefCell<Vec<String>>,
}

pub(crate) fn package(name: &str, version: u32) -> Package {
    Package { name: name.to_owned(), version, ..Package::default() }
}

impl Package {
    pub(crate) fn provides(mut self, what: &str) -> Self {
        self.provides.push(what.to_owned());
        self
    }

    pub(crate) fn requires(mut self, what: &str) -> Self {
        self.requires.push(what.to_owned());
        self
    }

    pub(crate) fn recommends(mut self, what: &str) -> Self {
        self.recommends.push(what.to_owned());
        self
    }

    pub(crate) fn supplements(mut self, what: &str) -> Self {
        self.supplements.push(what.to_owned());
        self
    }

    pub(crate) fn conflicts(mut self, what: &str) -> Self {
        self.conflicts.push(what.to_owned());
        self
    }

    pub(crate) fn obsoletes(mut self, what: &str) -> Self {
        self.obsoletes.push(what.to_owned());
        self
    }

    pub(crate) fn installed(mut self) -> Self {
        self.installed = true;
        self
    }

    /// Whether it is, or provides, what a requirement such as `lib >= 2` asks for. What is provided has no version.
    pub(crate) fn is(&self, what: &str) -> bool {
        let words: Vec<&str> = what.split(' ').collect();
        match *words {
            [name] => self.name == name || self.provides.iter().any(|provided| provided == name),
            [name, relation, version] => {
                let version: u32 = version.parse().expect("a version is a number");
                self.name == name
                    && match relation {
                        "=" => self.version == version,
                        "<" => self.version < version,
                        ">=" => self.version >= version,
                        _ => panic!("{relation} is no relation"),
                    }
            }
            _ => panic!("{what:?} is no requirement"),
        }
    }
}

impl World {
    pub(crate) fn new(packages: impl IntoIterator<Item = Package>) -> Self {
        Self { packages: packages.into_iter().collect(), ..Self::default() }
    }

    /// The number of a requirement.
    fn capability(&self, text: &str) -> Capability {
        let mut texts = self.texts.borrow_mut();
        let position = texts.iter().position(|known| known == text).unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        });
        Capability(position as u32)
    }

    /// A requirement as a formula.
    pub(crate) fn formula(&self, text: &str) -> Formula {
        let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
            return self.capability(text).into();
        };
        let mut depth = 0;
        let mut parts = vec![String::new()];
        let mut words = Vec::new();
        for word in inner.split(' ') {
            if depth == 0 && ["and", "or", "if", "else", "unless"].contains(&word) {
                words.push(word);
                parts.push(String::new());
                continue;
            }
            depth += word.matches('(').count();
            depth -= word.matches(')').count();
            let part = parts.last_mut().expect("there is one at least");
            if !part.is_empty() {
                part.push(' ');
            }
            part.push_str(word);
        }
        let mut parts = parts.iter().map(|part| self.formula(part));
        let mut next = || parts.next().expect("a part follows every word");
        match *words {
            ["if"] => next().only_if(next()),
            ["if", "else"] => next().if_else(next(), next()),
            ["unless"] => next().unless(next()),
            ["unless", "else"] => next().unless_else(next(), next()),
            [] => next(),
            [word, ..] if words.iter().all(|other| *other == word) => {
                let parts: Vec<Formula> = parts.collect();
                if word == "and" { Formula::all(parts) } else { Formula::any(parts) }
            }
            _ => panic!("{text:?} mixes its words"),
        }
    }

    pub(crate) fn root(&self, text: &str) -> Root {
        Root { label: text.to_owned(), needs: self.formula(text), required: true }
    }

    pub(crate) fn closure(&self, roots: &[&str], options: &Options<'_>) -> Closure {
        let roots: Vec<Root> = roots.iter().map(|root| self.root(root)).collect();
        airlift_solve::closure(self, &roots, options).expect("an answer")
    }

    /// The labels of what is chosen.
    pub(crate) fn labels(&self, chosen: &[Candidate]) -> Vec<String> {
        let mut labels: Vec<String> = chosen.iter().map(|&candidate| self.label(candidate)).collect();
        labels.sort();
        labels
    }

    /// What travels for these roots, as labels in one line.
    pub(crate) fn chosen(&self, roots: &[&str]) -> String {
        let closure = self.closure(roots, &Options::default());
        assert_eq!(closure.unsolved, [], "{roots:?} of {:?}", self.packages);
        self.labels(&closure.chosen).join(" ")
    }

    fn of(&self, candidate: Candidate) -> &Package {
        &self.packages[candidate.0 as usize]
    }

    /// These packages, names in the order of the world, the highest version of each first.
    fn sorted(&self, is_it: impl Fn(&Package) -> bool) -> Vec<Candidate> {
        let mut found: Vec<usize> =
            (0..self.packages.len()).filter(|&position| is_it(&self.packages[position])).collect();
        found.sort_by_key(|&position| {
            let package = &self.packages[position];
            let first = self.packages.iter().position(|other| other.name == package.name);
            (first, std::cmp::Reverse(package.version))
        });
        found.into_iter().map(|position| Candidate(position as u32)).collect()
    }
}

impl Catalogue for World {
    fn label(&self, candidate: Candidate) -> String {
        format!("{}-{}", self.of(candidate).name, self.of(candidate).version)
    }

    fn slot(&self, candidate: Candidate) -> Slot {
        let name = &self.of(candidate).name;
        let first = self.packages.iter().position(|other| other.name == *name);
        Slot(first.expect("it is there itself") as u32)
    }

    fn is_parallel(&self, slot: Slot) -> bool {
        self.parallel.contains(&self.packages[slot.0 as usize].name)
    }

    fn dependencies(&self, candidate: Candidate) -> Dependencies {
        let package = self.of(candidate);
        let all = |texts: &[String]| texts.iter().map(|text| self.formula(text)).collect();
        let conflict = |word| move |text: &String| Conflict { with: self.formula(text), word };
        let conflicts = package.conflicts.iter().map(conflict("conflicts with"));
        let obsoletes = package.obsoletes.iter().map(conflict("obsoletes"));
        Dependencies {
            requires: all(&package.requires),
            recommends: all(&package.recommends),
            conflicts: conflicts.chain(obsoletes).collect(),
        }
    }

    fn providers(&self, capability: Capability) -> Vec<Candidate> {
        let text = self.texts.borrow()[capability.0 as usize].clone();
        self.sorted(|package| package.is(&text))
    }

    fn describe(&self, capability: Capability) -> String {
        self.texts.borrow()[capability.0 as usize].clone()
    }

    fn absence(&self, capability: Capability) -> Option<String> {
        let text = self.describe(capability);
        let name = text.split(' ').next()?;
        let others = self.sorted(|package| package.name == name);
        (!others.is_empty()).then(|| format!("only {} is there", self.labels(&others).join(", ")))
    }

    fn installed(&self) -> Vec<Candidate> {
        self.sorted(|package| package.installed)
    }

    fn replacements(&self, installed: Candidate) -> Vec<Candidate> {
        let package = self.of(installed);
        let mut found = self.sorted(|other| {
            other.name == package.name || other.obsoletes.iter().any(|obsoleted| package.is(obsoleted))
        });
        found.retain(|&candidate| candidate != installed);
        found
    }

    fn supplements(&self) -> Vec<(Candidate, Formula)> {
        let all = self.packages.iter().enumerate();
        all.flat_map(|(position, package)| {
            package.supplements.iter().map(move |text| (Candidate(position as u32), self.formula(text)))
        })
        .collect()
    }
}
