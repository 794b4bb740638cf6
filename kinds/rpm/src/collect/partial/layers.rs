//! Which streams of modules are enabled for which lines.

use std::collections::BTreeMap;

use crate::format::request::Request;

use super::requests::Line;
use super::streams::{Active, Modules};

/// Streams that go together, and the lines that are solved with them.
pub(super) struct Layer {
    pub(super) streams: BTreeMap<String, String>,
    /// The positions of the lines.
    pub(super) lines: Vec<usize>,
}

/// The module that a line asks for, and its stream where it names one.
pub(super) fn asked_module<'a>(line: &'a Line, modules: &Modules) -> Option<(&'a str, Option<&'a str>)> {
    match &line.request {
        Request::Module { module, stream, .. } => Some((module, stream.as_deref())),
        Request::Group(name) if modules.has(name) => Some((name, None)),
        _ => None,
    }
}

/// Enables streams one after the other; why the modules are not enabled whose streams don't go with those before.
pub(super) fn enabled(modules: &Modules, asked: &BTreeMap<String, String>) -> (Active, BTreeMap<String, String>) {
    let (mut streams, mut refused) = (BTreeMap::new(), BTreeMap::new());
    let mut active = modules.enable(&streams).unwrap_or_default();
    for (module, stream) in asked {
        streams.insert(module.clone(), stream.clone());
        match modules.enable(&streams) {
            Ok(found) => active = found,
            Err(reason) => {
                streams.remove(module);
                refused.insert(module.clone(), reason);
            }
        }
    }
    (active, refused)
}

/// Two streams of a module can't be enabled at the same time: what asks for a second one is solved by itself.
pub(super) fn layers(lines: &[Line], modules: &Modules) -> Vec<Layer> {
    let mut streams = BTreeMap::<&str, Vec<(String, Vec<usize>)>>::new();
    let mut first = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let asked = asked_module(line, modules);
        let asked =
            asked.and_then(|(module, stream)| Some((module, stream.or_else(|| modules.default_stream(module))?)));
        let Some((module, stream)) = asked else {
            first.push(place);
            continue;
        };
        let known = streams.entry(module).or_default();
        match known.iter_mut().find(|(name, _)| name == stream) {
            Some((_, lines)) => lines.push(place),
            None => known.push((stream.to_owned(), vec![place])),
        }
    }
    let count = streams.values().map(Vec::len).max().unwrap_or(0).max(1);
    (0..count)
        .map(|number| {
            let mut layer = Layer { streams: BTreeMap::new(), lines: Vec::new() };
            if number == 0 {
                layer.lines.extend(&first);
            }
            for (module, known) in &streams {
                if let Some((stream, lines)) = known.get(number) {
                    layer.streams.insert((*module).to_owned(), stream.clone());
                    layer.lines.extend(lines);
                }
            }
            layer.lines.sort_unstable();
            layer
        })
        .collect()
}
