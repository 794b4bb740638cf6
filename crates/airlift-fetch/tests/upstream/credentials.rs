//! Who gets which credentials, and who does not.

use airlift_core::{Failure, Request, Secret, failure};
use airlift_fetch::{FetchError, Settings};
use airlift_testkit::upstream::{Fault, Guard, Resource, Tokens, Upstream};

use crate::world::{World, bounded, nothing, request, settings};

fn basic() -> Guard {
    Guard::Basic { user: "me".to_owned(), password: "s3cr3t word".to_owned() }
}

fn bearer(scope: &str) -> Guard {
    Guard::Bearer { scope: scope.to_owned(), realm: None }
}

fn docker_config(world: &World, text: &str) -> Settings {
    let path = world.folder.path().join("config.json");
    fs_err::write(&path, text).expect("written");
    Settings { docker_config: Some(path), ..settings() }
}

#[tokio::test]
async fn a_user_and_a_password_from_every_place() {
    let upstream = Upstream::start().await;
    upstream.put("/x", Resource::new("x").guarded(basic()));
    let host = upstream.address();
    let world = World::new();
    // me:s3cr3t word
    let docker = docker_config(&world, &format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6czNjcjN0IHdvcmQ="}}}}}}"#));
    let netrc = |text: &str| Settings { netrc: Some(Secret::new(text)), ..settings() };
    let url = upstream.url("/x");
    let in_url = url.replacen("://", "://me:s3cr3t%20word@", 1);
    for (name, settings, url, most) in [
        ("in the URL", settings(), in_url.as_str(), 1),
        ("netrc", netrc("machine 127.0.0.1 login me password \"s3cr3t word\""), url.as_str(), 1),
        ("netrc's default", netrc("default login me password \"s3cr3t word\""), url.as_str(), 2),
        ("docker", docker, url.as_str(), 2),
    ] {
        upstream.forget();
        let fetcher = world.fetcher_with(settings);
        bounded(fetcher.document(&request(url), &nothing())).await.expect(name);
        assert_eq!(upstream.requests().len(), most, "{name}");
        bounded(fetcher.document(&request(url), &nothing())).await.expect(name);
        assert_eq!(upstream.requests().len(), most + 1, "{name}: what is known is not asked for again");
    }
}

#[tokio::test]
async fn whoever_has_none_is_told_where_they_are_looked_for() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new("x").guarded(basic()));
    let named = Request { credentials: Some("docker.io".to_owned()), ..request(&upstream.url("/x")) };
    let error = bounded(world.fetcher().document(&named, &nothing())).await.expect_err("401");
    assert_eq!(error.status(), Some(401));
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("docker login docker.io") && hint.contains("machine 127.0.0.1"), "{hint}");

    let refused = Settings { netrc: Some(Secret::new("machine 127.0.0.1 login me password old")), ..settings() };
    let error = bounded(world.fetcher_with(refused).document(&named, &nothing())).await.expect_err("401");
    assert!(error.hint().is_some_and(|hint| hint.contains("were refused")), "{:?}", error.hint());

    let helper = docker_config(&world, r#"{"credsStore":"airlift-test-none"}"#);
    let error = bounded(world.fetcher_with(helper).document(&named, &nothing())).await.expect_err("401");
    assert!(error.hint().is_some_and(|hint| hint.contains("PATH")), "{:?}", error.hint());
}

#[tokio::test]
async fn one_token_for_all_requests_of_a_scope() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let (a, b) = ("repository:a:pull", "repository:b:pull");
    for number in 0..5 {
        upstream.put(&format!("/a/{number}"), Resource::new("x").guarded(bearer(a)));
        upstream.put(&format!("/b/{number}"), Resource::new("x").guarded(bearer(b)));
    }
    upstream.give_tokens(Tokens { expires_in: Some(300), ..Tokens::default() });
    let fetcher = world.fetcher();
    for (name, scope) in [("a", a), ("b", b)] {
        let fetches = (0..5).map(|number| {
            let request =
                Request { scope: Some(scope.to_owned()), ..request(&upstream.url(&format!("/{name}/{number}"))) };
            let fetcher = fetcher.clone();
            async move { fetcher.document(&request, &nothing()).await }
        });
        let results = bounded(futures::future::join_all(fetches)).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    let tokens = upstream.requests_of("/token");
    assert_eq!(tokens.len(), 2, "everybody waits for the same token");
    assert!(tokens[0].target.contains("service=test") && tokens[0].target.contains("scope=repository%3Aa%3Apull"));
    // They become worthless: the next request gets a new one and goes on.
    upstream.revoke_tokens();
    let again = Request { scope: Some(a.to_owned()), ..request(&upstream.url("/a/0")) };
    bounded(fetcher.document(&again, &nothing())).await.expect("a new token");
    assert_eq!(upstream.requests_of("/token").len(), 3);
}

#[tokio::test]
async fn tokens_are_given_to_whoever_logs_in() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new("x").guarded(bearer("repository:x:pull")));
    let login = Some(("me".to_owned(), "s3cr3t word".to_owned()));
    upstream.give_tokens(Tokens { login, identity: Some("1dentity".to_owned()), expires_in: None });
    let url = request(&upstream.url("/x"));
    let error = bounded(world.fetcher().document(&url, &nothing())).await.expect_err("strangers get none");
    assert!(matches!(error, FetchError::Token { .. }), "{error:?}");
    assert!(failure::line(&error).contains("wrong password"), "{}", failure::line(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("no credentials were found")), "{:?}", error.hint());

    let host = upstream.address();
    let user = docker_config(&world, &format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6czNjcjN0IHdvcmQ="}}}}}}"#));
    bounded(world.fetcher_with(user).document(&url, &nothing())).await.expect("a user");
    let text = format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6","identitytoken":"1dentity"}}}}}}"#);
    bounded(world.fetcher_with(docker_config(&world, &text)).document(&url, &nothing())).await.expect("an identity");
    let tokens = upstream.requests_of("/token");
    assert_eq!(tokens.iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), ["GET", "GET", "POST"]);
    assert!(tokens[1].header("authorization").is_some() && tokens[2].header("authorization").is_none());
}

