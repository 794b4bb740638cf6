//! Python packages: an index of 5,000 projects against pypiserver, and collecting what DeepOps installs against
//! `pip download` and uv.
//!
//! The packages of the index are made here; those that are collected come from the index that this machine's pip is
//! configured for, so that the network has its part in those figures. The peers are what
//! `scripts/install-test-tools --only python` installs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use airlift_core::Digest;

use crate::process::{Place, Server, empty, free_address, tools};
use crate::report::{Bound, Report, median, say};
use crate::{Options, Outcome};

/// How many projects the index has.
const PROJECTS: usize = 5_000;
/// What is collected: DeepOps' Python list, a requirement a line, as the tests with real clients have it.
const WANTED: &str = include_str!("../../tests/src/clients/deepops.txt");

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let tools = tools()?.join("python");
    if !tools.join("pypiserver/bin/pypi-server").is_file() {
        return Err("there is no pypiserver: scripts/install-test-tools --only python".into());
    }
    let work = empty(&options.work.join("python"))?;
    let bench = Bench { airlift: options.airlift.canonicalize()?, tools, work };
    serving(&bench, options, report)?;
    collecting(&bench, options, report)?;
    Ok(fs_err::remove_dir_all(&bench.work)?)
}

/// The programs, and room.
struct Bench {
    airlift: PathBuf,
    tools: PathBuf,
    work: PathBuf,
}

