//! Going on after a stop, in another run with the same store.

use std::time::Duration;

use airlift_core::{Digest, Event, Request};
use airlift_fetch::{Expected, FetchError, Fetcher};
use airlift_testkit::upstream::{Fault, Resource, Upstream, noise};

use crate::world::{World, bounded, nothing, promise, request};

/// Starts a download and stops the run when some bytes have arrived.
async fn interrupted(world: &World, fetcher: &Fetcher, what: (&Request, &Expected)) {
    interrupted_at(world, fetcher, what, 300_000).await;
}

async fn interrupted_at(world: &World, fetcher: &Fetcher, (request, expected): (&Request, &Expected), bytes: i64) {
    let stop = async {
        while world.progress() < bytes {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.cancel.cancel();
    };
    let (result, ()) = bounded(async { tokio::join!(fetcher.blob(request, expected), stop) }).await;
    assert!(matches!(result, Err(FetchError::Interrupted)), "{result:?}");
}

/// The same store in a new run.
fn next_run(world: World) -> World {
    let World { folder, .. } = world;
    let store = airlift_store::Store::folder(folder.path().join("store")).expect("a store");
    World { folder, store, ..World::new() }
}

fn slow(content: &bytes::Bytes) -> Resource {
    Resource { pace: Duration::from_millis(60), ..Resource::new(content.clone()) }
}

#[tokio::test]
async fn a_stopped_download_goes_on_in_the_next_run() {
    for promised in [false, true] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        let content = noise(20, 1_500_000);
        upstream.put("/x", slow(&content));
        let request = request(&upstream.url("/x"));
        let expected = if promised { promise(&content) } else { nothing() };
        interrupted(&world, &world.fetcher(), (&request, &expected)).await;
        upstream.put("/x", Resource::new(content.clone()));
        upstream.forget();
        let world = next_run(world);
        let fetched = bounded(world.fetcher().blob(&request, &expected)).await.expect("fetched");
        assert!(!fetched.cached);
        assert!(world.has(&content).await);
        let asked = upstream.requests();
        let start = asked[0]
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        assert!(start.is_some_and(|start| start >= 300_000), "{start:?}");
        assert_eq!((asked.len(), asked[0].status), (1, 206));
        assert_eq!(world.progress(), content.len() as i64, "what was there counts as done");
    }
}

#[tokio::test]
async fn what_upstream_replaced_between_two_runs_is_begun_anew() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let (old, new) = (noise(21, 1_500_000), noise(22, 1_400_000));
    upstream.put("/x", slow(&old));
    let request = request(&upstream.url("/x"));
    interrupted(&world, &world.fetcher(), (&request, &nothing())).await;
    upstream.put("/x", Resource::new(new.clone()));
    let world = next_run(world);
    let fetched = bounded(world.fetcher().blob(&request, &nothing())).await.expect("fetched");
    assert_eq!(fetched.digest, Digest::of(&new));
    assert!(world.has(&new).await);
    assert_eq!(world.progress(), new.len() as i64);
}

#[tokio::test]
async fn damage_of_what_was_there_is_found_and_healed() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(23, 1_500_000);
    upstream.put("/x", slow(&content));
    let request = request(&upstream.url("/x"));
    interrupted(&world, &world.fetcher(), (&request, &promise(&content))).await;
    let partial = world.folder.path().join("store/partial");
    let data = fs_err::read_dir(&partial).expect("a folder").map(|entry| entry.expect("an entry").path());
    let data =
        data.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "data")).expect("data");
    let mut bytes = fs_err::read(&data).expect("data");
    bytes[1000] ^= 1;
    fs_err::write(&data, bytes).expect("written");
    upstream.put("/x", Resource::new(content.clone()));
    upstream.forget();
    let world = next_run(world);
    bounded(world.fetcher().blob(&request, &promise(&content))).await.expect("fetched");
    assert!(world.has(&content).await);
    let whole = upstream.requests().iter().filter(|request| request.header("range").is_none()).count();
    assert_eq!(whole, 1, "the sum from byte 0 told that what was there is wrong");
}

