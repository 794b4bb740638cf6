//! Which roles travel.

use serde_json::json;

use super::upstream::{Site, made, notices, omissions, pack, packed};

#[tokio::test(flavor = "multi_thread")]
async fn roles_travel_with_the_roles_that_they_need() {
    let site = Site::start().await;
    site.role("geerlingguy.ntp", "2.4.0", "[]");
    site.role("geerlingguy.ntp", "2.10.0", "[{role: acme.epel, version: 1.0.0}, common]");
    site.role("acme.epel", "1.0.0", "[]");
    site.role("acme.epel", "2.0.0", "[]");
    let plan = site.plan("roles: [geerlingguy.ntp, {name: ntp, src: geerlingguy.ntp, version: 2.4.0}]").await;
    let plan = plan.expect("a plan");
    assert_eq!(omissions(&plan), [""; 0]);
    assert_eq!(
        packed(&plan),
        ["roles/acme.epel/1.0.0.tar.gz", "roles/geerlingguy.ntp/2.10.0.tar.gz", "roles/geerlingguy.ntp/2.4.0.tar.gz"]
    );
    let wanted = made(&plan, "requirements.json");
    let names: Vec<&str> =
        wanted["roles"].as_array().into_iter().flatten().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(names, ["acme.epel", "geerlingguy.ntp", "ntp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn meta_requirements_travel_as_well() {
    let site = Site::start().await;
    site.role("a.dep", "v1", "[]");
    let files = [
        ("x-1/meta/main.yml", "dependencies: []\n"),
        (
            "x-1/meta/requirements.yml",
            "- { src: a.dep, version: v1 }\n- { src: \"https://e.org/r.git\", scm: git, version: v2, name: e.r }\n",
        ),
    ];
    site.role_archive("a.main", "v1", pack(&files));
    let plan = site.plan("roles: [a.main]").await.expect("a plan");
    assert_eq!(packed(&plan), ["roles/a.dep/v1.tar.gz", "roles/a.main/v1.tar.gz"]);
    assert_eq!(
        (plan.also[0].key.as_str(), &plan.also[0].value),
        ("git", &json!({ "url": "https://e.org/r.git", "refs": ["v2"] }))
    );
    assert!(plan.also[0].why.contains("roles/a.main/v1.tar.gz"), "{}", plan.also[0].why);
    assert!(notices(&plan)[0].contains("have to be named besides"), "{:?}", notices(&plan));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_had_is_named_with_who_wants_it() {
    let site = Site::start().await;
    site.role("a.main", "v1", "[a.gone, {role: a.other, version: v9}]");
    site.role("a.other", "v1", "[]");
    site.role("a.odd", "v1", "[]");
    site.role("a.odd", "1", "[]");
    site.role_archive("a.empty", "v1", pack(&[("x/tasks/main.yml", "[]")]));
    let plan = site.plan("roles: [a.main, a.odd, a.empty, plain]").await.expect("a plan");
    assert_eq!(packed(&plan), ["roles/a.main/v1.tar.gz"]);
    let omitted = omissions(&plan).join("\n");
    for expected in [
        "galaxy/roles/a.gone: the newest: http://",
        "has no role a.gone (wanted by roles/a.main/v1.tar.gz)",
        "galaxy/roles/a.other: v9: there is no v9; 1 versions are there, such as v1",
        "galaxy/roles/a.odd: the newest: its versions can't be compared",
        "it has no meta/main.yml (wanted by the manifest)",
        "galaxy/roles/plain: the newest: 'plain' is no role of a Galaxy server",
    ] {
        assert!(omitted.contains(expected), "{expected}\n{omitted}");
    }
}
