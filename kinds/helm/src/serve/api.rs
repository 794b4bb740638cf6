//! The reading half of ChartMuseum's API, out of an index as it was collected: each answer is a piece of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlift_kind::{Content, Reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use futures::FutureExt;
use http::StatusCode;
use semver::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Inner, Question, Tables, error, json_bytes};
use crate::format::chart::Chart;
use crate::format::name::file_name;
use crate::format::range::Range;
use crate::format::{version, yaml};

/// The most bytes of a chart that is looked into.
const CHART_LIMIT: u64 = 100 << 20;

/// An index, cut into what the API answers. The pieces share the index's own bytes.
pub(super) struct Api {
    /// Every chart with all of its versions, as one object.
    all: Bytes,
    charts: BTreeMap<String, Versions>,
}

struct Versions {
    /// The versions as a list.
    all: Bytes,
    each: Vec<OneVersion>,
}

struct OneVersion {
    text: String,
    parsed: Option<Version>,
    json: Bytes,
}

impl Api {
    pub(super) fn read(index: Bytes) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Index<'a> {
            #[serde(borrow)]
            entries: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct One {
            version: String,
        }
        let piece = |raw: &RawValue| index.slice_ref(raw.get().as_bytes());
        let entries = serde_json::from_slice::<Index<'_>>(&index)?.entries;
        let mut charts = BTreeMap::new();
        for (name, versions) in serde_json::from_str::<BTreeMap<String, &RawValue>>(entries.get())? {
            let mut each = Vec::new();
            for one in serde_json::from_str::<Vec<&RawValue>>(versions.get())? {
                let text = serde_json::from_str::<One>(one.get())?.version;
                each.push(OneVersion { parsed: version::parse(&text), text, json: piece(one) });
            }
            charts.insert(name, Versions { all: piece(versions), each });
        }
        let all = piece(entries);
        Ok(Self { all, charts })
    }

    /// Some of the charts, by the order of their names.
    fn page(&self, offset: usize, limit: usize) -> Bytes {
        let mut page = BytesMut::from("{");
        for (number, (name, versions)) in self.charts.iter().skip(offset).take(limit).enumerate() {
            if number > 0 {
                page.put_u8(b',');
            }
            page.put(Value::from(name.as_str()).to_string().as_bytes());
            page.put_u8(b':');
            page.put(versions.all.clone());
        }
        page.put_u8(b'}');
        page.freeze()
    }
}

impl Versions {
    /// A version by its very name, `latest`, or the newest in a range, as Helm looks it up.
    fn get(&self, wanted: &str) -> Option<&OneVersion> {
        if let Some(one) = self.each.iter().find(|one| one.text == wanted) {
            return Some(one);
        }
        let range: Range = if wanted == "latest" { "*" } else { wanted }.parse().ok()?;
        let fitting = self.each.iter().filter_map(|one| Some((one.parsed.as_ref()?, one)));
        let fitting = fitting.filter(|(version, _)| range.matches(version));
        fitting.min_by(|a, b| version::newest_first((a.0, &a.1.text), (b.0, &b.1.text))).map(|(_, one)| one)
    }
}

/// What is asked below `/api/charts`.
pub(super) fn answer(
    of: (&Arc<Inner>, &Arc<Tables>, usize),
    api: &Api,
    (parts, question): (&[String], &Question),
) -> Reply {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (inner, ..) = of;
    let [name, rest @ ..] = parts.as_slice() else { return list(api, question) };
    let Some(versions) = api.charts.get(*name) else {
        return inner.no_chart(name, if rest.is_empty() { "chart not found" } else { "no chart name found" });
    };
    let [wanted, rest @ ..] = rest else { return json_bytes(StatusCode::OK, versions.all.clone()) };
    let Some(one) = versions.get(wanted) else {
        return inner.no_chart(&format!("{name} {wanted}"), &format!("no chart version found for {name}-{wanted}"));
    };
    match rest {
        [] => json_bytes(StatusCode::OK, one.json.clone()),
        [part @ ("values" | "templates")] => inside(of, &file_name(name, &one.text), *part == "values"),
        _ => error(StatusCode::NOT_FOUND, "not found", None),
    }
}

fn list(api: &Api, question: &Question) -> Reply {
    let number = |text: &Option<String>| text.as_deref().map(str::parse::<usize>);
    let refused = |reason| error(StatusCode::BAD_REQUEST, reason, None);
    match (number(&question.offset), number(&question.limit)) {
        (Some(Err(_)), _) => refused("offset is not a valid non-negative integer"),
        (_, Some(Err(_) | Ok(0))) => refused("limit is not a valid positive integer"),
        (None, None) => json_bytes(StatusCode::OK, api.all.clone()),
        (offset, limit) => {
            let offset = offset.and_then(Result::ok).unwrap_or(0);
            let limit = limit.and_then(Result::ok).unwrap_or(usize::MAX);
            json_bytes(StatusCode::OK, api.page(offset, limit))
        }
    }
}

/// What is inside of a chart: its values as they are, or its templates.
fn inside((inner, tables, number): (&Arc<Inner>, &Arc<Tables>, usize), file: &str, values: bool) -> Reply {
    let Some(node) = inner.chart(tables, number, file).cloned() else { return inner.no_file(file) };
    let view = inner.view.clone();
    let read = async move {
        let failed = |reason: String| error(StatusCode::INTERNAL_SERVER_ERROR, &reason, None);
        let bytes = match view.read(&node, CHART_LIMIT).await {
            Ok(bytes) => bytes,
            Err(error) => return failed(airlift_core::failure::line(&error)),
        };
        match Chart::read(&bytes) {
            Err(error) => failed(error.to_string()),
            Ok(chart) if values && chart.values.is_empty() => {
                error(StatusCode::NOT_FOUND, "values.yaml not found", None)
            }
            Ok(chart) if values => Reply::Content(Content {
                status: StatusCode::OK,
                media_type: "application/yaml",
                bytes: chart.values.into(),
                headers: Vec::new(),
            }),
            Ok(chart) => templates(&chart),
        }
    };
    Reply::Later(read.boxed())
}

fn templates(chart: &Chart) -> Reply {
    let templates: Vec<Value> = chart
        .templates
        .iter()
        .map(|(name, bytes)| json!({ "name": format!("templates/{name}"), "data": STANDARD.encode(bytes) }))
        .collect();
    let values: Map<String, Value> = yaml::read::<Option<_>>(&chart.values).ok().flatten().unwrap_or_default();
    json_bytes(StatusCode::OK, json!({ "templates": templates, "values": values }).to_string().into())
}
