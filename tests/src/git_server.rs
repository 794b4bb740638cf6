//! A git server upstream: `git http-backend`, called for each request as a web server calls it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// Serves every repository below a folder over HTTP, until the process ends.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl GitServer {
    /// Starts it over a folder. With `old` it speaks no version of the protocol but the first.
    pub fn start(root: &Path, old: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (root, log) = (root.to_owned(), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, log) = (root.clone(), Arc::clone(&log));
                thread::spawn(move || answer(stream, &root, old, &log));
            }
        });
        Self { address, asked }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a repository.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }

    /// What it was asked so far, `GET /x.git/info/refs`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread died holding it").clone()
    }
}

fn answer(mut stream: TcpStream, root: &Path, old: bool, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    log.lock().expect("no thread died holding it").push(format!("{method} {path}"));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str());
    let body = body(&mut reader, header("content-length"), header("transfer-encoding"))?;
    if let Some(archive) = archive(root, path) {
        let length = archive.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
        return stream.write_all(&archive);
    }
    let mut backend = Command::new("git");
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("PATH_INFO", path).env("QUERY_STRING", query).env("REQUEST_METHOD", &method);
    backend.env("CONTENT_TYPE", header("content-type")).env("CONTENT_LENGTH", body.len().to_string());
    backend.env("HTTP_CONTENT_ENCODING", header("content-encoding")).env("REMOTE_ADDR", "127.0.0.1");
    if !old {
        backend.env("GIT_PROTOCOL", header("git-protocol"));
    }
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().expect("a pipe");
    let writer = thread::spawn(move || input.write_all(&body));
    let mut answer = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut answer)?;
    let _ = writer.join();
    child.wait()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", answer.len() - end)?;
    for line in head.lines().filter(|line| !line.starts_with("Status: ") && !line.is_empty()) {
        write!(stream, "{line}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&answer[end..])
}

/// Everything that a branch or tag has as one archive, as forges offer it: `/group/name/archive/v1.tar.gz`.
fn archive(root: &Path, path: &str) -> Option<Vec<u8>> {
    let (repository, reference) = path.trim_start_matches('/').strip_suffix(".tar.gz")?.split_once("/archive/")?;
    let folder = root.join(format!("{repository}.git"));
    let arguments = ["archive", "--format=tar.gz", "--prefix=it/", reference];
    let output = git_command(&folder, &arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn body(reader: &mut impl BufRead, length: &str, encoding: &str) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if encoding != "chunked" {
        reader.take(length.parse().unwrap_or(0)).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        reader.take(size).read_to_end(&mut body)?;
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// A repository on the disk, with the same commits in every run.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
    seconds: u32,
}

impl Repository {
    /// Makes an empty one, whose first branch is `main`.
    pub fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        let repository = Self { folder: folder.to_owned(), seconds: 1_700_000_000 };
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository
    }

    /// Runs git in it, and returns what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        git_at(&self.folder, arguments, self.seconds)
    }

    /// Writes at the end of a file and commits it with all that is in the index.
    pub fn append(&mut self, file: &str, text: &str) -> String {
        let path = self.folder.join(file);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, before + text).expect("a file can be written");
        self.git(&["add", file]);
        self.seconds += 60;
        self.git(&["commit", "--quiet", "-m", &format!("append to {file}")]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes a file and commits it; the commit's id.
    pub fn commit(&mut self, file: &str, text: &str) -> String {
        let path = self.folder.join(file);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
        self.git(&["add", "--all"]);
        self.seconds += 60;
        self.git(&["commit", "--quiet", "--allow-empty", "-m", &format!("write {file}")]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Runs git in a folder, away from the settings of the person who runs the tests; what it printed.
pub fn git_in(folder: &Path, arguments: &[&str]) -> String {
    git_at(folder, arguments, 1_700_000_000)
}

/// The same at another time, in seconds since 1970.
fn git_at(folder: &Path, arguments: &[&str], seconds: u32) -> String {
    let mut git = git_command(folder, arguments);
    let date = format!("{seconds} +0000");
    let output = git.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date).output();
    let output = output.expect("git can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?} in {}: {said}", folder.display());
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A git command that is ready to be run.
pub fn git_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    for (name, value) in [
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.org"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example.org"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ] {
        command.env(name, value);
    }
    command.stdin(Stdio::null());
    command
}
