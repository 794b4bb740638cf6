//! Runs programs: to their end, or as a daemon that ends with the test.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a daemon may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Runs a command to its end and returns what it printed.
pub fn run(command: &mut Command) -> Output {
    let output = output(command);
    assert!(output.status.success(), "{}", describe(command, &output));
    output
}

/// Runs a command to its end, however it ends.
pub fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// Runs a command that has to succeed and returns its standard output as text without the last line end.
pub fn text(command: &mut Command) -> String {
    let output = run(command);
    String::from_utf8(output.stdout).expect("the program prints UTF-8").trim_end().to_owned()
}

/// A sentence that shows how a command ended, for a failed assertion.
pub fn describe(command: &Command, output: &Output) -> String {
    format!(
        "{command:?} ended with {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A program that runs until this value is dropped, or until the test process ends, whatever ends it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts the command with its output in `log`.
    pub fn start(command: &Command, log: &Path) -> Self {
        let file = File::create(log).unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let errors = file.try_clone().expect("a log file can be shared");
        let child = start_bound(command, file.into(), errors.into());
        Self { child, log: log.to_owned() }
    }

    /// Starts the command with its standard output in a pipe, see [`Daemon::child`], and its errors in `log`.
    pub fn start_piped(command: &Command, log: &Path) -> Self {
        let errors = File::create(log).unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let child = start_bound(command, Stdio::piped(), errors.into());
        Self { child, log: log.to_owned() }
    }

    /// The child process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What the program wrote into its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `ready` says yes, and fails when the program ends before or takes too long.
    pub fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let limit = Instant::now() + START_LIMIT;
        while !ready() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("a daemon ended with {status} before it was ready:\n{}", self.log());
            }
            assert!(Instant::now() < limit, "a daemon was not ready in {START_LIMIT:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the program accepts connections.
    pub fn wait_for(&mut self, address: SocketAddr) {
        self.wait_until(|| TcpStream::connect(address).is_ok());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to tell anyone then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a command so that the kernel kills it when this test process ends.
///
/// The kernel watches the thread that started it, and a test's thread ends with its test, so that one thread, which
/// stays, starts every daemon. The test process may share a daemon between tests this way, in a static that no one drops.
fn start_bound(command: &Command, stdout: Stdio, stderr: Stdio) -> Child {
    type Start = (Command, mpsc::Sender<Child>);
    static STARTER: std::sync::LazyLock<mpsc::Sender<Start>> = std::sync::LazyLock::new(|| {
        let (sender, requests) = mpsc::channel::<Start>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
                // The one who asked waits for this answer.
                let _ = answer.send(child);
            }
        });
        sender
    });

    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bound.current_dir(folder);
    }
    bound.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let (answer, child) = mpsc::channel();
    STARTER.send((bound, answer)).expect("the starting thread stays");
    child.recv().unwrap_or_else(|_| panic!("cannot start {command:?}; is setpriv (util-linux) installed?"))
}

/// A loopback address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
}
