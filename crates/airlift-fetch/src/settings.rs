//! What the program tells the engine about this machine and the person's wishes.
//!
//! Nothing here is read from the environment or the home folder: the program does that and hands it over.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use airlift_core::Secret;

/// How to fetch: limits, patience, ways and credentials.
#[derive(Clone)]
pub struct Settings {
    /// How many requests run at the same time.
    pub jobs: usize,
    /// How many of them go to one host.
    pub per_host: usize,
    /// How many requests one large file may be spread over.
    pub streams: usize,
    /// How often the same thing is tried before it counts as failed; attempts that brought new bytes don't count.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles from attempt to attempt, with jitter.
    pub first_wait: Duration,
    /// How long an upstream may say nothing before the connection is given up.
    pub stall: Duration,
    /// The longest wait that an upstream may ask for; if it asks for more, the request fails and says so.
    pub longest_wait: Duration,
    /// The size in bytes of the pieces in which large files are fetched in parallel; files under two of them are not.
    pub segment: u64,
    /// Proxies.
    pub proxies: Proxies,
    /// Where hosts are, whatever the system's resolver says of their names. The ports are those of the URLs.
    pub addresses: Vec<(String, IpAddr)>,
    /// Certificates of more certificate authorities, each a PEM file's content with one or several of them.
    pub roots: Vec<Vec<u8>>,
    /// The content of `~/.netrc`.
    pub netrc: Option<Secret>,
    /// Where `~/.docker/config.json` is; it is read when an upstream first asks who is there.
    pub docker_config: Option<PathBuf>,
    /// The manifest's folder, which relative paths in it are relative to; absolute itself.
    pub folder: Option<PathBuf>,
    /// What the engine calls itself.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            jobs: 16,
            per_host: 6,
            streams: 4,
            attempts: 6,
            first_wait: Duration::from_millis(500),
            stall: Duration::from_secs(60),
            longest_wait: Duration::from_secs(15 * 60),
            segment: 32 << 20,
            proxies: Proxies::default(),
            addresses: Vec::new(),
            roots: Vec::new(),
            netrc: None,
            docker_config: None,
            folder: None,
            user_agent: concat!("airlift/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// By hand, so that certificates don't fill the screen.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("jobs", &self.jobs)
            .field("per_host", &self.per_host)
            .field("streams", &self.streams)
            .field("attempts", &self.attempts)
            .field("first_wait", &self.first_wait)
            .field("stall", &self.stall)
            .field("longest_wait", &self.longest_wait)
            .field("segment", &self.segment)
            .field("proxies", &self.proxies)
            .field("addresses", &self.addresses)
            .field("roots", &self.roots.len())
            .field("netrc", &self.netrc)
            .field("docker_config", &self.docker_config)
            .field("folder", &self.folder)
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

/// Proxies, as the variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` have them.
///
/// The URLs are secrets since they may carry a password; `http`, `https`, `socks5` and `socks5h` are understood, and a
/// host and port alone means `http`.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Secret>,
    /// For `https` URLs.
    pub https: Option<Secret>,
    /// For both, where nothing more special is set.
    pub all: Option<Secret>,
    /// Hosts, domains, addresses and networks (CIDR) that are reached without a proxy, with commas between them.
    pub no_proxy: Option<String>,
}
