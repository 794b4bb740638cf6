//! Whole plans.

use airlift_core::{
    Class, Digest, Event, Failure, Lock, LockEntry, Omission, Plan, PlanEntry, Request, Root, Source, Time,
};
use airlift_fetch::Expected;
use airlift_fetch::engine::{CollectError, Options, changes, collect, locked, measure, moved};
use airlift_testkit::upstream::{Fault, Resource, Upstream, noise};
use bytes::Bytes;

use crate::world::{World, bounded, request, settings};

const GO_ON: Options = Options { keep_going: true };
const STRICT: Options = Options { keep_going: false };

fn entry(path: &str, source: Source) -> PlanEntry {
    PlanEntry::new(path.parse().expect("a path"), source)
}

fn fetch(upstream: &Upstream, path: &str) -> Source {
    Source::Fetch(Request { dated: true, ..request(&upstream.url(path)) })
}

fn promised(path: &str, source: Source, content: &[u8]) -> PlanEntry {
    let checksums = vec![Digest::of(content).into()];
    PlanEntry { checksums, size: Some(content.len() as u64), ..entry(path, source) }
}

fn plan(entries: Vec<PlanEntry>) -> Plan {
    Plan { entries, ..Plan::default() }
}

fn lock_of(entries: Vec<LockEntry>) -> Lock {
    Lock::new("test", Digest::of(b""), entries, vec![])
}

#[tokio::test]
async fn each_blob_is_fetched_once_however_many_names_it_has() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(80, 100_000);
    for path in ["/x", "/y"] {
        upstream.put(path, Resource::new(content.clone()));
    }
    upstream.put("/unpromised", Resource { media_type: Some("text/plain; x=y".to_owned()), ..Resource::new("text") });
    let stored = Bytes::from_static(b"planning has fetched this");
    let digest = world.store.put(stored.clone()).await.expect("stored");
    let generated = Bytes::from_static(b"made here\n");
    let plan = plan(vec![
        promised("files/a", fetch(&upstream, "/x"), &content),
        promised("files/b", fetch(&upstream, "/y"), &content),
        PlanEntry { size: None, ..promised("files/c", fetch(&upstream, "/x"), &content) },
        entry("files/d", fetch(&upstream, "/unpromised")),
        entry("files/e", fetch(&upstream, "/unpromised")),
        PlanEntry { media_type: Some("text/html".into()), ..entry("files/f", Source::Generated(generated.clone())) },
        PlanEntry {
            size: Some(stored.len() as u64),
            media_type: Some("x/y".into()),
            ..entry("files/g", Source::Stored { digest, request: request(&upstream.url("/planned")) })
        },
    ]);
    let fetcher = world.fetcher();
    let collected = bounded(collect(&fetcher, plan.clone(), &STRICT)).await.expect("collected");
    let paths: Vec<&str> = collected.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["files/a", "files/b", "files/c", "files/d", "files/e", "files/f", "files/g"]);
    assert_eq!(upstream.requests().len(), 2);
    let [a, _, c, d, _, f, g] = &collected.entries[..] else { panic!("seven") };
    assert_eq!((a.blob, c.blob, a.size), (Digest::of(&content), Digest::of(&content), 100_000));
    assert_eq!(a.media_type, "application/octet-stream");
    assert_eq!(a.modified.map(Time::seconds), Some(1_700_000_000));
    assert_eq!(
        (d.media_type.as_str(), d.url.as_ref().map(ToString::to_string)),
        ("text/plain", Some(upstream.url("/unpromised")))
    );
    assert_eq!(f.generated().expect("its digest"), Some(generated.clone()));
    assert_eq!((f.url.clone(), f.modified), (None, None));
    assert_eq!(g.blob, digest);
    assert!(world.has(&generated).await);

    // Again, in a new run: nothing is fetched, and the lock is the same.
    let again = World { folder: world.folder, store: world.store, ..World::new() };
    upstream.forget();
    let repeated = bounded(collect(&again.fetcher(), plan, &STRICT)).await.expect("collected");
    assert_eq!(repeated, collected);
    assert!(upstream.requests().iter().all(|request| request.status == 304), "{:?}", upstream.requests());
    let cached = again.events().iter().all(|event| !matches!(event, Event::Done { cached: false, .. }));
    assert!(cached, "{:?}", again.events());
    assert_eq!(again.progress(), 0);
}

