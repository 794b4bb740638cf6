//! Patches between lists: mirrored byte for byte, checked, and used by apt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use airlift_e2e::airlift::Airlift;
use airlift_e2e::clients::Apt;
use airlift_e2e::debs::{BUILDERS, Package, Upstream, sum};
use airlift_e2e::http;
use airlift_e2e::mirror::{Mirror, refusal};
use airlift_e2e::process::{output, run};
use airlift_e2e::temporary;
use airlift_e2e::tools::{find, present, tool};

/// How many packages there are at first: so many that a patch is much smaller than the list.
const PACKAGES: usize = 25;

const LISTS: &str = "patched/dists/s/main/binary-amd64";

/// Writes the list of what is in the pool now, signs it, and returns where it lies.
fn publish(upstream: &Upstream) -> PathBuf {
    let base = upstream.root().join("patched");
    let lists = upstream.root().join(LISTS);
    fs::create_dir_all(&lists).expect("a folder");
    upstream.copy_debs(&base.join("pool"));
    let list = lists.join("Packages");
    fs::write(&list, Upstream::packages(&base, "pool")).expect("a file");
    run(Command::new(tool("xz")).args(["--force", "--keep"]).arg(&list));
    upstream.release(&base.join("dists/s"), "Suite: s\nComponents: main\nArchitectures: amd64\n");
    list
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").len()
}

/// Writes the patch from an old list to the present one, and its index, as DebianRepository/Format has them.
fn patch(upstream: &Upstream, old: &Path, list: &Path) {
    let folder = upstream.root().join(LISTS).join("Packages.diff");
    fs::create_dir_all(&folder).expect("a folder");
    let plain = folder.join("T-2-F-1");
    let script = output(Command::new(tool("diff")).arg("--ed").args([old, list])).stdout;
    fs::write(&plain, script).expect("a file");
    run(Command::new(tool("gzip")).args(["--no-name", "--keep"]).arg(&plain));
    let packed = folder.join("T-2-F-1.gz");
    let line = |path: &Path, name: &str| format!("{} {} {name}\n", sum("sha256", path), size(path));
    let index = format!(
        "SHA256-Current: {}SHA256-History:\n {}SHA256-Patches:\n {}SHA256-Download:\n {}",
        line(list, "").replace(" \n", "\n"),
        line(old, "T-2-F-1"),
        line(&plain, "T-2-F-1"),
        line(&packed, "T-2-F-1.gz")
    );
    fs::write(folder.join("Index"), index).expect("a file");
    fs::remove_file(plain).expect("a file");
    upstream.release(&upstream.root().join("patched/dists/s"), "Suite: s\nComponents: main\nArchitectures: amd64\n");
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited too long until {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn manifest(upstream: &Upstream) -> String {
    format!("version: 1\napt:\n{}", upstream.entry("patched", "s", ", components: [main]"))
}

#[test]
fn apt_patches_its_list_from_a_mirror_that_goes_on() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    (0..PACKAGES).for_each(|number| upstream.build(&format!("p{number:02}"), "1", Package::default()));
    let list = publish(&upstream);
    let old = upstream.work().join("Packages.old");
    fs::copy(&list, &old).expect("a copy");

    let (work, airlift) = (temporary::folder(), Airlift::new());
    let at = |name: &str| work.path().join(name);
    fs::write(at("airlift.yaml"), manifest(&upstream)).expect("a file");
    let carry = || {
        let mut collect = airlift.command(["collect"]);
        collect.arg(at("airlift.yaml")).arg("-o").arg(at("archive.tar")).arg("--store").arg(at("collected"));
        run(&mut collect);
        run(airlift.command(["load"]).arg(at("archive.tar")).arg("--store").arg(at("store")));
    };
    carry();
    let served = airlift.serve(&at("store"));
    let get = |path: &str| http::get(served.address("deb"), path).expect(&[200], path).body;
    let apt = Apt::new(&work.path().join("apt"), "amd64", (".sources", &get("/patched.sources")));
    apt.run(&["update"]);

    // apt asks by the date of its list, and dates of HTTP count whole seconds.
    let inline = upstream.root().join("patched/dists/s/InRelease");
    let dated = fs::metadata(&inline).and_then(|file| file.modified()).expect("a date");
    wait_until("another second has begun", || dated.elapsed().is_ok_and(|age| age >= Duration::from_secs(1)));
    upstream.build("p99", "1", Package::default());
    let list = publish(&upstream);
    patch(&upstream, &old, &list);
    carry();
    let inline = fs::read(&inline).expect("a file");
    wait_until("the server has the new lists", || get("/patched/dists/s/InRelease") == inline);
    let told = apt.run(&["-o", "Debug::Acquire::http=true", "update"]);
    assert!(told.contains(&format!("GET /{LISTS}/Packages.diff/T-2-F-1.gz")), "{told}");
    assert!(!told.contains("Packages.xz"), "{told}");
    assert!(apt.run(&["install", "--simulate", "p99"]).contains("Inst p99"));
    for name in ["Index", "T-2-F-1.gz"] {
        let path = format!("{LISTS}/Packages.diff/{name}");
        assert!(get(&format!("/{path}")) == fs::read(upstream.root().join(&path)).expect("a file"), "{path}");
    }

    let patch = upstream.root().join(LISTS).join("Packages.diff/T-2-F-1.gz");
    let mut wrong = fs::read(&patch).expect("a patch");
    *wrong.last_mut().expect("a byte") ^= 1;
    fs::write(&patch, wrong).expect("a file");
    let told = refusal(&manifest(&upstream));
    assert!(told.contains("Packages.diff/T-2-F-1.gz"), "{told}");
    fs::remove_file(&patch).expect("a file");
    let told = refusal(&manifest(&upstream));
    assert!(told.contains("Packages.diff/T-2-F-1.gz") && told.contains("404"), "{told}");
}

#[test]
fn patches_for_which_sha1_alone_vouches_stay_away() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    let hook = find("rredtool").expect("it comes with reprepro");
    let distributions = format!(
        "Suite: stable\nCodename: good\nArchitectures: amd64\nComponents: main\nSignWith: Upstream\n\
         DebIndices: Packages Release . .gz {}\n",
        hook.display()
    );
    for (number, name) in ["one", "two"].into_iter().enumerate() {
        upstream.build(name, "1", Package::default());
        let debs = upstream.built().split_off(number.min(upstream.built().len() - 1));
        upstream.reprepro("good", &distributions, &["includedeb", "good"], &debs);
    }
    let index = "good/dists/good/main/binary-amd64/Packages.diff/Index";
    assert!(upstream.root().join(index).is_file());
    let mirror =
        Mirror::of("deb", &format!("version: 1\napt:\n{}", upstream.entry("good", "good", ", components: [main]")));
    let there = fs::read_to_string(upstream.root().join(index)).expect("an index");
    assert!(mirror.get(&format!("/{index}")) == there.as_bytes());
    if !there.contains("SHA256-Patches") {
        let name = there.lines().last().filter(|line| !line.starts_with("X-")).or(there.lines().rev().nth(1));
        let name = name.and_then(|line| line.split_whitespace().nth(2)).expect("a patch");
        let path = format!("/good/dists/good/main/binary-amd64/Packages.diff/{}.gz", name.replace('+', "%2b"));
        assert_eq!(http::get(mirror.served.address("deb"), &path).status, 404, "{path}");
    }
    let apt = Apt::new(&mirror.work.path().join("apt"), "amd64", (".sources", &mirror.get("/good.sources")));
    apt.run(&["update"]);
    apt.run(&["install", "one", "two"]);
    assert!(apt.installed("one") && apt.installed("two"));
}
