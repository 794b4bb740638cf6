//! Binding, running, stopping.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use airlift_core::{Event, Observer};
use airlift_kind::{DynKind, Scheme};
use airlift_store::Store;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access_log::AccessLog;
use crate::admin::Admin;
use crate::error::ServeError;
use crate::followed::Followed;
use crate::holder::holder;
use crate::listen::{self, Floor, Role};
use crate::page::Page;
use crate::service::Desk;
use crate::settings::Settings;
use crate::setup::Setup;
use crate::site::Site;
use crate::tls::{self, Shown};
use crate::users::{Table, Users};

/// A server that listens already.
pub struct Server {
    site: Arc<Site>,
    ports: Vec<Port>,
    tls: Option<(Arc<Followed<Shown>>, TlsAcceptor)>,
    access_log: Option<Box<dyn Write + Send>>,
    observer: Arc<dyn Observer>,
    limits: Limits,
}

struct Port {
    names: Vec<String>,
    address: SocketAddr,
    listener: TcpListener,
    role: Arc<Role>,
}

struct Limits {
    connections: usize,
    patience: Duration,
    drain: Duration,
    poll: Duration,
}

impl Server {
    /// Opens the store's current snapshot and listens; tells [`Event::Listening`] for each address once it does.
    ///
    /// # Errors
    ///
    /// Where the store has no snapshot that can be read, or an address can't be listened on.
    pub async fn bind(store: Store, settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, ServeError> {
        let Settings { kinds, admin, tls, users, plain_passwords, access_log, connections, patience, drain, poll } =
            settings;
        if kinds.is_empty() {
            return Err(ServeError::NoKinds);
        }
        if users.is_some() && tls.is_none() && !plain_passwords {
            return Err(ServeError::PlainPasswords);
        }
        let tls = tls.map(tls::open).transpose()?.map(Arc::new);
        let users = users.as_deref().map(Users::open).transpose()?;
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        let list = kinds.iter().map(|(kind, _)| *kind).collect();
        let log = access_log.is_some().then(AccessLog::default);
        let site = Site::open(list, store, log, users).await.map_err(|source| ServeError::Store { source })?;
        let site = Arc::new(site);
        let mut ports = Vec::new();
        let mut port_of = vec![0; site.kinds.len()];
        for (address, kinds) in by_address(&kinds) {
            let names = kinds.iter().map(|&kind| site.kinds[kind].name().to_owned()).collect();
            let positions = kinds.clone();
            let role = Role::Kinds(Desk::new(Arc::clone(&site), kinds, scheme));
            let port = Port::bind(address, names, role, &ports)?;
            positions.into_iter().for_each(|kind| port_of[kind] = port.address.port());
            ports.push(port);
        }
        if let Some(address) = admin {
            let setup = Setup { site: Arc::clone(&site), ports: port_of.clone(), tls: tls.clone() };
            let page = Page::new(Arc::clone(&site), port_of, tls.clone());
            let role = Role::Admin(Admin { site: Arc::clone(&site), page, setup, tls: tls.clone(), scheme });
            ports.push(Port::bind(address, vec!["admin".to_owned()], role, &ports)?);
        }
        for port in &ports {
            observer.observe(&Event::Listening {
                kinds: port.names.clone(),
                address: port.address,
                url: url(scheme, port.address),
            });
        }
        let tls = match tls {
            None => None,
            Some(shown) => {
                observer.observe(&Event::Notice { message: format!("It is {}.", shown.current().describe()) });
                let acceptor = tls::acceptor(Arc::clone(&shown))?;
                Some((shown, acceptor))
            }
        };
        let limits = Limits { connections, patience, drain, poll };
        Ok(Self { site, ports, tls, access_log, observer, limits })
    }

    /// Where it listens: the names of the kinds, or `admin`, with the real address.
    pub fn addresses(&self) -> impl Iterator<Item = (&[String], SocketAddr)> {
        self.ports.iter().map(|port| (&*port.names, port.address))
    }

    /// Answers until `cancel` is cancelled, then finishes the requests that are open, within the bound of
    /// [`Settings::drain`]. Returns how many connections had to be cut off.
    pub async fn run(self, cancel: CancellationToken) -> usize {
        let Self { site, ports, tls, access_log, observer, limits } = self;
        let (shown, acceptor) = tls.unzip();
        let floor = Arc::new(Floor {
            site: Arc::clone(&site),
            http: listen::protocol(limits.patience),
            tls: acceptor,
            patience: limits.patience,
            seats: Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
            tasks: TaskTracker::new(),
            stop: cancel.clone(),
            kill: CancellationToken::new(),
        });
        let over = CancellationToken::new();
        let mut writers = JoinSet::new();
        if let Some(sink) = access_log {
            let (site, over) = (Arc::clone(&site), over.clone());
            writers.spawn(async move {
                if let Some(log) = &site.log {
                    log.write_until(over, sink).await;
                }
            });
        }
        let mut loops = JoinSet::new();
        for port in ports {
            loops.spawn(Arc::clone(&floor).accept(port.listener, port.role));
        }
        if let Some(shown) = shown {
            let (observer, stop) = (Arc::clone(&observer), cancel.clone());
            loops.spawn(async move { shown.follow((limits.poll, Shown::describe), &*observer, &stop).await });
        }
        if let Some(users) = &site.users {
            let (table, observer, stop) = (Arc::clone(&users.table), Arc::clone(&observer), cancel.clone());
            loops.spawn(async move { table.follow((limits.poll, Table::describe), &*observer, &stop).await });
        }
        loops.spawn(async move { site.follow(limits.poll, &*observer, &cancel).await });
        // They end when they are told to.
        loops.join_all().await;
        let cut = floor.drain(limits.drain).await;
        over.cancel();
        writers.join_all().await;
        cut
    }
}

impl Floor {
    async fn drain(&self, bound: Duration) -> usize {
        self.tasks.close();
        if tokio::time::timeout(bound, self.tasks.wait()).await.is_ok() {
            return 0;
        }
        let cut = self.tasks.len();
        self.kill.cancel();
        self.tasks.wait().await;
        cut
    }
}

impl Port {
    fn bind(address: SocketAddr, names: Vec<String>, role: Role, ours: &[Self]) -> Result<Self, ServeError> {
        let error = |source: std::io::Error| {
            let taken = source.kind() == std::io::ErrorKind::AddrInUse;
            let same = |port: &&Self| port.address.port() == address.port();
            let own = || {
                ours.iter().find(same).map(|port| format!("this server listens there for {}", port.names.join(", ")))
            };
            let other = || holder(address).map(|holder| format!("{holder} does"));
            let holder = taken.then(|| own().or_else(other)).flatten();
            ServeError::Bind { address, what: names.join(", "), holder, source }
        };
        let listener = listen::bind(address).map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { address, listener, role: Arc::new(role), names })
    }
}

/// The kinds of each address, by their positions. Any free port is one for each kind.
fn by_address(kinds: &[(&'static dyn DynKind, SocketAddr)]) -> Vec<(SocketAddr, Vec<usize>)> {
    let mut ports: Vec<(SocketAddr, Vec<usize>)> = Vec::new();
    for (position, (_, address)) in kinds.iter().enumerate() {
        match ports.iter_mut().find(|(known, _)| known == address && address.port() != 0) {
            Some((_, kinds)) => kinds.push(position),
            None => ports.push((*address, vec![position])),
        }
    }
    ports
}

/// What to type into a client on this machine.
fn url(scheme: Scheme, address: SocketAddr) -> String {
    let scheme = scheme.as_str();
    match address.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{}", address.port()),
        false => format!("{scheme}://{address}"),
    }
}