#[tokio::test]
async fn what_is_here_is_asked_for_only_where_more_is_wanted_than_is_known() {
    let world = World::new();
    world.store.put(Bytes::from_static(b"here")).await.expect("stored");
    let gone = |path: &str, dated: bool| {
        let request = Request { dated, ..request("file:///nonexistent/x") };
        let source = Source::Stored { digest: Digest::of(b"here"), request };
        PlanEntry { media_type: Some("x/y".into()), ..promised(path, source, b"here") }
    };
    let known = plan(vec![gone("files/a", false), gone("files/b", false)]);
    let fetcher = world.fetcher();
    let collected = bounded(collect(&fetcher, known, &STRICT)).await.expect("nobody was asked");
    assert_eq!(collected.entries.len(), 2);
    let done = |event: &&Event| matches!(event, Event::Done { cached: true, size: 4, .. });
    assert_eq!(world.events().iter().filter(done).count(), 1);
    let more = collect(&fetcher, plan(vec![gone("files/a", true)]), &STRICT);
    let Err(CollectError::Missed { missed }) = bounded(more).await else { panic!("nobody knows the date") };
    assert!(missed[0].reason.contains("/nonexistent/x"), "{missed:?}");
}

#[tokio::test]
async fn progress_adds_up_to_the_extent() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let contents: Vec<Bytes> = (0..6).map(|number| noise(90 + number, 150_000)).collect();
    let entries = contents.iter().enumerate().map(|(number, content)| {
        let path = format!("/{number}");
        upstream.put(&path, Resource::new(content.clone()));
        upstream.fail(&path, [Fault::Drop(70_000)]);
        let name = format!("files/{number}");
        match number % 2 {
            0 => promised(&name, fetch(&upstream, &path), content),
            _ => entry(&name, fetch(&upstream, &path)),
        }
    });
    let plan = plan(entries.collect());
    world.store.put(contents[0].clone()).await.expect("stored");
    bounded(collect(&world.fetcher(), plan, &STRICT)).await.expect("collected");
    let extent: u64 = world
        .events()
        .iter()
        .map(|event| match event {
            Event::Began { bytes, .. } | Event::Extended { bytes, .. } => *bytes,
            _ => 0,
        })
        .sum();
    assert_eq!(extent, 5 * 150_000);
    assert_eq!(world.progress(), 5 * 150_000);
    let items: u64 =
        world.events().iter().map(|event| if let Event::Began { items, .. } = event { *items } else { 0 }).sum();
    let done = world.events().iter().filter(|event| matches!(event, Event::Done { .. })).count();
    assert_eq!((items, done), (6, 6));
}

#[tokio::test]
async fn everything_that_is_missing_is_named_together_and_the_rest_is_kept() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(100, 50_000);
    upstream.put("/good", Resource::new(content.clone()));
    upstream.put("/wrong", Resource::new(noise(101, 50_000)));
    let mut plan = plan(vec![
        entry("files/z", fetch(&upstream, "/gone")),
        entry("files/good", fetch(&upstream, "/good")),
        promised("files/wrong", fetch(&upstream, "/wrong"), &noise(102, 50_000)),
        entry("files/also", fetch(&upstream, "/gone")),
    ]);
    plan.omissions.push(Omission {
        path: "oci/docker.io/library/none/manifests/1".parse().expect("a path"),
        omitted: "no tag matches".to_owned(),
        origin: None,
    });
    let error = bounded(collect(&world.fetcher(), plan.clone(), &STRICT)).await.expect_err("three are missing");
    let CollectError::Missed { missed } = &error else { panic!("{error:?}") };
    assert_eq!(missed.len(), 3);
    assert_eq!(error.class(), Class::Upstream);
    let text = error.to_string();
    for part in [
        "4 things",
        "files/z",
        "files/also",
        "404 Not Found",
        "files/wrong",
        "expected sha256:",
        "library/none",
        "no tag matches",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(error.hint().is_some_and(|hint| hint.contains("--keep-going")));
    assert!(world.has(&content).await, "what was fetched is kept");

    let collected = bounded(collect(&world.fetcher(), plan, &GO_ON)).await.expect("the rest");
    assert_eq!(collected.entries.len(), 1);
    let omitted: Vec<&str> = collected.omitted.iter().map(|omission| omission.path.as_str()).collect();
    assert_eq!(omitted, ["files/also", "files/wrong", "files/z", "oci/docker.io/library/none/manifests/1"]);
    assert!(collected.omitted[0].omitted.contains("404"));
    let told = world.events().iter().filter(|event| matches!(event, Event::Omitted { .. })).count();
    assert_eq!(told, 4);
}

#[tokio::test]
async fn a_stop_is_not_a_miss() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.fail_always("/x", Fault::Silence);
    let plan = plan(vec![entry("files/x", fetch(&upstream, "/x"))]);
    let fetcher = world.fetcher();
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        world.cancel.cancel();
    };
    let (result, ()) = bounded(async { tokio::join!(collect(&fetcher, plan, &GO_ON), stop) }).await;
    let error = result.expect_err("stopped");
    assert!(matches!(error, CollectError::Stopped { .. }));
    assert_eq!(error.class(), Class::Interrupted);
}

