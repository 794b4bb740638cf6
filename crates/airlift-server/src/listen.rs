//! A connection from `accept` to its last byte.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Admin;
use crate::io::SendfileIo;
use crate::service::{Desk, Tracked, plain};
use crate::site::Site;
use crate::tls_io::TlsIo;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// The longest head of a request in bytes.
const LONGEST_HEAD: usize = 32 << 10;
/// The first byte of a TLS handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// How long to wait when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// The right to have a connection open.
type Seat = OwnedSemaphorePermit;

/// Who answers on a listener.
pub(crate) enum Role {
    Kinds(Desk),
    Admin(Admin),
    /// For those who speak plain HTTP where TLS is spoken.
    Elsewhere,
}

impl Role {
    async fn answer(&self, client: SocketAddr, request: Request<Incoming>) -> Response<Tracked> {
        match self {
            Self::Kinds(desk) => desk.answer(client, request).await,
            Self::Admin(admin) => admin.answer(client, request).await,
            Self::Elsewhere => elsewhere(&request),
        }
    }
}

/// What all listeners share.
pub(crate) struct Floor {
    pub(crate) site: Arc<Site>,
    pub(crate) http: http1::Builder,
    /// Every port speaks TLS, where there is one.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) patience: Duration,
    pub(crate) seats: Arc<Semaphore>,
    /// Every connection.
    pub(crate) tasks: TaskTracker,
    /// Accept no more, end idle connections, finish requests.
    pub(crate) stop: CancellationToken,
    /// Drop what is still open.
    pub(crate) kill: CancellationToken,
}

/// How HTTP/1.1 is spoken.
///
/// Answers to pipelined requests go out in order in any case; hyper's `pipeline_flush` would copy every body into one
/// buffer, mapped ones too. Header names are written as the clients of EL6 and EL7 look for them: some of these compare
/// letters as they are.
pub(crate) fn protocol(patience: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(LONGEST_HEAD)
        .title_case_headers(true)
        .writev(true);
    http
}

/// Listens on an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Floor {
    /// Accepts connections until it is told to stop.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener, role: Arc<Role>) {
        loop {
            let (accepted, seat) = tokio::select! {
                () = self.stop.cancelled() => return,
                next = self.next(&listener, &role) => next,
            };
            match accepted {
                Ok((stream, client)) => {
                    let connection = Arc::clone(&self).connection(stream, client, Arc::clone(&role), seat);
                    self.tasks.spawn(connection);
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!("can't accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// The next connection, once there is a seat for it. The admin port needs none: it must answer when all are taken.
    async fn next(&self, listener: &TcpListener, role: &Role) -> (io::Result<(TcpStream, SocketAddr)>, Option<Seat>) {
        let accepted = listener.accept().await;
        let seat = match (role, &accepted) {
            (Role::Kinds(_), Ok(_)) => Arc::clone(&self.seats).acquire_owned().await.ok(),
            _ => None,
        };
        (accepted, seat)
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, client: SocketAddr, role: Arc<Role>, _seat: Option<Seat>) {
        let _open = Open::new(&self.site);
        let serve = async {
            // Without it every answer of more than one write waits for an acknowledgement.
            stream.set_nodelay(true)?;
            let mut first = [0];
            let peeked = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                peeked = timeout(self.patience, stream.peek(&mut first)) => peeked,
            };
            match peeked {
                Err(_) | Ok(Ok(0)) => Ok(()),
                Ok(Err(error)) => Err(error),
                Ok(Ok(_)) => {
                    let speaks_tls = first[0] == TLS_HANDSHAKE;
                    let io = SendfileIo::new(stream, self.patience);
                    match &self.tls {
                        None if speaks_tls => return refuse_tls(io.into_inner()).await,
                        Some(tls) if speaks_tls => self.secure(tls, io, (client, &role)).await?,
                        Some(_) => self.converse(TokioIo::new(io), client, &Role::Elsewhere).await,
                        None => self.converse(TokioIo::new(io), client, &role).await,
                    }
                    Ok(())
                }
            }
        };
        let ended = tokio::select! {
            () = self.kill.cancelled() => Ok(()),
            ended = serve => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%client, "connection lost: {error}");
        }
    }

    /// Speaks HTTP within TLS.
    async fn secure(&self, tls: &TlsAcceptor, io: SendfileIo, (client, role): (SocketAddr, &Role)) -> io::Result<()> {
        let accepted = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            accepted = timeout(self.patience, tls.accept(io)) => accepted,
        };
        let stream = match accepted {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.site.metrics.handshakes.increment(1);
                return Err(error);
            }
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        self.converse(TokioIo::new(TlsIo::new(stream)), client, role).await;
        Ok(())
    }

    /// Speaks HTTP on a connection, whatever it runs over.
    async fn converse(&self, io: impl Read + Write + Unpin, client: SocketAddr, role: &Role) {
        let service = service_fn(|request| async move { Ok::<_, Infallible>(role.answer(client, request).await) });
        let mut connection = pin!(self.http.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%client, "connection ended: {error}");
        }
    }
}

/// Answers plain HTTP on a port for TLS: with the address that was meant.
fn elsewhere<B>(request: &Request<B>) -> Response<Tracked> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let place = if host.is_empty() { String::new() } else { format!("{host}{path}") };
    let text = format!("This port speaks HTTPS, and you speak plain HTTP. Use https://{place} here.\n");
    let mut response = plain(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", text);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Answers a TLS handshake on a plain port at once, in the words by which clients know it: containerd and podman look
/// for `HTTP/` where a TLS record should be, and go on in plain HTTP.
async fn refuse_tls(mut stream: TcpStream) -> io::Result<()> {
    const TEXT: &str = "This port speaks plain HTTP, and you speak TLS. Use http:// here.\n";
    let response = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{TEXT}",
        TEXT.len()
    );
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await?;
    // What is unread when a socket is closed makes the kernel reset it, and the answer would be lost.
    let drain = async {
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(Duration::from_secs(1), drain).await.unwrap_or(Ok(()))
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a Site);

impl<'a> Open<'a> {
    fn new(site: &'a Site) -> Self {
        site.metrics.connections.increment(1.0);
        Self(site)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections.decrement(1.0);
    }
}
