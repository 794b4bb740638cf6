//! Large files in parallel ranges.

use std::time::Duration;

use airlift_core::Digest;
use airlift_fetch::{FetchError, Settings};
use airlift_testkit::upstream::{Fault, Recorded, Resource, Upstream, noise};

use crate::world::{World, bounded, nothing, promise, request, seeded, settings};

const SIZE: usize = 9_300_000;

fn ranges(requests: &[Recorded]) -> Vec<&str> {
    requests.iter().filter_map(|request| request.header("range")).collect()
}

fn slow(content: &bytes::Bytes) -> Resource {
    Resource { pace: Duration::from_millis(4), ..Resource::new(content.clone()) }
}

#[tokio::test]
async fn pieces_are_fetched_at_the_same_time_and_put_together() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(30, SIZE);
    upstream.put("/x", slow(&content));
    let fetched = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert_eq!(fetched.digest, Digest::of(&content));
    assert!(world.has(&content).await);
    let requests = upstream.requests();
    assert!(requests.len() > 3, "{}", requests.len());
    assert!(requests.iter().skip(1).all(|request| request.status == 206 && request.header("if-range").is_some()));
    assert!((3..=4).contains(&upstream.most_at_once()), "{}", upstream.most_at_once());
    assert_eq!(world.progress(), SIZE as i64);
}

#[tokio::test]
async fn small_files_and_single_streams_are_one_request() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(31, SIZE);
    upstream.put("/x", Resource::new(content.slice(..2_000_000)));
    upstream.put("/y", Resource::new(content.clone()));
    upstream.put("/z", Resource { ranges: false, ..Resource::new(content.clone()) });
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    let single = world.fetcher_with(Settings { streams: 1, ..settings() });
    bounded(single.blob(&request(&upstream.url("/y")), &nothing())).await.expect("fetched");
    bounded(World::new().fetcher().blob(&request(&upstream.url("/z")), &nothing())).await.expect("fetched");
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn broken_pieces_are_mended() {
    for seed in 0..6 {
        println!("seed {seed}");
        let (world, upstream) = (World::new(), seeded(seed).await);
        let content = noise(40 + seed, SIZE);
        upstream.put("/x", slow(&content));
        let good = || Fault::None;
        let faults = vec![
            Fault::DropAnywhere,
            good(),
            Fault::DropAnywhere,
            Fault::Stall(100_000),
            Fault::Status(503, vec![], String::new()),
            good(),
            Fault::DropAnywhere,
            Fault::Silence,
        ];
        upstream.fail("/x", faults.into_iter().cycle().skip(seed as usize).take(8));
        bounded(world.fetcher().blob(&request(&upstream.url("/x")), &promise(&content))).await.expect("fetched");
        assert!(world.has(&content).await);
        assert_eq!(world.progress(), SIZE as i64);
    }
}

#[tokio::test]
async fn a_stop_in_the_middle_keeps_the_pieces() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(50, SIZE);
    upstream.put("/x", slow(&content));
    let (fetcher, request) = (world.fetcher(), request(&upstream.url("/x")));
    let stop = async {
        while world.progress() < 5_000_000 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        world.cancel.cancel();
    };
    let (expected, before) = (promise(&content), world.progress());
    let (result, ()) = bounded(async { tokio::join!(fetcher.blob(&request, &expected), stop) }).await;
    assert!(matches!(result, Err(FetchError::Interrupted)), "{result:?}");
    assert_eq!(before, 0);
    upstream.put("/x", Resource::new(content.clone()));
    upstream.forget();
    let world = World { folder: world.folder, store: world.store, ..World::new() };
    bounded(world.fetcher().blob(&request, &promise(&content))).await.expect("fetched");
    assert!(world.has(&content).await);
    let asked = upstream.requests();
    assert!(!ranges(&asked).is_empty() && asked.iter().all(|request| request.status == 206), "{:?}", ranges(&asked));
    let sent: u64 = asked.iter().filter_map(|request| length(request.header("range")?)).sum();
    assert!(sent < 5_500_000, "only what was missing is asked for: {sent} {:?}", ranges(&asked));
    assert_eq!(world.progress(), SIZE as i64);
}

/// The length of a range; one without an end is read up to the next piece only.
fn length(range: &str) -> Option<u64> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, last): (u64, u64) = (start.parse().ok()?, last.parse().ok()?);
    Some(last + 1 - start)
}

#[tokio::test]
async fn servers_that_change_their_minds_about_ranges() {
    for fault in [Fault::IgnoreRange, Fault::WrongRange, Fault::Status(403, vec![], "one at a time".to_owned())] {
        println!("{fault:?}");
        let (world, upstream) = (World::new(), Upstream::start().await);
        let content = noise(51, SIZE);
        upstream.put("/x", slow(&content));
        upstream.fail("/x", [Fault::None, fault.clone(), fault.clone(), fault]);
        bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
        assert!(world.has(&content).await);
        assert_eq!(world.progress(), SIZE as i64);
    }
}

#[tokio::test]
async fn pieces_of_two_versions_are_never_put_together() {
    let (old, new) = (noise(52, SIZE), noise(53, SIZE));
    for checked in [false, true] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        upstream.put("/x", slow(&old));
        let replacement = Fault::Replace(Box::new(slow(&new)));
        upstream.fail("/x", [Fault::None, Fault::None, Fault::None, Fault::None, replacement]);
        let expected = if checked { promise(&new) } else { nothing() };
        let fetched = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &expected)).await.expect("fetched");
        assert_eq!(fetched.digest, Digest::of(&new));
        assert!(world.has(&new).await);
        assert_eq!(world.progress(), SIZE as i64);
    }
}

#[tokio::test]
async fn wrong_bytes_in_pieces_are_fetched_no_more_often_than_others() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", slow(&noise(54, SIZE)));
    let error = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &promise(&noise(55, SIZE)))).await;
    assert!(matches!(error, Err(FetchError::Checksum { .. })), "{error:?}");
    let requests = upstream.requests();
    assert!(!ranges(&requests).is_empty(), "the first time in pieces");
    assert_eq!(requests.iter().filter(|request| request.header("range").is_none()).count(), 3);
}
