//! An upstream that breaks: it stands before a real one and spoils some of its answers.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::http::Answer;
use crate::process::text;
use crate::random::Random;
use crate::relay::{self, Request, send, send_head};

/// How long a stalled answer says nothing before its connection ends.
const STALL: Duration = Duration::from_secs(5);

/// A way to spoil an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends at some byte.
    Drop,
    /// 429 with `Retry-After` in seconds.
    TooManySeconds,
    /// 429 with `Retry-After` as a date.
    TooManyDate,
    /// 503.
    Unavailable,
    /// Nothing more comes after some byte.
    Stall,
    /// The body ends early, and its promised length says the same.
    Short,
    /// A bit of the body is another.
    Wrong,
}

impl Fault {
    /// The faults that a client can see as such, and that pass when it asks again.
    pub const PASSING: [Self; 5] =
        [Self::Drop, Self::TooManySeconds, Self::TooManyDate, Self::Unavailable, Self::Stall];
    /// The faults that only a digest or a known size shows.
    pub const LYING: [Self; 2] = [Self::Short, Self::Wrong];
}

/// What is spoiled from now on.
#[derive(Debug, Default)]
struct Plan {
    faults: Vec<Fault>,
    /// Only paths that contain this.
    about: String,
    /// How many answers for one path are spoiled.
    per_path: usize,
    spoiled: BTreeMap<String, usize>,
    total: usize,
}

/// Stands before a server until the test process ends, and spoils nothing at first.
#[derive(Debug)]
pub struct Faulty {
    address: SocketAddr,
    state: Arc<Mutex<(Plan, Random)>>,
}

impl Faulty {
    /// Stands before that server.
    pub fn before(server: SocketAddr, seed: u64) -> Self {
        let (listener, address) = relay::listen();
        let state = Arc::new(Mutex::new((Plan::default(), Random::fixed(seed))));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that hangs up got what it wanted, or asks again.
                thread::spawn(move || answer(&stream, server, &state));
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, spoils up to `per_path` answers for each path that contains `about`, each in one of these ways.
    pub fn spoil(&self, faults: &[Fault], about: &str, per_path: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = Plan { faults: faults.to_vec(), about: about.to_owned(), per_path, ..Plan::default() };
    }

    /// How many answers were spoiled since [`Faulty::spoil`] was called.
    pub fn spoiled(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.total
    }
}

/// The fault for this answer, if it is to be spoiled, and a random number to go with it.
fn choose(state: &Mutex<(Plan, Random)>, path: &str, answer: &Answer) -> Option<(Fault, u64)> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let (plan, random) = &mut *state;
    let spoiled = plan.spoiled.get(path).copied().unwrap_or(0);
    if plan.faults.is_empty() || spoiled == plan.per_path || !path.contains(&plan.about) {
        return None;
    }
    let fault = plan.faults[random.below(plan.faults.len() as u64) as usize];
    let needs_body = !matches!(fault, Fault::TooManySeconds | Fault::TooManyDate | Fault::Unavailable);
    if needs_body && (answer.body.is_empty() || answer.status >= 300) {
        return None;
    }
    plan.spoiled.insert(path.to_owned(), spoiled + 1);
    plan.total += 1;
    Some((fault, random.number()))
}

fn answer(mut stream: &TcpStream, server: SocketAddr, state: &Mutex<(Plan, Random)>) -> io::Result<()> {
    let request = Request::read(stream)?;
    let mut answer = request.pass_on(server, &request.target)?;
    let path = request.target.split('?').next().unwrap_or_default();
    let Some((fault, chance)) = choose(state, path, &answer) else { return send(stream, &answer, &request.method) };
    let length = answer.body.len().to_string();
    let some = (chance % (answer.body.len() as u64).max(1)) as usize;
    match fault {
        Fault::Drop | Fault::Stall => {
            send_head(stream, &answer, Some(&length))?;
            stream.write_all(&answer.body[..some])?;
            if fault == Fault::Stall {
                thread::sleep(STALL);
            }
            Ok(())
        }
        Fault::TooManySeconds => send(stream, &refusal(429, Some("1".to_owned())), &request.method),
        Fault::TooManyDate => send(stream, &refusal(429, Some(date_in("1 second"))), &request.method),
        Fault::Unavailable => send(stream, &refusal(503, None), &request.method),
        Fault::Short => {
            answer.body.truncate(some);
            send(stream, &answer, &request.method)
        }
        Fault::Wrong => {
            answer.body[some] ^= 1 << ((chance >> 32) % 8);
            send(stream, &answer, &request.method)
        }
    }
}

fn refusal(status: u16, retry_after: Option<String>) -> Answer {
    let headers = retry_after.map(|wait| ("retry-after".to_owned(), wait)).into_iter().collect();
    Answer { status, headers, body: b"not now".to_vec(), complete: true }
}

/// The date that `Retry-After` has for a moment soon.
fn date_in(wait: &str) -> String {
    let form = "+%a, %d %b %Y %H:%M:%S GMT";
    text(Command::new("date").env("LC_ALL", "C").args(["--utc", "--date", wait, form]))
}
