use std::path::Path;

use super::*;

/// Resolves `site.yaml` of a folder with these files.
fn resolved(files: &[(&str, &str)], arguments: &[&str]) -> Result<Resolved, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs_err::write(path, text).expect("a file");
    }
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let place = Place::File(folder.path().join("site.yaml"));
    let outcome = Loaded::read(&place, &place.read().expect("the manifest"))
        .and_then(|loaded| Resolved::of(&loaded.expect("something to resolve"), &arguments));
    outcome.map_err(|error| {
        let chain = airlift_core::failure::chain(&error).join("; ");
        chain.replace(&folder.path().join("").display().to_string(), "")
    })
}

fn explained(files: &[(&str, &str)], arguments: &[&str]) -> String {
    let text = resolved(files, arguments).expect("a manifest").explained();
    // The folder's name is another one each time.
    text.lines().map(|line| line.split("/tmp/").next().unwrap_or(line).trim_end().to_owned() + "\n").collect()
}

const BASE: &str = "\
version: 1
name: base
variables:
  os: { default: [el9], values: [el8, el9], help: The systems. }
  monitoring: true
data: { rows: data/rows.toml }
images:
  - { ref: nginx:1, why: the front }
  - loop: \"{{ rows.image }}\"
    when: item.os is not defined or item.os | intersect(os)
    ref: \"{{ item.ref }}\"
    platforms: \"{{ item.platforms | default(omit) }}\"
    why: \"{{ item.why }} (rows.toml)\"
  - { entry: prometheus:3, when: monitoring, why: monitoring }
