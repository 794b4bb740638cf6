//! No password, token, header value or signature is in an error, an event, a lock or a file of the store.

use airlift_core::{Event, Failure, Plan, PlanEntry, Request, Secret, Source, failure};
use airlift_fetch::engine::{Options, collect};
use airlift_fetch::{FetchError, Settings};
use airlift_testkit::upstream::{Fault, Guard, Resource, Tokens, Upstream};

use crate::world::{World, bounded, nothing, settings};

/// Everything that nobody may read, also as it is sent.
const SECRETS: [&str; 8] = [
    "hunter2password",
    "k3yvalue",
    "s1gnature",
    "r3direct-s1gnature",
    "secret-token-",
    "netrcs3cret",
    // me:hunter2password and its like in base64
    "bWU6aHVudGVyMnBhc3N3b3Jk",
    "1dentity-t0ken",
];

fn clean(place: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is told by {place}: {text}");
    }
}

fn check(world: &World, errors: &[FetchError]) {
    for error in errors {
        clean("an error", &format!("{error} {error:?} {error:#?} {} {:?}", failure::line(error), error.hint()));
    }
    for event in world.events() {
        clean("an event", &format!("{event:?} {}", serde_json::to_string(&event).expect("JSON")));
    }
    let mut folders = vec![world.folder.path().join("store")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            clean("a name", &path.display().to_string());
            match path.is_dir() {
                true => folders.push(path),
                false => clean("a file", &String::from_utf8_lossy(&fs_err::read(&path).expect("readable"))),
            }
        }
    }
}

/// A request with every kind of secret in it.
fn secretive(upstream: &Upstream, path: &str) -> Request {
    let url = upstream.url(path).replacen("://", "://me:hunter2password@", 1);
    let url = format!("{url}?x=1&X-Amz-Signature=s1gnature&X-Amz-Credential=k3yvalue");
    crate::world::request(&url).with_header("x-api-key", "k3yvalue")
}

fn secretive_settings() -> Settings {
    let netrc = Some(Secret::new("machine 127.0.0.1 login me password netrcs3cret"));
    Settings { netrc, attempts: 3, ..settings() }
}

#[tokio::test]
async fn failures_of_all_kinds_tell_nothing() {
    let (world, upstream, cdn) = (World::new(), Upstream::start().await, Upstream::start().await);
    let signed = |path: &str| format!("{}?verify=r3direct-s1gnature&token=r3direct-s1gnature", cdn.url(path));
    let resource = Resource::new("some content");
    for path in ["/drop", "/stall", "/wrong", "/temporary", "/guarded", "/token"] {
        upstream.put(path, resource.clone());
    }
    upstream.fail_always("/drop", Fault::Drop(0));
    upstream.fail_always("/stall", Fault::Stall(0));
    upstream.fail_always("/wrong", Fault::Wrong);
    upstream.fail_always("/temporary", Fault::TooManySeconds(9999));
    // Upstreams that repeat what they were told, as if that helped.
    let echo = "you sent hunter2password, k3yvalue, s1gnature and Basic bWU6aHVudGVyMnBhc3N3b3Jk";
    let text = vec![("content-type".to_owned(), "text/plain".to_owned())];
    upstream.fail_always("/echo", Fault::Status(403, text.clone(), echo.to_owned()));
    upstream.fail_always("/sent", Fault::Redirect(302, signed("/gone")));
    let repeated = "no signature r3direct-s1gnature is good here".to_owned();
    cdn.fail_always("/gone", Fault::Status(403, text, repeated));
    upstream.fail_always("/down", Fault::Redirect(302, "ftp://x/?token=r3direct-s1gnature".to_owned()));
    upstream.put("/guarded", resource.clone().guarded(Guard::Basic { user: "x".to_owned(), password: "y".to_owned() }));
    let bearer = Guard::Bearer { scope: "s".to_owned(), realm: None };
    upstream.put("/bearer", resource.clone().guarded(bearer));
    upstream.give_tokens(Tokens { login: Some(("x".to_owned(), "y".to_owned())), ..Tokens::default() });
    let fetcher = world.fetcher_with(secretive_settings());
    let right = airlift_fetch::Expected::digest(airlift_core::Digest::of(b"some content"));
    let mut errors = Vec::new();
    for path in ["/drop", "/stall", "/wrong", "/temporary", "/echo", "/sent", "/down", "/guarded", "/bearer", "/none"] {
        let request = secretive(&upstream, path);
        errors.push(bounded(fetcher.blob(&request, &right)).await.expect_err(path));
        errors.extend(bounded(fetcher.document(&request, &right)).await.err());
        errors.extend(bounded(fetcher.head(&request)).await.err());
    }
    let bad = secretive(&upstream, "/x").with_header("x-bad", "hunter2password\r\nx: y");
    errors.push(bounded(fetcher.blob(&bad, &nothing())).await.expect_err("a header with a line break"));
    assert!(errors.len() > 20, "{}", errors.len());
    check(&world, &errors);
}

