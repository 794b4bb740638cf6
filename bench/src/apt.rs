//! An apt repository of 10,000 packages: collecting it against apt-mirror from the same nginx, and finding out what a
//! request needs against apt itself with the same lists.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlift_core::Digest;

use crate::data::noise;
use crate::process::{Server, empty, timed};
use crate::report::{Contest, Report, WITH_ARCHIVE, WITHOUT_ARCHIVE, say};
use crate::{Options, Outcome};

/// How many packages there are, and the bytes of a package's file.
const PACKAGES: usize = 10_000;
const FILE: usize = 3000;

/// How many packages are asked for at once.
const ASKED: usize = 100;

/// Which list of packages; both programs read it.
const LIST: &str = "dists/s/main/binary-amd64/Packages";

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    say("making an apt repository of 10,000 packages …");
    let work = empty(&options.work.join("apt"))?;
    let upstream = work.join("upstream");
    make(&upstream)?;
    let server = Server::nginx(&upstream, &work, "nginx", "")?;
    let apt = Programs { airlift: options.airlift.canonicalize()?, uri: format!("http://{}", server.address), work };
    collecting(&apt, options, report)?;
    solving(&apt, options, report)?;
    Ok(fs_err::remove_dir_all(&apt.work)?)
}

/// The programs, the repository and room.
struct Programs {
    airlift: PathBuf,
    uri: String,
    work: PathBuf,
}

/// A package's name.
fn name(number: usize) -> String {
    format!("p{number:05}")
}

/// What a package needs: up to three of those before it, one of them only as an alternative or by what it provides.
fn depends(number: usize) -> String {
    if number < 4 {
        return String::new();
    }
    let (half, third, near) = (number / 2, number / 3, number - 1 - number % 3);
    format!("Depends: {} (>= 1), {} | {}, v{}\n", name(half), name(third), name(near), number / 7)
}

fn make(root: &Path) -> Outcome<()> {
    let mut list = String::new();
    for number in 0..PACKAGES {
        let (name, bytes) = (name(number), noise(number as u64 + 1, FILE));
        let path = format!("pool/{}/{name}_1_amd64.deb", number % 100);
        let file = root.join(&path);
        fs_err::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
        let digest = Digest::of(&bytes).hex();
        fs_err::write(&file, &bytes)?;
        write!(
            list,
            "Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: T <t@example.invalid>\nProvides: v{number}\n\
             {}Filename: {path}\nSize: {FILE}\nSHA256: {digest}\nDescription: number {number}\n\n",
            depends(number)
        )?;
    }
    let file = root.join(LIST);
    fs_err::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
    fs_err::write(&file, &list)?;
    timed(Command::new("gzip").args(["--no-name", "--keep", "-6"]).arg(&file))?;
    let packed = fs_err::read(file.with_extension("gz"))?;
    let mut release =
        "Suite: s\nComponents: main\nArchitectures: amd64\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n".to_owned();
    for (path, bytes) in [(LIST.to_owned(), list.as_bytes()), (format!("{LIST}.gz"), &packed[..])] {
        let path = path.trim_start_matches("dists/s/");
        writeln!(release, " {} {} {path}", Digest::of(bytes).hex(), bytes.len())?;
    }
    Ok(fs_err::write(root.join("dists/s/Release"), release)?)
}

impl Programs {
    fn manifest(&self, name: &str, rest: &str) -> Outcome<PathBuf> {
        let path = self.work.join(name);
        let uri = &self.uri;
        let text = format!(
            "version: 1\napt:\n  - {{ id: x, uri: \"{uri}\", suites: [s], components: [main], architectures: [amd64], \
             unsigned: true{rest} }}\n"
        );
        fs_err::write(&path, text)?;
        Ok(path)
    }

    fn airlift(&self, manifest: &Path, store: &Path, plan: bool) -> Command {
        let mut command = Command::new(&self.airlift);
        command.arg(if plan { "plan" } else { "collect" }).arg(manifest).arg("--quiet").arg("--store").arg(store);
        command.arg("-o").arg(store.join("../archive.tar")).env("HOME", &self.work).env_remove("XDG_CONFIG_HOME");
        command
    }