/// A wheel: an archive without compression (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16).
fn wheel(stem: &str, metadata: &str) -> Vec<u8> {
    let name = format!("{stem}.dist-info/METADATA");
    let (length, bytes) = (metadata.len() as u32, metadata.as_bytes());
    let sum = checksum(bytes);
    let common = |zip: &mut Vec<u8>| {
        zip.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        [sum, length, length].iter().for_each(|number| zip.extend(number.to_le_bytes()));
        zip.extend((name.len() as u16).to_le_bytes());
        zip.extend([0, 0]);
    };
    let mut zip = b"PK\x03\x04".to_vec();
    common(&mut zip);
    zip.extend(name.as_bytes());
    zip.extend(bytes);
    let directory = zip.len() as u32;
    zip.extend(b"PK\x01\x02\x14\x00");
    common(&mut zip);
    zip.extend([0; 14]);
    zip.extend(name.as_bytes());
    let size = zip.len() as u32 - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(size.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

/// The CRC-32 of ISO 3309, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

fn name(number: usize) -> String {
    format!("project-{number:04}")
}

/// Wheels in one folder for pypiserver and, with pages of links, as the upstream of Airlift.
fn make(root: &Path) -> Outcome<()> {
    fs_err::create_dir_all(root.join("wheels"))?;
    for number in 0..PROJECTS {
        let name = name(number);
        let stem = format!("{}-1.0", name.replace('-', "_"));
        let bytes = wheel(&stem, &format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"));
        let file = format!("{stem}-py3-none-any.whl");
        let page = root.join("simple").join(&name);
        fs_err::create_dir_all(&page)?;
        let link = format!("<a href=\"../../wheels/{file}#sha256={}\">{file}</a>\n", Digest::of(&bytes).hex());
        fs_err::write(page.join("index.html"), link)?;
        fs_err::write(root.join("wheels").join(&file), bytes)?;
    }
    Ok(())
}

fn serving(bench: &Bench, options: &Options, report: &mut Report) -> Outcome<()> {
    say("making an index of 5,000 projects …");
    let root = bench.work.join("upstream");
    make(&root)?;
    let nginx = Server::nginx(&root, &bench.work, "nginx", "index index.html; types { text/html html; }")?;
    let requirements: Vec<String> = (0..PROJECTS).map(|number| format!("    - {}\n", name(number))).collect();
    let manifest = format!(
        "version: 1\npython:\n  index: \"http://{}/simple/\"\n  environments: [ {{ python: \"3.11\", platform: linux-x86_64 }} ]\n  requirements:\n{}",
        nginx.address,
        requirements.concat()
    );
    let path = bench.work.join("index.yaml");
    fs_err::write(&path, manifest)?;
    let archive = bench.work.join("index.tar");
    let mut collect = Command::new(&bench.airlift);
    collect
        .args(["collect", "--quiet"])
        .arg(&path)
        .arg("-o")
        .arg(&archive)
        .arg("--store")
        .arg(bench.work.join("index"));
    done(&mut collect)?;
    drop(nginx);

    let servers = [pypiserver(bench, &root)?, Server::airlift_kind(&options.airlift, &archive, "python")?];
    let page = format!("/simple/{}/", name(PROJECTS / 2));
    let questions = [
        ("/simple/ of 5,000 projects", "/simple/", "text/html"),
        ("a project's page as HTML", &*page, "text/html"),
        (
            "a project's page as JSON, which pypiserver answers with HTML",
            &*page,
            "application/vnd.pypi.simple.v1+json, */*;q=0.1",
        ),
    ];
    for (what, path, accept) in questions {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..options.rounds {
            for (server, rates) in servers.iter().zip(&mut rates) {
                rates.push(asked(&format!("http://{}{path}", server.address), accept, options.seconds)?);
            }
        }
        let ratio = median(rates[1].iter().zip(&rates[0]).map(|(own, peer)| own / peer));
        let row = |name: &str, rates: &[f64], server: &Server| -> Outcome<Vec<String>> {
            let (memory, anonymous) = server.peak_memory()?;
            let rate = format!("{:.1}", median(rates.iter().copied()));
            Ok(vec![name.to_owned(), rate, format!("{memory:.0}"), format!("{anonymous:.0}")])
        };
        let rows = vec![row("pypiserver", &rates[0], &servers[0])?, row("airlift", &rates[1], &servers[1])?];
        report.table(what, &["server", "requests/s", "peak MiB", "of it anonymous"], rows);
        report.target(format!("{what}: requests, x pypiserver"), ratio, Bound::AtLeast(50.0));
    }
    Ok(())
}

/// Requests a second, as wrk counts them: it connects anew where a server closes, as pypiserver does.
fn asked(url: &str, accept: &str, seconds: f64) -> Outcome<f64> {
    let mut wrk = Place::Client.command();
    let seconds = format!("{}s", seconds.ceil().max(1.0));
    let output = wrk
        .args(["wrk", "-t1", "-c8", "--timeout", "20s", "-d", &seconds, "-H", &format!("Accept: {accept}"), url])
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let rate = told.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    Ok(rate.ok_or("wrk says nothing; is it installed?")?.trim().parse()?)
}

fn pypiserver(bench: &Bench, root: &Path) -> Outcome<Server> {
    let address = free_address()?;
    let program = bench.tools.join("pypiserver/bin/pypi-server");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let wheels = root.join("wheels");
    Server::start(
        address,
        &[&program.to_string_lossy(), "run", "-i", &host, "-p", &port, "--disable-fallback", &wheels.to_string_lossy()],
    )?
    .listening()
}

/// The interpreter's version, its glibc and its machine.
fn about() -> Outcome<(String, String, String)> {
    let ask = "import platform; print(platform.python_version(), platform.libc_ver()[1], platform.machine())";
    let told = Command::new("python3").args(["-c", ask]).output()?;
    let told = String::from_utf8(told.stdout)?;
    match told.split_whitespace().collect::<Vec<_>>().as_slice() {
        [version, glibc, machine] => Ok((version.to_string(), glibc.to_string(), machine.to_string())),
        _ => Err("python3 does not say what it is".into()),
    }
}

/// The same set, from nothing each time: no cache and no store.
fn collecting(bench: &Bench, options: &Options, report: &mut Report) -> Outcome<()> {
    let (version, glibc, machine) = about()?;
    let requirements: Vec<String> = WANTED.lines().map(|one| format!("\"{one}\"")).collect();
    let manifest = format!(
        "version: 1\npython:\n  requirements: [ {} ]\n  environments: [ {{ python: \"{version}\", platform: linux-{machine}, glibc: \"{glibc}\" }} ]\n",
        requirements.join(", ")
    );
    let path = bench.work.join("deepops.yaml");
    fs_err::write(&path, manifest)?;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..options.rounds.max(1) {
        let room = bench.work.join(format!("round-{round}"));
        fs_err::create_dir_all(&room)?;
        let mut pip = Command::new(bench.tools.join("pip-26/bin/python"));
        pip.args(["-m", "pip", "download", "--quiet", "--no-cache-dir", "-d"])
            .arg(room.join("pip"))
            .args(WANTED.lines());
        let mut uv = Command::new(bench.tools.join("uv/bin/uv"));
        uv.env("UV_CACHE_DIR", room.join("uv-cache"))
            .env("UV_LINK_MODE", "copy")
            .env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
        uv.args(["pip", "install", "--quiet", "--python", "python3", "--target"])
            .arg(room.join("uv"))
            .args(WANTED.lines());
        let mut airlift = Command::new(&bench.airlift);
        airlift.args(["collect", "--quiet", "--no-archive"]).arg(&path).arg("--store").arg(room.join("store"));
        for (command, times) in [&mut pip, &mut uv, &mut airlift].into_iter().zip(&mut times) {
            // What the one before has left to the disk is not to be waited for by the one that makes its files durable.
            done(&mut Command::new("sync"))?;
            let began = Instant::now();
            done(command)?;
            times.push(began.elapsed().as_secs_f64());
        }
        fs_err::remove_dir_all(&room)?;
    }
    let rows = ["pip download", "uv pip install --target", "airlift collect"];
    let rows = rows
        .iter()
        .zip(&times)
        .map(|(name, times)| vec![(*name).to_owned(), format!("{:.2}", median(times.iter().copied()))]);
    report.table("DeepOps' Python list from nothing", &["program", "seconds"], rows.collect());
    let ratio = |peer: &[f64]| median(peer.iter().zip(&times[2]).map(|(peer, own)| peer / own));
    report.target("collecting DeepOps' Python list, x pip download", ratio(&times[0]), Bound::AtLeast(3.0));
    report.target("collecting DeepOps' Python list, x uv", ratio(&times[1]), Bound::AtLeast(1.0));
    Ok(())
}

fn done(command: &mut Command) -> Outcome<()> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