#[tokio::test]
async fn what_was_collected_tells_nothing() {
    let (world, upstream, cdn) = (World::new(), Upstream::start().await, Upstream::start().await);
    upstream.put("/x", Resource::new("content").guarded(Guard::Bearer { scope: "s".to_owned(), realm: None }));
    let login = Some(("me".to_owned(), "hunter2password".to_owned()));
    upstream.give_tokens(Tokens { login, ..Tokens::default() });
    upstream.fail("/x", [Fault::Drop(2), Fault::Status(503, vec![], String::new())]);
    cdn.put("/y", Resource::new("more"));
    upstream.fail_always("/y", Fault::Redirect(302, format!("{}?sig=r3direct-s1gnature", cdn.url("/y"))));
    let entry = |name: &str, path: &str| {
        PlanEntry::new(name.parse().expect("a path"), Source::Fetch(secretive(&upstream, path)))
    };
    let plan = Plan {
        entries: vec![entry("files/x", "/x"), entry("files/y", "/y"), entry("files/z", "/none")],
        ..Plan::default()
    };
    let fetcher = world.fetcher_with(secretive_settings());
    let failed = bounded(collect(&fetcher, plan.clone(), &Options::default())).await.expect_err("one is missing");
    clean("an error", &format!("{failed} {failed:?} {:?}", failed.hint()));
    let collected = bounded(collect(&fetcher, plan, &Options { keep_going: true })).await.expect("two are there");
    assert_eq!((collected.entries.len(), collected.omitted.len()), (2, 1));
    clean(
        "what was collected",
        &format!("{collected:?} {:?}", collected.entries[0].url.as_ref().map(|url| url.expose().to_string())),
    );
    for entry in &collected.entries {
        clean("a lock", &serde_json::to_string(entry).expect("JSON"));
    }
    for omission in &collected.omitted {
        clean("a lock", &serde_json::to_string(omission).expect("JSON"));
    }
    assert!(world.events().iter().any(|event| matches!(event, Event::Retrying { .. })));
    check(&world, &[]);
    clean("the fetcher", &format!("{fetcher:?}"));
}

/// An upstream that repeats what it was told, decoded and in quotes.
fn echo(status: u16, told: &str) -> Fault {
    let text = vec![("content-type".to_owned(), "application/json".to_owned())];
    Fault::Status(status, text, format!("{{\"error\":\"not for {told}\"}}"))
}

#[tokio::test]
async fn passwords_that_upstreams_repeat_are_not_passed_on() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.fail_always("/netrc", echo(403, "s0mebody with netrcs3cret"));
    upstream.fail_always("/url", echo(403, r#"s0me\"body else and hunter2password%2F!, which is hunter2password/!"#));
    let challenge = format!("Bearer realm=\"{}\",service=\"test\",scope=\"s\"", upstream.url("/give"));
    upstream
        .fail_always("/bearer", Fault::Status(401, vec![("www-authenticate".to_owned(), challenge)], String::new()));
    upstream.fail_always("/give", echo(400, "1dentity-t0ken+/ or 1dentity-t0ken%2B%2F, test, s"));
    let config = world.folder.path().join("config.json");
    let auths =
        format!(r#"{{"auths":{{"{}":{{"auth":"bWU6","identitytoken":"1dentity-t0ken+/"}}}}}}"#, upstream.address());
    fs_err::write(&config, auths).expect("written");
    let netrc = Some(Secret::new("machine 127.0.0.1 login s0mebody password netrcs3cret"));
    let fetcher = world.fetcher_with(Settings { netrc, docker_config: Some(config), ..settings() });
    let url = upstream.url("/url").replacen("://", "://s0me%22body%20else:hunter2password%2F!@", 1);
    let entry = |name: &str, url: &str| {
        PlanEntry::new(name.parse().expect("a path"), Source::Fetch(crate::world::request(url)))
    };
    let entries = vec![
        entry("files/a", &upstream.url("/netrc")),
        entry("files/b", &url),
        entry("files/c", &upstream.url("/bearer")),
    ];
    let plan = Plan { entries, ..Plan::default() };
    let collected = bounded(collect(&fetcher, plan, &Options { keep_going: true })).await.expect("nothing");
    let told: Vec<String> = collected.omitted.iter().map(|omission| omission.omitted.clone()).collect();
    assert_eq!(told.len(), 3);
    for secret in ["netrcs3cret", "s0me", "hunter2", "1dentity", "t0ken", "%2F", "%2B"] {
        assert!(!told.iter().any(|reason| reason.contains(secret)), "{secret} in {told:#?}");
    }
    assert!(told.iter().all(|reason| reason.contains("REDACTED")), "{told:#?}");
    assert!(told[2].contains("test"), "what a token is for is no secret: {told:#?}");
    check(&world, &[]);
}
