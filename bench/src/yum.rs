//! A yum repository of 10,000 packages, built by rpmbuild: collecting it against `dnf reposync` from the same nginx, making
//! its metadata against `createrepo_c`, finding out what a package needs against dnf, and reading a large list.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use airlift_core::Digest;

use crate::process::{Server, empty, timed, tools};
use crate::report::{Bound, Contest, Report, WITH_ARCHIVE, WITHOUT_ARCHIVE, median, say};
use crate::{Options, Outcome};

/// How many packages there are.
const PACKAGES: usize = 10_000;

/// A package that needs thirteen others.
const ASKED: &str = "tiny-9999";

/// How large the large list is, in bytes.
const LARGE: usize = 100 << 20;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let tools = tools()?;
    let packages = tools.join(format!("rpms-{PACKAGES}"));
    say("making a yum repository of 10,000 packages; the first time it takes some minutes …");
    timed(Command::new("scripts/make-many-rpms").arg(&packages).arg(PACKAGES.to_string()))?;
    let work = empty(&options.work.join("yum"))?;
    fs_err::create_dir_all(work.join("upstream"))?;
    timed(Command::new("cp").arg("-a").arg(packages.join("noarch")).arg(work.join("upstream/Packages")))?;
    timed(Command::new("createrepo_c").args(["--quiet", "--no-database"]).arg(work.join("upstream")))?;
    let server = Server::nginx(&work.join("upstream"), &work, "nginx", "")?;
    let plugins = tools.join("dnf-plugins/usr/lib/python3/dist-packages");
    let url = format!("http://{}/", server.address);
    let yum = Programs { airlift: options.airlift.canonicalize()?, plugins, url, work };
    yum.collecting(options.rounds, report)?;
    yum.making(options.rounds, report)?;
    yum.solving(options.rounds, report)?;
    yum.reading(options.rounds, report)?;
    Ok(fs_err::remove_dir_all(&yum.work)?)
}

/// The programs, the repository and room.
struct Programs {
    airlift: PathBuf,
    plugins: PathBuf,
    url: String,
    work: PathBuf,
}

impl Programs {
    /// A command for one entry of `yum`, without an archive.
    fn airlift(&self, command: &str, entry: &str, store: &Path) -> Outcome<Command> {
        let mut airlift = self.command(command, entry, store)?;
        if command == "collect" {
            airlift.arg("--no-archive");
        }
        Ok(airlift)
    }

    fn command(&self, command: &str, entry: &str, store: &Path) -> Outcome<Command> {
        let manifest = self.work.join("airlift.yaml");
        fs_err::write(&manifest, format!("version: 1\nyum:\n  - {{ {entry} }}\n"))?;
        let mut airlift = Command::new(&self.airlift);
        airlift.args([command, "--quiet"]).arg(manifest).arg("--store").arg(store);
        airlift.arg("--signing-key").arg(self.work.join("key.asc"));
        Ok(airlift)
    }

    fn dnf(&self, name: &str) -> Outcome<Command> {
        let home = self.work.join(name);
        for folder in ["repos", "log"] {
            fs_err::create_dir_all(home.join(folder))?;
        }
        let repository = format!("[many]\nname=many\nbaseurl={}\ngpgcheck=0\n", self.url);
        fs_err::write(home.join("repos/many.repo"), repository)?;
        let mut dnf = Command::new("dnf");
        dnf.args([
            "--quiet",
            "--assumeyes",
            "--releasever=9",
            "--forcearch=x86_64",
            "--disableplugin=local,versionlock",
        ]);
        dnf.arg("--installroot").arg(home.join("root"));
        for (option, folder) in
            [("reposdir", "repos"), ("cachedir", "cache"), ("persistdir", "persist"), ("logdir", "log")]
        {
            dnf.arg(format!("--setopt={option}={}", home.join(folder).display()));
        }
        dnf.arg(format!("--setopt=pluginpath={}", self.plugins.join("dnf-plugins").display()));
        dnf.env("PYTHONPATH", &self.plugins).env("HOME", &home);
        Ok(dnf)
    }

    fn gone(&self, names: &[&str]) -> Outcome<()> {
        for path in names.iter().map(|name| self.work.join(name)).filter(|path| path.exists()) {
            fs_err::remove_dir_all(path)?;
        }
        Ok(())
    }

    /// Everything, from nothing, until it is on the disk.
    fn collecting(&self, rounds: usize, report: &mut Report) -> Outcome<()> {
        let entry = format!("id: many, baseurl: \"{}\", unsigned: true", self.url);
        let (mut theirs, mut alike, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            // Nothing is removed between the rounds: ext4 looks at every inode that was freed a minute ago before it takes
            // another.
            let name = |name: &str| format!("{name}-{round}");
            let mut sync = self.dnf(&name("dnf"))?;
            sync.args(["reposync", "--repoid=many", "--download-metadata", "--download-path"]);
            let folder = self.work.join(name("synced"));
            let fetched = timed(sync.arg(&folder))?;
            theirs.push(fetched + timed(Command::new("sync").arg("-f").arg(&folder))?);
            let store = |kind: &str| self.work.join(name(kind));
            alike.push(timed(&mut self.airlift("collect", &entry, &store("alike"))?)?);
            let mut airlift = self.command("collect", &entry, &store("store"))?;
            all.push(timed(airlift.arg("-o").arg(self.work.join(name("archive"))))?);
        }
        Contest {
            title: "Collecting 10,000 packages from nginx",
            theirs: ("dnf reposync && sync", &theirs),
            ours: &[(WITHOUT_ARCHIVE, &alike), (WITH_ARCHIVE, &all)],
            least: 2.0,
        }
        .report(report);
        Ok(())
    }

