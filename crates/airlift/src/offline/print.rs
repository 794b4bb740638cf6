//! Writes variables down for Ansible or for a shell.

use serde_json::Value;

use super::answers::{Answers, Scope, Variable};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// YAML for ansible-playbook -e @FILE.
    Ansible,
    /// Exports for the shell that DeepOps' scripts run in.
    Shell,
}

impl Format {
    const fn scope(self) -> Scope {
        match self {
            Self::Ansible => Scope::Ansible,
            Self::Shell => Scope::Env,
        }
    }

    fn line(self, variable: &Variable) -> String {
        match self {
            // JSON is YAML too.
            Self::Ansible => format!("{}: {}\n", variable.name, variable.value),
            Self::Shell => {
                let value = variable.value.as_str().map_or_else(|| variable.value.to_string(), str::to_owned);
                format!("export {}={}\n", variable.name, quoted(&value))
            }
        }
    }
}

/// A text in single quotes, as a shell has it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The whole text. `of` says which snapshot it is for.
pub(crate) fn print(answers: &Answers, format: Format, of: &str) -> String {
    let (here, there): (Vec<&Variable>, Vec<&Variable>) =
        answers.variables.iter().partition(|variable| variable.scope == format.scope());
    let use_it = match format {
        Format::Ansible => "ansible-playbook -e @THIS-FILE",
        Format::Shell => "source it before DeepOps' scripts",
    };
    let mut text = match format {
        Format::Ansible => "---\n".to_owned(),
        Format::Shell => String::new(),
    };
    text.push_str(&format!("# Fetch from the mirror what {of} has: {use_it}.\n"));
    let mut owner = "";
    for variable in &here {
        if variable.owner != owner {
            owner = &variable.owner;
            text.push_str(&format!("\n# {owner}\n"));
        }
        variable.note.iter().for_each(|note| text.push_str(&format!("# {note}:\n")));
        text.push_str(&format.line(variable));
    }
    if here.is_empty() && format == Format::Ansible {
        text.push_str("{}\n");
    }
    if !there.is_empty() {
        let (other, names) = match format {
            Format::Ansible => ("--format shell", names(&there)),
            Format::Shell => ("--format ansible", names(&there)),
        };
        text.push_str(&format!("\n# Not here, but with {other}: {names}\n"));
    }
    if !answers.gaps.is_empty() {
        text.push_str("\n# No variable moves these to the mirror:\n");
    }
    for gap in &answers.gaps {
        text.push_str(&format!("# - {} ({})\n#   {}\n", gap.what, gap.place, gap.remedy));
    }
    text
}

/// The first names, and how many more there are.
fn names(variables: &[&Variable]) -> String {
    const SHOWN: usize = 3;
    let first: Vec<&str> = variables.iter().take(SHOWN).map(|variable| variable.name.as_str()).collect();
    match variables.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A variable for programs.
pub(crate) fn object(variable: &Variable) -> Value {
    let scope = match variable.scope {
        Scope::Ansible => "ansible",
        Scope::Env => "env",
    };
    serde_json::json!({
        "name": variable.name, "value": variable.value, "owner": variable.owner, "scope": scope, "note": variable.note,
    })
}
