//! `airlift setup` and the script leave the same bytes, there and back.

mod hosts;
mod passwords;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use airlift_kind::client::{Change, Client, ClientFile, JsonEdit, JsonValue, LineEdit};
use airlift_setup::list::FORMAT;
use airlift_setup::{Done, List, Options, Root, SetupError, put_in, revert, script};
use fs_err as fs;
use proptest::prelude::*;
use tempfile::TempDir;

/// Shells that have to be able to run the script; those that this machine has do.
const SHELLS: [&str; 4] = ["dash", "bash", "busybox", "sh"];

fn lines(section: Option<&str>, key: &str, line: Option<&str>) -> LineEdit {
    let (section, line) = (section.map(str::to_owned), line.map(str::to_owned));
    LineEdit { section, key: key.to_owned(), line, continued: section_is_ini(key) }
}

fn section_is_ini(key: &str) -> bool {
    key != "config_path"
}

/// One client for everything that a file may ask for.
fn list() -> List {
    let section = "plugins.\"io.containerd.grpc.v1.cri\".registry";
    let config_path = lines(Some(section), "config_path", Some("  config_path = \"/etc/containerd/certs.d\""));
    let mirrors = JsonEdit { key: "registry-mirrors".into(), value: JsonValue::List(vec!["http://m:5000".into()]) };
    let insecure = JsonEdit { key: "insecure-registries".into(), value: JsonValue::Includes("m:5000".into()) };
    let index = lines(Some("global"), "index-url", Some("index-url = http://m:8003/simple/"));
    let extra = lines(Some("global"), "extra-index-url", None);
    let enroot = lines(None, "ENROOT_ALLOW_HTTP", Some("ENROOT_ALLOW_HTTP yes"));
    let change = |path: &str, change| ClientFile::new(path, change);
    let clients = vec![
        Client {
            files: vec![change("/etc/docker/daemon.json", Change::Json { edits: vec![mirrors, insecure] })],
            then: vec!["systemctl reload docker".into()],
            relaxed: vec!["it's plain $(touch /tmp/airlift-was-run) HTTP".into()],
            ..Client::named("docker")
        },
        Client {
            files: vec![
                ClientFile::whole("/etc/containerd/certs.d/docker.io/hosts.toml", "server = \"http://m:5000\"\n"),
                change("/etc/containerd/config.toml", Change::Lines { edits: vec![config_path] })
                    .only_if("version=2", true, None)
                    .only_if(&format!("[{section}.mirrors."), false, Some("it has mirrors")),
                ClientFile::whole("/etc/containerd/config.toml", "version = 2\n")
                    .only_where(["/usr/bin/containerd"])
                    .only_if("", false, None),
            ],
            ..Client::named("containerd")
        },
        Client {
            only_where: vec!["/etc/apt".into()],
            files: vec![
                ClientFile::whole("/etc/apt/keyrings/x.asc", "AIRLIFT\n'key' $HOME `id`\n\\\n"),
                ClientFile::whole("/etc/apt/sources.list.d/airlift.sources", "URIs: http://m:8001/x\n"),
            ],
            aside: ["sources.list", "sources.list.d/*.list", "sources.list.d/*.sources"]
                .map(|name| format!("/etc/apt/{name}"))
                .to_vec(),
            ..Client::named("apt")
        },
        Client {
            files: vec![change("/etc/pip.conf", Change::Lines { edits: vec![index, extra] })],
            ..Client::named("pip")
        },
        Client {
            files: vec![change("/etc/gitconfig", Change::Block { content: "[url \"m\"]\n\tinsteadOf = x\n".into() })],
            ..Client::named("git")
        },
        Client {
            only_where: vec!["/etc/enroot".into()],
            files: vec![change("/etc/enroot/enroot.conf", Change::Lines { edits: vec![enroot] })],
            ..Client::named("enroot")
        },
    ];
    let (mirror, host) = ("http://m:8000".to_owned(), "m".to_owned());
    List { format: FORMAT, mirror, host, archive: "site\nof 2026".into(), users: false, clients }
}

