//! What is asked for before it is known to be needed: less waiting, and the same plan.

use std::time::Duration;

use airlift_core::Source;
use airlift_testkit::upstream::{Recorded, Resource, noise};

use super::upstream::{Dist, Site, files, metadata, zipped};

/// A wheel of a megabyte that an index has no metadata of.
fn large(name: &str, version: &str, lines: &[&str]) -> Dist {
    let metadata = metadata(name, version, lines).into_bytes();
    let files =
        [("data".to_owned(), noise(7, 1 << 20).to_vec()), (format!("{name}-{version}.dist-info/METADATA"), metadata)];
    Dist::raw(&format!("{name}-{version}-py3-none-any.whl"), zipped(&files))
}

/// For each time that a file was asked for, how much had been asked for before, and whether all of it was wanted.
fn asked(requests: &[Recorded], file: &str) -> Vec<(usize, bool)> {
    let of_file = requests.iter().enumerate().filter(|(_, request)| request.target.ends_with(file));
    of_file.map(|(before, request)| (before, request.header("range").is_none())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_back_one_version_asks_for_several() {
    let mut site = Site::of(&[
        ("b", Dist::pure("b", "1", &["Requires-Dist: c>=2"])),
        ("c", Dist::pure("c", "1", &[])),
        ("c", Dist::pure("c", "2", &[])),
    ])
    .await;
    for version in 1..=20 {
        let wants = if version > 15 { "Requires-Dist: c<2" } else { "Requires-Dist: c" };
        site.add("a", Dist::pure("a", &version.to_string(), &[wants]));
    }
    assert_eq!(
        site.chosen(&["a", "b"], "").await,
        ["a-15-py3-none-any.whl", "b-1-py3-none-any.whl", "c-2-py3-none-any.whl"]
    );
    let requests = site.upstream.requests();
    let is_asked = |version: &u32| !asked(&requests, &format!("/a-{version}-py3-none-any.whl.metadata")).is_empty();
    // The newest, and then eight at once, of which the fifth is the one.
    assert_eq!((1..=20).filter(is_asked).collect::<Vec<u32>>(), (12..=20).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifest_wants_is_not_looked_for_beyond() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b"])),
        ("b", Dist::pure("b", "1", &[])),
        ("b", Dist::pure("b", "2", &[])),
    ])
    .await;
    assert_eq!(site.chosen(&["a", "b==1"], "").await, ["a-1-py3-none-any.whl", "b-1-py3-none-any.whl"]);
    assert!(asked(&site.upstream.requests(), "/b-2-py3-none-any.whl.metadata").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_wheel_without_metadata_is_fetched_once() {
    let site =
        Site::of(&[("a", Dist::pure("a", "1", &["Requires-Dist: b"]).alone()), ("b", Dist::pure("b", "1", &[]))]).await;
    assert_eq!(site.chosen(&["a"], "").await.len(), 2);
    let asked = asked(&site.upstream.requests(), "/a-1-py3-none-any.whl");
    assert!(matches!(asked.as_slice(), [(_, true)]), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_wheel_that_is_wanted_is_on_its_way_before_everything_is_decided() {
    let mut site = Site::of(&[("big", large("big", "1", &["Requires-Dist: step0"]))]).await;
    for step in 0..10 {
        let next = format!("Requires-Dist: step{}", step + 1);
        site.add(&format!("step{step}"), Dist::pure(&format!("step{step}"), "1", &[&next]));
    }
    site.add("step10", Dist::pure("step10", "1", &[]));
    // It takes its time to say what comes last.
    let last = Resource::new(metadata("step9", "1", &["Requires-Dist: step10"]));
    let last = Resource { pace: Duration::from_millis(300), ..last };
    site.upstream.put("/files/step9-1-py3-none-any.whl.metadata", last);
    assert_eq!(site.chosen(&["big==1"], "").await.len(), 12);
    let requests = site.upstream.requests();
    let wholes: Vec<usize> =
        asked(&requests, "/big-1-py3-none-any.whl").into_iter().filter(|(_, whole)| *whole).map(|(at, _)| at).collect();
    let last = asked(&requests, "/simple/step10/");
    assert!(matches!((wholes.as_slice(), last.as_slice()), ([at], [(last, _)]) if at < last), "{wholes:?} {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_plans_fetches_no_large_wheel() {
    let site = Site::of(&[("big", large("big", "1", &["Requires-Dist: b"])), ("b", Dist::pure("b", "1", &[]))]).await;
    let plan = site.only_plan(&site.manifest(&["big==1"], "")).await.expect("a plan");
    assert_eq!(files(&plan), ["b-1-py3-none-any.whl", "big-1-py3-none-any.whl"]);
    let asked = asked(&site.upstream.requests(), "/big-1-py3-none-any.whl");
    assert!(!asked.is_empty() && asked.iter().all(|(_, whole)| !whole), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_that_says_something_else_than_its_end_did_is_refused() {
    let site = Site::of(&[("big", large("big", "1", &["Requires-Dist: b"])), ("b", Dist::pure("b", "1", &[]))]).await;
    let manifest = site.manifest(&["big"], "");
    site.collect(&manifest).await.expect("collected");
    let error = site.collect_changed(&manifest, |plan| {
        let beside =
            plan.entries.iter_mut().find(|entry| entry.path.as_str().ends_with("/big-1-py3-none-any.whl.metadata"));
        beside.expect("the metadata").source = Source::Generated(metadata("big", "1", &[]).into());
    });
    let error = error.await.expect_err("a refusal");
    assert!(error.contains("big-1-py3-none-any.whl does not say what was taken out of its end"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_for_nothing_is_in_no_plan() {
    // That 'a' 2 can't be is found out late: nobody asks for 'y' 1 before it is the only one left.
    let site = Site::of(&[
        ("a", large("a", "2", &["Requires-Dist: z1", "Requires-Dist: z2"])),
        ("a", large("a", "1", &[])),
        ("z1", Dist::pure("z1", "1", &["Requires-Dist: y<3"])),
        ("z2", Dist::pure("z2", "1", &["Requires-Dist: y!=2"])),
        ("y", Dist::pure("y", "1", &["Requires-Dist: c<2"])),
        ("y", Dist::pure("y", "2", &[])),
        ("y", Dist::pure("y", "3", &[])),
        ("b", Dist::pure("b", "1", &["Requires-Dist: c>=2"])),
        ("c", Dist::pure("c", "1", &[])),
        ("c", Dist::pure("c", "2", &[])),
    ])
    .await;
    let last = Resource::new(metadata("y", "1", &["Requires-Dist: c<2"]));
    let last = Resource { pace: Duration::from_millis(300), ..last };
    site.upstream.put("/files/y-1-py3-none-any.whl.metadata", last);
    let manifest = site.manifest(&["a", "b"], "");
    let (one, other) = (site.plan(&manifest).await.expect("a plan"), site.plan(&manifest).await.expect("a plan"));
    let asked = asked(&site.upstream.requests(), "/a-2-py3-none-any.whl");
    assert!(asked.iter().any(|(_, whole)| *whole), "{asked:?}");
    assert_eq!(files(&one), ["a-1-py3-none-any.whl", "b-1-py3-none-any.whl", "c-2-py3-none-any.whl"]);
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
