//! What stands between a client and a server: takes a request, passes it on, and sends the answer back.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use crate::http::{self, Answer, read_head};

/// The headers of a request that are passed on.
const PASSED: [&str; 7] =
    ["accept", "authorization", "content-range", "content-type", "if-none-match", "if-range", "range"];
/// The headers of an answer that belong to its connection.
const CONNECTION: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// A listener on a free port of loopback.
pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    (listener, address)
}

/// A request as it came.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Reads the first request of a connection.
    pub fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let (first, headers) = read_head(&mut reader)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let length =
            headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        Ok(Self { method, target, headers, body })
    }

    /// Passes the request on to a server, for another path there if that is wanted.
    pub fn pass_on(&self, server: SocketAddr, target: &str) -> io::Result<Answer> {
        let passed = self.headers.iter().filter(|(name, _)| PASSED.contains(&name.as_str()));
        let headers: Vec<(&str, &str)> = passed.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        http::request(server, (&self.method, target), &headers, &self.body)
    }
}

/// Sends the head of an answer, which promises a body of that length and the end of the connection.
pub fn send_head(mut stream: &TcpStream, answer: &Answer, length: Option<&str>) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Answer\r\nConnection: close\r\n", answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| !CONNECTION.contains(&name.as_str())) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())
}

/// Sends an answer as it came, to a request of that method.
pub fn send(mut stream: &TcpStream, answer: &Answer, method: &str) -> io::Result<()> {
    let own_length = answer.body.len().to_string();
    match (method, answer.status) {
        ("HEAD", _) => send_head(stream, answer, answer.header("content-length")),
        (_, 204 | 304) => send_head(stream, answer, None),
        _ => {
            send_head(stream, answer, Some(&own_length))?;
            stream.write_all(&answer.body)
        }
    }
}