/// Everything below a folder: mode, and content, link or nothing.
fn listing(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let about = fs::symlink_metadata(&path).expect("about it");
            let what = if about.is_symlink() {
                format!("link {:?}", fs::read_link(&path).expect("a link"))
            } else if about.is_dir() {
                format!("{:o}", about.mode())
            } else {
                format!("{:o} {}", about.mode(), String::from_utf8_lossy(&fs::read(&path).expect("a file")))
            };
            found.insert(path.strip_prefix(root).expect("below").display().to_string(), what);
            if about.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

fn write(root: &Path, path: &str, text: &str, mode: u32) {
    let there = root.join(path);
    fs::create_dir_all(there.parent().expect("a folder")).expect("folders");
    fs::write(&there, text).expect("a file");
    fs::set_permissions(&there, PermissionsExt::from_mode(mode)).expect("a mode");
}

/// A host that has been lived in.
fn lived_in(root: &Path) {
    write(
        root,
        "etc/docker/daemon.json",
        "{\"log-driver\": \"journald\",\n \"insecure-registries\": [\"r:5\"]}",
        0o600,
    );
    write(root, "etc/containerd/config.toml", "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\n", 0o644);
    write(root, "etc/apt/sources.list", "deb http://deb.example.org/debian stable main\n", 0o644);
    write(root, "etc/apt/sources.list.d/disc.list", "deb cdrom:[x]/ stable main\n# http://x\n", 0o644);
    write(root, "etc/apt/sources.list.d/x.sources", "URIs:\n https://x.example.org\n", 0o640);
    write(root, "etc/apt/sources.list.d/airlift.sources", "by hand\n", 0o644);
    write(root, "etc/pip.conf", "[global]\ntimeout = 9\nextra-index-url =\n  https://x/?a=b\n  https://y\n", 0o644);
    write(root, "etc/my.gitconfig", "[user]\n\tname = x", 0o644);
    symlink("my.gitconfig", root.join("etc/gitconfig")).expect("a link");
    write(root, "etc/enroot/enroot.conf", "#ENROOT_ALLOW_HTTP no\n", 0o644);
}

fn shells() -> Vec<&'static str> {
    let has = |shell: &&str| {
        Command::new(shell).arg(if *shell == "busybox" { "true" } else { "-c" }).arg(":").output().is_ok()
    };
    SHELLS.into_iter().filter(has).collect()
}

fn run(shell: &str, list: &List, root: &Path, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("setup.sh");
    fs::write(&file, script::script(list)).expect("the script");
    let mut command = Command::new(shell);
    if shell == "busybox" {
        command.arg("sh");
    }
    command.arg(&file).arg("--root").arg(root).args(arguments).output().expect("the shell runs")
}

fn good(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn setup(list: &List, root: &Path, options: &Options) -> (usize, Vec<Done>) {
    let mut told = Vec::new();
    let root = Root::new(root).expect("a root");
    let outcome = put_in(list, &root, options, &mut |line| told.push(line.done)).expect("it is set up");
    (outcome.changes, told)
}

fn back(root: &Path) -> usize {
    let root = Root::new(root).expect("a root");
    revert(&root, &Options::default(), &mut |_| {}).expect("it is put back").by_hand
}

fn host(prepare: impl Fn(&Path)) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    folder
}

#[test]
fn both_ways_leave_the_same_and_take_it_back() {
    for prepare in [lived_in as fn(&Path), |_| {}] {
        let ours = host(prepare);
        let before = listing(ours.path());
        setup(&list(), ours.path(), &Options::default());
        let after = listing(ours.path());
        assert_ne!(before, after);
        let (changes, told) = setup(&list(), ours.path(), &Options::default());
        assert_eq!((changes, listing(ours.path())), (0, after.clone()), "a second time: {told:?}");
        for shell in shells() {
            let theirs = host(prepare);
            let told = good(&run(shell, &list(), theirs.path(), &["--dry-run"]));
            assert_eq!(listing(theirs.path()), before, "{shell} --dry-run: {told}");
            let told = good(&run(shell, &list(), theirs.path(), &[]));
            assert_eq!(listing(theirs.path()), after, "{shell}: {told}");
            let told = good(&run(shell, &list(), theirs.path(), &[]));
            assert!(told.contains("Nothing had to be changed."), "{shell}: {told}");
            assert_eq!(listing(theirs.path()), after, "{shell}, a second time: {told}");
            let told = good(&run(shell, &list(), theirs.path(), &["--revert"]));
            assert_eq!(listing(theirs.path()), before, "{shell} --revert: {told}");

            // And what one did, the other takes back.
            good(&run(shell, &list(), theirs.path(), &[]));
            assert_eq!(back(theirs.path()), 0);
            assert_eq!(listing(theirs.path()), before, "{shell}, then ours");
            setup(&list(), theirs.path(), &Options::default());
            good(&run(shell, &list(), theirs.path(), &["--revert"]));
            assert_eq!(listing(theirs.path()), before, "ours, then {shell}");
        }
        assert_eq!(back(ours.path()), 0);
        assert_eq!(listing(ours.path()), before);
        assert!(!Path::new("/tmp/airlift-was-run").exists(), "a sentence was run");
    }
}

