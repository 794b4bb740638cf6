//! An upstream that is changed while it is read: it stands before a real one, and has something done to that before it
//! passes a request on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::relay::{self, Request, send};

/// Stands before a server until the test process ends.
#[derive(Debug)]
pub struct Changing {
    address: SocketAddr,
}

impl Changing {
    /// Stands before that server. Each path is told before it is asked for there, one after the other.
    pub fn before(server: SocketAddr, change: impl FnMut(&str) + Send + 'static) -> Self {
        let (listener, address) = relay::listen();
        let change = Arc::new(Mutex::new(change));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let change = Arc::clone(&change);
                thread::spawn(move || {
                    let request = Request::read(&stream)?;
                    {
                        let mut change = change.lock().unwrap_or_else(PoisonError::into_inner);
                        change(request.target.split('?').next().unwrap_or_default());
                    }
                    // A client that hangs up got what it wanted, or asks again.
                    send(&stream, &request.pass_on(server, &request.target)?, &request.method)
                });
            }
        });
        Self { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
