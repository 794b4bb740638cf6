//! What is served, from every place that a snapshot can be in.

use airlift_core::Time;
use airlift_kind::respond::Responder;
use airlift_kind::{Asked, DynKind, Scheme, View};
use airlift_store::Store;
use airlift_testkit::conformance::{self, Case};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;

use super::upstream::{Dist, PYTHON, Site, metadata};

async fn case() -> (Site, Case) {
    let site = Site::of(&[
        ("Foo.Bar", Dist::pure("foo-bar", "1.0+local", &["Requires-Dist: native", "Requires-Python: >=3.8"])),
        ("native", Dist::wheel(("native", "2", "cp311-cp311-manylinux_2_17_x86_64"), &[]).alone()),
        (
            "src",
            Dist::sdist(
                "src",
                "1",
                &[("PKG-INFO", &metadata("src", "1", &[])), ("pyproject.toml", "[build-system]\nrequires = []\n")],
            ),
        ),
    ])
    .await;
    let manifest = site.manifest(&["foo.bar", "src"], "");
    (site, Case { kind: &PYTHON, manifest, absent: "/simple/absent/" })
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_served_from_every_place() {
    let (_site, case) = case().await;
    conformance::run(&case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_negotiated_and_names_are_normal() {
    let (_site, case) = case().await;
    let store = Store::memory();
    let snapshot = conformance::collect(&case, &store).await;
    let lookup = PYTHON.serve(View::new("python", store.clone(), &snapshot));
    let responder = Responder::new(store);
    let ask = async |path: &str, accept: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        headers.extend(accept.map(|accept| (http::header::ACCEPT, HeaderValue::from_static(accept))));
        headers.insert(http::header::HOST, HeaderValue::from_static("mirror:8003"));
        let asked = Asked { method: &Method::GET, path, query: None, headers: &headers, scheme: Scheme::Http };
        let response = responder.respond(&asked, Time::default(), lookup.lookup(&asked)).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().expect("a text").to_owned());
        (
            parts.status.as_u16(),
            header("content-type"),
            header("location"),
            header("vary"),
            String::from_utf8_lossy(&body).into_owned(),
        )
    };
    let json = "application/vnd.pypi.simple.v1+json";
    for (path, accept, status, media_type) in [
        ("/simple/foo-bar/", None, 200, "text/html; charset=utf-8"),
        ("/simple/foo-bar/", Some(json), 200, json),
        ("/simple/foo-bar/", Some("application/vnd.pypi.simple.v1+html"), 200, "application/vnd.pypi.simple.v1+html"),
        ("/simple/foo-bar/", Some("application/json"), 406, "text/plain; charset=utf-8"),
        ("/simple/", Some(json), 200, json),
        ("/simple/", Some("text/html"), 200, "text/html; charset=utf-8"),
        ("/simple/none/", Some(json), 404, "text/plain; charset=utf-8"),
        ("/simple/none/", Some("application/json"), 404, "text/plain; charset=utf-8"),
        ("/pypi/foo-bar/json", None, 200, "application/json"),
        ("/pypi/foo-bar/1.0+local/json", None, 200, "application/json"),
        ("/pypi/none/json", None, 404, "text/plain; charset=utf-8"),
        ("/packages/foo-bar/none.whl", None, 404, "text/plain; charset=utf-8"),
        ("/pip.conf", None, 200, "text/plain; charset=utf-8"),
    ] {
        let (found, kind, _, vary, body) = ask(path, accept).await;
        assert_eq!((found, kind.as_deref()), (status, Some(media_type)), "{path} {accept:?}\n{body}");
        assert!(!path.starts_with("/simple/") || vary.as_deref() == Some("Accept"), "{path} {accept:?}");
    }
    for (path, location) in [
        ("/", "/simple/"),
        ("/simple", "/simple/"),
        ("/simple/foo-bar", "/simple/foo-bar/"),
        ("/simple/Foo_.Bar/", "/simple/foo-bar/"),
        ("/pypi/Foo_Bar/json", "/pypi/foo-bar/json"),
    ] {
        let (status, _, found, ..) = ask(path, None).await;
        assert_eq!((status, found.as_deref()), (301, Some(location)), "{path}");
    }
    let (.., conf) = ask("/pip.conf", None).await;
    assert!(conf.contains("index-url = http://mirror:8003/simple/\ntrusted-host = mirror:8003\n"), "{conf}");
    let (.., page) = ask("/simple/foo-bar/", Some(json)).await;
    assert!(page.contains("../../packages/foo-bar/foo_bar-1.0+local-py3-none-any.whl"), "{page}");
    assert!(page.contains("\"upload-time\":\"2024-05-06T07:08:09Z\""), "{page}");
}