#[test]
fn times_and_what_a_file_was_come_back() {
    let host = host(lived_in);
    let file = host.path().join("etc/docker/daemon.json");
    let old = std::time::UNIX_EPOCH + std::time::Duration::new(1_600_000_000, 123_456_789);
    std::fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(old)).expect("a time");
    setup(&list(), host.path(), &Options::default());
    assert_eq!(fs::metadata(&file).expect("about it").mode() & 0o777, 0o600, "the mode stays");
    back(host.path());
    assert_eq!(fs::metadata(&file).and_then(|about| about.modified()).expect("a time"), old);
}

#[test]
fn what_the_next_list_does_not_want_goes() {
    for ours in [true, false] {
        let host = host(lived_in);
        let before = listing(host.path());
        let put = |list: &List, only: &[&str]| match ours {
            true => {
                let only = only.iter().map(|&name| name.to_owned()).collect();
                setup(list, host.path(), &Options { only, ..Options::default() });
            }
            false => {
                let only = if only.is_empty() { vec![] } else { vec!["--only".to_owned(), only.join(",")] };
                let only: Vec<&str> = only.iter().map(String::as_str).collect();
                good(&run("sh", list, host.path(), &only));
            }
        };
        put(&list(), &[]);
        let mut less = list();
        less.clients.retain(|client| client.name != "git" && client.name != "apt");
        less.clients[1].files.remove(0);
        put(&less, &["docker"]);
        assert!(host.path().join("etc/containerd/certs.d/docker.io/hosts.toml").exists(), "it was not asked for");
        put(&less, &[]);
        let now = listing(host.path());
        for path in ["etc/apt/sources.list", "etc/gitconfig", "etc/apt/sources.list.d/airlift.sources"] {
            assert_eq!(now.get(path), before.get(path), "{path}");
        }
        assert!(!now.contains_key("etc/containerd/certs.d"), "{now:?}");
        put(&list(), &[]);
        assert_eq!(back(host.path()), 0);
        assert_eq!(listing(host.path()), before);
    }
}

#[test]
fn a_part_is_taken_back_alone() {
    let host = host(lived_in);
    let before = listing(host.path());
    setup(&list(), host.path(), &Options::default());
    let root = Root::new(host.path()).expect("a root");
    let options = Options { only: vec!["apt".into()], ..Options::default() };
    revert(&root, &options, &mut |_| {}).expect("it is put back");
    let apt = |listing: BTreeMap<String, String>| -> BTreeSet<(String, String)> {
        listing.into_iter().filter(|(path, _)| path.starts_with("etc/apt")).collect()
    };
    assert_eq!(apt(listing(host.path())), apt(before.clone()));
    assert_ne!(listing(host.path()), before);
    good(&run("sh", &list(), host.path(), &["--revert", "--only", "pip,git"]));
    assert!(listing(host.path()).contains_key("var/lib/airlift/setup/journal"));
    back(host.path());
    assert_eq!(listing(host.path()), before);
}

#[test]
fn what_was_changed_by_hand_is_not_lost() {
    let ways: [&dyn Fn(&Path) -> bool; 2] =
        [&|root| back(root) == 2, &|root| run("sh", &list(), root, &["--revert"]).status.code() == Some(1)];
    for revert in ways {
        let host = host(lived_in);
        setup(&list(), host.path(), &Options::default());
        let daemon = host.path().join("etc/docker/daemon.json");
        let by_hand = fs::read_to_string(&daemon).expect("a file").replace("journald", "local");
        fs::write(&daemon, &by_hand).expect("a file");
        fs::write(host.path().join("etc/apt/keyrings/x.asc"), "another\n").expect("a file");
        assert!(revert(host.path()), "it says so");
        let after = listing(host.path());
        assert!(after["etc/docker/daemon.json"].contains(&by_hand));
        assert!(after["etc/docker/daemon.json.before-airlift"].contains("\"log-driver\": \"journald\",\n"));
        assert!(after["etc/apt/keyrings/x.asc"].contains("another"));
        assert!(after["etc/apt/sources.list"].contains("deb.example.org"));
        assert!(!after.contains_key("var/lib/airlift"), "{after:?}");
    }
    // And a second setup keeps it beside what takes its place, or in the file itself.
    for ours in [true, false] {
        let host = host(lived_in);
        setup(&list(), host.path(), &Options::default());
        let hosts = host.path().join("etc/containerd/certs.d/docker.io/hosts.toml");
        fs::write(&hosts, "server = \"mine\"\n").expect("a file");
        let pip = host.path().join("etc/pip.conf");
        fs::write(&pip, "[global]\nindex-url = x\nretries = 1\n").expect("a file");
        match ours {
            true => {
                setup(&list(), host.path(), &Options::default());
            }
            false => {
                good(&run("sh", &list(), host.path(), &[]));
            }
        }
        assert_eq!(fs::read_to_string(hosts.with_extension("toml.by-hand")).expect("a file"), "server = \"mine\"\n");
        let pip = fs::read_to_string(pip).expect("a file");
        assert_eq!(pip, "[global]\nindex-url = http://m:8003/simple/\nretries = 1\n");
    }
}

