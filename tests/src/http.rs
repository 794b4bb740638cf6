//! The smallest HTTP/1.1 client that pushes fixtures and sees exactly what a server sent.
//!
//! Real clients hide what this one shows: whether a body came whole, and what it was when it did not.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the body came as long as it was promised.
    pub complete: bool,
}

impl Answer {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Fails unless the answer came whole and its status is one of these.
    pub fn expect(self, statuses: &[u16], what: &str) -> Self {
        assert!(
            self.complete && statuses.contains(&self.status),
            "{what}: status {} (complete: {}): {}",
            self.status,
            self.complete,
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

/// Fetches a path.
pub fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, ("GET", path), &[], &[]).unwrap_or_else(|error| panic!("GET {path} from {address}: {error}"))
}

/// Sends one request, given by its method and path, on its own connection and reads its answer.
pub fn request(
    address: SocketAddr,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(body)?;
    read_answer(BufReader::new(stream), method == "HEAD")
}

fn read_answer(mut reader: impl BufRead, without_body: bool) -> io::Result<Answer> {
    let (first, headers) = read_head(&mut reader)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("not a status line: {first:?}")))?;
    let mut answer = Answer { status, headers, body: Vec::new(), complete: true };
    if without_body || status == 204 || status == 304 {
        return Ok(answer);
    }
    if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        answer.complete = read_chunks(&mut reader, &mut answer.body).is_ok();
        return Ok(answer);
    }
    let promised: Option<u64> = answer.header("content-length").and_then(|length| length.parse().ok());
    // A server that breaks off ends the body, however it does that.
    let broken = reader.take(promised.unwrap_or(u64::MAX)).read_to_end(&mut answer.body).is_err();
    answer.complete = !broken && promised.is_none_or(|length| length == answer.body.len() as u64);
    Ok(answer)
}

/// Reads the first line and the headers of a message.
pub fn read_head(reader: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Ok((first.trim_end().to_owned(), headers)),
        }
    }
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        reader.read_exact(&mut [0; 2])?;
        if size == 0 {
            return Ok(());
        }
    }
}