#[tokio::test]
async fn the_pinned_url_comes_first_and_the_other_is_a_way_too() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = Bytes::from_static(b"the manifest");
    let pinned = |path: &str| Some(upstream.url(path).parse().expect("a URL"));
    upstream.put("/tag", Resource::new("moved on"));
    upstream.put("/digest", Resource::new(content.clone()));
    let moved = PlanEntry { pinned: pinned("/digest"), ..promised("oci/a", fetch(&upstream, "/tag"), &content) };
    let collected = bounded(collect(&world.fetcher(), plan(vec![moved]), &STRICT)).await.expect("collected");
    assert_eq!(collected.entries[0].url.as_ref().map(ToString::to_string), Some(upstream.url("/tag")));
    assert_eq!(upstream.requests_of("/tag").len(), 0);

    let other = Bytes::from_static(b"another manifest");
    upstream.put("/tag", Resource::new(other.clone()));
    let unpinned = PlanEntry { pinned: pinned("/gone"), ..promised("oci/b", fetch(&upstream, "/tag"), &other) };
    bounded(collect(&world.fetcher(), plan(vec![unpinned]), &STRICT)).await.expect("collected by the tag");
}

#[tokio::test]
async fn a_lock_is_collected_exactly_again_and_changes_are_told() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    for (path, content) in [
        ("/same", "same"),
        ("/grown", "small"),
        ("/lost", "lost"),
        ("/tag", "manifest 1"),
        ("/manifests", "manifest 1"),
    ] {
        upstream.put(
            path,
            Resource::new(content).with_header("docker-content-digest", &Digest::of(content.as_bytes()).to_string()),
        );
    }
    let pinned = Some(upstream.url("/manifests").parse().expect("a URL"));
    let first = plan(vec![
        entry("files/same", fetch(&upstream, "/same")),
        entry("files/grown", fetch(&upstream, "/grown")),
        entry("files/lost", fetch(&upstream, "/lost")),
        entry("files/made", Source::Generated(Bytes::from_static(b"made"))),
        PlanEntry { pinned, ..entry("oci/tag", fetch(&upstream, "/tag")) },
    ]);
    let collected = bounded(collect(&world.fetcher(), first, &STRICT)).await.expect("collected");
    let lock = lock_of(collected.entries.clone());

    upstream.put("/grown", Resource::new("no longer small"));
    upstream.remove("/lost");
    upstream.put(
        "/tag",
        Resource::new("manifest 2").with_header("docker-content-digest", &Digest::of(b"manifest 2").to_string()),
    );
    let again = |entry: &LockEntry| Request {
        dated: true,
        digest_header: entry.pinned.as_ref().map(|_| "docker-content-digest"),
        ..Request::new(entry.url.clone().expect("a URL"))
    };
    let found = bounded(changes(&world.fetcher(), &lock, again)).await.expect("asked");
    let told: Vec<(&str, &str)> = found.iter().map(|change| (change.path.as_str(), change.upstream.as_str())).collect();
    let new = Digest::of(b"manifest 2").to_string();
    assert_eq!(
        told,
        [("files/grown", "15 bytes"), ("files/lost", "nothing any more (404)"), ("oci/tag", new.as_str())]
    );
    assert_eq!(world.events().iter().filter(|event| matches!(event, Event::Changed { .. })).count(), 3);

    // The store has everything: the lock is collected again although upstream moved on.
    let plan = locked(&lock, again).expect("a plan");
    let repeated = bounded(collect(&world.fetcher(), plan.clone(), &STRICT)).await.expect("collected");
    assert_eq!(repeated, collected);
    // A new store: what upstream lost or replaced is missed, what is pinned is there.
    let other = World::new();
    let error = bounded(collect(&other.fetcher(), plan, &STRICT)).await.expect_err("two are lost");
    let CollectError::Missed { missed } = error else { panic!("{error:?}") };
    let paths: Vec<String> = missed.iter().flat_map(|miss| miss.paths.iter().map(ToString::to_string)).collect();
    assert_eq!(paths, ["files/grown", "files/lost"]);
    assert!(other.has(b"manifest 1").await);
}