#[test]
fn a_run_that_was_cut_off_is_taken_back() {
    let host = host(lived_in);
    let before = listing(host.path());
    setup(&list(), host.path(), &Options::default());
    let after = listing(host.path());
    let path = host.path().join("var/lib/airlift/setup/journal");
    let journal = fs::read_to_string(&path).expect("the journal");
    let lines: Vec<&str> = journal.lines().collect();
    // What a line says may have been done or not, and the next one may have been half written.
    for cut in 5..lines.len() {
        let host = self::host(lived_in);
        setup(&list(), host.path(), &Options::default());
        undo_all_but(host.path(), &lines[..cut]);
        let text = format!("{}\n{}", lines[..cut].join("\n"), &lines[cut][..lines[cut].len() / 2]);
        fs::write(host.path().join("var/lib/airlift/setup/journal"), text).expect("the journal");
        match cut % 3 {
            0 => assert_eq!(back(host.path()), 0, "{cut}"),
            1 => drop(good(&run("sh", &list(), host.path(), &["--revert"]))),
            _ => {
                setup(&list(), host.path(), &Options::default());
                assert_eq!(without_state(listing(host.path())), without_state(after.clone()), "it goes on: {cut}");
                assert_eq!(back(host.path()), 0, "{cut}");
            }
        }
        assert_eq!(listing(host.path()), before, "cut behind line {cut}: {}", lines[cut - 1]);
    }
}

fn without_state(mut listing: BTreeMap<String, String>) -> BTreeMap<String, String> {
    listing.retain(|path, _| !path.starts_with("var/"));
    listing
}

/// Makes a host look as if it had come no further than these lines; what the last one says was not done yet.
fn undo_all_but(root: &Path, lines: &[&str]) {
    let done: BTreeSet<&str> = lines[..lines.len() - 1].iter().filter_map(|line| line.split('\t').nth(2)).collect();
    let state = root.join("var/lib/airlift/setup");
    let journal = fs::read_to_string(state.join("journal")).expect("the journal");
    for line in journal.lines().rev() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [deed, client, path, kept, _] = fields.as_slice() else { continue };
        if done.contains(path) || *client == "-" {
            continue;
        }
        let there = root.join(path.trim_start_matches('/'));
        match *deed {
            "folder" => drop(fs::remove_dir(&there)),
            "new" => fs::remove_file(&there).expect("a file"),
            "replaced" | "aside" => {
                let _ = fs::remove_file(&there);
                let kept = Command::new("cp").arg("-a").arg(state.join("kept").join(kept)).arg(&there).status();
                assert!(kept.expect("cp").success());
            }
            _ => {}
        }
    }
}

