//! A host gets the repositories of its own release and architecture.

use airlift_kind::Hosts;

use super::*;

/// Repositories for two releases and two architectures, and one for all of them.
fn for_some(everywhere: bool) -> List {
    let hosts = |os: &str, arch: &[&str]| Hosts {
        os: vec![os.to_owned()],
        arch: arch.iter().map(|&arch| arch.to_owned()).collect(),
    };
    let file = |id: &str, hosts: &Hosts| {
        let text = format!("[{id}]\nbaseurl=http://m:8001/{id}\n");
        ClientFile::whole(format!("/etc/yum.repos.d/airlift-{id}.repo"), text).only_for(id, hosts)
    };
    let mut files = vec![
        file("cuda-8", &hosts("el8", &["amd64"])),
        file("cuda-9", &hosts("el9", &["amd64"])),
        file("cuda-9-arm", &hosts("el9", &["arm64"])),
        file("noble", &hosts("noble", &[])),
        file("mint", &hosts("ubuntu24.04", &[])),
        file("exact", &hosts("rocky9.4", &["s390x", "amd64", "arm64"])),
    ];
    if everywhere {
        files.push(file("tools", &Hosts::default()));
    }
    let aside = vec!["/etc/yum.repos.d/*.repo".to_owned()];
    List { clients: vec![Client { files, aside, ..Client::named("dnf") }], ..list() }
}

/// The `os-release` of some systems, and the repositories that each gets.
const SYSTEMS: [(&str, &str, &str, &[&str]); 6] = [
    ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n", "amd64", "rocky9.4", &["cuda-9", "exact"]),
    ("ID=\"ol\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.10\"\n", "amd64", "ol8.10", &["cuda-8"]),
    ("ID='almalinux'\nVERSION_ID='9.1'\n", "arm64\namd64", "almalinux9.1", &["cuda-9-arm"]),
    ("ID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n", "amd64", "ubuntu24.04", &["mint", "noble"]),
    ("ID=fedora\nVERSION_ID=9\n", "amd64", "fedora9", &[]),
    ("", "amd64", "a system without os-release", &[]),
];

#[test]
fn a_host_gets_what_is_for_it() {
    for (release, arch, name, expected) in SYSTEMS {
        for everywhere in [true, false] {
            let prepare = |root: &Path| {
                write(root, "usr/lib/os-release", release, 0o644);
                write(root, "var/lib/dpkg/arch", &format!("{arch}\n"), 0o644);
                write(root, "etc/yum.repos.d/base.repo", "[base]\nbaseurl=https://e.example.org/\n", 0o644);
                fs::create_dir_all(root.join("etc")).expect("a folder");
                symlink("/usr/lib/os-release", root.join("etc/os-release")).expect("a link");
            };
            let (ours, theirs) = (host(prepare), host(prepare));
            let before = listing(ours.path());
            let root = Root::new(ours.path()).expect("a root");
            let outcome = put_in(&for_some(everywhere), &root, &Options::default(), &mut |_| {}).expect("it is set up");
            let mut wanted: Vec<String> = expected.iter().map(|id| format!("airlift-{id}.repo")).collect();
            if everywhere {
                wanted.push("airlift-tools.repo".to_owned());
            }
            if wanted.is_empty() {
                // The mirror has nothing for it: what it has is not taken away.
                wanted.push("base.repo".to_owned());
            }
            wanted.sort();
            let after = listing(ours.path());
            let found: Vec<String> =
                after.keys().filter_map(|path| Some(path.strip_prefix("etc/yum.repos.d/")?.to_owned())).collect();
            assert_eq!(found, wanted, "{release}");
            let [sentence] = outcome.elsewhere.as_slice() else { panic!("{:?}", outcome.elsewhere) };
            assert!(sentence.starts_with(&format!("dnf: not for this host, which is {name} on ")), "{sentence}");
            let told = good(&run("sh", &for_some(everywhere), theirs.path(), &[]));
            assert_eq!(listing(theirs.path()), after, "{release}: {told}");
            assert!(told.lines().any(|line| line == sentence), "{told}\n{sentence}");
            back(ours.path());
            assert_eq!(listing(ours.path()), before, "{release}");
        }
    }
}

#[test]
fn a_host_that_became_another_one_gets_other_repositories() {
    let release = |root: &Path, version: u32| {
        write(root, "etc/os-release", &format!("ID=rhel\nVERSION_ID={version}.2\n"), 0o644);
    };
    for ours in [true, false] {
        let host = host(|root| {
            release(root, 8);
            write(root, "var/lib/dpkg/arch", "amd64\n", 0o644);
            write(root, "etc/yum.repos.d/base.repo", "[base]\nbaseurl=https://e.example.org/\n", 0o644);
        });
        let put = || match ours {
            true => drop(setup(&for_some(true), host.path(), &Options::default())),
            false => drop(good(&run("sh", &for_some(true), host.path(), &[]))),
        };
        let has = |name: &str| host.path().join("etc/yum.repos.d").join(name).exists();
        put();
        assert!(has("airlift-cuda-8.repo") && !has("airlift-cuda-9.repo") && !has("base.repo"));
        release(host.path(), 9);
        put();
        assert!(!has("airlift-cuda-8.repo") && has("airlift-cuda-9.repo") && !has("base.repo"));
        assert_eq!(back(host.path()), 0);
        assert!(!has("airlift-cuda-8.repo") && !has("airlift-cuda-9.repo") && has("base.repo"));
    }
}