#[tokio::test]
async fn measuring_fetches_nothing() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(110, 10_000);
    upstream.put("/x", Resource::new(content.clone()));
    upstream.put("/chunked", Resource { sized: false, ..Resource::new(content.clone()) });
    world.store.put(Bytes::from_static(b"there")).await.expect("stored");
    let plan = plan(vec![
        entry("files/x", fetch(&upstream, "/x")),
        entry("files/chunked", fetch(&upstream, "/chunked")),
        entry("files/gone-too", fetch(&upstream, "/gone")),
        entry("files/gone", fetch(&upstream, "/gone")),
        promised("files/there", fetch(&upstream, "/y"), b"there"),
        promised("files/also", fetch(&upstream, "/y"), b"there"),
        promised("files/promised", fetch(&upstream, "/z"), &content[..500]),
        entry("files/made", Source::Generated(Bytes::from_static(b"made"))),
    ]);
    let measured = bounded(measure(&world.fetcher(), &plan)).await.expect("measured");
    assert_eq!((measured.blobs, measured.bytes, measured.cached_bytes), (6, 10_000 + 5 + 500 + 4, 5));
    let unknown: Vec<&str> = measured.unknown.iter().map(airlift_core::TreePath::as_str).collect();
    assert_eq!(unknown, ["files/chunked"]);
    let [gone] = &measured.missing[..] else { panic!("{:?}", measured.missing) };
    assert_eq!(
        gone.paths.iter().map(airlift_core::TreePath::as_str).collect::<Vec<_>>(),
        ["files/gone", "files/gone-too"]
    );
    assert_eq!(gone.origin.as_deref(), Some(upstream.url("/gone").as_str()));
    assert!(gone.reason.contains("404") && gone.hint.is_some(), "{gone:?}");
    // What HEAD says is gone is asked for once more, since not every server tells the truth to it.
    assert!(upstream.requests().iter().all(|request| request.method == "HEAD" || request.target == "/gone"));
}

#[tokio::test]
async fn hosts_take_turns_and_have_limits() {
    let (world, busy, idle) = (World::new(), Upstream::start().await, Upstream::start().await);
    let mut entries = Vec::new();
    for (upstream, name, count) in [(&busy, "busy", 40), (&idle, "idle", 4)] {
        for number in 0..count {
            let path = format!("/{number}");
            let pace = std::time::Duration::from_millis(20);
            upstream.put(&path, Resource { pace, ..Resource::new(noise(number, 1000)) });
            entries.push(entry(&format!("files/{name}/{number:02}"), fetch(upstream, &path)));
        }
    }
    let fetcher = world.fetcher_with(airlift_fetch::Settings { jobs: 4, per_host: 2, ..settings() });
    bounded(collect(&fetcher, plan(entries), &STRICT)).await.expect("collected");
    assert!(busy.most_at_once() <= 2 && idle.most_at_once() <= 2, "{} {}", busy.most_at_once(), idle.most_at_once());
    let order: Vec<String> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Done { name, .. } => Some(name),
            _ => None,
        })
        .collect();
    let last_idle = order.iter().rposition(|name| name.starts_with("files/idle")).expect("done");
    assert!(last_idle < 20, "the idle host waited for the busy one: {order:?}");
}

#[tokio::test]
async fn an_upstream_that_changes_while_it_is_read_is_noticed() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    for path in ["/still", "/moving"] {
        upstream.put(path, Resource::new(path));
    }
    let fetcher = world.fetcher();
    let mut roots = Vec::new();
    for path in ["/still", "/moving"] {
        let request = request(&upstream.url(path));
        let digest = bounded(fetcher.document(&request, &Expected::default())).await.expect("fetched").digest;
        roots.push(Root { request, digest });
    }
    assert_eq!(bounded(moved(&fetcher, &roots)).await.expect("asked"), []);
    upstream.put("/moving", Resource::new("moved"));
    let found = bounded(moved(&fetcher, &roots)).await.expect("asked");
    assert_eq!(found, [roots[1].request.url.clone()]);
}

#[tokio::test]
async fn a_lock_that_names_no_source_is_refused() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new("x"));
    let plan = plan(vec![
        entry("files/x", fetch(&upstream, "/x")),
        entry("files/made", Source::Generated(Bytes::from_static(b"made"))),
    ]);
    let collected = bounded(collect(&world.fetcher(), plan, &STRICT)).await.expect("collected");
    let mut lock = lock_of(collected.entries);
    let again = |entry: &LockEntry| Request::new(entry.url.clone().expect("only what has a URL is asked for"));
    locked(&lock, again).expect("a plan");
    lock.entries.iter_mut().for_each(|entry| entry.content = None);
    assert_eq!(bounded(changes(&world.fetcher(), &lock, again)).await.expect("asked"), []);
    // What a kind makes again is in the store by then; here nobody does.
    let plan = locked(&lock, again).expect("a plan");
    let error = bounded(collect(&World::new().fetcher(), plan, &STRICT)).await.expect_err("nobody made it");
    let said = error.to_string();
    assert!(said.contains("files/made") && said.contains("neither a URL nor the content"), "{said}");
}
