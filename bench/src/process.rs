//! Servers as processes: where they run, what they cost.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// Where a program runs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// On the processor of the server.
    Server,
    /// On the processor of the client.
    Client,
}

/// Whether measured programs go before everything else on the machine (sched(7)).
static FIRST: AtomicBool = AtomicBool::new(false);

/// Has what is started from now on go before everything else.
pub(crate) fn go_first() {
    FIRST.store(true, Ordering::Relaxed);
}

impl Place {
    /// A command that starts a program there.
    pub(crate) fn command(self) -> Command {
        let processor = match self {
            Self::Server => "0",
            Self::Client => "1",
        };
        if FIRST.load(Ordering::Relaxed) {
            let mut command = Command::new("chrt");
            command.args(["--fifo", "1", "taskset", "-c", processor]);
            return command;
        }
        let mut command = Command::new("taskset");
        command.args(["-c", processor]);
        command
    }
}

/// Runs a program to its end; how many seconds it took.
pub(crate) fn timed(command: &mut Command) -> Outcome<f64> {
    let began = Instant::now();
    let output = command.output().map_err(|error| format!("can't start {command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(began.elapsed().as_secs_f64()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Where `scripts/install-test-tools` puts what it builds.
pub(crate) fn tools() -> Outcome<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/airlift-tools"));
    let tools = std::env::var_os("AIRLIFT_TOOLS").map(PathBuf::from).or_else(home);
    Ok(tools.ok_or("HOME is not set")?)
}

/// A folder in which nothing is, by its absolute path.
pub(crate) fn empty(folder: &Path) -> Outcome<PathBuf> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    fs_err::create_dir_all(folder)?;
    Ok(folder.canonicalize()?)
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts a server on its processor.
    pub(crate) fn start(address: SocketAddr, command: &[&str]) -> Outcome<Self> {
        let mut start = Place::Server.command();
        start.args(command).stdin(Stdio::null()).stdout(Stdio::null());
        let child = start.spawn().map_err(|error| format!("can't start {command:?}: {error}"))?;
        Ok(Self { address, child })
    }

    /// Waits until it listens.
    pub(crate) fn listening(mut self) -> Outcome<Self> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if began.elapsed() > Duration::from_secs(20) || self.child.try_wait()?.is_some() {
                return Err(format!("a server does not listen on {}", self.address).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(self)
    }

    /// Starts `airlift serve` for the files of an archive or a store.
    pub(crate) fn airlift(program: &Path, from: &Path) -> Outcome<Self> {
        Self::airlift_unwaited(program, from)?.listening()
    }

    /// The same for another kind.
    pub(crate) fn airlift_kind(program: &Path, from: &Path, kind: &str) -> Outcome<Self> {
        Self::airlift_on(program, from, kind)?.listening()
    }

    /// The same without waiting until it listens.
    pub(crate) fn airlift_unwaited(program: &Path, from: &Path) -> Outcome<Self> {
        Self::airlift_on(program, from, "files")
    }

    fn airlift_on(program: &Path, from: &Path, kind: &str) -> Outcome<Self> {
        // Every server has an address of its own, and so room for the ports of all kinds.
        static SERVERS: AtomicU8 = AtomicU8::new(2);
        let host = IpAddr::from([127, 0, 77, SERVERS.fetch_add(1, Ordering::Relaxed)]);
        let address = SocketAddr::new(host, free_address()?.port());
        let (host, port) = (host.to_string(), format!("{kind}={}", address.port()));
        let (program, from) = (program.to_string_lossy(), from.to_string_lossy());
        let options = ["--bind", &*host, "--port", &*port, "--access-log", "off", "--quiet"];
        Self::start(address, &[&[&*program, "serve", &*from], &options[..]].concat())
    }

    /// Starts nginx with one worker for the files in a folder. What `more` does not set is as nginx has it by itself, but
    /// for the access log, which neither server writes, and connections that are never closed.
    pub(crate) fn nginx(root: &Path, work: &Path, name: &str, more: &str) -> Outcome<Self> {
        let address = free_address()?;
        let prefix = work.join(name);
        fs_err::create_dir_all(&prefix)?;
        let root = root.canonicalize()?;
        let configuration = format!(
            "user root; worker_processes 1; daemon off; pid nginx.pid; error_log error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 1000000000;\n\
             default_type application/octet-stream; {more}\n\
             server {{ listen {address}; root {}; }} }}\n",
            root.display()
        );
        fs_err::write(prefix.join("nginx.conf"), configuration)?;
        let prefix = prefix.canonicalize()?;
        Self::start(address, &["nginx", "-p", &prefix.to_string_lossy(), "-e", "error.log", "-c", "nginx.conf"])?
            .listening()
    }

    /// Processor time of the process and its children until now, in seconds.
    pub(crate) fn processor_time(&self) -> Outcome<f64> {
        let mut seconds = 0.0;
        for process in self.processes()? {
            let stat = fs_err::read_to_string(format!("/proc/{process}/stat"))?;
            let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
            // proc_pid_stat(5): utime and stime are the fields 14 and 15, in ticks of a hundredth of a second.
            let ticks: f64 =
                fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
            seconds += ticks / 100.0;
        }
        Ok(seconds)
    }

    /// The most resident memory that the process ever had, in MiB: everything, and without mapped files.
    pub(crate) fn peak_memory(&self) -> Outcome<(f64, f64)> {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1024.0
        };
        Ok((field("VmHWM:"), field("RssAnon:")))
    }

    fn processes(&self) -> Outcome<Vec<u32>> {
        let own = self.child.id();
        let children = fs_err::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        Ok(std::iter::once(own).chain(children).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both take SIGTERM as a wish to end, nginx with its worker.
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// An address on loopback that nobody has just now.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