#[tokio::test]
async fn a_part_that_was_all_but_complete() {
    for promised in [false, true] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        let content = noise(24, 700_000);
        upstream.put("/x", Resource::new(content.clone()));
        // Everything arrives, and the run is stopped before upstream says so.
        upstream.fail("/x", [Fault::Stall(699_999), Fault::Silence]);
        let request = request(&upstream.url("/x"));
        let expected = if promised { promise(&content) } else { nothing() };
        interrupted_at(&world, &world.fetcher(), (&request, &expected), 699_999).await;
        // The last byte is written by hand: a run that was killed between the last write and the naming.
        let partial = world.folder.path().join("store/partial");
        let data = fs_err::read_dir(&partial).expect("a folder").map(|entry| entry.expect("an entry").path());
        let data = data.into_iter().find(|path| path.extension().is_some_and(|end| end == "data")).expect("data");
        let mut bytes = fs_err::read(&data).expect("data");
        bytes.extend_from_slice(&content[bytes.len()..]);
        fs_err::write(&data, bytes).expect("written");
        upstream.forget();
        let world = next_run(world);
        bounded(world.fetcher().blob(&request, &expected)).await.expect("fetched");
        assert!(world.has(&content).await);
        let mut asked: Vec<Option<String>> =
            upstream.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect();
        // The silence may still have been on its way.
        asked.dedup();
        match promised {
            true => assert!(asked.is_empty(), "the sum tells that it is complete: {asked:?}"),
            false => assert_eq!(asked, [Some("bytes=699999-".to_owned())], "upstream may have another version"),
        }
    }
}

#[tokio::test]
async fn what_is_in_the_store_is_not_fetched_again() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(25, 200_000);
    upstream
        .put("/x", Resource { media_type: Some("text/X; charset=utf-8".to_owned()), ..Resource::new(content.clone()) });
    let dated = Request { dated: true, ..request(&upstream.url("/x")) };
    let first = bounded(world.fetcher().blob(&dated, &nothing())).await.expect("fetched");
    assert_eq!(first.media_type.as_deref(), Some("text/x"));
    assert_eq!(first.modified.map(|time| time.seconds()), Some(1_700_000_000));
    let world = next_run(world);
    upstream.forget();
    // Nothing is promised: upstream is asked whether it changed.
    let again = bounded(world.fetcher().blob(&dated, &nothing())).await.expect("fetched");
    assert_eq!(again, airlift_fetch::Fetched { cached: true, ..first.clone() });
    let asked = upstream.requests();
    assert_eq!((asked.len(), asked[0].status), (1, 304));
    assert!(asked[0].header("if-none-match").is_some());
    // Promised: nobody is asked, and the facts are remembered.
    upstream.forget();
    let promised = bounded(world.fetcher().blob(&dated, &promise(&content))).await.expect("fetched");
    assert_eq!(promised, again);
    assert_eq!(upstream.requests().len(), 0);
    // The same bytes from elsewhere: only the date is asked for.
    upstream.put("/y", Resource::new(content.clone()));
    let elsewhere = Request { dated: true, ..request(&upstream.url("/y")) };
    let there = bounded(world.fetcher().blob(&elsewhere, &promise(&content))).await.expect("fetched");
    assert!(there.cached);
    assert_eq!(upstream.requests().iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), ["HEAD"]);
    // It changed: it is fetched.
    let new = noise(26, 1000);
    upstream.put("/x", Resource::new(new.clone()));
    let changed = bounded(world.fetcher().blob(&dated, &nothing())).await.expect("fetched");
    assert_eq!((changed.digest, changed.cached), (Digest::of(&new), false));
}

#[tokio::test]
async fn a_promised_blob_of_unknown_size_is_found_in_the_store() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(27, 5_000_000);
    upstream.put("/x", Resource { pace: Duration::from_millis(20), ..Resource::new(content.clone()) });
    world.store.put(content.clone()).await.expect("stored");
    let expected = Expected::digest(Digest::of(&content));
    let fetched = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &expected)).await.expect("fetched");
    assert!(fetched.cached);
    assert_eq!(fetched.size, 5_000_000);
    assert_eq!((world.progress(), upstream.requests().len()), (0, 0));
}

#[tokio::test]
async fn two_at_once_for_the_same_are_one_request() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(28, 300_000);
    upstream.put("/x", slow(&content));
    let (fetcher, request, expected) = (world.fetcher(), request(&upstream.url("/x")), promise(&content));
    let both = async { tokio::join!(fetcher.blob(&request, &expected), fetcher.blob(&request, &expected)) };
    let (first, second) = bounded(both).await;
    let mut cached = [first.expect("fetched").cached, second.expect("fetched").cached];
    cached.sort_unstable();
    assert_eq!(cached, [false, true]);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_stop_is_prompt_wherever_it_meets_the_run() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/wait", Resource::new("x"));
    upstream.fail_always("/wait", Fault::TooManySeconds(3));
    upstream.put("/silent", Resource::new("x"));
    upstream.fail_always("/silent", Fault::Silence);
    let fetcher = world.fetcher();
    let (wait, silent) = (request(&upstream.url("/wait")), request(&upstream.url("/silent")));
    let work = async {
        tokio::join!(
            async { fetcher.blob(&wait, &nothing()).await },
            async { fetcher.blob(&silent, &nothing()).await },
            async { fetcher.document(&wait, &nothing()).await.map(drop) },
            async { fetcher.head(&silent).await.map(drop) },
        )
    };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        world.cancel.cancel();
        std::time::Instant::now()
    };
    let (results, stopped) = bounded(async { tokio::join!(work, stop) }).await;
    assert!(stopped.elapsed() < Duration::from_millis(500), "{:?}", stopped.elapsed());
    assert!(matches!(results.0, Err(FetchError::Interrupted)));
    assert!(matches!(results.1, Err(FetchError::Interrupted)));
    assert!(matches!(results.2, Err(FetchError::Interrupted)));
    assert!(matches!(results.3, Err(FetchError::Interrupted)));
    assert!(world.events().iter().any(|event| matches!(event, Event::Throttled { .. })));
}