#[test]
fn two_setups_of_a_host_do_not_run_at_once() {
    let host = host(lived_in);
    let before = listing(host.path());
    let lock = fs::File::open(host.path()).expect("a folder").into_file();
    lock.lock().expect("it is locked");
    let root = Root::new(host.path()).expect("a root");
    let busy = |done: Result<(), SetupError>| assert!(matches!(done, Err(SetupError::Busy)), "{done:?}");
    busy(put_in(&list(), &root, &Options::default(), &mut |_| {}).map(drop));
    busy(revert(&root, &Options::default(), &mut |_| {}).map(drop));
    for shell in shells() {
        for arguments in [&[][..], &["--revert"]] {
            let output = run(shell, &list(), host.path(), arguments);
            assert_eq!(output.status.code(), Some(7), "{shell}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("another setup is running"), "{shell}");
        }
        good(&run(shell, &list(), host.path(), &["--dry-run"]));
    }
    assert_eq!(listing(host.path()), before);
    drop(lock);
    setup(&list(), host.path(), &Options::default());
    good(&run("sh", &list(), host.path(), &["--revert"]));
}

#[test]
fn a_script_that_did_not_arrive_as_a_whole_does_nothing() {
    let host = host(lived_in);
    let before = listing(host.path());
    let whole = script::script(&list());
    let lines = whole.match_indices('\n').map(|(at, _)| at + 1).step_by(29);
    let end = (whole.len() - 120..whole.len() - 1).filter(|at| whole.is_char_boundary(*at));
    let folder = tempfile::tempdir().expect("a folder");
    for cut in lines.chain(end).filter(|cut| *cut < whole.len() - 1) {
        let file = folder.path().join("setup.sh");
        fs::write(&file, &whole[..cut]).expect("the script");
        // The whole script would do it; what is left of its last line must not do it without its arguments either.
        let done = Command::new("sh").arg(&file).arg("--root").arg(host.path()).output().expect("a shell");
        assert_eq!(listing(host.path()), before, "cut at {cut}: {}", String::from_utf8_lossy(&done.stdout));
        assert!(done.stdout.is_empty(), "cut at {cut}: {}", String::from_utf8_lossy(&done.stdout));
    }
}

#[test]
fn what_was_changed_by_hand_twice_is_there_twice() {
    for ours in [true, false] {
        let host = host(lived_in);
        let again = || match ours {
            true => drop(setup(&list(), host.path(), &Options::default())),
            false => drop(good(&run("sh", &list(), host.path(), &[]))),
        };
        again();
        let key = host.path().join("etc/apt/keyrings/x.asc");
        for text in ["one\n", "two\n"] {
            fs::write(&key, text).expect("a file");
            again();
        }
        let beside = |name: &str| fs::read_to_string(key.with_file_name(name)).expect("a file");
        assert_eq!((beside("x.asc.by-hand").as_str(), beside("x.asc.by-hand.2").as_str()), ("one\n", "two\n"));
    }
}

#[test]
fn a_link_out_of_the_root_is_refused() {
    let outside = tempfile::tempdir().expect("a folder");
    let host = host(|root| {
        fs::create_dir_all(root.join("etc")).expect("a folder");
        symlink(outside.path(), root.join("etc/docker")).expect("a link");
    });
    let root = Root::new(host.path()).expect("a root");
    let refused = put_in(&list(), &root, &Options::default(), &mut |_| {}).expect_err("refused");
    assert!(refused.to_string().contains("leads out of"), "{refused}");
    let output = run("sh", &list(), host.path(), &[]);
    assert_eq!(output.status.code(), Some(7));
    assert!(String::from_utf8_lossy(&output.stderr).contains("leads out of"));
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 0);
}

#[test]
fn files_that_are_kept_are_not_set_aside() {
    for ours in [true, false] {
        let host = host(lived_in);
        match ours {
            true => {
                setup(&list(), host.path(), &Options { keep: vec!["x.sources".into()], ..Options::default() });
            }
            false => {
                good(&run("sh", &list(), host.path(), &["--keep", "x.sources"]));
            }
        }
        assert!(host.path().join("etc/apt/sources.list.d/x.sources").exists());
        assert!(!host.path().join("etc/apt/sources.list").exists());
        assert!(host.path().join("etc/apt/sources.list.d/disc.list").exists());
    }
}

fn file_of_lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("[global]"),
        Just(" [ global ]"),
        Just("[install]"),
        Just("index-url = a"),
        Just("Index_Url: b"),
        Just("extra-index-url ="),
        Just("  https://c?d=e"),
        Just(""),
        Just("  "),
        Just("# comment"),
        Just("timeout=1"),
        Just("\textra-index-url x"),
        Just("ENROOT_ALLOW_HTTP no"),
        Just("\r"),
        Just("[plugins.'io.containerd.grpc.v1.cri'.registry]"),
        Just("config_path = ''"),
        Just("version = 2"),
        Just("# airlift: begin"),
        Just("# airlift: end"),
    ];
    (prop::collection::vec(line, 0..14), any::<bool>())
        .prop_map(|(lines, end)| lines.join("\n") + if end { "\n" } else { "" })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn awk_changes_files_as_we_do(texts in prop::collection::vec(file_of_lines(), 4)) {
        let paths = ["etc/pip.conf", "etc/gitconfig", "etc/enroot/enroot.conf", "etc/containerd/config.toml"];
        let prepare = |root: &Path| paths.iter().zip(&texts).for_each(|(path, text)| write(root, path, text, 0o644));
        let (ours, theirs) = (host(prepare), host(prepare));
        let root = Root::new(ours.path()).expect("a root");
        let output = run("sh", &list(), theirs.path(), &[]);
        match put_in(&list(), &root, &Options::default(), &mut |_| {}) {
            Ok(_) => prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => prop_assert_eq!(output.status.code(), Some(7)),
        }
        prop_assert_eq!(listing(ours.path()), listing(theirs.path()));
    }
}
