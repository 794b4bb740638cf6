//! Holds the profiles against the inventory.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::Place;
use super::resolve::{Part, Resolved};
use super::{Loaded, profiles};

/// Every switch that is off by default.
const OFF: [&str; 3] = ["distribution_repositories", "epel_repository", "docker_repository"];

fn profile(name: &str, arguments: &[String]) -> Resolved {
    let place = Place::profile(name).expect("a profile");
    let loaded = Loaded::read(&place, &place.read().expect("its text")).expect("a manifest").expect("one to resolve");
    Resolved::of(&loaded, arguments).expect("a resolved profile")
}

fn deepops(arguments: &[&str]) -> Resolved {
    profile("deepops", &arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// All that a profile can bring.
fn everything(name: &str) -> Resolved {
    let mut arguments = vec!["arch=amd64,arm64".to_owned()];
    for variable in profile(name, &[]).variables {
        match variable.value {
            Value::Bool(false) => arguments.push(format!("{}=true", variable.name)),
            Value::Array(_) if variable.name.ends_with("addons") => {
                arguments.push(format!("{}={}", variable.name, variable.declaration.values.join(",")));
            }
            _ => {}
        }
    }
    profile(name, &arguments)
}

/// The names of the entries under a key: what an inventory's row would be called.
fn names(resolved: &Resolved, key: &str) -> Vec<String> {
    fn of(part: &Part, names: &mut Vec<String>) {
        match part {
            Part::List(items) => names.extend(items.iter().map(|item| match &item.value {
                Value::String(text) => text.clone(),
                value => {
                    // What Galaxy has stands in a list of its own.
                    let inner = ["collections", "roles"].iter().find_map(|list| value[*list].get(0));
                    let value = inner.unwrap_or(value);
                    let field =
                        ["id", "name", "ref", "url", "src", "python"].iter().find_map(|field| value[*field].as_str());
                    field.unwrap_or_else(|| panic!("{value} has no name")).to_owned()
                }
            })),
            Part::Map(pairs) => pairs.iter().for_each(|(_, part)| of(part, names)),
            Part::Value(_) => {}
        }
    }
    let mut all = Vec::new();
    resolved.parts.iter().filter(|(known, _)| known == key).for_each(|(_, part)| of(part, &mut all));
    all
}

/// The lists of the inventory: the manifest's key that answers for one, and the field by which a row is called.
const LISTS: [(&str, &str, &str); 12] = [
    ("kubespray_image", "images", "ref"),
    ("kubespray_file", "files", "url"),
    ("image", "images", "ref"),
    ("helm_repo", "helm", "name"),
    ("yum_repo", "yum", "id"),
    ("apt_repo", "apt", "id"),
    ("python", "python", "requirement"),
    ("kubespray_python", "python", "requirement"),
    ("interpreter", "python", "python"),
    ("file", "files", "url"),
    ("git_repo", "git", "url"),
    ("galaxy", "galaxy", "name"),
];

fn inventory() -> Value {
    let place = Place::profile("deepops").and_then(|place| place.beside("inventory.toml")).expect("the inventory");
    toml::from_str(&place.read().expect("its text")).expect("TOML")
}

fn rows<'a>(inventory: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    inventory[list].as_array().unwrap_or_else(|| panic!("no list {list}")).iter()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{row} has no {field}"))
}

#[test]
fn every_default_of_deepops_is_collected_or_says_why_not() {
    let (inventory, resolved) = (inventory(), deepops(&[]));
    let with_all = everything("deepops");
    let mut left_out = Vec::new();
    for (list, key, field) in LISTS {
        let (there, possible) = (names(&resolved, key), names(&with_all, key));
        for row in rows(&inventory, list).filter(|row| row["default"] == true && row["added"].is_null()) {
            let name = text(row, field);
            if there.iter().any(|known| known == name) {
                continue;
            }
            let groups: Vec<&str> =
                row["groups"].as_array().expect("groups").iter().filter_map(Value::as_str).collect();
            match row["never"].as_str() {
                Some(never) => left_out.push(format!("{list} {name}: {never}")),
                None => {
                    assert!(groups.iter().all(|group| OFF.contains(group)), "{list} {name} is not in the profile");
                    assert!(possible.iter().any(|known| known == name), "{list} {name} can't be switched on");
                    left_out.push(format!("{list} {name}: off unless {}=true", groups.join("=true or ")));
                }
            }
        }
    }
    insta::assert_snapshot!(left_out.join("\n"), @r"
    image docker.io/deepops/prometheus-slurm-exporter:2.0.0: in no public registry: DeepOps builds it; build it, push it where you can reach it, and name it in your manifest
    apt_repo ubuntu-jammy: off unless distribution_repositories=true
    apt_repo ubuntu-noble: off unless distribution_repositories=true
    apt_repo ubuntu-security-jammy: off unless distribution_repositories=true
    apt_repo ubuntu-security-noble: off unless distribution_repositories=true
    apt_repo ubuntu-in-docker-build: the same repository as ubuntu-noble, which distribution_repositories brings
    apt_repo docker-jammy: off unless docker_repository=true
    apt_repo docker-noble: off unless docker_repository=true
    galaxy kubernetes.core: it comes with the Python package ansible
    galaxy ansible.utils: it comes with the Python package ansible
    ");
}

#[test]
fn whatever_else_is_behind_a_switch_and_nothing_is_there_without_a_row() {
    let (inventory, resolved) = (inventory(), everything("deepops"));
    for (list, key, field) in LISTS {
        let there = names(&resolved, key);
        for row in rows(&inventory, list).filter(|row| row["never"].is_null()) {
            assert!(there.iter().any(|known| known == text(row, field)), "{list} {} has no switch", text(row, field));
        }
    }
    let keys: BTreeSet<&str> = resolved.parts.iter().map(|(key, _)| key.as_str()).collect();
    for key in keys {
        let lists = LISTS.iter().filter(|(_, own, _)| *own == key);
        let known: BTreeSet<&str> =
            lists.flat_map(|(list, _, field)| rows(&inventory, list).map(|row| text(row, field))).collect();
        for name in names(&resolved, key) {
            assert!(known.contains(name.as_str()), "{key} {name} is in no row of the inventory");
        }
    }
}

#[test]
fn every_entry_says_why_it_is_there() {
    fn check(part: &Part) {
        match part {
            Part::List(items) => items.iter().for_each(|item| assert!(!item.why.is_empty(), "{item:?}")),
            Part::Map(pairs) => pairs.iter().for_each(|(_, part)| check(part)),
            Part::Value(_) => {}
        }
    }
    for name in profiles() {
        everything(name).parts.iter().for_each(|(_, part)| check(part));
    }
}

#[test]
fn kubespray_is_what_its_own_lists_and_kubeadm_name() {
    let (inventory, resolved) = (inventory(), profile("kubespray", &[]));
    for (list, key, field) in &LISTS[..2] {
        let mut expected: Vec<&str> = rows(&inventory, list)
            .filter(|row| row["default"] == true && row["arch"] != "arm64")
            .map(|row| text(row, field))
            .collect();
        let mut there = names(&resolved, key);
        expected.sort_unstable();
        there.sort_unstable();
        assert_eq!(there, expected);
        assert_eq!(there.len(), 12, "DeepOps' settings turn on twelve {key}");
    }
    let version = text(&inventory["kubespray"], "kube_version");
    for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"] {
        let image = format!("registry.k8s.io/{name}:v{version}");
        assert!(names(&resolved, "images").contains(&image), "{image}");
    }
    // generate_list.sh names 48 images and 24 files; it misses argocd's manifest and the helper of local-path-provisioner.
    let all = profile("kubespray", &[format!("kubespray_addons={}", addons(&resolved))]);
    assert_eq!((names(&all, "images").len(), names(&all, "files").len()), (49, 25));
}

fn addons(resolved: &Resolved) -> String {
    let variable = resolved.variables.iter().find(|variable| variable.name == "kubespray_addons");
    variable.expect("the variable").declaration.values.join(",")
}

#[test]
fn the_ansible_that_kubespray_requires_is_a_set_of_its_own() {
    let ansible = |arguments: &[&str]| -> Vec<String> {
        let names = names(&deepops(arguments), "python");
        names.into_iter().filter(|name| name.starts_with("ansible==") || name.starts_with("3.")).collect()
    };
    assert_eq!(ansible(&["os=ubuntu22.04"]), ["ansible==10.7.0", "3.10", "ansible==11.13.0", "3.11"]);
    assert_eq!(ansible(&["os=el9", "kubernetes=false"]), ["ansible==10.7.0", "3.12"]);
    assert_eq!(ansible(&["os=el9", "setup=false"]), ["3.12", "ansible==11.13.0", "3.12"]);
    assert_eq!(ansible(&["os=el9", "kubespray=false"]), ["ansible==10.7.0", "3.12"]);
    assert!(ansible(&["setup=false", "kubernetes=false"]).is_empty());
}

#[test]
fn each_target_has_its_own() {
    let mut table = Vec::new();
    for os in ["ubuntu22.04", "ubuntu24.04", "el8", "el9"] {
        for (cluster, off) in [("both", "x=y"), ("kubernetes", "slurm=false"), ("slurm", "kubernetes=false")] {
            let os = format!("os={os}");
            let arguments: Vec<&str> = [os.as_str(), off].into_iter().filter(|text| *text != "x=y").collect();
            let resolved = deepops(&arguments);
            let counts = ["images", "helm", "yum", "apt", "files", "git", "galaxy"]
                .map(|key| format!("{key} {}", names(&resolved, key).len()));
            table.push(format!("{os} {cluster}: {}", counts.join(", ")));
        }
    }
    insta::assert_snapshot!(table.join("\n"), @r"
    os=ubuntu22.04 both: images 26, helm 3, yum 0, apt 4, files 28, git 3, galaxy 14
    os=ubuntu22.04 kubernetes: images 20, helm 3, yum 0, apt 4, files 15, git 3, galaxy 14
    os=ubuntu22.04 slurm: images 8, helm 0, yum 0, apt 4, files 13, git 3, galaxy 14
    os=ubuntu24.04 both: images 26, helm 3, yum 0, apt 2, files 26, git 3, galaxy 14
    os=ubuntu24.04 kubernetes: images 20, helm 3, yum 0, apt 2, files 15, git 3, galaxy 14
    os=ubuntu24.04 slurm: images 8, helm 0, yum 0, apt 2, files 11, git 3, galaxy 14
    os=el8 both: images 26, helm 3, yum 5, apt 0, files 28, git 3, galaxy 14
    os=el8 kubernetes: images 20, helm 3, yum 5, apt 0, files 18, git 3, galaxy 14
    os=el8 slurm: images 8, helm 0, yum 5, apt 0, files 13, git 3, galaxy 14
    os=el9 both: images 26, helm 3, yum 5, apt 0, files 28, git 3, galaxy 14
    os=el9 kubernetes: images 20, helm 3, yum 5, apt 0, files 18, git 3, galaxy 14
    os=el9 slurm: images 8, helm 0, yum 5, apt 0, files 13, git 3, galaxy 14
    ");
}

#[test]
fn switches_take_their_part_away() {
    for (switch, key) in [
        ("container_images=false", "images"),
        ("helm_charts=false", "helm"),
        ("nvidia_repositories=false", "yum"),
        ("nvidia_repositories=false", "apt"),
        ("python_packages=false", "python"),
        ("plain_files=false", "files"),
        ("git_repositories=false", "git"),
        ("galaxy_content=false", "galaxy"),
    ] {
        assert!(!names(&deepops(&[]), key).is_empty(), "{key}");
        assert!(names(&deepops(&[switch]), key).is_empty(), "{switch} leaves {key}");
    }
}