    fn making(&self, rounds: usize, report: &mut Report) -> Outcome<()> {
        let folder = self.work.join("upstream/Packages");
        let entry = format!("id: loose, from: \"{}\"", folder.display());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let store = self.work.join("store");
        // Both have the packages where they want them: the time is that of reading them and of writing metadata.
        timed(&mut self.airlift("collect", &entry, &store)?)?;
        for _ in 0..rounds {
            ours.push(timed(&mut self.airlift("collect", &entry, &store)?)?);
            self.gone(&["made"])?;
            let mut create = Command::new("createrepo_c");
            create.args(["--quiet", "--no-database", "--outputdir"]).arg(self.work.join("made"));
            fs_err::create_dir_all(self.work.join("made"))?;
            theirs.push(timed(create.arg(&folder))?);
        }
        Contest {
            title: "Metadata of 10,000 packages",
            ours: &[("airlift collect", &ours)],
            theirs: ("createrepo_c", &theirs),
            least: 1.0,
        }
        .report(report);
        Ok(())
    }

    fn solving(&self, rounds: usize, report: &mut Report) -> Outcome<()> {
        let entry = format!("id: many, baseurl: \"{}\", unsigned: true, packages: [{ASKED}]", self.url);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut dnf = self.dnf("dnf")?;
        timed(dnf.arg("makecache"))?;
        for _ in 0..rounds {
            ours.push(timed(&mut self.airlift("plan", &entry, &self.work.join("store"))?)?);
            let mut solve = self.dnf("dnf")?;
            // It answers with an error, since nobody has agreed.
            solve.args(["--cacheonly", "--assumeno", "install", ASKED]);
            let began = Instant::now();
            let output = solve.output()?;
            theirs.push(began.elapsed().as_secs_f64());
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            if !said.contains("aborted") {
                return Err(format!("dnf solved nothing: {said}").into());
            }
        }
        Contest {
            title: "What one package of 10,000 needs",
            ours: &[("airlift plan", &ours)],
            theirs: ("dnf install --assumeno", &theirs),
            least: 1.0,
        }
        .report(report);
        Ok(())
    }

    /// A list of 100 MB: seconds, and the most memory that the program ever has.
    fn reading(&self, rounds: usize, report: &mut Report) -> Outcome<()> {
        let folder = self.work.join("large");
        write_large(&folder)?;
        let entry = format!("id: large, baseurl: \"file://{}/\", unsigned: true", folder.display());
        let (mut seconds, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            self.gone(&["store"])?;
            let airlift = self.airlift("plan", &entry, &self.work.join("store"))?;
            let mut measured = Command::new("python3");
            // getrusage(2) tells the children's maximum in kilobytes.
            let script = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
                          print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
            measured.args(["-c", script]).arg(airlift.get_program()).args(airlift.get_args());
            let began = Instant::now();
            let output = measured.output()?;
            seconds.push(began.elapsed().as_secs_f64());
            let told = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>();
            memory
                .push(told.map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))? * 1024.0);
        }
        let (seconds, memory) = (median(seconds), median(memory) / LARGE as f64);
        report.table(
            "Planning from a primary.xml of 100 MiB",
            &["seconds", "memory, x its size"],
            vec![vec![format!("{seconds:.2}"), format!("{memory:.2}")]],
        );
        report.target("seconds for a primary.xml of 100 MiB", seconds, Bound::AtMost(2.0));
        report.target("most memory for it, x its size", memory, Bound::AtMost(2.0));
        Ok(())
    }
}

/// A repository whose list has [`LARGE`] bytes, most of them relations and files, as in real ones.
fn write_large(folder: &Path) -> Outcome<()> {
    fs_err::create_dir_all(folder.join("repodata"))?;
    let relations: String = (0..40)
        .map(|number| format!("<rpm:entry name=\"lib{number}.so.1(GLIBC_2.{number})(64bit)\" flags=\"GE\" epoch=\"0\" ver=\"{number}\"/>\n"))
        .collect();
    let (mut text, mut count) = (Vec::with_capacity(LARGE + (1 << 20)), 0);
    while text.len() < LARGE {
        writeln!(
            text,
            "<package type=\"rpm\"><name>large-{count}</name><arch>noarch</arch><version epoch=\"0\" ver=\"1\" rel=\"1\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum><summary>A package</summary><description>Of many.</description>\
             <packager/><url/><time file=\"1\" build=\"1\"/><size package=\"1000\" installed=\"1\" archive=\"1\"/>\
             <location href=\"Packages/large-{count}.rpm\"/>\n<format><rpm:license>MIT</rpm:license><rpm:requires>{relations}\
             </rpm:requires><file>/usr/bin/large-{count}</file></format></package>",
            Digest::of(format!("{count}").as_bytes()).hex()
        )?;
        count += 1;
    }
    let head = format!(
        "<?xml version=\"1.0\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"{count}\">\n"
    );
    let list = [head.as_bytes(), &text, b"</metadata>\n"].concat();
    let (sum, size) = (Digest::of(&list).hex(), list.len());
    fs_err::write(folder.join("repodata/primary.xml"), list)?;
    let root = format!(
        "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1</revision><data type=\"primary\">\
         <checksum type=\"sha256\">{sum}</checksum><open-checksum type=\"sha256\">{sum}</open-checksum>\
         <location href=\"repodata/primary.xml\"/><size>{size}</size><open-size>{size}</open-size></data></repomd>"
    );
    Ok(fs_err::write(folder.join("repodata/repomd.xml"), root)?)
}
