//! Clients that are not the limit.
//!
//! They have the kernel throw the bytes away instead of copying them (`MSG_TRUNC`, tcp(7)), and run as a process of their
//! own on a processor of their own. Load generators that parse and copy are slower than the servers measured here.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};

use crate::Outcome;
use crate::process::Place;
use crate::report::say;

/// What a client does.
#[derive(Args)]
pub(crate) struct Load {
    address: SocketAddr,
    seconds: f64,
    connections: usize,
    /// What is asked for: one large file, or small ones of one size in turn.
    paths: Vec<String>,
}

/// Loads a server from this process and prints how many bytes came of one large file, or how many small ones.
pub(crate) fn run(load: &Load) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs_f64(load.seconds);
    let total = match &*load.paths {
        [path] => std::thread::scope(|scope| {
            let fetch = || fetch_until(load.address, path, deadline).map_err(|error| error.to_string());
            let workers: Vec<_> = (0..load.connections).map(|_| scope.spawn(fetch)).collect();
            let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?);
            joined.sum::<Result<u64, _>>()
        })?,
        paths => take_turns(load, paths, deadline)?,
    };
    say(&total.to_string());
    Ok(())
}

/// One connection of many.
struct Turn {
    stream: TcpStream,
    left: usize,
    next: usize,
}

/// Keeps one request open on each connection; responses that came whole.
///
/// All responses of a server have the same length: the first is read and measured, the others are counted.
fn take_turns(load: &Load, paths: &[String], deadline: Instant) -> Outcome<u64> {
    let request = |path: &String| format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes();
    let requests: Vec<Vec<u8>> = paths.iter().map(request).collect();
    let mut first = TcpStream::connect(load.address)?;
    let length = measure(&mut first, &paths[0])?;
    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut turns = Vec::new();
    for number in 0..load.connections {
        let mut stream = TcpStream::connect(load.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&queue, &stream, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
        let next = number * requests.len() / load.connections;
        stream.write_all(&requests[next])?;
        turns.push(Turn { stream, left: length, next });
    }
    let (mut done, mut waste) = (0, vec![0; 64 << 10]);
    let mut events = Vec::with_capacity(load.connections);
    while Instant::now() < deadline {
        events.clear();
        // It never sleeps: waking it would cost the server a part of each request, as it does on no network.
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&queue, rustix::buffer::spare_capacity(&mut events), Some(&at_once))?;
        for event in &events {
            let turn = &mut turns[usize::try_from(event.data.u64())?];
            let (count, _) = recv(&turn.stream, &mut waste[..turn.left], RecvFlags::TRUNC)?;
            if count == 0 {
                return Err("the server has closed a connection".into());
            }
            turn.left -= count;
            if turn.left == 0 {
                done += 1;
                turn.next = (turn.next + 1) % requests.len();
                turn.left = length;
                turn.stream.write_all(&requests[turn.next])?;
            }
        }
    }
    match done {
        0 => Err("the server answers nothing".into()),
        done => Ok(done),
    }
}

/// The length of a whole response.
fn measure(stream: &mut TcpStream, path: &str) -> Outcome<usize> {
    let (head, body, early) = begin(stream, path)?;
    stream.read_exact(&mut vec![0; usize::try_from(body - early)?])?;
    Ok(head + usize::try_from(body)?)
}

/// Fetches again and again on one connection; bytes of bodies.
fn fetch_until(address: SocketAddr, path: &str, deadline: Instant) -> Outcome<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut waste = vec![0; 1 << 20];
    let mut total = 0;
    while Instant::now() < deadline {
        let (_, mut left, early) = begin(&mut stream, path)?;
        left -= early;
        total += early;
        while left > 0 && Instant::now() < deadline {
            let most = waste.len().min(usize::try_from(left)?);
            let (count, _) = recv(&stream, &mut waste[..most], RecvFlags::TRUNC)?;
            if count == 0 {
                return Err("the server has closed the connection".into());
            }
            left -= count as u64;
            total += count as u64;
        }
    }
    Ok(total)
}

/// Asks, and reads the head: its length, the body's length, and how much of the body came along.
fn begin(stream: &mut TcpStream, path: &str) -> Outcome<(usize, u64, u64)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").as_bytes())?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err("the server has closed the connection".into());
        }
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
            if !text.starts_with("http/1.1 200 ") {
                return Err(format!("{path}: {text}").into());
            }
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?;
            return Ok((end + 4, length.trim().parse()?, (head.len() - end - 4) as u64));
        }
    }
}

/// Loads a server with one large file from a process of its own; bytes.
pub(crate) fn large(address: SocketAddr, path: &str, seconds: f64) -> Outcome<u64> {
    load(address, seconds, 4, &[path.to_owned()])
}

/// Loads a server with small files from a process of its own; requests that were answered.
pub(crate) fn small(address: SocketAddr, paths: &[String], seconds: f64) -> Outcome<u64> {
    load(address, seconds, 32, paths)
}

fn load(address: SocketAddr, seconds: f64, connections: usize, paths: &[String]) -> Outcome<u64> {
    let mut command = Place::Client.command();
    command.arg(std::env::current_exe()?).arg("client");
    let output =
        command.args([address.to_string(), seconds.to_string(), connections.to_string()]).args(paths).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// The time from now until a path's first byte has come.
pub(crate) fn first_byte(address: SocketAddr, path: &str) -> Outcome<Duration> {
    let began = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) if began.elapsed() > Duration::from_secs(30) => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_micros(500)),
        }
    };
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (_, _, early) = begin(&mut stream, path)?;
    if early == 0 {
        stream.read_exact(&mut [0])?;
    }
    Ok(began.elapsed())
}
