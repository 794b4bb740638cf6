//! The images of charts, against what `helm template` renders.

use super::*;

/// The images in what Helm rendered, found in another way than Airlift does: line by line.
fn rendered_images(rendered: &str) -> BTreeSet<String> {
    let mut images = BTreeSet::new();
    let (mut on, mut repository, mut name) = (true, String::new(), String::new());
    for line in rendered.lines() {
        let line = line.trim().trim_start_matches("- ");
        let value = |key: &str| line.strip_prefix(key).map(|value| value.trim().trim_matches('"').to_owned());
        let whole = |value: String| Some(value).filter(|value| value.contains('/') && value.contains(':'));
        images.extend(value("image:").and_then(whole));
        images.extend(value("value:").and_then(whole));
        let argument = line.strip_prefix("--").and_then(|line| line.split_once('='));
        images.extend(argument.and_then(|(_, value)| whole(value.to_owned())));
        match (value("enabled:"), value("repository:"), value("image:"), value("version:")) {
            (Some(enabled), ..) => on = enabled == "true",
            (_, Some(found), ..) => repository = found,
            (_, _, Some(found), _) => name = found,
            (.., Some(version)) if on && !repository.is_empty() => {
                images.insert(format!("{repository}/{name}:{version}"));
                repository.clear();
            }
            _ if line.ends_with(':') => (on, repository) = (true, String::new()),
            _ => {}
        }
    }
    images
}

/// What `airlift plan` says of a chart's images, and of what it misses: the registries have none of them.
fn planned(world: &World, airlift: &Airlift, (name, values): (&str, &str)) -> (String, String) {
    let work = temporary::folder();
    let manifest = work.path().join("airlift.yaml");
    let registries: Vec<String> = ["docker.io", "ghcr.io", "nvcr.io", "quay.io", "registry.k8s.io"]
        .iter()
        .map(|host| format!("{host}: \"http://{}\"", world.registry.address()))
        .collect();
    let url = format!("http://{}/fixtures", world.web.address());
    let charts = format!("{{name: f, url: \"{url}\", charts: [{name}], images: {{values: {values}}}}}");
    write(&manifest, &format!("version: 1\nmirrors: {{{}}}\nhelm: [{charts}]\n", registries.join(", ")));
    let mut plan = airlift.command(["plan"]);
    plan.arg(&manifest).arg("--store").arg(work.path().join("store"));
    let planned = output(&mut plan);
    let (told, missed) = (String::from_utf8_lossy(&planned.stdout), String::from_utf8_lossy(&planned.stderr));
    let line = told.lines().find(|line| line.contains(&format!("images of {name}")));
    (line.unwrap_or_else(|| panic!("{told}\n{missed}")).to_owned(), missed.into_owned())
}

#[test]
fn the_images_found_are_those_that_helm_renders() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    for (name, values) in [
        ("gpu-operator", "{}"),
        ("gpu-operator", "{dcgm: {enabled: true}, nfd: {enabled: false}, driver: {version: \"580.1\"}}"),
        ("kube-prometheus-stack", "{}"),
        (
            "kube-prometheus-stack",
            "{windowsMonitoring: {enabled: true}, thanosRuler: {enabled: true}, grafana: {enabled: false}}",
        ),
    ] {
        let helm = Helm::new("helm4");
        let file = helm.home.path().join("values.yaml");
        write(&file, values);
        let url = format!("http://{}/fixtures", world.web.address());
        let rendered = helm.run(&["template", "x", name, "--repo", &url, "-f", path(&file)]);
        // Without Helm: by reading alone.
        let (line, missed) = planned(world, &Airlift::new(), (name, values));
        assert!(line.contains("by reading: certain: "), "{line}");
        let lists = line.split("certain: ").nth(1).expect("a list").replace("; guessed: ", ", ");
        let found: BTreeSet<String> = lists.split(", ").filter(|image| *image != "none").map(str::to_owned).collect();
        assert_eq!(found, rendered_images(&rendered), "{name} {values}");
        assert!(missed.contains(&format!("(wanted by the chart {name} ")), "{missed}");
    }
}

#[test]
fn what_only_a_program_names_is_found_where_helm_is() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let (line, _) = planned(world, &Airlift::new(), ("programmed", "{}"));
    assert!(line.ends_with("by reading: certain: none; guessed: none"), "{line}");
    for program in HELMS {
        let folder = temporary::folder();
        std::os::unix::fs::symlink(tool(program), folder.path().join("helm")).expect("a link");
        let airlift = Airlift::new().with("PATH", path(folder.path()));
        let (line, missed) = planned(world, &airlift, ("programmed", "{}"));
        let expected = "as helm renders it and by reading: certain: quay.io/a/computed:1; guessed: none";
        assert!(line.ends_with(expected), "{program}: {line}");
        assert!(missed.contains("(wanted by the chart programmed 1.0.0)"), "{missed}");
        let (line, _) = planned(world, &airlift, ("gpu-operator", "{}"));
        assert!(line.ends_with("guessed: none"), "{program}: {line}");
        let (line, _) = planned(world, &airlift, ("demanding", "{}"));
        assert!(line.contains("give your licence as 'licence'; give the chart what it asks for"), "{program}: {line}");
    }
}
