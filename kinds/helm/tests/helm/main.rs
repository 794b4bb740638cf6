//! The suite of every kind, and what is special about charts: upstreams of all sorts, and hostile ones.

mod charts;
mod dependencies;
mod hostile;
mod museum;
mod registries;

use airlift_kind::Erased;
use airlift_kind_helm::Helm;
use airlift_testkit::conformance::{self, Case};

static HELM: Erased<Helm> = Erased::new();

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_served_from_every_place() {
    let (one, two) = (charts::Repository::start().await, charts::Repository::start().await);
    one.add("web", "1.0.0", "");
    one.add("web", "2.0.0+build.5", "");
    one.sign("web", "1.0.0");
    two.add("web", "1.0.0", "");
    two.add("db", "0.1.0", "");
    let manifest = format!("version: 1\nhelm:\n{}{}", one.entry("one", ""), two.entry("two", ""));
    conformance::run(&Case { kind: &HELM, manifest, absent: "/one/charts/none-1.0.0.tgz" }).await;
    let manifest = format!("version: 1\nhelm:\n{}", one.entry("one", ", charts: [{name: web, version: ^1}]"));
    conformance::run(&Case { kind: &HELM, manifest, absent: "/nothing" }).await;
}