#[tokio::test]
async fn nothing_goes_to_a_host_that_it_is_not_for() {
    let (world, home, elsewhere) = (World::new(), Upstream::start().await, Upstream::start().await);
    elsewhere.put("/x", Resource::new("x"));
    home.fail_always("/x", Fault::Redirect(307, elsewhere.url_by_name("/x")));
    let url = home.url("/x").replacen("://", "://me:s3cr3t@", 1);
    let headers = [("x-api-key", "k3y"), ("authorization", "Bearer t0ken"), ("accept", "text/plain")];
    let request = headers.iter().fold(request(&url), |request, (name, value)| request.with_header(name, *value));
    let netrc = Some(Secret::new("machine 127.0.0.1 login me password s3cr3t default login d password d3fault"));
    let fetcher = world.fetcher_with(Settings { netrc, ..settings() });
    bounded(fetcher.document(&request, &nothing())).await.expect("fetched");
    assert_eq!(home.requests()[0].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(home.requests()[0].header("x-api-key"), Some("k3y"));
    let there = &elsewhere.requests()[0];
    assert_eq!(there.header("accept"), Some("text/plain"));
    assert!(there.header("authorization").is_none() && there.header("x-api-key").is_none(), "{:?}", there.headers);

    // It asks: still nothing that is kept for somebody else, not even the entry for everybody.
    elsewhere.put("/x", Resource::new("x").guarded(basic()));
    elsewhere.forget();
    let error = bounded(fetcher.document(&request, &nothing())).await.expect_err("401");
    assert_eq!(error.status(), Some(401));
    assert!(elsewhere.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn what_is_kept_for_the_other_host_goes_there() {
    let (world, home, elsewhere) = (World::new(), Upstream::start().await, Upstream::start().await);
    elsewhere.put("/x", Resource::new("x").guarded(basic()));
    home.fail_always("/x", Fault::Redirect(302, elsewhere.url_by_name("/x")));
    let netrc = Some(Secret::new("machine localhost login me password \"s3cr3t word\""));
    let fetcher = world.fetcher_with(Settings { netrc, ..settings() });
    bounded(fetcher.document(&request(&home.url("/x")), &nothing())).await.expect("fetched");
    assert!(home.requests()[0].header("authorization").is_none());
}

#[tokio::test]
async fn a_password_is_not_sent_in_clear_text_because_a_registry_says_so() {
    let (world, plain) = (World::new(), Upstream::start().await);
    let options = airlift_testkit::upstream::Options { tls: true, ..Default::default() };
    let registry = Upstream::with(options).await;
    let realm = Some(plain.url("/token"));
    registry.put("/x", Resource::new("x").guarded(Guard::Bearer { scope: "s".to_owned(), realm }));
    let host = registry.address();
    let text = format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6czNjcjN0IHdvcmQ="}}}}}}"#);
    let settings = Settings { roots: vec![registry.authority()], ..docker_config(&world, &text) };
    let error = bounded(world.fetcher_with(settings).document(&request(&registry.url("/x")), &nothing())).await;
    assert_eq!(error.expect_err("401").status(), Some(401));
    assert_eq!(plain.requests().len(), 0);
}

/// What a test that began itself again, with another PATH, finds in its environment.
const BEGUN_AGAIN: &str = "AIRLIFT_TEST_BEGUN_AGAIN";

/// The second half of this test runs in a process of its own, whose PATH has a credential helper.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test may ask whether it began itself again")]
async fn credential_helpers_are_asked() {
    if std::env::var_os(BEGUN_AGAIN).is_some() {
        return with_a_helper_in_the_path().await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let helper = folder.path().join("docker-credential-airlift-test");
    let script = "#!/bin/sh\nread host\nprintf '{\"Username\":\"me\",\"Secret\":\"s3cr3t word\"}'\necho \"$1 $host\" >> \"$0.log\"\n";
    fs_err::write(&helper, script).expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(&helper, executable).expect("executable");
    let test = std::env::current_exe().expect("this test");
    let mut command = tokio::process::Command::new(test);
    command.args(["--exact", "credentials::credential_helpers_are_asked"]).env(BEGUN_AGAIN, "yes");
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
    let output = bounded(command.output()).await.expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the second half was not run");
    let log = fs_err::read_to_string(folder.path().join("docker-credential-airlift-test.log")).expect("a log");
    assert_eq!(log.lines().collect::<Vec<_>>(), ["get registry.example"], "asked once, and then remembered");
}

async fn with_a_helper_in_the_path() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    for path in ["/x", "/y"] {
        upstream.put(path, Resource::new("x").guarded(basic()));
    }
    let fetcher = world.fetcher_with(docker_config(&world, r#"{"credHelpers":{"registry.example":"airlift-test"}}"#));
    for path in ["/x", "/y"] {
        let request = Request { credentials: Some("registry.example".to_owned()), ..request(&upstream.url(path)) };
        bounded(fetcher.document(&request, &nothing())).await.expect("the helper knows");
    }
}
