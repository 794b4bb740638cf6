//! The upstream of the quick start: the read-only part of a registry, for one image, on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::image::{Image, REPOSITORY};
use crate::run::{Outcome, at};

/// What a path answers.
struct Document {
    media_type: &'static str,
    digest: String,
    bytes: Vec<u8>,
}

/// The registry. It serves until this program ends.
pub(crate) struct Registry {
    address: SocketAddr,
}

impl Registry {
    /// Serves the image at a port of the system's choice.
    pub(crate) fn start(image: &Image) -> Outcome<Self> {
        let mut documents = BTreeMap::new();
        let empty = Document { media_type: "application/json", digest: String::new(), bytes: b"{}".to_vec() };
        documents.insert("/v2/".to_owned(), Arc::new(empty));
        for (part, folder) in [(&image.manifest, "manifests"), (&image.config, "blobs"), (&image.layer, "blobs")] {
            let bytes = fs::read(&part.path).map_err(at(&part.path))?;
            let digest = format!("sha256:{}", part.digest);
            let path = |reference: &str| format!("/v2/{REPOSITORY}/{folder}/{reference}");
            let document = Arc::new(Document { media_type: part.media_type, digest: digest.clone(), bytes });
            if folder == "manifests" {
                documents.insert(path(image.tag), Arc::clone(&document));
            }
            documents.insert(path(&digest), document);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let documents = Arc::new(documents);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let documents = Arc::clone(&documents);
                // A client that goes away is no concern of the registry's.
                thread::spawn(move || answer(&stream, &documents).ok());
            }
        });
        Ok(Self { address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers one request, and ends the connection.
fn answer(stream: &TcpStream, documents: &BTreeMap<String, Arc<Document>>) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    // The headers are read so that the connection can be closed cleanly.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut stream = stream;
    match documents.get(path) {
        Some(document) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nDocker-Content-Digest: {}\r\n\
                 Connection: close\r\n\r\n",
                document.media_type,
                document.bytes.len(),
                document.digest
            )?;
            if method == "GET" {
                stream.write_all(&document.bytes)?;
            }
            Ok(())
        }
        None => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}
