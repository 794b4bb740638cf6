//! The end of something large, without the rest of it.

use airlift_core::{Class, Failure};
use airlift_fetch::FetchError;
use airlift_testkit::upstream::{Fault, Resource, Upstream, noise};
use bytes::Bytes;

use crate::world::{World, bounded, request};

const SIZE: usize = 300_000;

/// Its last bytes and its size, as a fetcher gets them.
async fn end(world: &World, upstream: &Upstream, bytes: u64) -> Result<Option<(Bytes, u64)>, FetchError> {
    bounded(world.fetcher().end(&request(&upstream.url("/x")), bytes)).await
}

async fn upstream_of(seed: u64) -> (World, Upstream, Bytes) {
    let (world, upstream, content) = (World::new(), Upstream::start().await, noise(seed, SIZE));
    upstream.put("/x", Resource::new(content.clone()));
    (world, upstream, content)
}

#[tokio::test]
async fn only_the_end_is_asked_for_and_nothing_is_stored() {
    let (world, upstream, content) = upstream_of(90).await;
    for bytes in [1, 1000, SIZE as u64, 10 * SIZE as u64] {
        let (found, total) = end(&world, &upstream, bytes).await.expect("an answer").expect("the end");
        assert_eq!(total, SIZE as u64);
        assert_eq!(found, content.slice(SIZE.saturating_sub(bytes as usize)..), "{bytes}");
    }
    let asked = upstream.requests();
    let ranges: Vec<&str> = asked.iter().filter_map(|request| request.header("range")).collect();
    assert_eq!(ranges, ["bytes=-1", "bytes=-1000", "bytes=-300000", "bytes=-3000000"]);
    assert!(!world.has(&content).await && !world.has(&content.slice(SIZE - 1000..)).await);
}

#[tokio::test]
async fn who_has_no_ranges_says_nothing_of_the_end() {
    let (world, upstream, content) = upstream_of(91).await;
    upstream.fail("/x", [Fault::IgnoreRange]);
    assert_eq!(end(&world, &upstream, 1000).await.expect("an answer"), None);
    upstream.put("/x", Resource { ranges: false, ..Resource::new(content) });
    assert_eq!(end(&world, &upstream, 1000).await.expect("an answer"), None);
    // Nothing has no last bytes (416), and some say so of everything.
    upstream.put("/x", Resource::new(Bytes::new()));
    assert_eq!(end(&world, &upstream, 1000).await.expect("an answer"), None);
    upstream.fail("/x", [Fault::Status(416, Vec::new(), String::new())]);
    assert_eq!(end(&world, &upstream, 1000).await.expect("an answer"), None);
    assert_eq!(upstream.requests().len(), 4, "no one of them is asked twice");
}

#[tokio::test]
async fn what_a_range_says_of_itself_has_to_be_true() {
    let (world, upstream, _) = upstream_of(92).await;
    for says in [
        // Not to the end, more than was asked for, less and more than what is sent.
        "bytes 299000-299998/300000",
        "bytes 298000-299999/300000",
        "bytes 299500-299999/300000",
        "bytes 399100-399999/400000",
        "bytes 299000-299999/*",
        "bytes 299999-299000/300000",
        "bytes */300000",
        "bytes 18446744073709550615-18446744073709551615/18446744073709551615",
        "nonsense",
    ] {
        upstream.fail("/x", [Fault::SaysRange(says.to_owned())]);
        assert_eq!(end(&world, &upstream, 1000).await.expect(says), None, "{says}");
    }
    // What is sent is less than what it says, and than what was asked for.
    upstream.put("/x", Resource::new(noise(93, 500)));
    upstream.fail("/x", [Fault::SaysRange("bytes 299000-299999/300000".to_owned())]);
    assert_eq!(end(&world, &upstream, 1000).await.expect("an answer"), None);
    upstream.put("/x", Resource::new(noise(93, SIZE)));
    upstream.fail("/x", [Fault::WrongRange]);
    assert_eq!(end(&world, &upstream, 1000).await.expect("an answer"), None);
}

#[tokio::test]
async fn what_breaks_off_is_asked_for_again() {
    let (world, upstream, content) = upstream_of(94).await;
    let unavailable = || Fault::Status(503, Vec::new(), String::new());
    upstream.fail("/x", [Fault::Drop(10_000), unavailable(), Fault::Stall(70_000), Fault::DropAnywhere]);
    let (found, _) = end(&world, &upstream, 100_000).await.expect("an answer").expect("the end");
    assert_eq!(found, content.slice(SIZE - 100_000..));
    assert_eq!((upstream.requests().len(), world.retries()), (5, 4));
}

#[tokio::test]
async fn an_upstream_that_changes_gives_the_end_of_one_version() {
    let (world, upstream, _) = upstream_of(95).await;
    let new = noise(96, SIZE / 2);
    upstream.fail("/x", [Fault::Drop(50_000), Fault::Replace(Box::new(Resource::new(new.clone())))]);
    let (found, total) = end(&world, &upstream, 100_000).await.expect("an answer").expect("the end");
    assert_eq!(total, new.len() as u64);
    assert_eq!(found, new.slice(new.len() - 100_000..));
}

#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let (world, upstream, _) = upstream_of(97).await;
    upstream.remove("/x");
    let error = end(&world, &upstream, 1000).await.expect_err("nothing there");
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
    upstream.fail_always("/x", Fault::Status(503, Vec::new(), String::new()));
    let error = end(&world, &upstream, 1000).await.expect_err("upstream's trouble");
    assert_eq!(error.class(), Class::Upstream, "{error:?}");
    let file = request("file:///etc/hostname");
    assert_eq!(bounded(world.fetcher().end(&file, 1000)).await.expect("an answer"), None);
}
