//! Which packages hosts see, and what is said of those that they don't.

use crate::listed::{Listed, made, package, packages};
use crate::parts::{full, missing, plan, shop};

#[tokio::test(flavor = "multi_thread")]
async fn repositories_beside_modules_are_seen_where_that_is_said() {
    let vendor = Listed::new(&[package("tool-1-1.x86_64").requires("db >= 9"), package("db-10-1.x86_64")]);
    let base = full();
    let with = |rest: &str| [vendor.entry("v", &format!("packages: [tool]{rest}")), base.entry("r", "packages: []")];
    let hidden = plan(&with(""), "").await.expect("a plan");
    let why = &hidden.omissions[0].omitted;
    assert!(why.contains("hidden by an enabled module stream") && why.contains("'module-hotfixes: true'"), "{why}");
    let plan_of_all = plan(&with(", module-hotfixes: true"), "").await.expect("a plan");
    assert!(plan_of_all.omissions.is_empty(), "{:?}", plan_of_all.omissions);
    assert_eq!(packages(&plan_of_all, "v"), ["db-10-1.x86_64", "tool-1-1.x86_64"]);
    let stored = made(&plan_of_all, "rpm/v.json").expect("a description");
    assert!(String::from_utf8_lossy(&stored).contains("\"module_hotfixes\":true"));
    assert!(plan_of_all.entries.iter().all(|entry| entry.path.as_str() != "rpm/r.json"));
    // A host's own file says it for itself.
    let url = vendor.entry("v", "").split('"').nth(1).expect("a URL").to_owned();
    vendor.put("v.repo", format!("[v]\nbaseurl={url}\nmodule_hotfixes=1\n").as_bytes());
    let file = vendor.folder().join("v.repo");
    let from = format!("{{ from: {}, unsigned: true, packages: [tool] }}", file.display());
    let plan = plan(&[from, base.entry("r", "packages: []")], "").await.expect("a plan");
    assert_eq!(packages(&plan, "v"), ["db-10-1.x86_64", "tool-1-1.x86_64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_in_another_way_is_told_so() {
    let repository = full();
    for (asked, expected) in [
        ("\"db = 9\"", "db-9-1.x86_64 is hidden by an enabled module stream"),
        ("\"db = 2\"", "is of the module stream db:2; ask for '@db:2'"),
        ("\"vi >= 2\"", "r has it in other versions: vi-1-1.x86_64"),
        ("\"vi=7*\"", "r has it in other versions: vi-1-1.x86_64"),
    ] {
        let error = missing(&repository, asked).await;
        assert!(error.contains(expected), "{asked}: {error}");
    }
    for asked in ["tool.src", "tool-1-1.src"] {
        let error = missing(&shop(), asked).await;
        assert!(error.contains("tool-1-1.src of r is a source; 'sources: true' brings"), "{error}");
    }
    let (other, shop) = (Listed::new(&[package("web-3-1.x86_64")]), shop());
    let entries = [other.entry("r", "packages: [\"web = 1:1.9\"]"), shop.entry("s", "packages: []")];
    let plan = plan(&entries, "").await.expect("a plan");
    let why = &plan.omissions[0].omitted;
    assert!(why.contains("r has no such package, but s has web-1:1.9-1.x86_64; ask there for it"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn architectures_that_a_repository_does_not_have_are_an_error() {
    let shop = shop();
    for asked in ["arches: [amd64]", "packages: [], arches: [amd64, riscv64]", "arches: [amd64], newest: 1"] {
        let plan = plan(&[shop.entry("r", asked)], "").await.expect("a plan");
        let why: String = plan.omissions.iter().map(|omission| omission.omitted.as_str()).collect();
        let there = "can't be had: no package is of these architectures; there are: i686, noarch, src, x86_64; \
                     Debian's amd64 is x86_64 here";
        assert!(why.starts_with("yum repository r: arches: [amd64") && why.contains(there), "{asked}: {why}");
    }
    for asked in ["arches: [amd64, noarch]", "arches: [src]"] {
        let plan = plan(&[shop.entry("r", asked)], "").await.expect("a plan");
        assert!(plan.omissions.is_empty(), "{asked}: {:?}", plan.omissions);
    }
    let empty = plan(&[Listed::new(&[]).entry("r", "arches: [x86_64]")], "").await.expect("a plan");
    assert!(empty.omissions.is_empty(), "{:?}", empty.omissions);
}