#[tokio::test]
async fn remains_that_make_no_sense_are_thrown_away() {
    for (data, notes) in [
        (&b"rubbish"[..], "{"),
        (b"rubbish", r#"{"url":"","validators":{},"total":3,"ranges":[[2,1]]}"#),
        (
            b"rubbish",
            r#"{"boot":null,"notes":{"url":"","validators":{},"total":3,"ranges":[[2,1],[0,18446744073709551615]]}}"#,
        ),
        (b"much too much rubbish", r#"{"boot":null,"notes":{"url":"","validators":{},"total":7,"ranges":null}}"#),
        (b"", r#"{"boot":null,"notes":{"url":"","validators":{"etag":"\"old\""},"total":7,"ranges":[[0,7]]}}"#),
    ] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        let content = noise(29, 300_000);
        upstream.put("/x", Resource::new(content.clone()));
        let expected = promise(&content);
        let part = world.store.part(&Digest::of(&content).to_string()).expect("a part");
        let path = part.path().to_owned();
        drop(part);
        fs_err::write(&path, data).expect("written");
        fs_err::write(path.with_extension("json"), notes).expect("written");
        bounded(world.fetcher().blob(&request(&upstream.url("/x")), &expected)).await.expect("fetched");
        assert!(world.has(&content).await);
    }
}

#[tokio::test]
async fn what_only_a_sum_could_tell_is_not_trusted_without_it_later() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(34, 3_000_000);
    upstream.put("/x", slow(&content));
    let request = request(&upstream.url("/x"));
    let mut hasher = format!("sha512:{}", "0".repeat(128)).parse::<airlift_core::Checksum>().expect("one").hasher();
    hasher.update(&content);
    let promised = Expected { checksums: vec![hasher.finish()], ..nothing() };
    interrupted(&world, &world.fetcher(), (&request, &promised)).await;
    let (data, notes) = part(&world);
    let text = fs_err::read_to_string(&notes).expect("notes");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    value["boot"] = "another".into();
    fs_err::write(&notes, value.to_string()).expect("written");
    let mut bytes = fs_err::read(&data).expect("data");
    bytes[4096..8192].fill(0);
    fs_err::write(&data, bytes).expect("written");
    // The machine runs again, the download goes on, is stopped, and then nothing is promised any more.
    let world = next_run(world);
    interrupted_at(&world, &world.fetcher(), (&request, &promised), 1_500_000).await;
    upstream.put("/x", Resource::new(content.clone()));
    let world = next_run(world);
    bounded(world.fetcher().blob(&request, &nothing())).await.expect("fetched");
    assert!(world.has(&content).await);
}

/// The data and the notes of the only unfinished download.
fn part(world: &World) -> (std::path::PathBuf, std::path::PathBuf) {
    let partial = world.folder.path().join("store/partial");
    let mut paths = fs_err::read_dir(&partial).expect("a folder").map(|entry| entry.expect("an entry").path());
    let data = paths.find(|path| path.extension().is_some_and(|end| end == "data")).expect("data");
    (data.clone(), data.with_extension("json"))
}

#[tokio::test]
async fn after_a_restart_of_the_machine_only_sums_are_trusted() {
    for promised in [false, true] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        let content = noise(33, 1_500_000);
        upstream.put("/x", slow(&content));
        let request = request(&upstream.url("/x"));
        let expected = if promised { promise(&content) } else { nothing() };
        interrupted(&world, &world.fetcher(), (&request, &expected)).await;
        // What a power cut leaves: the length and the notes are there, and some of the bytes never reached the disk.
        let partial = world.folder.path().join("store/partial");
        let paths = fs_err::read_dir(&partial).expect("a folder").map(|entry| entry.expect("an entry").path());
        for path in paths {
            let mut bytes = fs_err::read(&path).expect("readable");
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("data") => bytes[4096..8192].fill(0),
                _ => {
                    let mut notes: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
                    notes["boot"] = "another".into();
                    bytes = serde_json::to_vec(&notes).expect("JSON");
                }
            }
            fs_err::write(&path, bytes).expect("written");
        }
        upstream.put("/x", Resource::new(content.clone()));
        let world = next_run(world);
        bounded(world.fetcher().blob(&request, &expected)).await.expect("fetched");
        assert!(world.has(&content).await, "promised: {promised}");
        assert_eq!(world.progress(), content.len() as i64);
    }
}