    /// apt-mirror with as many downloads at once as it has by itself.
    fn apt_mirror(&self, base: &Path) -> Outcome<Command> {
        let list = self.work.join("mirror.list");
        let text = format!(
            "set base_path {}\nset run_postmirror 0\nset _tilde 0\nset nthreads 20\nset defaultarch amd64\n\
             deb {} s main\n",
            base.display(),
            self.uri
        );
        for folder in ["mirror", "skel", "var"] {
            fs_err::create_dir_all(base.join(folder))?;
        }
        fs_err::write(&list, text)?;
        let mut command = Command::new("apt-mirror");
        command.arg(list);
        Ok(command)
    }
}

/// Everything, from nothing, until it is on the disk. apt-mirror leaves a folder, Airlift a checked store and, unless it is
/// told not to, an archive of it.
fn collecting(programs: &Programs, options: &Options, report: &mut Report) -> Outcome<()> {
    let manifest = programs.manifest("whole.yaml", "")?;
    let (mut theirs, mut alike, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds {
        // Nothing is removed between the rounds: ext4 looks at every inode that was freed a minute ago before it takes another.
        let folder = |name: &str| empty(&programs.work.join(format!("{name}-{round}")));
        let base = folder("apt-mirror")?;
        let fetched = timed(&mut programs.apt_mirror(&base)?)?;
        theirs.push(fetched + timed(Command::new("sync").arg("-f").arg(&base))?);
        let arrived = count(&base.join("mirror"))?;
        if arrived < PACKAGES {
            return Err(format!("apt-mirror fetched {arrived} packages only").into());
        }
        let store = folder("alike")?.join("store");
        alike.push(timed(programs.airlift(&manifest, &store, false).arg("--no-archive"))?);
        let store = folder("airlift")?.join("store");
        all.push(timed(&mut programs.airlift(&manifest, &store, false))?);
    }
    Contest {
        title: "Collecting an apt repository of 10,000 packages from nginx on loopback",
        theirs: ("apt-mirror && sync", &theirs),
        ours: &[(WITHOUT_ARCHIVE, &alike), (WITH_ARCHIVE, &all)],
        least: 2.0,
    }
    .report(report);
    Ok(())
}

/// How many packages lie below a folder.
fn count(folder: &Path) -> Outcome<usize> {
    let mut found = 0;
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        found += match path.is_dir() {
            true => count(&path)?,
            false => usize::from(path.extension().is_some_and(|ending| ending == "deb")),
        };
    }
    Ok(found)
}

/// What a hundred packages need, from the lists as they were fetched. apt keeps no parsed lists, as Airlift does not.
fn solving(programs: &Programs, options: &Options, report: &mut Report) -> Outcome<()> {
    let asked: Vec<String> = (0..ASKED).map(|number| name(PACKAGES - 1 - number * 37)).collect();
    let manifest = programs.manifest("part.yaml", &format!(", packages: [{}]", asked.join(", ")))?;
    let store = empty(&programs.work.join("airlift"))?.join("store");
    let home = empty(&programs.work.join("client"))?;
    for folder in ["etc/apt/sources.list.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "dpkg"] {
        fs_err::create_dir_all(home.join(folder))?;
    }
    fs_err::write(home.join("dpkg/status"), "")?;
    fs_err::write(
        home.join("etc/apt/sources.list"),
        format!("deb [arch=amd64 trusted=yes] {} s main\n", programs.uri),
    )?;
    let configuration = format!(
        "Dir \"{home}\";\nDir::State::status \"{home}/dpkg/status\";\nAPT::Architecture \"amd64\";\n\
         APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n",
        home = home.display()
    );
    fs_err::write(home.join("apt.conf"), configuration)?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", home.join("apt.conf")).args(arguments);
        command
    };
    timed(&mut apt(&["update"]))?;
    timed(&mut programs.airlift(&manifest, &store, true))?;
    let simulate: Vec<&str> = ["--simulate", "install"].into_iter().chain(asked.iter().map(String::as_str)).collect();
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        theirs.push(timed(&mut apt(&simulate))?);
        own.push(timed(&mut programs.airlift(&manifest, &store, true))?);
    }
    Contest {
        title: "What a hundred of 10,000 packages need",
        theirs: ("apt-get --simulate install", &theirs),
        ours: &[("airlift plan", &own)],
        least: 1.0,
    }
    .report(report);
    Ok(())
}
