//! The responder against a model: every method with every form of range and validator, over every kind of store.

mod answer;

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use airlift_core::{Digest, Time};
use airlift_kind::respond::{Body, Responder};
use airlift_kind::{Asked, Content, Found, Reply, Scheme};
use airlift_store::Store;
use bytes::Bytes;
use futures::FutureExt;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::sample::select;

use answer::Answer;

const CREATED: i64 = 1_795_000_000;
const MODIFIED: i64 = 1_700_000_000;

/// Bytes that repeat only after a prime number of them.
fn bytes_of(size: usize) -> Bytes {
    let pattern: Vec<u8> =
        (0..65_521_usize).map(|position| (position.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut bytes = pattern.repeat(size / pattern.len() + 1);
    bytes.truncate(size);
    bytes.into()
}

fn date(seconds: i64) -> String {
    httpdate::fmt_http_date(Time::from_seconds(seconds).system())
}

fn headers_of(headers: &[(HeaderName, String)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value"))).collect()
}

async fn ask(responder: &Responder, method: &Method, headers: &HeaderMap, reply: Reply) -> Answer {
    let asked = Asked { method, path: "/x", query: None, headers, scheme: Scheme::Http };
    Answer::of(responder.respond(&asked, Time::from_seconds(CREATED), reply).await).await
}

/// A form of the `Range` header, and what it chooses of so many bytes.
#[derive(Clone, Debug)]
enum RangeForm {
    None,
    Garbage(&'static str),
    Specs(Vec<Spec>),
}

#[derive(Clone, Copy, Debug)]
enum Spec {
    Closed(u64, u64),
    Open(u64),
    Suffix(u64),
}

#[derive(Debug, PartialEq)]
enum Chosen {
    Whole,
    Ranges(Vec<Range<u64>>),
    Nothing,
}

impl RangeForm {
    fn header(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Garbage(text) => Some((*text).to_owned()),
            Self::Specs(specs) => {
                let specs: Vec<String> = specs
                    .iter()
                    .map(|spec| match spec {
                        Spec::Closed(first, last) => format!("{first}-{last}"),
                        Spec::Open(first) => format!("{first}-"),
                        Spec::Suffix(length) => format!("-{length}"),
                    })
                    .collect();
                Some(format!("bytes={}", specs.join(", ")))
            }
        }
    }

    /// The bytes of each range, one position after the other: slow, and plainly right.
    fn choose(&self, size: u64) -> Chosen {
        let Self::Specs(specs) = self else { return Chosen::Whole };
        if size == 0 {
            return Chosen::Whole;
        }
        let ranges: Vec<Range<u64>> = specs
            .iter()
            .map(|spec| {
                let inside = |position: &u64| match *spec {
                    Spec::Closed(first, last) => first <= *position && *position <= last,
                    Spec::Open(first) => first <= *position,
                    Spec::Suffix(length) => size - position <= length,
                };
                let positions: Vec<u64> = (0..size).filter(inside).collect();
                positions.first().map_or(0..0, |first| *first..positions[positions.len() - 1] + 1)
            })
            .filter(|range| !range.is_empty())
            .collect();
        let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        match ranges.len() {
            0 => Chosen::Nothing,
            count if count > 1 && total > size => Chosen::Whole,
            _ => Chosen::Ranges(ranges),
        }
    }
}

fn range_form(size: u64) -> impl Strategy<Value = RangeForm> {
    let position = || prop_oneof![4 => 0..size + 2, 1 => select(vec![0, u64::MAX, size, size.saturating_sub(1)])];
    let spec = prop_oneof![
        3 => (position(), position()).prop_map(|(first, last)| Spec::Closed(first, last)),
        1 => position().prop_map(Spec::Open),
        1 => position().prop_map(Spec::Suffix),
        2 => (position(), 0..9_u64).prop_map(|(first, more)| Spec::Closed(first, first.saturating_add(more))),
    ];
    prop_oneof![
        1 => Just(RangeForm::None),
        1 => select(vec!["bytes", "bytes=", "bytes=a-b", "items=0-1", "bytes=0-1-2", "bytes=--1", "bytes=1", "bytes=0x1-2"])
            .prop_map(RangeForm::Garbage),
        5 => proptest::collection::vec(spec, 1..5).prop_map(RangeForm::Specs),
    ]
}

/// A header with a validator, and whether it says that nothing has changed.
type Validator = Option<(String, bool)>;

/// `None` stands for the right entity tag.
fn tag(tags: Vec<(&'static str, bool)>) -> impl Strategy<Value = Option<(&'static str, bool)>> {
    prop_oneof![2 => Just(None), 2 => select(tags).prop_map(Some)]
}

#[derive(Clone, Debug)]
struct Conditions {
    if_match: Option<(&'static str, bool)>,
    if_none_match: Option<(&'static str, bool)>,
    if_modified_since: Validator,
    if_unmodified_since: Validator,
    if_range: Validator,
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let since = |unchanged: fn(i64) -> bool| {
        prop_oneof![
            3 => Just(None),
            2 => (-1..2_i64).prop_map(move |shift| Some((date(MODIFIED + shift), unchanged(shift)))),
        ]
    };
    let dates = select(vec![-1_i64, 0, 0, 1]).prop_map(|shift| (date(MODIFIED + shift), shift == 0));
    let tags = select(vec![("TAG", true), ("TAG", true), ("W/TAG", false), ("\"other\"", false), ("never", false)])
        .prop_map(|(tag, same)| (tag.to_owned(), same));
    (
        prop_oneof![4 => Just(None), 1 => tag(vec![("TAG", true), ("*", true), ("W/TAG", false), ("\"x\"", false)])],
        tag(vec![("TAG", true), ("W/TAG", true), ("*", true), ("\"a\", TAG", true), ("\"x\"", false), ("x", false)]),
        since(|shift| shift == 0),
        prop_oneof![3 => Just(None), 1 => since(|shift| shift >= 0)],
        prop_oneof![2 => Just(None), 1 => dates.prop_map(Some), 1 => tags.prop_map(Some)],
    )
        .prop_map(|(if_match, if_none_match, if_modified_since, if_unmodified_since, if_range)| Conditions {
            if_match,
            if_none_match,
            if_modified_since,
            if_unmodified_since,
            if_range,
        })
}

impl Conditions {
    fn headers(&self, tag: &str) -> Vec<(HeaderName, String)> {
        let text = |validator: Option<(&str, bool)>| validator.map(|(value, _)| value.replace("TAG", tag));
        let owned = |validator: &Validator| text(validator.as_ref().map(|(value, same)| (&**value, *same)));
        [
            (header::IF_MATCH, text(self.if_match)),
            (header::IF_NONE_MATCH, text(self.if_none_match)),
            (header::IF_MODIFIED_SINCE, owned(&self.if_modified_since)),
            (header::IF_UNMODIFIED_SINCE, owned(&self.if_unmodified_since)),
            (header::IF_RANGE, owned(&self.if_range)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// 412 or 304, where the conditions say so.
    fn status(&self) -> Option<StatusCode> {
        match (&self.if_match, &self.if_unmodified_since) {
            (Some((_, false)), _) | (None, Some((_, false))) => return Some(StatusCode::PRECONDITION_FAILED),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some((_, true)), _) | (None, Some((_, true))) => Some(StatusCode::NOT_MODIFIED),
            _ => None,
        }
    }
}

/// Blobs of several sizes in a folder, in memory, and as a kind's own content.
struct Fixture {
    runtime: tokio::runtime::Runtime,
    folder: Responder,
    memory: Responder,
    blobs: Vec<(Digest, Bytes)>,
    _folder: tempfile::TempDir,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let stores = [Store::folder(folder.path()).expect("a store"), Store::memory()];
    let blobs: Vec<(Digest, Bytes)> =
        [0, 1, 2, 1_000, 20_000].map(bytes_of).into_iter().map(|bytes| (Digest::of(&bytes), bytes)).collect();
    for store in &stores {
        for (digest, bytes) in &blobs {
            assert_eq!(runtime.block_on(store.put(bytes.clone())).expect("a stored blob"), *digest);
        }
    }
    let [folder_store, memory] = stores.map(Responder::new);
    Fixture { runtime, folder: folder_store, memory, blobs, _folder: folder }
});

#[derive(Clone, Copy, Debug)]
enum From {
    Folder,
    Memory,
    Content,
}

impl Fixture {
    fn ask(&self, from: From, method: &Method, headers: &HeaderMap, blob: &(Digest, Bytes)) -> Answer {
        let (digest, bytes) = blob;
        let extra = (HeaderName::from_static("x-kind"), HeaderValue::from_static("kept"));
        let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let (responder, reply) = match from {
            From::Content => {
                let (status, media_type, bytes) = (StatusCode::OK, "text/x-test", bytes.clone());
                (&self.memory, Reply::Content(Content { status, media_type, bytes, headers: vec![extra, encoding] }))
            }
            From::Folder | From::Memory => {
                let found = Found {
                    blob: *digest,
                    size: bytes.len() as u64,
                    media_type: "text/x-test".into(),
                    modified: Some(Time::from_seconds(MODIFIED)),
                    headers: vec![extra, encoding],
                };
                let responder = if matches!(from, From::Folder) { &self.folder } else { &self.memory };
                // What comes later is the same.
                (responder, Reply::Later(async move { Reply::Found(found) }.boxed()))
            }
        };
        self.runtime.block_on(ask(responder, method, headers, reply))
    }
}

fn check_parts(answer: &Answer, ranges: &[Range<u64>], bytes: &Bytes) {
    let media_type = answer.header(header::CONTENT_TYPE).expect("a type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").expect("a boundary");
    assert!(boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()) && boundary.len() <= 70, "{boundary}");
    assert!(answer.header(header::CONTENT_RANGE).is_none());
    let mut expected = Vec::new();
    for Range { start, end } in ranges {
        let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
        expected.extend_from_slice(
            format!("\r\n--{boundary}\r\nContent-Type: text/x-test\r\nContent-Range: {range}\r\n\r\n").as_bytes(),
        );
        expected.extend_from_slice(&bytes[*start as usize..*end as usize]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(answer.body == expected, "the parts differ");
}

fn check(answer: &Answer, expected: (Option<StatusCode>, Chosen), bytes: &Bytes, (tag, modified): (&str, Option<i64>)) {
    let (status, chosen) = expected;
    if status == Some(StatusCode::PRECONDITION_FAILED) {
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
        return;
    }
    let described = |answer: &Answer| {
        assert_eq!(answer.header(header::ETAG), Some(tag));
        assert_eq!(answer.header(header::LAST_MODIFIED), modified.map(date).as_deref());
        assert_eq!(answer.header(HeaderName::from_static("x-kind")), Some("kept"));
        assert!(answer.header(header::CACHE_CONTROL).is_some());
        assert!(answer.header(header::CONTENT_ENCODING).is_none());
    };
    if status == Some(StatusCode::NOT_MODIFIED) {
        assert_eq!((answer.status, &*answer.body), (StatusCode::NOT_MODIFIED, &b""[..]));
        assert!(answer.header(header::CONTENT_LENGTH).is_none());
        return described(answer);
    }
    assert_eq!(answer.header(header::ACCEPT_RANGES), Some("bytes"));
    assert_eq!(answer.header(header::CONTENT_LENGTH), Some(&*answer.body.len().to_string()));
    match chosen {
        Chosen::Nothing => {
            assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
            assert_eq!(answer.header(header::CONTENT_RANGE), Some(&*format!("bytes */{}", bytes.len())));
        }
        Chosen::Whole => {
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/x-test"));
            assert!(answer.header(header::CONTENT_RANGE).is_none());
            assert!(answer.body == *bytes, "the bytes differ");
            described(answer);
        }
        Chosen::Ranges(ranges) => {
            assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
            described(answer);
            let [Range { start, end }] = ranges[..] else { return check_parts(answer, &ranges, bytes) };
            let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
            assert_eq!(answer.header(header::CONTENT_RANGE), Some(&*range));
            assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/x-test"));
            assert!(answer.body == bytes[start as usize..end as usize], "the bytes differ");
        }
    }
}

fn case() -> impl Strategy<Value = (usize, RangeForm, Conditions, From)> {
    let from = select(vec![From::Folder, From::Folder, From::Memory, From::Content]);
    (0..FIXTURE.blobs.len(), conditions(), from).prop_flat_map(|(blob, conditions, from)| {
        let size = FIXTURE.blobs[blob].1.len() as u64;
        range_form(size).prop_map(move |range| (blob, range, conditions.clone(), from))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn every_answer_is_the_models((blob, range, conditions, from) in case()) {
        let blob = &FIXTURE.blobs[blob];
        let tag = format!("\"{}\"", blob.0);
        let mut headers = conditions.headers(&tag);
        // What a kind makes has no date, so that conditions on it are as if they were not there.
        let (modified, conditions) = match from {
            From::Folder | From::Memory => (Some(MODIFIED), conditions),
            From::Content => {
                let if_range = conditions.if_range.map(|(value, same)| (value.clone(), same && !value.ends_with("GMT")));
                (None, Conditions { if_modified_since: None, if_unmodified_since: None, if_range, ..conditions })
            }
        };
        headers.extend(range.header().map(|value| (header::RANGE, value)));
        let headers = headers_of(&headers);
        let chosen = match &conditions.if_range {
            Some((_, false)) => Chosen::Whole,
            Some((_, true)) | None => range.choose(blob.1.len() as u64),
        };

        let got = FIXTURE.ask(from, &Method::GET, &headers, blob);
        check(&got, (conditions.status(), chosen), &blob.1, (&tag, modified));
        let head = FIXTURE.ask(from, &Method::HEAD, &headers, blob);
        prop_assert_eq!((head.status, &head.headers), (got.status, &got.headers));
        prop_assert!(head.body.is_empty());
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let refused = FIXTURE.ask(from, &method, &headers, blob);
            prop_assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
            prop_assert_eq!(refused.header(header::ALLOW), Some("GET, HEAD"));
        }
    }
}

#[test]
fn what_a_kind_refuses_goes_out_as_it_is() {
    let content = Content::json(StatusCode::METHOD_NOT_ALLOWED, &serde_json::json!({ "errors": [] }));
    let headers = headers_of(&[(header::RANGE, "bytes=0-1".to_owned())]);
    let answer = FIXTURE.runtime.block_on(ask(&FIXTURE.memory, &Method::POST, &headers, Reply::Content(content)));
    assert_eq!((answer.status, &*answer.body), (StatusCode::METHOD_NOT_ALLOWED, &b"{\"errors\":[]}"[..]));
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("application/json"));
    assert!(answer.header(header::ACCEPT_RANGES).is_none());
}

#[test]
fn a_redirect_stays_on_this_host() {
    for (path, location) in [
        ("/a/b", "/a/b"),
        ("//example.org/x", "/example.org/x"),
        ("/a b\r\nSet-Cookie: x", "/a%20b%0D%0ASet-Cookie:%20x"),
        ("/\\example.org", "/example.org"),
        ("/é?x=%20\\", "/%C3%A9?x=%20%5C"),
    ] {
        let reply = Reply::Redirect(path.to_owned());
        let answer = FIXTURE.runtime.block_on(ask(&FIXTURE.memory, &Method::GET, &HeaderMap::new(), reply));
        assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
        assert_eq!(answer.header(header::LOCATION), Some(location));
    }
}

/// A folder store with one blob, whose file is then spoilt.
async fn spoilt(size: usize, spoil: impl FnOnce(&std::path::Path)) -> (tempfile::TempDir, Responder, Found, Bytes) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let bytes = bytes_of(size);
    let digest = store.put(bytes.clone()).await.expect("a stored blob");
    // Whoever lets go of the store's lock has waited until every blob has its name.
    drop(store.lock_exclusive().expect("a lock"));
    spoil(&file_of(folder.path(), &digest.hex()).expect("the blob's file"));
    let found =
        Found { blob: digest, size: size as u64, media_type: "text/x-test".into(), modified: None, headers: vec![] };
    (folder, Responder::new(store), found, bytes)
}

fn file_of(folder: &std::path::Path, hex: &str) -> Option<std::path::PathBuf> {
    fs_err::read_dir(folder).ok()?.flatten().find_map(|entry| match entry.path() {
        path if path.is_dir() => file_of(&path, hex),
        path => path.to_string_lossy().replace('/', "").ends_with(hex).then_some(path),
    })
}

fn flip(path: &std::path::Path, position: usize) {
    let mut permissions = fs_err::metadata(path).expect("a file").permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "it is the test's own file")]
    permissions.set_readonly(false);
    fs_err::set_permissions(path, permissions).expect("a writable file");
    let mut bytes = fs_err::read(path).expect("a file");
    bytes[position] ^= 1;
    fs_err::write(path, bytes).expect("a written file");
}

async fn get(responder: &Responder, found: &Found, range: Option<&str>) -> Response<Body> {
    let headers = headers_of(&range.map(|range| (header::RANGE, range.to_owned())).into_iter().collect::<Vec<_>>());
    let asked = Asked { method: &Method::GET, path: "/x", query: None, headers: &headers, scheme: Scheme::Http };
    responder.respond(&asked, Time::from_seconds(CREATED), Reply::Found(found.clone())).await
}

#[tokio::test]
async fn a_damaged_blob_is_refused_with_its_name_and_a_remedy() {
    for size in [10, 100_000] {
        let (_folder, responder, found, _) = spoilt(size, |path| flip(path, size / 2)).await;
        for range in [None, Some("bytes=0-0"), None] {
            let answer = Answer::of(get(&responder, &found, range).await).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
            let text = String::from_utf8_lossy(&answer.body);
            assert!(text.contains(&found.blob.to_string()) && text.contains("hint: "), "{text}");
        }
        assert_eq!(responder.damaged(), 1);
    }
}

#[tokio::test]
async fn a_missing_blob_is_named() {
    for size in [10, 100_000] {
        let (_folder, responder, found, _) = spoilt(size, |path| fs_err::remove_file(path).expect("removed")).await;
        let answer = Answer::of(get(&responder, &found, None).await).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(String::from_utf8_lossy(&answer.body).contains(&found.blob.to_string()));
    }
}

#[tokio::test]
async fn a_large_blob_is_sent_while_it_is_verified() {
    let size = 40 << 20;
    let (_folder, responder, found, bytes) = spoilt(size, |_| {}).await;
    // Several at once, and ranges that wait.
    let whole = async || Answer::of(get(&responder, &found, None).await).await;
    let range = async || Answer::of(get(&responder, &found, Some("bytes=41943030-")).await).await;
    let (first, second, part) = futures::join!(whole(), whole(), range());
    assert!(first.body == bytes && second.body == bytes);
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[size - 10..]));
    assert!(whole().await.body == bytes);
}

/// The bytes that come at once, without waiting for anything.
fn at_once(body: &mut Body) -> Vec<u8> {
    let mut got = Vec::new();
    while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
        got.extend_from_slice(&frame.into_data().expect("data"));
    }
    got
}

/// On one thread, the hashing of a blob goes on only while this test waits: each time for a few of its bytes.
#[tokio::test]
async fn ranges_of_a_large_blob_do_not_wait_for_its_hash() {
    let size = 200 << 20;
    let (_folder, responder, found, bytes) = spoilt(size, |_| {}).await;
    let far = (size - (5 << 20), size);
    let asked = [
        ("bytes=-5242880", far.0..far.1),
        ("bytes=7-10", 7..11),
        ("bytes=100000000-104000000", 100_000_000..104_000_001),
    ];
    let mut answers = Vec::new();
    for (range, _) in &asked {
        let response = get(&responder, &found, Some(range)).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        answers.push(response.into_body());
    }
    let mut begun: Vec<Vec<u8>> = answers.iter_mut().map(at_once).collect();
    for ((_, range), begun) in asked.iter().zip(&begun) {
        let wanted = range.len();
        assert!(begun.len() < wanted && begun.len() >= wanted.saturating_sub(1 << 20), "{} of {wanted}", begun.len());
    }
    for ((begun, body), (_, range)) in begun.iter_mut().zip(answers).zip(&asked) {
        begun.extend_from_slice(&body.collect().await.expect("the rest").to_bytes());
        assert!(*begun == bytes[range.clone()], "the bytes differ");
    }
}

#[tokio::test]
async fn no_range_of_a_large_damaged_blob_arrives_complete() {
    let size = 40 << 20;
    let flipped = 20 << 20;
    let ranges =
        ["bytes=20971515-20971524", "bytes=-10", "bytes=0-4000000", "bytes=0-0", "bytes=5-9,20971520-20971529"];
    for range in ranges {
        let (_folder, responder, found, bytes) = spoilt(size, |path| flip(path, flipped)).await;
        let response = get(&responder, &found, Some(range)).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        let mut body = response.into_body();
        let (mut got, length) = (Vec::new(), body.len() as usize);
        let error = loop {
            match body.frame().await.expect("an error at last") {
                Ok(frame) => got.extend_from_slice(&frame.into_data().expect("data")),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains(&found.blob.to_string()));
        assert!(got.len() < length, "{range}: {} of {length}", got.len());
        // Of several ranges, none has come to its end.
        let first = &bytes[5..10];
        assert!(!range.contains(',') || !got.windows(5).any(|found| found == first), "{range}");
        assert_eq!(get(&responder, &found, Some(range)).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn a_large_damaged_blob_never_arrives_complete() {
    let size = 40 << 20;
    let (_folder, responder, found, bytes) = spoilt(size, |path| flip(path, (40 << 20) - 1)).await;
    let response = get(&responder, &found, None).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let mut got = Vec::new();
    let error = loop {
        match body.frame().await.expect("more frames") {
            Ok(frame) => got.extend_from_slice(&frame.into_data().expect("data")),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains(&found.blob.to_string()));
    assert!(got.len() <= size - (1 << 20) && bytes.starts_with(&got));
    // From now on it is known.
    for range in [None, Some("bytes=0-0")] {
        assert_eq!(get(&responder, &found, range).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn a_blob_that_ends_too_early_is_damaged() {
    let cut = |path: &std::path::Path| {
        flip(path, 0);
        let file = std::fs::OpenOptions::new().write(true).open(path).expect("a file");
        file.set_len(file.metadata().expect("its size").len() - 1).expect("a shorter file");
    };
    for size in [10, 100_000, 40 << 20] {
        let (_folder, responder, found, _) = spoilt(size, cut).await;
        let response = get(&responder, &found, None).await;
        assert!(response.status() == StatusCode::INTERNAL_SERVER_ERROR, "{size}: {}", response.status());
    }
}

#[tokio::test]
async fn a_client_that_reads_slowly_keeps_nobody_waiting() {
    let (_folder, responder, found, bytes) = spoilt(40 << 20, |_| {}).await;
    let _slow = get(&responder, &found, None).await;
    let range = tokio::time::timeout(Duration::from_secs(30), get(&responder, &found, Some("bytes=5-6")));
    let answer = Answer::of(range.await.expect("in time")).await;
    assert_eq!(answer.body, bytes[5..7]);
}

#[tokio::test]
async fn many_requests_at_once_open_and_hash_a_blob_once() {
    let (_folder, responder, found, bytes) = spoilt(3 << 20, |_| {}).await;
    let responder = Arc::new(responder);
    let answers = (0..64).map(|_| async { Answer::of(get(&responder, &found, Some("bytes=100-199")).await).await });
    for answer in futures::future::join_all(answers).await {
        assert_eq!(answer.body, bytes[100..200]);
    }
}
