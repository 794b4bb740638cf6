//! What points clients here: `/setup.json` for `airlift setup`, and `/setup.sh` for hosts that have nothing but a shell.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlift_core::failure;
use airlift_kind::client::{Change, placeholder};
use airlift_kind::{Client, ClientFile, Mirror};
use airlift_setup::credentials::NETRC;
use airlift_setup::list::{FORMAT, host_and_port};
use airlift_setup::{List, script};
use http::header::{HOST, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::followed::Followed;
use crate::service::{Tracked, plain};
use crate::site::Site;
use crate::tls::Shown;

const TEXT: &str = "text/plain; charset=utf-8";

/// The two paths.
pub(crate) const PATHS: [&str; 2] = ["/setup.json", "/setup.sh"];

/// Tells clients how to come here.
pub(crate) struct Setup {
    pub(crate) site: Arc<Site>,
    /// The port of each kind, in the order of the site's kinds.
    pub(crate) ports: Vec<u16>,
    /// The certificate, where the ports speak TLS.
    pub(crate) tls: Option<Arc<Followed<Shown>>>,
}

impl Setup {
    /// The answer for one of the two paths. It depends on how the client came: that is the mirror's name for it.
    pub(crate) async fn answer(&self, path: &str, headers: &HeaderMap) -> Response<Tracked> {
        let authority = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let Some((host, _)) = host_and_port(authority) else {
            let reason = "Say by which name you come, in the header Host: it goes into the files.\n";
            return plain(StatusCode::BAD_REQUEST, TEXT, reason.to_owned());
        };
        let list = match self.list(authority, host).await {
            Ok(list) => list,
            Err(reason) => return plain(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{reason}\n")),
        };
        let mut response = match path {
            "/setup.sh" => plain(StatusCode::OK, TEXT, script::script(&list)),
            _ => {
                let json = serde_json::to_string_pretty(&list).unwrap_or_default();
                plain(StatusCode::OK, "application/json", format!("{json}\n"))
            }
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static("Host"));
        response
    }

    async fn list(&self, authority: &str, host: &str) -> Result<List, String> {
        let current = self.site.current();
        let mirror = self.mirror(host);
        let mut clients: Vec<Client> = authority_of(&mirror).into_iter().chain(netrc(&mirror)).collect();
        for (kind, view) in self.site.kinds.iter().zip(&current.views) {
            let told = kind.clients(view, &mirror).await.map_err(|error| failure::line(&error))?;
            clients.extend(told);
        }
        let scheme = if mirror.tls { "https" } else { "http" };
        Ok(List {
            format: FORMAT,
            mirror: format!("{scheme}://{authority}"),
            host: host.to_owned(),
            archive: current.describe(),
            users: mirror.users,
            clients,
        })
    }

    fn mirror(&self, host: &str) -> Mirror {
        let names = self.site.kinds.iter().map(|kind| kind.name().to_owned());
        let ports: BTreeMap<String, u16> = names.zip(self.ports.iter().copied()).collect();
        let ca = self.tls.as_ref().and_then(|tls| tls.current().authority.clone());
        Mirror {
            host: host.to_owned(),
            ports,
            tls: self.tls.is_some(),
            ca: ca.map(|pem| String::from_utf8_lossy(&pem).into_owned()),
            users: self.site.users.is_some(),
        }
    }
}

/// What makes a host trust the private authority: a file that clients name, and the system's own store.
fn authority_of(mirror: &Mirror) -> Option<Client> {
    let ca = mirror.ca.as_deref()?;
    let mut client = Client::named("ca");
    client.files = vec![
        ClientFile::whole(Mirror::CA_FILE, ca),
        ClientFile::whole("/usr/local/share/ca-certificates/airlift.crt", ca)
            .only_where(["/usr/sbin/update-ca-certificates", "/etc/ca-certificates.conf"]),
        ClientFile::whole("/etc/pki/ca-trust/source/anchors/airlift.pem", ca).only_where(["/etc/pki/ca-trust"]),
    ];
    client.then.push("update-ca-certificates (Debian, Ubuntu) or update-ca-trust (EL)".to_owned());
    Some(client)
}

/// Where clients of root's look for a name and a password: netrc(5) knows no ports, so that it is one line for all of them.
fn netrc(mirror: &Mirror) -> Option<Client> {
    mirror.users.then(|| {
        let mut client = Client::named("netrc");
        let host = mirror.host.trim_start_matches('[').trim_end_matches(']');
        let content = format!("machine {host} login {} password {}\n", placeholder::USER, placeholder::PASSWORD);
        client.files.push(ClientFile::new(NETRC, Change::Block { content }).secret());
        client.notes.push(
            "curl --netrc, wget, git, pip and uv find the name and the password in root's .netrc; other users need one of \
             their own"
                .to_owned(),
        );
        client
    })
}
