//! Clients that are not the limit.
//!
//! For large bodies, a client that has the kernel throw the bytes away instead of copying them (`MSG_TRUNC`, tcp(7)); for
//! small ones, wrk.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::net::{RecvFlags, recv};

use crate::Outcome;
use crate::process::CLIENT;
use crate::report::say;

/// What one large load is.
#[derive(Args)]
pub(crate) struct Load {
    address: SocketAddr,
    path: String,
    seconds: f64,
    connections: usize,
}

/// Loads a server from this process and prints how many bytes came.
pub(crate) fn run(load: &Load) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs_f64(load.seconds);
    let total = std::thread::scope(|scope| {
        let fetch = || fetch_until(load.address, &load.path, deadline).map_err(|error| error.to_string());
        let workers: Vec<_> = (0..load.connections).map(|_| scope.spawn(fetch)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?)
            .sum::<Result<u64, _>>()
    })?;
    say(&total.to_string());
    Ok(())
}

/// Fetches again and again on one connection; bytes of bodies.
fn fetch_until(address: SocketAddr, path: &str, deadline: Instant) -> Outcome<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut waste = vec![0; 1 << 20];
    let mut total = 0;
    while Instant::now() < deadline {
        let (mut left, early) = begin(&mut stream, path)?;
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

/// Asks, and reads the head: the body's length, and how much of it came along.
fn begin(stream: &mut TcpStream, path: &str) -> Outcome<(u64, u64)> {
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
            return Ok((length.trim().parse()?, (head.len() - end - 4) as u64));
        }
    }
}

/// Loads a server with large bodies from a process on the client's processor; bytes.
pub(crate) fn large(address: SocketAddr, path: &str, seconds: f64) -> Outcome<u64> {
    let own = std::env::current_exe()?;
    let mut command = Command::new("taskset");
    command.args(["-c", CLIENT]).arg(own).arg("client").arg(address.to_string()).arg(path);
    let output = command.arg(seconds.to_string()).arg("4").output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// Loads a server with small requests; how many were answered.
pub(crate) fn small(address: SocketAddr, script: &Path, seconds: f64) -> Outcome<f64> {
    let mut command = Command::new("taskset");
    command.args(["-c", CLIENT, "wrk", "-t1", "-c32", &format!("-d{}s", seconds.ceil()), "-s"]).arg(script);
    let output = command.arg(format!("http://{address}")).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let total = text.lines().find_map(|line| line.split_once(" requests in")).ok_or("wrk tells no requests")?.0;
    Ok(total.trim().parse()?)
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
    let (_, early) = begin(&mut stream, path)?;
    if early == 0 {
        stream.read_exact(&mut [0])?;
    }
    Ok(began.elapsed())
}
