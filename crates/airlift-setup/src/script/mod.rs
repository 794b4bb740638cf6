//! The same as a shell script, for hosts that have nothing else: `/setup.sh`.
//!
//! It needs a POSIX shell, coreutils, util-linux, sed, grep and awk. All of it is one function, which its last line calls:
//! a script that did not arrive as a whole does nothing. Whatever the list says stands in it in single quotes, or in a
//! document whose end is no line of it: nothing of it is run.

use std::fmt::Write;

use airlift_kind::client::{Change, Client, ClientFile, Condition, JsonEdit, JsonValue, LineEdit, OnlyFor, one_line};
use serde_json::Value;

use crate::edit;
use crate::list::List;

/// What the script brings along.
const FUNCTIONS: &str = include_str!("functions.sh");

/// The script for a list.
pub fn script(list: &List) -> String {
    let (archive, mirror) = (one_line(&list.archive), one_line(&list.mirror));
    let mut text = format!(
        "#!/bin/sh\n# Points this host at the mirror {mirror}, which serves {archive}.\n#\n\
         #     curl -fsSO {mirror}/setup.sh    and read it; the list is at its end\n\
         #     sh setup.sh --dry-run           says what it would do\n\
         #     sh setup.sh                     does it; what it replaces is kept\n\
         #     sh setup.sh --revert            puts everything back as it was\n#\n\
         # It needs a shell, coreutils, util-linux, sed, grep and awk. 'airlift setup' does the same, byte for byte.\n\n\
         airlift_setup() {{\n"
    );
    text.push_str(FUNCTIONS);
    // Writing to a string can't fail.
    let _ = write!(
        text,
        "\n# ---- The list.\n\nmirror={}\nlisted={}\nif [ -n \"$back\" ]; then revert; fi\n{ONLY}",
        quoted(&mirror),
        quoted(&list.names().join(" "))
    );
    if list.users {
        text.push_str("need_user\n");
    }
    for client in &list.clients {
        write_client(&mut text, client);
    }
    // Cut off anywhere, it is not a program: not even with its arguments cut off.
    text.push_str("\nfinish\n}\n\n{ airlift_setup \"$@\"; exit; }\n");
    text
}

/// Refuses names that are not in the list.
const ONLY: &str = r#"for name in $(printf '%s' "$only" | tr ',' ' '); do
    case " $listed " in
        *" $name "*) ;;
        *) fail "the mirror has nothing for '$name'; it has something for: $listed" ;;
    esac
done
"#;

fn write_client(text: &mut String, client: &Client) {
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!(
        "\n# ---- {}\n\nif client {}; then",
        one_line(&client.name),
        words([&client.name].into_iter().chain(&client.only_where))
    ));
    for file in &client.files {
        line(put(file));
    }
    let all_for_some = !client.files.is_empty() && client.files.iter().all(|file| file.only_for.is_some());
    let something = if all_for_some { "[ -z \"$fitting\" ] || " } else { "" };
    if !client.aside.is_empty() {
        line(format!("{something}aside {}", words(&client.aside)));
    }
    if client.files.iter().any(|file| file.only_for.is_some()) {
        line("elsewhere".to_owned());
    }
    for (function, sentences) in [("then_run", &client.then), ("relaxed", &client.relaxed), ("note", &client.notes)] {
        for sentence in sentences {
            line(format!("{function} {}", quoted(&one_line(sentence))));
        }
    }
    line("fi".to_owned());
}

fn put(file: &ClientFile) -> String {
    let conditions: String = file.only_if.iter().map(condition).collect();
    let (kind, content) = match &file.change {
        Change::Whole { content } => ("whole", content.clone()),
        Change::Block { content } => ("block", content.clone()),
        Change::Lines { edits } => ("lines", edits.iter().map(line_edit).collect()),
        Change::Json { edits } => ("json", edits.iter().map(json_edit).collect()),
    };
    let end = end_of(&content);
    let path = quoted(&file.path);
    let text = format!("{conditions}put {kind} {path} {:04o} <<'{end}'\n{content}{end}", file.mode);
    let text = match file.only_where.is_empty() {
        true => text,
        false => format!("if has {}; then\n{text}\nfi", words(&file.only_where)),
    };
    match &file.only_for {
        None => text,
        Some(OnlyFor { what, hosts }) => {
            let (os, arch) = (quoted(&hosts.os.join(" ")), quoted(&hosts.arch.join(" ")));
            format!("if only_for {} {os} {arch}; then\n{text}\nfi", quoted(&one_line(what)))
        }
    }
}

fn condition(condition: &Condition) -> String {
    let how = if condition.there { "there" } else { "none" };
    let line = if condition.line.is_empty() { "-" } else { condition.line.as_str() };
    let otherwise = condition.otherwise.as_deref().map_or_else(|| "-".to_owned(), one_line);
    format!("only_if {how} {} {}\n", quoted(line), quoted(&otherwise))
}

fn line_edit(edit: &LineEdit) -> String {
    let deed = if edit.line.is_some() { "set" } else { "drop" };
    let continued = if edit.continued { "continued" } else { "plain" };
    let section = edit.section.as_deref().unwrap_or("-");
    format!("{deed}\t{continued}\t{section}\t{}\t{}\n", edit.key, edit.line.as_deref().unwrap_or("-"))
}

fn json_edit(edit: &JsonEdit) -> String {
    let key = Value::from(edit.key.as_str());
    match &edit.value {
        JsonValue::List(values) => format!("list\t{key}\t{}\n", edit::list(values)),
        JsonValue::Entry { name, value } => {
            format!("entry\t{key}\t{}\t{}\n", Value::from(name.as_str()), edit::object(value))
        }
        JsonValue::Includes(value) => format!("includes\t{key}\t{}\n", Value::from(value.as_str())),
    }
}

/// A line that is not in a text, to end it with.
fn end_of(text: &str) -> String {
    let mut end = "AIRLIFT".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    end
}

/// A word that a shell takes as it is (POSIX, Shell Command Language, 2.2.2).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn words<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_run() {
        assert_eq!(quoted("a'$(x)`"), "'a'\\''$(x)`'");
        assert_eq!(end_of("a\nAIRLIFT\n"), "AIRLIFT_");
        assert_eq!(end_of("a AIRLIFT\n"), "AIRLIFT");
    }
}