yum:
  assume: [base]
  repositories:
    - { loop: \"{{ os }}\", id: \"cuda-{{ item }}\", baseurl: \"http://e/{{ item }}/\", unsigned: true }
python:
  when: monitoring
  requirements: [ansible]
  environments: [ { python: \"3.11\", platform: linux-x86_64 } ]
";

const ROWS: &str = "\
[[image]]
ref = \"a:1\"
why = \"a\"
[[image]]
ref = \"old:1\"
os = [\"el8\"]
platforms = [\"linux/amd64\"]
why = \"old\"
";

#[test]
fn variables_conditions_and_loops_are_resolved_with_reasons() {
    let files = [("site.yaml", BASE), ("data/rows.toml", ROWS)];
    insta::assert_snapshot!(explained(&files, &["os=el8,el9"]), @r#"
    # What would be collected, and why. Variables, set with -e name=value or in a manifest's 'vars':
    #
    #   os: ["el8","el9"]   [-e os=el8,el9]
    #     The systems.
    #     values: el8, el9
    #
    #   monitoring: true

    version: 1
    name: base

    images:
      # the front
      - ref: nginx:1
      # a (rows.toml)
      - ref: a:1
      # old (rows.toml)
      - ref: old:1
        platforms:
        - linux/amd64
      # monitoring
      - prometheus:3

    yum:
      assume:
        - base
      repositories:
        - id: cuda-el8
          baseurl: http://e/el8/
          unsigned: true
        - id: cuda-el9
          baseurl: http://e/el9/
          unsigned: true

    python:
      requirements:
        - ansible
      environments:
        - platform: linux-x86_64
          python: "3.11"
    "#);
    let off = explained(&files, &["monitoring=no"]);
    assert!(!off.contains("prometheus") && !off.contains("python") && !off.contains("old:1"), "{off}");
}

#[test]
fn a_site_includes_sets_adds_and_removes() {
    let site = "version: 1\ninclude:\n  - base/base.yaml\n  - { kubespray-images: images.list, platforms: [linux/amd64], why: Kubespray 2.32 }\n\
                vars: { os: el8, monitoring: false }\nwithout: [\"nginx*\", yum/cuda-el9, nowhere]\nimages:\n  - { ref: \"a:1\", why: ours }\n  - mine:2\n\
                yum:\n  assume: [mine]\n";
    let files = [
        ("site.yaml", site),
        ("base/base.yaml", BASE),
        ("base/data/rows.toml", ROWS),
        ("images.list", "quay.io/calico/node:v3\n"),
    ];
    insta::assert_snapshot!(explained(&files, &["os=el9"]), @r#"
    # What would be collected, and why. Variables, set with -e name=value or in a manifest's 'vars':
    #
    #   os: ["el9"]   [-e os=el9]
    #     The systems.
    #     values: el8, el9
    #
    #   monitoring: false   [vars of

    version: 1
    name: base

    images:
      # a (rows.toml); ours
      - ref: a:1
      # Kubespray 2.32
      - ref: quay.io/calico/node:v3
        platforms:
        - linux/amd64
      - mine:2

    yum:
      assume:
        - base
        - mine
      repositories: []
    "#);
    let notes = resolved(&files, &["os=el9"]).expect("a manifest").notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("without: 'nowhere' in "), "{notes:?}");
}

#[test]
fn mistakes_are_named_with_file_line_and_entry() {
    let cases: [(&str, &[&str]); 11] = [
        ("variables: { os: el9 }\nimages:\n  - nginx:1\n  - { ref: \"a:{{ oss }}\" }\n", &[]),
        ("variables: { os: el9 }\nimages:\n  - { ref: a, when: oss == 'el9' }\n", &[]),
        ("variables: { os: el9 }\n", &["ox=el8"]),
        ("variables: { os: { default: el9, value: [el9] } }\n", &[]),
        ("include: [ other.yaml ]\n", &[]),
        ("include: [ \"profile:deepop\" ]\n", &[]),
        ("include: [ site.yaml ]\n", &[]),
        ("include: [ { kubespray-files: a, platforms: [linux/amd64] } ]\n", &[]),
        ("helm:\n  - { name: a, why: b, charts: [ { name: a, version: 1.10 } ] }\n", &[]),
        ("images:\n  - { entry: a, ref: b }\n", &[]),
        ("vars: { os: el9 }\n", &[]),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(text, arguments)| {
            resolved(&[("site.yaml", &format!("version: 1\n{text}"))], arguments).map(|_| ()).expect_err(text)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    site.yaml, line 5, images: there is no variable 'oss': did you mean 'os'?
    site.yaml, line 4, images: there is no variable 'oss': did you mean 'os'?
    there is no variable 'ox' (-e ox=el8): did you mean 'os'?
    site.yaml can't be used; line 2, column 18: unknown field `value`, expected one of `default`, `values`, `needed`, `help`, `formerly`
      2 | variables: { os: { default: el9, value: [el9] } }
        |                  ^
    can't read other.yaml; failed to open file `other.yaml`: No such file or directory (os error 2)
    there is no profile 'deepop'; there are: deepops, kubespray
    site.yaml is included by itself
    site.yaml can't be used; line 2, column 12: platforms: it goes with kubespray-images alone
      2 | include: [ { kubespray-files: a, platforms: [linux/amd64] } ]
        |            ^
    site.yaml, line 3, helm: 1.1 is read as a number, which may not be what was written (1.10 becomes 1.1): put it in quotes
    site.yaml, line 3, images: 'entry' is the whole entry; beside it only why, when and loop may stand, not ref
    there is no variable 'os' (vars of site.yaml): nothing here declares any
    ");
}

#[test]
fn what_includes_itself_is_refused_by_whatever_path() {
    let files = [
        ("site.yaml", "version: 1\ninclude: [ d/a.yaml ]\n"),
        ("d/a.yaml", "version: 1\ninclude: [ ../d/b.yaml ]\n"),
        ("d/b.yaml", "version: 1\ninclude: [ ../d/a.yaml ]\n"),
    ];
    let error = resolved(&files, &[]).map(|_| ()).expect_err("a circle");
    assert_eq!(error, "d/../d/../d/a.yaml is included by itself");
    let names: Vec<String> = (0..60).map(|number| format!("{number}.yaml")).collect();
    let texts: Vec<String> = (1..=60).map(|next| format!("version: 1\ninclude: [ {next}.yaml ]\n")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    files.push(("site.yaml", "version: 1\ninclude: [ 0.yaml ]\n"));
    let error = resolved(&files, &[]).map(|_| ()).expect_err("too deep");
    assert!(error.contains("more than fifty manifests"), "{error}");
}

#[test]
fn what_two_manifests_include_counts_once() {
    let base = "version: 1\nvariables: { os: el8, arch: amd64 }\nvars: { arch: arm64 }\nimages: [ \"a:{{ os }}\" ]\n";
    let files = [
        ("site.yaml", "version: 1\ninclude: [ d/a.yaml, base.yaml, d/b.yaml ]\nimages: [ \"{{ arch }}\" ]\n"),
        ("d/a.yaml", "version: 1\ninclude: [ ../base.yaml ]\nvars: { os: el9, arch: s390x }\n"),
        ("d/b.yaml", "version: 1\ninclude: [ ../base.yaml ]\nimages: [ b ]\n"),
        ("base.yaml", base),
    ];
    let text = resolved(&files, &[]).expect("a manifest").plain().text;
    assert_eq!(text, "version: 1\nname: airlift\nimages:\n  - a:el9\n  - b\n  - s390x\n");
    let files =
        [("site.yaml", "version: 1\ninclude: [ \"profile:kubespray\", \"profile:deepops\", \"profile:kubespray\" ]\n")];
    assert!(resolved(&files, &["os=el9"]).is_ok());
}

#[test]
fn relative_paths_are_those_of_the_manifest_that_has_them() {
    let common = "version: 1\npython: { files: [ reqs.txt, /etc/reqs.txt, \"https://e.org/reqs.txt\" ] }\n\
                  galaxy:\n  - requirements: [ ./roles.yml ]\n    collections: [ a.b, { name: c.d, source: c-d-1.0.0.tar.gz } ]\n\
                  \x20   roles: [ \"roles/ntp.tar.gz,,ntp\", \"https://e.org/x.tar.gz\" ]\n\
                  yum:\n  - { from: ./rpms/ }\n  - { id: a, baseurl: \"https://e.org/\", gpgkeys: [ ../key.asc ] }\n\
                  apt:\n  - { from: ./debs/, packages: [ x ], installed: ../status }\n";
    let files = [
        ("site.yaml", "version: 1\ninclude: [ sub/all.yaml ]\npython: { files: [ reqs.txt ] }\n"),
        ("sub/all.yaml", "version: 1\ninclude: [ ../common/p.yaml ]\npython: { files: [ reqs.txt ] }\n"),
        ("common/p.yaml", common),
    ];
    insta::assert_snapshot!(resolved(&files, &[]).expect("a manifest").plain().text, @r"
    version: 1
    name: airlift
    yum:
      - from: ./sub/../common/rpms/
      - id: a
        baseurl: https://e.org/
        gpgkeys:
        - ./sub/../common/../key.asc
    apt:
      - from: ./sub/../common/debs/
        installed: ./sub/../common/../status
        packages:
        - x
    python:
      files:
        - ./sub/../common/reqs.txt
        - /etc/reqs.txt
        - https://e.org/reqs.txt
        - ./sub/reqs.txt
        - reqs.txt
    galaxy:
      - collections:
        - a.b
        - name: c.d
          source: ./sub/../common/c-d-1.0.0.tar.gz
        requirements:
        - ./sub/../common/roles.yml
        roles:
        - ./sub/../common/roles/ntp.tar.gz,,ntp
        - https://e.org/x.tar.gz
    ");
}

#[test]
fn a_list_and_a_mapping_do_not_mix() {
    let files = [
        ("site.yaml", "version: 1\ninclude: [ base.yaml ]\nyum:\n  - { id: a }\n"),
        ("base.yaml", "version: 1\nyum: { repositories: [] }\n"),
    ];
    let error = resolved(&files, &[]).map(|_| ()).expect_err("two shapes");
    assert!(error.contains("'yum' is a mapping in one manifest and a list in the other (site.yaml)"), "{error}");
}

#[test]
fn what_needs_nothing_is_left_as_it_is() {
    for text in [
        "version: 1\nimages: [nginx]\n",
        "version: 1\nimages: [\"{{ x }}\"]\n",
        "version: [1\n",
        "helm: [{version: 1.10}]\n",
    ] {
        let place = Place::File(Path::new("site.yaml").to_owned());
        assert!(Loaded::read(&place, text).expect("nothing to complain of").is_none(), "{text}");
    }
}
