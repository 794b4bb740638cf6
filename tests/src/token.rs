//! The token server of a registry: whoever wants to pull asks it first, as with Docker Hub.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

use crate::http::read_head;
use crate::registry::{PASSWORD, USER};
use crate::relay;

const ISSUER: &str = "airlift-e2e";
const SERVICE: &str = "registry.airlift.invalid";
/// The repository for which an anonymous token is not enough.
pub const PRIVATE: &str = "acme/private";

/// Issues tokens until the test process ends: to anyone for any repository but [`PRIVATE`], to [`USER`] for all.
#[derive(Debug)]
pub struct TokenServer {
    address: SocketAddr,
    certificate: String,
    issued: Arc<AtomicUsize>,
}

impl TokenServer {
    /// Starts it on a free port.
    pub fn start() -> Self {
        let (listener, address) = relay::listen();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made");
        let certificate = CertificateParams::new(vec![ISSUER.to_owned()])
            .and_then(|params| params.self_signed(&key))
            .expect("a certificate can be signed");
        let signer = Signer {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der())
                .expect("the key is P-256"),
            certificate: STANDARD.encode(certificate.der()),
        };
        let issued = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&issued);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up gets no token, and notices that itself.
                if answer(&stream, &signer).is_ok() {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { address, certificate: certificate.pem(), issued }
    }

    /// How many tokens were issued.
    pub fn issued(&self) -> usize {
        self.issued.load(Ordering::Relaxed)
    }

    /// The section of a registry's configuration that makes it ask for these tokens.
    pub fn registry_section(&self, folder: &Path) -> String {
        let bundle = folder.join("tokens.pem");
        fs::write(&bundle, &self.certificate).expect("a certificate can be written");
        format!(
            "auth:\n  token: {{realm: \"http://{}/token\", service: \"{SERVICE}\", issuer: {ISSUER}, rootcertbundle: \"{}\"}}\n",
            self.address,
            bundle.display()
        )
    }
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: String,
}

impl Signer {
    fn token(&self, claims: &serde_json::Value) -> String {
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [self.certificate]});
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("the key can sign");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn answer(mut stream: &TcpStream, signer: &Signer) -> std::io::Result<()> {
    let (first, headers) = read_head(&mut BufReader::new(stream))?;
    let known = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let credentials = headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
    if credentials.is_some_and(|given| *given != known) {
        return stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let target = first.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let access: Vec<_> = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("scope="))
        .filter_map(|scope| {
            repository_of(&scope.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2C", ","))
        })
        .filter(|repository| repository != PRIVATE || credentials.is_some())
        .map(|repository| json!({"type": "repository", "name": repository, "actions": ["pull"]}))
        .collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs();
    let token = signer.token(&json!({
        "iss": ISSUER, "sub": credentials.map_or("", |_| USER), "aud": SERVICE, "jti": "1",
        "iat": now - 5, "nbf": now - 5, "exp": now + 300, "access": access,
    }));
    let body = json!({"token": token, "expires_in": 300}).to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The repository of a scope such as `repository:acme/private:pull`.
fn repository_of(scope: &str) -> Option<String> {
    let name = scope.strip_prefix("repository:")?.rsplit_once(':')?.0;
    Some(name.to_owned())
}
