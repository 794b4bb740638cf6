//! Which projects are taken as wheels only, or as source distributions only (pip's `--only-binary` and `--no-binary`).

use std::collections::BTreeSet;

use pep508_rs::PackageName;

/// What stands for every project, and for none.
const ALL: &str = ":all:";
const NONE: &str = ":none:";

/// What a project is taken as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a wheel.
    Wheel,
    /// As a source distribution.
    Sdist,
}

/// What was said of each project: nothing, or one form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    wheels: BTreeSet<String>,
    sdists: BTreeSet<String>,
}

impl Forms {
    /// These projects are taken in this form only. The later option wins, as with pip: it takes a project, or all of them,
    /// out of the other one.
    pub fn only(&mut self, form: Form, names: &[String]) {
        let (own, other) = match form {
            Form::Wheel => (&mut self.wheels, &mut self.sdists),
            Form::Sdist => (&mut self.sdists, &mut self.wheels),
        };
        for name in names {
            match name.as_str() {
                ALL => {
                    other.clear();
                    own.clear();
                    own.insert(ALL.to_owned());
                }
                NONE => own.clear(),
                name => {
                    let name = name.parse::<PackageName>().map_or_else(|_| name.to_owned(), |name| name.to_string());
                    other.remove(&name);
                    own.insert(name);
                }
            }
        }
    }

    /// Whether a project may be taken in a form. What was said of it by name goes before what was said of all.
    pub fn has(&self, form: Form, project: &PackageName) -> bool {
        let only = [(&self.wheels, Form::Wheel), (&self.sdists, Form::Sdist)];
        let said = [project.as_ref(), ALL];
        let said = said.iter().find_map(|name| only.iter().find(|(names, _)| names.contains(*name)));
        said.is_none_or(|(_, only)| *only == form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_option_wins_and_a_name_goes_before_all() {
        let name = |text: &str| text.parse::<PackageName>().expect("a name");
        let words = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let both =
            |forms: &Forms, text: &str| (forms.has(Form::Wheel, &name(text)), forms.has(Form::Sdist, &name(text)));
        let mut forms = Forms::default();
        assert_eq!(both(&forms, "a"), (true, true));
        forms.only(Form::Wheel, &words(":all:"));
        forms.only(Form::Sdist, &words("A_b,c"));
        assert_eq!((both(&forms, "a-b"), both(&forms, "d")), ((false, true), (true, false)));
        forms.only(Form::Wheel, &words("c"));
        assert_eq!(both(&forms, "c"), (true, false));
        forms.only(Form::Sdist, &words(":all:,:none:,d"));
        assert_eq!((both(&forms, "a-b"), both(&forms, "d")), ((true, true), (false, true)));
    }
}
