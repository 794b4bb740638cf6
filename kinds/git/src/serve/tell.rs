//! Names and capabilities, as a client first asks for them (gitprotocol-http, gitprotocol-v2, gitprotocol-pack).

use airlift_kind::Reply;

use super::{Repository, broken, made};
use crate::format::packet::Writer;
use crate::format::refs::{Ref, Refs};

const AGENT: &str = concat!("agent=airlift/", env!("CARGO_PKG_VERSION"));

/// What can be asked for before version 2.
const CAPABILITIES: &str = "multi_ack_detailed no-done side-band side-band-64k ofs-delta thin-pack no-progress \
                            include-tag shallow deepen-since deepen-not deepen-relative allow-tip-sha1-in-want \
                            allow-reachable-sha1-in-want";

/// The answer to the first question.
pub(super) async fn names(repository: &Repository, version: u8) -> Reply {
    let media_type = "application/x-git-upload-pack-advertisement";
    let writer = Writer::default().line("# service=git-upload-pack").flush();
    if version == 2 {
        let writer = writer.line("version 2").line(AGENT).line("ls-refs=unborn").line("fetch=shallow");
        return made(media_type, writer.line("object-format=sha1").flush().bytes());
    }
    match repository.refs().await {
        Ok(refs) => {
            let writer = if version == 1 { writer.line("version 1") } else { writer };
            made(media_type, advertised(&refs, writer).flush().bytes())
        }
        Err(reason) => broken(&reason),
    }
}

fn advertised(refs: &Refs, mut writer: Writer) -> Writer {
    let symbolic = refs.head.as_ref().filter(|_| refs.head_id.is_some());
    let symbolic = symbolic.map(|head| format!(" symref=HEAD:{head}")).unwrap_or_default();
    let capabilities = format!("{CAPABILITIES}{symbolic} object-format=sha1 {AGENT}");
    let mut lines: Vec<String> = Vec::new();
    lines.extend(refs.head_id.map(|id| format!("{id} HEAD")));
    for Ref { name, id, peeled } in &refs.refs {
        lines.push(format!("{id} {name}"));
        lines.extend(peeled.map(|peeled| format!("{peeled} {name}^{{}}")));
    }
    if lines.is_empty() {
        lines.push(format!("{} capabilities^{{}}", "0".repeat(40)));
    }
    for (number, line) in lines.iter().enumerate() {
        match number {
            0 => writer.push(format!("{line}\0{capabilities}")),
            _ => writer.push(line),
        }
    }
    writer
}

/// The answer to `ls-refs`.
pub(super) fn listing(refs: &Refs, arguments: &[&str]) -> Vec<u8> {
    let has = |name: &str| arguments.contains(&name);
    let prefixes: Vec<&str> = arguments.iter().filter_map(|line| line.strip_prefix("ref-prefix ")).collect();
    let wanted = |name: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix));
    let mut writer = Writer::default();
    if wanted("HEAD") {
        let target = refs.head.as_ref().filter(|_| has("symrefs"));
        let target = target.map(|head| format!(" symref-target:{head}")).unwrap_or_default();
        match refs.head_id {
            Some(id) => writer.push(format!("{id} HEAD{target}")),
            None if has("unborn") && !target.is_empty() => writer.push(format!("unborn HEAD{target}")),
            None => {}
        }
    }
    for Ref { name, id, peeled } in refs.refs.iter().filter(|one| wanted(&one.name)) {
        let peeled = peeled.filter(|_| has("peel")).map(|peeled| format!(" peeled:{peeled}")).unwrap_or_default();
        writer.push(format!("{id} {name}{peeled}"));
    }
    writer.flush().bytes()
}
